//! Which accessory is meant.

use belay_proto::id::AccessoryId;

use super::bus::Entry;
use crate::ctl::error::Error;
use crate::ctl::text::printable;

/// The shortest beginning of an id that is taken for one, and the shortest that is shown.
const SHORTEST: usize = 4;
const SHOWN: usize = 8;

/// The one of `all` with this id, beginning of an id, or name.
///
/// # Errors
/// `NoSuchAccessory` where there is none, [`Error::Data`] where there are several.
pub fn choose<'a>(all: &'a [Entry], text: &str) -> Result<&'a Entry, Error> {
    let text = text.trim();
    let lower = text.to_lowercase();
    if let Ok(id) = lower.parse::<AccessoryId>() {
        return all.iter().find(|one| one.id == id).ok_or_else(unknown);
    }
    // An accessory names itself: one that takes another's id for its name doesn't get what is meant for that one.
    let found: Vec<_> = all
        .iter()
        .filter(|one| {
            one.name().to_lowercase() == lower
                || (text.len() >= SHORTEST && one.id.to_string().starts_with(&lower))
        })
        .collect();
    match found[..] {
        [] => Err(unknown()),
        [one] => Ok(one),
        _ => Err(Error::Data(format!(
            "“{}” is more than one accessory; take its id: {}",
            printable(text),
            found
                .iter()
                .map(|one| one.id.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// The beginning of `id` that is shown: long enough to be told from all others.
pub fn short(id: AccessoryId, all: &[Entry]) -> String {
    let id = id.to_string();
    let length = (SHOWN..id.len())
        .find(|length| {
            let mut others = all.iter().map(|one| one.id.to_string()).filter(|one| *one != id);
            others.all(|other| !other.starts_with(&id[..*length]))
        })
        .unwrap_or(id.len());
    id[..length].to_owned()
}

fn unknown() -> Error {
    Error::named("NoSuchAccessory", "no such accessory is known")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::accessory::bus::tests::entry;

    fn all() -> Vec<Entry> {
        vec![
            entry(&"ab".repeat(16), "Band"),
            entry(&format!("{}00", "cd".repeat(15)), "Scale"),
            entry(&format!("{}01", "cd".repeat(15)), "scale"),
            entry(&"ef".repeat(16), "abab"),
        ]
    }

    fn chosen(text: &str) -> Result<String, Error> {
        choose(&all(), text).map(|one| one.id.to_string())
    }

    #[test]
    fn an_accessory_is_named_by_id_beginning_of_an_id_or_name() {
        assert_eq!(chosen(&"ab".repeat(16)).unwrap(), "ab".repeat(16));
        assert_eq!(chosen(&"AB".repeat(16)).unwrap(), "ab".repeat(16));
        assert_eq!(chosen("ababa").unwrap(), "ab".repeat(16));
        assert_eq!(chosen(" band ").unwrap(), "ab".repeat(16));
    }

    #[test]
    fn an_unknown_accessory_is_refused() {
        for unknown in ["Ban", "ab", "", "0000", &"00".repeat(16)] {
            let error = chosen(unknown).unwrap_err();
            assert_eq!(error.json()["error"]["name"], "NoSuchAccessory", "{unknown:?}");
            assert_eq!(error.exit_code(), 65);
        }
    }

    #[test]
    fn what_means_several_is_refused_with_their_ids() {
        // The last: one calls itself as another's id begins.
        for several in ["SCALE", "cdcd", "abab"] {
            let error = chosen(several).unwrap_err();
            assert_eq!(error.exit_code(), 65, "{several}");
            assert!(error.words().contains("more than one"), "{}", error.words());
        }
    }

    #[test]
    fn a_short_id_is_as_long_as_it_has_to_be() {
        let all = all();
        assert_eq!(short(all[0].id, &all), "abababab");
        assert_eq!(short(all[1].id, &all).len(), 32);
        // Also before it is among the others itself.
        assert_eq!(short(all[1].id, &all[2..]).len(), 32);
    }
}
