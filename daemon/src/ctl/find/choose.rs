//! Which device is meant.

use belay_proto::id::DeviceId;

use crate::ctl::error::Error;
use crate::ctl::text::printable;

/// The shortest beginning of an id that is taken for one.
const SHORTEST: usize = 4;

/// Something that a person can name.
pub trait Named {
    /// The id, in hexadecimal.
    fn id(&self) -> String;

    /// What the owner calls it.
    fn name(&self) -> &str;
}

/// The one of `all` with this id, beginning of an id, or name. A name that looks like the beginning of another device's
/// id is neither: names are the cloud's word.
///
/// # Errors
/// `NotFound` where there is none, [`Error::Data`] where there are several.
pub fn choose<'a, T: Named>(all: &'a [T], text: &str) -> Result<&'a T, Error> {
    let text = text.trim();
    let lower = text.to_lowercase();
    if let Ok(id) = lower.parse::<DeviceId>() {
        let id = id.to_string();
        return all.iter().find(|one| one.id() == id).ok_or_else(unknown);
    }
    let begins = |one: &&T| text.len() >= SHORTEST && one.id().starts_with(&lower);
    let found: Vec<_> = all
        .iter()
        .filter(|one| one.name().to_lowercase() == lower || begins(one))
        .collect();
    match found[..] {
        [] => Err(unknown()),
        [one] => Ok(one),
        _ => Err(Error::Data(format!(
            "“{}” is more than one device; take its id: {}",
            printable(text),
            found.iter().map(|one| one.id()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn unknown() -> Error {
    Error::named("NoSuchDevice", "the account has no such device")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str, &'static str);

    impl Named for One {
        fn id(&self) -> String {
            self.0.repeat(16)
        }

        fn name(&self) -> &str {
            self.1
        }
    }

    fn chosen(text: &str) -> Result<&'static str, Error> {
        let all = [One("ab", "Pocket"), One("cd", "Slate"), One("ef", "slate")];
        choose(&all, text).map(|one| one.0)
    }

    #[test]
    fn a_device_is_named_by_id_beginning_of_an_id_or_name() {
        assert_eq!(chosen(&"ab".repeat(16)).unwrap(), "ab");
        assert_eq!(chosen(&"AB".repeat(16)).unwrap(), "ab");
        assert_eq!(chosen("cdcd").unwrap(), "cd");
        assert_eq!(chosen(" pocket ").unwrap(), "ab");
    }

    #[test]
    fn a_name_that_looks_like_another_devices_id_is_taken_for_neither() {
        let all = [One("ab", "cdcdcdcd"), One("cd", "Slate")];
        assert_eq!(
            choose(&all, "cdcdcdcd").map(|one| one.0).unwrap_err().exit_code(),
            65
        );
        assert_eq!(choose(&all, &"cd".repeat(16)).unwrap().0, "cd");
    }

    #[test]
    fn an_unknown_device_and_an_ambiguous_name_are_refused() {
        for unknown in ["Pock", "ab", "", "0000", &"00".repeat(16)] {
            let error = chosen(unknown).unwrap_err();
            assert_eq!(error.json()["error"]["name"], "NoSuchDevice", "{unknown:?}");
        }
        let error = chosen("SLATE").unwrap_err();
        assert!(error.words().contains(&"cd".repeat(16)), "{}", error.words());
        assert_eq!(error.exit_code(), 65);
    }
}
