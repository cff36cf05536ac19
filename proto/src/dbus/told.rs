//! What the text of an error tells besides: how long to wait, who refused, which of several things happened, and what is bound
//! still. A client switches on the error's name; what stands here is more for it to go by, each a part of the text of its own
//! after `; `, as the contract of `org.belay1.Account` lists them. All else in a text is for logs.

use std::str::FromStr;
use std::time::Duration;

use crate::id::{AccessoryId, DeviceId};

const WAIT: &str = "wait: ";
const BY_CLOUD: &str = "by: cloud";
const REASON: &str = "reason: ";
const DEVICES: &str = "devices: ";
const ACCESSORIES: &str = "accessories: ";

/// The most ids of a kind that a text lists: an error's text stays one that a log can hold.
pub const MOST_LISTED: usize = 64;

/// `text`, and how long to wait until the same may be asked again, in whole seconds, rounded up.
#[must_use]
pub fn with_wait(text: &str, wait: Option<Duration>) -> String {
    match wait {
        Some(wait) => {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            format!("{text}; {WAIT}{seconds} s")
        }
        None => text.to_owned(),
    }
}

/// How long to wait, where the text of an error tells.
#[must_use]
pub fn wait_of(text: &str) -> Option<Duration> {
    let seconds = part(text, WAIT)?.strip_suffix(" s")?;
    // A number and nothing else: a sign isn't one.
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| seconds.parse().ok())
        .flatten()
        .map(Duration::from_secs)
}

/// `text` of a refusal of passwords or codes, and that it is the cloud's, not the warden's.
#[must_use]
pub fn by_cloud(text: &str) -> String {
    format!("{text}; {BY_CLOUD}")
}

/// Whether the text of an error tells that the cloud refused, not the warden.
#[must_use]
pub fn is_by_cloud(text: &str) -> bool {
    part(text, BY_CLOUD) == Some("")
}

/// What has happened, where one error's name stands for several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Of `NotSupported`: this device sends no SMS.
    NoModem,
    /// Of `Offline`: the modem didn't send the SMS.
    Modem,
    /// Of `Conflict`: the recovery was done before, with another password.
    OtherPassword,
    /// Of `Conflict`: the address is the login.
    IsLogin,
}

impl Reason {
    /// All of them.
    pub const ALL: &[Self] = &[Self::NoModem, Self::Modem, Self::OtherPassword, Self::IsLogin];

    /// The word in the text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoModem => "no-modem",
            Self::Modem => "modem",
            Self::OtherPassword => "other-password",
            Self::IsLogin => "is-login",
        }
    }
}

/// `text`, and what has happened.
#[must_use]
pub fn with_reason(text: &str, reason: Reason) -> String {
    format!("{text}; {REASON}{}", reason.as_str())
}

/// What has happened, where the text of an error tells and this version knows the word.
#[must_use]
pub fn reason_of(text: &str) -> Option<Reason> {
    let word = part(text, REASON)?;
    Reason::ALL.iter().copied().find(|reason| reason.as_str() == word)
}

/// `text`, and what is bound to the account still: up to [`MOST_LISTED`] of each.
#[must_use]
pub fn with_bound(text: &str, devices: &[DeviceId], accessories: &[AccessoryId]) -> String {
    let mut told = text.to_owned();
    for (label, ids) in [(DEVICES, listed(devices)), (ACCESSORIES, listed(accessories))] {
        if !ids.is_empty() {
            told.push_str(&format!("; {label}{ids}"));
        }
    }
    told
}

/// What is bound to the account still, where the text of an error tells.
#[must_use]
pub fn bound_of(text: &str) -> (Vec<DeviceId>, Vec<AccessoryId>) {
    (ids(text, DEVICES), ids(text, ACCESSORIES))
}

fn listed<T: ToString>(ids: &[T]) -> String {
    let ids = ids.iter().take(MOST_LISTED).map(ToString::to_string);
    ids.collect::<Vec<_>>().join(" ")
}

fn ids<T: FromStr>(text: &str, label: &str) -> Vec<T> {
    let listed = part(text, label).unwrap_or_default();
    let ids = listed.split(' ').filter_map(|id| id.parse().ok());
    ids.take(MOST_LISTED).collect()
}

/// The part of `text` with this label.
fn part<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.split("; ").skip(1).find_map(|part| part.strip_prefix(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_as_it_was_told_and_never_shorter() {
        let told = with_wait("not yet", Some(Duration::from_millis(239_001)));
        assert_eq!(told, "not yet; wait: 240 s");
        assert_eq!(wait_of(&told), Some(Duration::from_secs(240)));
        assert_eq!(with_wait("not yet", None), "not yet");
        for other in [
            "not yet",
            "wait: 5 s",
            "no; wait: +5 s",
            "no; wait: 5",
            "no; wait:  s",
            "no; wait: 99999999999999999999 s",
        ] {
            assert_eq!(wait_of(other), None, "{other}");
        }
        let longest = with_wait("never", Some(Duration::MAX));
        assert_eq!(wait_of(&longest), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn a_refusal_of_the_clouds_is_known_by_its_part_alone() {
        let told = with_wait(&by_cloud("no more for now"), Some(Duration::from_secs(9)));
        assert_eq!(told, "no more for now; by: cloud; wait: 9 s");
        assert!(is_by_cloud(&told));
        assert_eq!(wait_of(&told), Some(Duration::from_secs(9)));
        for other in [
            "no more for now",
            "by: cloud",
            "the cloud; by: clouds",
            "no; by: warden",
        ] {
            assert!(!is_by_cloud(other), "{other}");
        }
    }

    #[test]
    fn each_reason_is_read_as_it_was_told_and_an_unknown_word_is_none() {
        for reason in Reason::ALL {
            let told = with_reason("it is so; and more", *reason);
            assert_eq!(reason_of(&told), Some(*reason), "{told}");
        }
        for other in [
            "it is so",
            "reason: modem",
            "it is so; reason: later",
            "so; reason: ",
        ] {
            assert_eq!(reason_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_bound_still_is_read_as_it_was_told() {
        let devices: Vec<DeviceId> = ["aa", "bb"].map(|id| id.repeat(16).parse().unwrap()).to_vec();
        let accessories: Vec<AccessoryId> = vec!["cc".repeat(16).parse().unwrap()];
        let told = with_bound("bound", &devices, &accessories);
        assert_eq!(
            told,
            format!(
                "bound; devices: {} {}; accessories: {}",
                devices[0], devices[1], accessories[0]
            )
        );
        assert_eq!(bound_of(&told), (devices, accessories.clone()));
        let told = with_bound("bound", &[], &accessories);
        assert_eq!(bound_of(&told), (Vec::new(), accessories));
        assert_eq!(with_bound("bound", &[], &[]), "bound");
        assert_eq!(bound_of("bound; devices: x y; accessories: "), (vec![], vec![]));
    }

    #[test]
    fn a_list_is_bounded_on_both_sides() {
        let one: DeviceId = "aa".repeat(16).parse().unwrap();
        let told = with_bound("bound", &vec![one; MOST_LISTED + 1], &[]);
        assert_eq!(bound_of(&told).0.len(), MOST_LISTED);
        let longer = format!("{told} {one}");
        assert_eq!(bound_of(&longer).0.len(), MOST_LISTED);
    }
}
