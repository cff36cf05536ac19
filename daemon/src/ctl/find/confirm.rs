//! The last question before a device is erased.

use crate::ctl::error::Error;
use crate::ctl::secret;
use crate::ctl::text::printable;

use super::words::wipe_words;

/// Shows what the wipe is worth and has the device's name typed, or given as `said`.
///
/// # Errors
/// [`Error::Data`] where the name is another one, [`Error::Usage`] without a terminal to ask on.
pub fn wipe(name: &str, id: &str, class: &str, said: Option<&str>) -> Result<(), Error> {
    if class == "none" {
        return Err(Error::named("NotSupported", "the device can't erase itself"));
    }
    let said = match said {
        Some(said) => said.to_owned(),
        None => secret::ask_openly(&format!(
            "Everything on {} ({id}) is erased for good: {} (class {}).\nType the device's name to go on:",
            printable(name),
            wipe_words(class),
            printable(class)
        ))?,
    };
    if said.trim() == name.trim() {
        Ok(())
    } else {
        Err(Error::Data(
            "That isn't the device's name; nothing was erased.".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_devices_own_name_lets_it_be_erased() {
        assert!(wipe("Pocket", "ab", "crypto", Some("Pocket")).is_ok());
        for wrong in ["pocket", "Pock", "", "yes"] {
            let error = wipe("Pocket", "ab", "crypto", Some(wrong)).unwrap_err();
            assert_eq!(error.exit_code(), 65, "{wrong:?}");
        }
    }

    #[test]
    fn a_device_that_cannot_erase_itself_is_not_asked_to() {
        let error = wipe("Pocket", "ab", "none", Some("Pocket")).unwrap_err();
        assert_eq!(error.json()["error"]["name"], "NotSupported");
    }
}
