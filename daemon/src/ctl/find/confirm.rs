//! The last question before a device is erased.

use belay_proto::id::DeviceId;

use super::words::{SHORT, wipe_words};
use crate::ctl::error::Error;
use crate::ctl::secret;
use crate::ctl::text::printable;

/// The device that is to be erased. All but its name is what the owner signed.
#[derive(Clone, Copy, Debug)]
pub struct Doomed<'a> {
    /// The id.
    pub id: &'a str,
    /// The model.
    pub model: &'a str,
    /// What a wipe is worth there.
    pub class: &'a str,
    /// What the cloud calls it.
    pub name: &'a str,
}

/// Shows what is erased and what that is worth, and has the beginning of the device's id typed, or takes it from
/// `said`. `all` are the ids of the account's devices. A name confirms nothing: the cloud gives it out, and could give
/// one device the name of another.
///
/// # Errors
/// [`Error::Data`] where it is another id, [`Error::Usage`] without a terminal to ask on.
pub async fn wipe(doomed: Doomed<'_>, all: &[&str], said: Option<&str>) -> Result<(), Error> {
    if doomed.class == "none" {
        return Err(Error::named("NotSupported", "the device can't erase itself"));
    }
    let said = match said {
        Some(said) => said.to_owned(),
        None => secret::ask_openly(&question(doomed, all)).await?,
    };
    if names(&said, doomed.id, all) {
        Ok(())
    } else {
        Err(Error::Data(format!(
            "That isn't the device's id, nor {SHORT} or more digits of its beginning; nothing was erased."
        )))
    }
}

fn question(doomed: Doomed<'_>, all: &[&str]) -> String {
    let digits = (SHORT..=doomed.id.len())
        .find(|digits| {
            let beginning = doomed.id.get(..*digits).unwrap_or_default();
            names(beginning, doomed.id, all)
        })
        .unwrap_or(doomed.id.len());
    format!(
        "Everything on this device is erased for good: {} (class {}).\n  \
         model {}, as the owner certified it\n  \
         id    {}\n  \
         name  “{}”, which is the cloud's word\n\
         Type the first {digits} digits of the id to go on:",
        wipe_words(doomed.class),
        printable(doomed.class),
        printable(doomed.model),
        doomed.id.get(..digits).unwrap_or(doomed.id),
        printable(doomed.name),
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

    fn doomed(class: &str) -> Doomed<'_> {
        Doomed {
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
        assert!(question(doomed("crypto"), &all).contains("Type the first 10 digits"));
    }

    #[test]
    fn the_question_shows_what_the_owner_certified_besides_the_clouds_name() {
        let sly = Doomed {
            name: "Pocket\u{202e}\u{1b}[2J",
            ..doomed("discard")
        };
        let text = question(sly, &[ID, FAR]);
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
    async fn a_device_that_cannot_erase_itself_is_not_asked_to() {
        let error = wipe(doomed("none"), &[ID], Some(ID)).await.unwrap_err();
        assert_eq!(error.json()["error"]["name"], "NotSupported");
    }
}
