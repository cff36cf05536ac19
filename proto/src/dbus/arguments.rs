//! The arguments of `Account.SendCommand`: an action as a dictionary. Both sides have it from here, since the
//! ticket's subject is over the action and not over the dictionary.

use std::collections::HashMap;

use zbus::{OwnedVariant, Variant};

use super::{Details, Options};
use crate::cbor::Malformed;
use crate::signed::{Action, Verb};

/// An action's arguments as `SendCommand` takes them.
pub fn action_arguments(action: &Action) -> Options<'_> {
    let pairs = match action {
        Action::Lock { message, phone } => vec![
            ("message", Variant::from(message.as_str())),
            ("phone", Variant::from(phone.as_str())),
        ],
        Action::Wipe { external, keep_esim } => vec![
            ("external", Variant::from(*external)),
            ("keep-esim", Variant::from(*keep_esim)),
        ],
        Action::Ring { seconds } => vec![("seconds", Variant::from(*seconds))],
        Action::Message { text } => vec![("text", Variant::from(text.as_str()))],
        Action::Cancel { id } => vec![("id", Variant::from(id.to_string()))],
        Action::Unlock | Action::StopRing | Action::Locate | Action::SignOut => vec![],
    };
    HashMap::from_iter(pairs)
}

/// Reads what [`action_arguments`] writes.
///
/// # Errors
/// [`Malformed`] for a missing or unknown key, a wrong type, a message that isn't clean or is too long, a number
/// that isn't E.164, an id that is none.
pub fn read_arguments(verb: Verb, arguments: Details) -> Result<Action, Malformed> {
    let mut arguments = Arguments(arguments);
    let action = match verb {
        Verb::Lock => Action::Lock {
            message: arguments.text("message")?,
            phone: arguments.text("phone")?,
        },
        Verb::Unlock => Action::Unlock,
        Verb::Wipe => Action::Wipe {
            external: arguments.flag("external")?,
            keep_esim: arguments.flag("keep-esim")?,
        },
        Verb::Ring => Action::Ring {
            seconds: arguments.number("seconds")?,
        },
        Verb::StopRing => Action::StopRing,
        Verb::Locate => Action::Locate,
        Verb::Message => Action::Message {
            text: arguments.text("text")?,
        },
        Verb::SignOut => Action::SignOut,
        Verb::Cancel => Action::Cancel {
            id: arguments
                .text("id")?
                .parse()
                .map_err(|_| Malformed::new("not a command id"))?,
        },
    };
    if !arguments.0.is_empty() {
        return Err(Malformed::new("an unknown argument"));
    }
    // The rules for messages and numbers are the encoding's.
    Action::decode(verb, &action.encode_arguments())
}

struct Arguments(HashMap<String, OwnedVariant>);

impl Arguments {
    fn text(&mut self, key: &'static str) -> Result<String, Malformed> {
        self.take(key, |value| match value {
            Variant::Str(text) => Some(text.to_string()),
            _ => None,
        })
    }

    fn flag(&mut self, key: &'static str) -> Result<bool, Malformed> {
        self.take(key, |value| match value {
            Variant::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    fn number(&mut self, key: &'static str) -> Result<u64, Malformed> {
        self.take(key, |value| match value {
            Variant::U64(number) => Some(*number),
            _ => None,
        })
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Variant<'_>) -> Option<T>,
    ) -> Result<T, Malformed> {
        let value = self
            .0
            .remove(key)
            .ok_or_else(|| Malformed::new(format!("{key} is missing")))?;
        read(&value).ok_or_else(|| Malformed::new(format!("{key} has another type")))
    }
}

#[cfg(test)]
mod tests {
    use zbus::{OwnedVariant, Variant};

    use super::{Details, action_arguments, read_arguments};
    use crate::id::CommandId;
    use crate::signed::{Action, Verb};

    fn received(action: &Action) -> Details {
        action_arguments(action)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), OwnedVariant::try_from(value).unwrap()))
            .collect()
    }

    fn all() -> [Action; 9] {
        [
            Action::Lock {
                message: "Please call".to_owned(),
                phone: "+4915112345678".to_owned(),
            },
            Action::Unlock,
            Action::Wipe {
                external: true,
                keep_esim: false,
            },
            Action::Ring { seconds: 60 },
            Action::StopRing,
            Action::Locate,
            Action::Message {
                text: "ü水".to_owned(),
            },
            Action::SignOut,
            Action::Cancel {
                id: CommandId::from_bytes([7; 16]),
            },
        ]
    }

    #[test]
    fn every_action_crosses_the_bus_and_a_missing_extra_or_mistyped_argument_doesnt() {
        for action in all() {
            let (verb, good) = (action.verb(), received(&action));
            assert_eq!(read_arguments(verb, received(&action)), Ok(action.clone()));
            for key in good.keys() {
                let mut less = received(&action);
                less.remove(key);
                assert!(read_arguments(verb, less).is_err(), "{verb:?} without {key}");
                let mut other = received(&action);
                other.insert(key.clone(), OwnedVariant::try_from(Variant::from(1_u8)).unwrap());
                assert!(
                    read_arguments(verb, other).is_err(),
                    "{verb:?} with another {key}"
                );
            }
            let mut more = received(&action);
            more.insert(
                "force".to_owned(),
                OwnedVariant::try_from(Variant::from(true)).unwrap(),
            );
            assert!(read_arguments(verb, more).is_err(), "{verb:?} with more");
        }
    }

    #[test]
    fn a_message_or_number_that_no_command_carries_is_refused_here() {
        for (message, phone) in [
            ("a\u{202e}b".to_owned(), ""),
            ("a".repeat(201), ""),
            (String::new(), "112"),
        ] {
            let lock = Action::Lock {
                message,
                phone: phone.to_owned(),
            };
            assert!(read_arguments(Verb::Lock, received(&lock)).is_err());
        }
    }
}
