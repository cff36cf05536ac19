//! What to do when an accessory fails: the error's name says what happened, the accessory's property `ProblemAdvice`
//! which of its causes it was.

use super::bus::{self, Entry};
use crate::ctl::advice::{self, Advice, accessories};
use crate::ctl::client::Client;
use crate::ctl::error::{Error, Refusal};

/// What came of a request to `entry`, a failure with the advice that the accessory's own problem gives.
///
/// # Errors
/// The same as `result`.
pub async fn explained<T>(client: &Client, entry: &Entry, result: Result<T, Error>) -> Result<T, Error> {
    let Err(Error::Refused(refusal)) = result else {
        return result;
    };
    let (mut state, mut problem, mut code) = (String::new(), String::new(), String::new());
    if let Ok(accessory) = bus::proxy_to_read(client, entry.id).await {
        state = accessory.state().await.unwrap_or_default();
        problem = accessory.problem().await.unwrap_or_default();
        code = accessory.problem_advice().await.unwrap_or_default();
    }
    Err(Error::Refused(explain(refusal, &state, (&problem, &code))))
}

fn explain(mut refusal: Refusal, state: &str, (problem, code): (&str, &str)) -> Refusal {
    if let Some(own) = accessories::in_place_of(&refusal.name, state, problem) {
        refusal.advice = Some(own);
    } else if refusal.name == problem
        && let Some(next) = accessories::next_of(code)
    {
        // Another problem may be older than this failure.
        refusal.advice = Some(Advice {
            next,
            ..advice::of(&refusal.name)
        });
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, problem: &str, code: &str) -> String {
        let refusal = Refusal {
            name: name.into(),
            ..Refusal::default()
        };
        Error::Refused(explain(refusal, "connected", (problem, code))).words()
    }

    #[test]
    fn the_accessorys_advice_says_which_cause_it_was() {
        assert_eq!(
            words("AdapterMissing", "AdapterMissing", "switch-bluetooth-on"),
            "There is no Bluetooth, or it is off.\nSwitch Bluetooth on: belayctl accessory scan --power-on does it too."
        );
        assert!(
            words(
                "AccessoryKeyMismatch",
                "AccessoryKeyMismatch",
                "bring-the-new-key"
            )
            .contains("--key-file")
        );
        assert!(
            words("AccessoryKeyMismatch", "AccessoryKeyMismatch", "replace-the-key").contains("--replace")
        );
    }

    #[test]
    fn what_was_not_paired_or_disconnected_by_hand_is_neither_gone_nor_far_away() {
        let words = |name: &str, state: &str, problem: &str| {
            let refusal = Refusal {
                name: name.into(),
                ..Refusal::default()
            };
            Error::Refused(explain(refusal, state, (problem, ""))).words()
        };
        assert!(words("NotFound", "discovered", "").contains("accessory pair"));
        assert!(words("AccessoryUnreachable", "paired", "").contains("accessory connect"));
        let far = words("AccessoryUnreachable", "paired", "AccessoryUnreachable");
        assert!(far.contains("closer"), "{far}");
    }

    #[test]
    fn an_older_problem_and_an_unknown_code_leave_the_advice_of_the_name() {
        let plain = words("AccessoryTimeout", "", "");
        assert_eq!(
            words("AccessoryTimeout", "AdapterMissing", "switch-bluetooth-on"),
            plain
        );
        assert_eq!(
            words("AccessoryTimeout", "AccessoryTimeout", "of-a-later-version"),
            plain
        );
    }

    #[test]
    fn what_an_accessory_cannot_do_isnt_blamed_on_this_device() {
        assert!(words("NotSupported", "", "").starts_with("The accessory can't do that."));
        assert!(words("NotFound", "", "").contains("accessory list"));
    }
}
