//! Commands under changed bytes, their messages and lives, and what is said of them.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::owner;
use super::samples::{command, delegate};
use crate::id::CommandId;
use crate::keys::{PublicKey, SigningKey};
use crate::secret::Secret;
use crate::signed::{
    Action, Command, CommandEnvelope, CommandState, Disposition, Object, Outcome, Signed, Verb,
    clean_message, default_life, longest_life,
};

/// Good envelopes and the key they open with: made once, the key derivations are slow without optimisation.
static GOOD: LazyLock<([Vec<u8>; 2], PublicKey)> = LazyLock::new(|| (envelopes(), owner().public()));

fn envelopes() -> [Vec<u8>; 2] {
    let delegate_key = SigningKey::from_seed(&Secret::new([2; 32]));
    let owners = CommandEnvelope {
        command: Signed::seal(
            &command(Action::Lock {
                message: "Please call".to_owned(),
                phone: "+4915112345678".to_owned(),
            }),
            &owner(),
        ),
        delegate: None,
    };
    let delegates = CommandEnvelope {
        command: Signed::seal(&command(Action::Ring { seconds: 60 }), &delegate_key),
        delegate: Some(Signed::seal(
            &delegate(delegate_key.public(), vec![Verb::Ring]),
            &owner(),
        )),
    };
    [owners, delegates].map(|envelope| envelope.encode())
}

fn opens(bytes: &[u8]) -> bool {
    CommandEnvelope::decode(bytes).is_ok_and(|envelope| envelope.open(&GOOD.1).is_ok())
}

