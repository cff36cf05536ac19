//! What the arguments ask a device for.

use belay_proto::signed::{Action, Verb as Name, clean_message};
use belay_proto::sms::SmsAction;

use super::cli::{Lock, SmsVerb, Verb};
use crate::ctl::error::Error;

impl Verb {
    /// The device that is meant.
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::List => None,
            Self::Lock(args) => Some(&args.device.device),
            Self::Wipe(args) => Some(&args.device.device),
            Self::Ring(args) => Some(&args.device.device),
            Self::Message(args) => Some(&args.device.device),
            Self::Cancel(args) => Some(&args.device.device),
            Self::Sms(args) => Some(&args.device.device),
            Self::Unlock(args) | Self::Stop(args) | Self::Locate(args) | Self::Status(args) => {
                Some(&args.device)
            }
        }
    }

    /// The command to send, for the verbs that send one.
    ///
    /// # Errors
    /// [`Error::Data`] for a message, number or id that no command carries.
    pub fn action(&self) -> Result<Option<Action>, Error> {
        let action = match self {
            Self::List | Self::Status(_) | Self::Sms(_) => return Ok(None),
            Self::Lock(args) => lock(args),
            Self::Unlock(_) => Action::Unlock,
            Self::Wipe(args) => Action::Wipe {
                external: args.external,
                keep_esim: args.keep_esim,
            },
            Self::Ring(args) => Action::Ring {
                seconds: args.seconds,
            },
            Self::Stop(_) => Action::StopRing,
            Self::Locate(_) => Action::Locate,
            Self::Message(args) => Action::Message {
                text: message(&args.text)?,
            },
            Self::Cancel(args) => Action::Cancel {
                id: args.id.parse().map_err(|_| {
                    Error::Data("A command's id is 32 hexadecimal digits, as it was shown.".to_owned())
                })?,
            },
        };
        if let Self::Lock(args) = self {
            message(&args.message)?;
        }
        Action::decode(action.verb(), &action.encode_arguments()).map_err(|_| {
            Error::Data("The number needs its country and digits alone: +491701234567.".to_owned())
        })?;
        Ok(Some(action))
    }
}

fn lock(args: &Lock) -> Action {
    Action::Lock {
        message: clean_message(&args.message),
        phone: args
            .phone
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '/' | '(' | ')'))
            .collect(),
    }
}

/// A message that isn't cut short without a word.
fn message(text: &str) -> Result<String, Error> {
    let clean = clean_message(text);
    if text.chars().count() > 200 {
        return Err(Error::Data("A message has at most 200 characters.".to_owned()));
    }
    Ok(clean)
}

impl SmsVerb {
    /// Its name among the arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Ring => "ring",
            Self::Stop => "stop",
            Self::Locate => "locate",
        }
    }

    /// The verb of the command that does the same.
    pub fn verb(self) -> Name {
        match self {
            Self::Lock => Name::Lock,
            Self::Unlock => Name::Unlock,
            Self::Ring => Name::Ring,
            Self::Stop => Name::StopRing,
            Self::Locate => Name::Locate,
        }
    }

    /// The action of the text.
    pub fn action(self) -> SmsAction {
        match self {
            Self::Lock => SmsAction::Lock,
            Self::Unlock => SmsAction::Unlock,
            Self::Ring => SmsAction::Ring,
            Self::Stop => SmsAction::StopRing,
            Self::Locate => SmsAction::Locate,
        }
    }
}

/// Whether a device of the account may ask for this without the password.
pub fn needs_no_password(verb: Name) -> bool {
    matches!(verb, Name::Ring | Name::StopRing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::cli::{Command, parse};

    fn verb(line: &str) -> Verb {
        let args = std::iter::once("belayctl")
            .chain(line.split_whitespace())
            .map(Into::into);
        match parse(args).unwrap().command {
            Command::Find(find) => find.verb,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_verb_asks_for_its_action() {
        for (line, name) in [
            (
                "find lock Pocket --message Help --phone +491701234567",
                Name::Lock,
            ),
            ("find unlock Pocket", Name::Unlock),
            ("find wipe Pocket --external", Name::Wipe),
            ("find ring Pocket", Name::Ring),
            ("find stop Pocket", Name::StopRing),
            ("find locate Pocket", Name::Locate),
            ("find message Pocket Hello", Name::Message),
            (
                "find cancel Pocket 0123456789abcdef0123456789abcdef",
                Name::Cancel,
            ),
        ] {
            let verb = verb(line);
            assert_eq!(verb.device(), Some("Pocket"), "{line}");
            assert_eq!(verb.action().unwrap().unwrap().verb(), name, "{line}");
        }
        for line in ["find list", "find status Pocket", "find sms Pocket ring"] {
            assert_eq!(verb(line).action().unwrap(), None, "{line}");
        }
    }

    #[test]
    fn what_no_command_carries_is_refused_before_anybody_is_asked() {
        for line in [
            "find lock Pocket --phone 112".to_owned(),
            "find cancel Pocket x".to_owned(),
            format!("find message Pocket {}", "x".repeat(201)),
            format!("find lock Pocket --message {}", "x".repeat(201)),
        ] {
            assert_eq!(verb(&line).action().unwrap_err().exit_code(), 65, "{line}");
        }
    }

    #[test]
    fn a_number_as_people_write_it_becomes_one_that_a_device_dials() {
        let args = Lock {
            device: super::super::cli::Device {
                device: "Pocket".into(),
            },
            message: "one\ntwo".into(),
            phone: "+49 (170) 123-4567".into(),
        };
        assert_eq!(
            Verb::Lock(args).action().unwrap(),
            Some(Action::Lock {
                message: "one two".into(),
                phone: "+491701234567".into()
            })
        );
    }
}
