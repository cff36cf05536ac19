//! The last question before a device is erased or lost mode ends on it.

use belay_proto::id::DeviceId;

use super::cli::{SmsVerb, Verb};
use super::words::{SHORT, wipe_words};
use crate::ctl::error::Error;
use crate::ctl::secret;
use crate::ctl::text::printable;

/// The device that is meant. All but its name is what the owner signed.
#[derive(Clone, Copy, Debug)]
pub struct Meant<'a> {
    /// The id.
    pub id: &'a str,
    /// The model.
    pub model: &'a str,
    /// What a wipe is worth there.
    pub class: &'a str,
    /// What the cloud calls it.
    pub name: &'a str,
}

/// Confirms what `verb` would do to the device that is meant, where the wrong device would serve a thief. `all` are the
/// ids of the account's devices.
///
/// # Errors
/// As [`wipe`].
pub async fn verb(verb: &Verb, meant: Meant<'_>, all: &[&str]) -> Result<(), Error> {
    match verb {
        Verb::Wipe(args) => wipe(meant, all, args.yes_wipe.as_deref()).await,
        Verb::Unlock(device) => unlock(meant, all, &device.device).await,
        Verb::Sms(sms) if sms.action == SmsVerb::Unlock => unlock(meant, all, &sms.device.device).await,
        _ => Ok(()),
    }
}

/// Shows what is erased and what that is worth, and has the beginning of the device's id typed, or takes it from
/// `said`. `all` are the ids of the account's devices. A name confirms nothing: the cloud gives it out, and could give
/// one device the name of another.
///
/// # Errors
/// [`Error::Data`] where it is another id, [`Error::NoTerminal`] without a terminal to ask on.
async fn wipe(doomed: Meant<'_>, all: &[&str], said: Option<&str>) -> Result<(), Error> {
    if doomed.class == "none" {
        return Err(Error::named("NotSupported", "the device can't erase itself"));
    }
    let said = match said {
        Some(said) => said.to_owned(),
        None => secret::ask_openly(&wipe_question(doomed, all)).await?,
    };
    if names(&said, doomed.id, all) {
        Ok(())
    } else {
        Err(not_the_id("nothing was erased"))
    }
}

/// Has the beginning of the id typed of the device on which lost mode is to end, unless it was `asked` for by its id.
/// A name is the cloud's word, and so is which devices there are: a cloud that gives a stolen device the name of the
/// one at hand would get the owner's signature for the thief.
///
/// # Errors
/// As [`wipe`].
async fn unlock(meant: Meant<'_>, all: &[&str], asked: &str) -> Result<(), Error> {
    if names(asked, meant.id, all) {
        return Ok(());
    }
    let question = format!("Lost mode ends on this device:\n{}", shown(meant, all));
    let said = match secret::ask_openly(&question).await {
        // What was found by name could be the wrong one: its id isn't told to be pasted.
        Err(Error::NoTerminal { .. }) => {
            return Err(Error::Usage(format!(
                "A name is the cloud's word, and here is no terminal to ask on: take the device's id, or {SHORT} or \
                 more digits of its beginning."
            )));
        }
        said => said?,
    };
    if names(&said, meant.id, all) {
        Ok(())
    } else {
        Err(not_the_id("nothing was sent"))
    }
}

fn not_the_id(so: &str) -> Error {
    Error::Data(format!(
        "That isn't the device's id, nor {SHORT} or more digits of its beginning; {so}."
    ))
}

fn wipe_question(doomed: Meant<'_>, all: &[&str]) -> String {
    format!(
        "Everything on this device is erased for good: {} (class {}).\n{}",
        wipe_words(doomed.class),
        printable(doomed.class),
        shown(doomed, all),
    )
}

/// What a person can tell a device by, and what to type.
fn shown(meant: Meant<'_>, all: &[&str]) -> String {
    let digits = (SHORT..=meant.id.len())
        .find(|digits| {
            let beginning = meant.id.get(..*digits).unwrap_or_default();
            names(beginning, meant.id, all)
        })
        .unwrap_or(meant.id.len());
    format!(
        "  model {}, as the owner certified it\n  \
         id    {}\n  \
         name  “{}”, which is the cloud's word\n\
         Type the first {digits} digits of the id to go on:",
        printable(meant.model),
        meant.id.get(..digits).unwrap_or(meant.id),
        printable(meant.name),
    )
}

/// Whether `said` is the id, or begins it and no other device's.
fn names(said: &str, id: &str, all: &[&str]) -> bool {
    let said = said.trim().to_lowercase();
    if said.parse::<DeviceId>().is_ok() {
        return said == id;
    }
    let others = all.iter().filter(|other| **other != id);
    said.len() >= SHORT && id.starts_with(&said) && others.into_iter().all(|other| !other.starts_with(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";
    const NEAR: &str = "0123456780000000000000000000000f";
    const FAR: &str = "fedcba9876543210fedcba9876543210";

    fn doomed(class: &str) -> Meant<'_> {
        Meant {
            id: ID,
            model: "Phone 1",
            class,
            name: "Pocket",
        }
    }

    #[tokio::test]
    async fn only_the_certified_id_lets_a_device_be_erased_and_never_a_name() {
        for right in [ID, " 01234567 ", "0123456789ABCDEF"] {
            assert!(
                wipe(doomed("crypto"), &[ID, FAR], Some(right)).await.is_ok(),
                "{right:?}"
            );
        }
        for wrong in [
            "Pocket",
            "0123456",
            "",
            "yes",
            "123456789",
            FAR,
            "fedcba98",
            &ID[1..],
        ] {
            let refused = wipe(doomed("crypto"), &[ID, FAR], Some(wrong)).await;
            assert_eq!(refused.unwrap_err().exit_code(), 65, "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_beginning_that_two_devices_share_confirms_neither() {
        let all = [ID, NEAR, FAR];
        for (said, right) in [
            ("01234567", false),
            ("012345678", false),
            ("0123456789", true),
            (ID, true),
        ] {
            assert_eq!(
                wipe(doomed("crypto"), &all, Some(said)).await.is_ok(),
                right,
                "{said:?}"
            );
        }
        assert!(wipe_question(doomed("crypto"), &all).contains("Type the first 10 digits"));
    }

    #[test]
    fn the_question_shows_what_the_owner_certified_besides_the_clouds_name() {
        let sly = Meant {
            name: "Pocket\u{202e}\u{1b}[2J",
            ..doomed("discard")
        };
        let text = wipe_question(sly, &[ID, FAR]);
        for part in [
            "Phone 1",
            "class discard",
            "id    01234567\n",
            "“Pocket??[2J”",
            "first 8 digits",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[tokio::test]
    async fn only_the_certified_id_ends_lost_mode_without_a_question_and_never_a_name() {
        for right in [ID, "01234567", " 0123456789ABCDEF "] {
            assert!(
                unlock(doomed("none"), &[ID, FAR], right).await.is_ok(),
                "{right:?}"
            );
        }
        let alone = [ID];
        for all in [&alone[..], &[ID, NEAR]] {
            // Four digits choose a device, and are too few to be sure of it; a name can look like an id.
            for wrong in ["Pocket", "0123", "0123456", FAR, "fedcba98"] {
                assert!(!names(wrong, ID, all), "{wrong:?}");
            }
        }
        assert!(!names("01234567", ID, &[ID, NEAR]));
    }

    #[tokio::test]
    async fn a_device_that_cannot_erase_itself_is_not_asked_to() {
        let error = wipe(doomed("none"), &[ID], Some(ID)).await.unwrap_err();
        assert_eq!(error.json()["error"]["name"], "NotSupported");
    }
}