/// A change of bytes: bits, whole bytes, a piece cut out or put in, another end.
#[derive(Debug, Clone)]
enum Change {
    Bits(Vec<(prop::sample::Index, u8)>),
    Bytes(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index, usize),
    Swap(prop::sample::Index, prop::sample::Index),
    Truncate(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    use prop::collection::vec;
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => vec((at(), 0..8_u8), 1..5).prop_map(Change::Bits),
        2 => (at(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Change::Bytes(at, bytes)),
        1 => (at(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (at(), 1..20_usize).prop_map(|(at, count)| Change::Cut(at, count)),
        1 => (at(), at()).prop_map(|(one, other)| Change::Swap(one, other)),
        1 => at().prop_map(Change::Truncate),
    ]
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    let length = bytes.len();
    match change {
        Change::Bits(bits) => bits
            .iter()
            .for_each(|(at, bit)| bytes[at.index(length)] ^= 1 << bit),
        Change::Bytes(at, new) => {
            let start = at.index(length);
            let end = (start + new.len()).min(length);
            bytes.splice(start..end, new.iter().copied());
        }
        Change::Insert(at, new) => {
            let start = at.index(length);
            bytes.splice(start..start, new.iter().copied());
        }
        Change::Cut(at, count) => {
            let start = at.index(length);
            bytes.drain(start..(start + count).min(length));
        }
        Change::Swap(one, other) => bytes.swap(one.index(length), other.index(length)),
        Change::Truncate(at) => bytes.truncate(at.index(length)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_changed_envelope_opens(change in change()) {
        for good in &GOOD.0 {
            let mut bad = good.clone();
            apply(&change, &mut bad);
            prop_assert!(bad == *good || !opens(&bad));
        }
    }
}

proptest! {
    #[test]
    fn a_cleaned_message_is_one_that_a_command_carries(text: String) {
        let clean = clean_message(&text);
        prop_assert_eq!(&clean_message(&clean), &clean);
        let action = Action::Message { text: clean };
        prop_assert_eq!(Action::decode(Verb::Message, &action.encode_arguments()), Ok(action));
    }

    #[test]
    fn any_arguments_are_an_actions_in_their_one_form_or_malformed(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for verb in Verb::ALL {
            if let Ok(action) = Action::decode(verb, &bytes) {
                prop_assert_eq!(action.verb(), verb);
                prop_assert_eq!(action.encode_arguments(), bytes.clone());
            }
        }
    }
}

#[test]
fn unchanged_envelopes_open() {
    assert!(GOOD.0.iter().all(|envelope| opens(envelope)));
}

#[test]
fn a_message_that_misleads_is_cleaned_by_its_writer_and_refused_by_its_reader() {
    for (text, clean) in [
        ("Lost.\r\nCall\tme", "Lost. Call me"),
        ("\u{202e}evil\u{2066}\u{200f}\u{0}\u{7f}\u{85}", "evil"),
        ("a\u{2028}b\u{61c}", "ab"),
        // Joiners are part of words and of emoji.
        ("می\u{200c}خواهم 👩\u{200d}🚀", "می\u{200c}خواهم 👩\u{200d}🚀"),
    ] {
        assert_eq!(clean_message(text), clean);
        let carried = |text: &str| {
            let command = command(Action::Lock {
                message: text.to_owned(),
                phone: String::new(),
            });
            Command::decode(&command.encode()).is_ok()
        };
        assert_eq!(carried(text), text == clean, "{text:?}");
        assert!(carried(clean));
    }
    assert_eq!(clean_message(&"ü".repeat(300)).chars().count(), 200);
}

#[test]
fn arguments_cross_alone_and_fit_their_own_verb() {
    let wipe = Action::Wipe {
        external: true,
        keep_esim: false,
    };
    let bytes = wipe.encode_arguments();
    assert_eq!(Action::decode(Verb::Wipe, &bytes), Ok(wipe));
    for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Wipe) {
        assert!(Action::decode(verb, &bytes).is_err(), "{verb:?}");
    }
    // The verbs without arguments share the empty map; the verb is no part of it.
    assert_eq!(Action::Unlock.encode_arguments(), [0xa0]);
    assert_eq!(Action::decode(Verb::SignOut, &[0xa0]), Ok(Action::SignOut));
    assert!(Action::decode(Verb::SignOut, &[]).is_err());
}

#[test]
fn a_command_is_void_after_what_it_says_or_its_longest_life() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let issued_at = 1_700_000_000_000;
    let void = |action: Action, expires_at: u64| {
        Command {
            issued_at,
            expires_at,
            ..command(action)
        }
        .void_after()
    };
    let wipe = || Action::Wipe {
        external: false,
        keep_esim: false,
    };
    assert_eq!(void(wipe(), issued_at + DAY), Some(issued_at + DAY));
    for too_long in [0, issued_at + 31 * DAY, u64::MAX] {
        assert_eq!(void(wipe(), too_long), Some(issued_at + 30 * DAY), "{too_long}");
    }
    assert_eq!(void(Action::Unlock, 0), Some(issued_at + 7 * DAY));
    assert_eq!(
        void(Action::Locate, issued_at + DAY),
        Some(issued_at + 10 * 60 * 1000)
    );
    assert_eq!(void(Action::StopRing, 0), None);
    assert_eq!(void(Action::StopRing, issued_at + 1), Some(issued_at + 1));
    for verb in Verb::ALL {
        match (default_life(verb), longest_life(verb)) {
            (Some(default), Some(longest)) => assert!(default <= longest, "{verb:?}"),
            (default, longest) => assert_eq!(default, longest, "{verb:?}"),
        }
        let expiry = Command::default_expiry(verb, issued_at);
        assert_eq!(expiry == 0, default_life(verb).is_none(), "{verb:?}");
    }
    assert_eq!(
        Command::default_expiry(Verb::Wipe, issued_at),
        issued_at + 7 * DAY
    );
    assert_eq!(Command::default_expiry(Verb::Wipe, u64::MAX), u64::MAX);
}

#[test]
fn states_and_dispositions_read_back() {
    for state in CommandState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(json, format!("\"{state}\""));
        assert_eq!(serde_json::from_str::<CommandState>(&json).unwrap(), state);
    }
    assert_eq!(CommandState::from("half-done"), CommandState::Unknown);
    let finals: Vec<_> = CommandState::ALL
        .into_iter()
        .filter(|state| state.is_final())
        .collect();
    assert_eq!(
        finals,
        [CommandState::Done, CommandState::Failed, CommandState::Refused]
    );
    for disposition in Disposition::ALL {
        assert_eq!(disposition.to_string().parse(), Ok(disposition));
    }
    assert!("fine".parse::<Disposition>().is_err());
}

#[test]
fn an_outcome_of_a_newer_device_reads_with_its_state_unknown() {
    let newer = crate::cbor::Value::decode(&super::samples::outcome().encode()).unwrap();
    let crate::cbor::Value::Map(mut map) = newer else {
        panic!("an outcome is a map");
    };
    map.insert(
        "state".to_owned(),
        crate::cbor::Value::Text("contemplated".to_owned()),
    );
    let outcome = Outcome::decode(&crate::cbor::Value::Map(map).encode()).unwrap();
    assert_eq!(outcome.state, CommandState::Unknown);
    assert_eq!(outcome.command, CommandId::from_bytes([7; 16]));
}
