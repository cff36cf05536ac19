//! What the errors of accessories mean, and their advice codes.

use super::{Advice, advice, exit};

/// As the table of all others.
pub const TABLE: &[(&str, Advice)] = &[
    (
        "NoSuchAccessory",
        advice(
            exit::DATA,
            "No such accessory is known.",
            "belayctl accessory list shows names and ids; belayctl accessory scan looks for new ones.",
        ),
    ),
    (
        "SessionBusLost",
        advice(
            exit::UNAVAILABLE,
            "The session's bus is gone: no notification is passed on any more.",
            "Start it again in a session; systemctl --user enable --now belay-forward does that by itself.",
        ),
    ),
    (
        "AdapterMissing",
        advice(
            exit::UNAVAILABLE,
            "There is no Bluetooth, or it is off.",
            "Switch Bluetooth on, or look whether its service runs: systemctl status bluetooth. If it is on: journalctl -u belayd says why.",
        ),
    ),
    (
        "AccessoryUnreachable",
        advice(
            exit::UNAVAILABLE,
            "The accessory isn't in reach.",
            "Bring it closer and wake it up; another phone that is connected to it has to let it go.",
        ),
    ),
    (
        "AccessoryTimeout",
        advice(
            exit::UNAVAILABLE,
            "The accessory didn't answer in time.",
            "Bring it closer and try again.",
        ),
    ),
    (
        "AccessoryRefused",
        advice(
            exit::UNAVAILABLE,
            "The accessory refused.",
            "Try again; if it stays so, restart the accessory.",
        ),
    ),
    (
        "AccessoryNotConfirmed",
        advice(
            exit::DATA,
            "Nobody confirmed at the accessory.",
            "Pair again, and tap the accessory when it asks.",
        ),
    ),
    (
        "AccessoryKeyMismatch",
        advice(
            exit::DATA,
            "The accessory holds another key: it is paired elsewhere, or was reset.",
            "To take it over, pair again with --replace, or with its present key: --key-file FILE.",
        ),
    ),
    (
        "KeyRequired",
        advice(
            exit::DATA,
            "The accessory's key is needed.",
            "Its maker's account has it; give it with belayctl accessory pair ID --key-file FILE.",
        ),
    ),
];

/// What a name means where an accessory that is in this state, and has this problem, was asked, if it is something else
/// there.
pub fn in_place_of(name: &str, state: &str, problem: &str) -> Option<Advice> {
    match name {
        "NotFound" if state == "discovered" => Some(advice(
            exit::DATA,
            "The accessory isn't paired.",
            "belayctl accessory pair ID makes it the account's.",
        )),
        "AccessoryUnreachable" if state == "paired" && problem.is_empty() => Some(advice(
            exit::UNAVAILABLE,
            "The accessory isn't connected.",
            "belayctl accessory connect ID connects it.",
        )),
        "NotSupported" => Some(advice(
            exit::UNAVAILABLE,
            "The accessory can't do that.",
            "belayctl accessory show says which kind it is.",
        )),
        "NotFound" => Some(advice(
            exit::DATA,
            "The accessory isn't there any more, or has nothing of that.",
            "belayctl accessory list shows what is there.",
        )),
        _ => None,
    }
}

/// What an advice code of the property `ProblemAdvice` says to do, a sentence; `None` for one that this version doesn't
/// know.
pub fn next_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "remove-the-bond" => {
            "The system's Bluetooth holds an old bond with it, which keeps it from connecting: pair it with --replace, which removes that."
        }
        "check-the-adapter" => "Look whether Bluetooth's service runs: systemctl status bluetooth.",
        "set-the-device-id" => {
            "The system's Bluetooth has no device id: take DeviceID = false out of /etc/bluetooth/main.conf, then systemctl restart bluetooth."
        }
        "pair-with-its-key" => {
            "If its battery was changed, pair it again with its key, --key-file FILE; else somebody plays a recording of it, which isn't believed."
        }
        "switch-bluetooth-on" => "Switch Bluetooth on: belayctl accessory scan --power-on does it too.",
        "bring-it-closer" => {
            "Bring it closer and wake it up; another phone that is connected to it has to let it go."
        }
        "try-again" => "Try again; if it stays so, restart the accessory.",
        "tap-the-accessory" => "Pair again, and tap the accessory when it asks.",
        "replace-the-key" => {
            "If it is yours, pair it with --replace: whoever used it before has to pair again."
        }
        "bring-the-new-key" => "Its key has changed: pair it again with the new one, --key-file FILE.",
        "bring-the-key" => {
            "Its maker's account has its key; give it with belayctl accessory pair ID --key-file FILE."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use belay_drivers::KeyNeed;

    use super::*;
    use crate::accessory::AccessoryError;

    #[test]
    fn each_advice_code_of_the_daemon_is_a_sentence_here() {
        use AccessoryError as E;
        let mut told = 0;
        for error in [
            E::NotBound,
            E::AdapterMissing,
            E::PoweredOff,
            E::NoDeviceId,
            E::NotFound,
            E::Unreachable,
            E::TimedOut,
            E::Refused,
            E::Replayed,
            E::NotConfirmed,
            E::KeyMismatch,
            E::KeyRequired,
            E::NotSupported,
            E::Busy,
            E::Cancelled,
            E::Storage,
            E::Gone,
        ] {
            for (need, bonded) in [
                (KeyNeed::Chosen, false),
                (KeyNeed::Issued, false),
                (KeyNeed::None, true),
            ] {
                let code = error.advice(need, bonded);
                if !code.is_empty() {
                    told += 1;
                    assert!(next_of(code).is_some_and(|next| next.ends_with('.')), "{code}");
                }
            }
        }
        assert!(told > 9, "{told}");
    }
}
