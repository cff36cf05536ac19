use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::cbor::MapWriter;
use crate::signed::Verb;
use crate::steps::Done;

fn effect(number: u8) -> Effect {
    Effect {
        command: CommandId::from_bytes([number; 16]),
        action: "ring".to_owned(),
        arguments: Action::Ring { seconds: 60 }.encode_arguments(),
        issued_at: 1_700_000_000_000,
        deadline: u64::from(number),
    }
}

/// Whether the bytes are one of the steps' maps; what decodes, encodes to the same bytes.
fn decoded(bytes: &[u8]) -> usize {
    macro_rules! count {
        ($($name:ident),+ $(,)?) => {
            [$($name::decode(bytes).map(|value| assert_eq!(value.encode(), bytes, stringify!($name))).is_ok()),+]
        };
    }
    let decoded = count!(
        SignCommandInput,
        SignCommandOutput,
        OutcomesInput,
        OutcomesOutput,
        StateReportOutput,
        Effect,
        EffectsOutput,
        BeginInput,
        EndInput,
        SmsInput,
        SmsOutput,
        TickOutput,
    );
    decoded.into_iter().filter(|decoded| *decoded).count()
}

/// A map with keys that the steps have; most are nearly right.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    const KEYS: [&str; 12] = [
        "after",
        "begun",
        "command",
        "done",
        "disposition",
        "envelope",
        "id",
        "next",
        "outcomes",
        "reason",
        "text",
        "waiting",
    ];
    let bytes = || {
        prop_oneof![
            vec(any::<u8>(), 16),
            vec(any::<u8>(), 0..20),
            Just(effect(1).encode())
        ]
        .prop_map(Value::Bytes)
    };
    let value = prop_oneof![
        3 => bytes(),
        1 => any::<u64>().prop_map(Value::Uint),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => "[a-z-]{0,9}".prop_map(Value::Text),
        2 => vec(bytes(), 0..3).prop_map(Value::Array),
    ];
    vec((proptest::sample::select(&KEYS[..]), value), 0..4).prop_map(|pairs| {
        let start = MapWriter::versioned();
        pairs
            .iter()
            .fold(start, |map, (key, value)| map.put(key, value))
            .finish()
    })
}

proptest! {
    #[test]
    fn any_bytes_are_a_step_in_its_one_form_or_malformed(bytes in vec(any::<u8>(), 0..100)) {
        decoded(&bytes);
    }

    #[test]
    fn nearly_right_maps_are_a_step_in_its_one_form_or_malformed(bytes in nearly()) {
        decoded(&bytes);
    }

    #[test]
    fn another_device_verb_or_argument_is_another_subject(device: [u8; 16], other: [u8; 16], seconds: u64, more: u64) {
        let ring = |seconds| Action::Ring { seconds };
        let (device, other) = (DeviceId::from_bytes(device), DeviceId::from_bytes(other));
        let subject = command_subject(&device, &ring(seconds));
        let start = format!("ring {device} ");
        prop_assert!(subject.starts_with(&start));
        prop_assert_eq!(subject == command_subject(&other, &ring(seconds)), device == other);
        prop_assert_eq!(subject == command_subject(&device, &ring(more)), seconds == more);
    }
}

#[test]
fn every_map_reads_back() {
    let effects = EffectsOutput {
        waiting: vec![effect(1), effect(2)],
        begun: vec![CommandId::from_bytes([3; 16])],
    };
    assert_eq!(EffectsOutput::decode(&effects.encode()), Ok(effects));
    let outcomes = OutcomesOutput {
        outcomes: vec![vec![], vec![1], vec![2; 300]],
    };
    assert_eq!(OutcomesOutput::decode(&outcomes.encode()), Ok(outcomes));
    for command in [None, Some(CommandId::from_bytes([4; 16]))] {
        let output = SmsOutput {
            disposition: "malformed".to_owned(),
            command,
        };
        assert_eq!(SmsOutput::decode(&output.encode()), Ok(output));
    }
    let input = SignCommandInput {
        certificate: vec![1],
        report: None,
        action: "locate".to_owned(),
        arguments: Action::Locate.encode_arguments(),
    };
    assert_eq!(SignCommandInput::decode(&input.encode()), Ok(input));
    // None of them is the map that says nothing.
    assert_eq!(decoded(&Done {}.encode()), 0);
}

#[test]
fn verbs_without_arguments_differ_by_their_names() {
    let device = DeviceId::from_bytes([1; 16]);
    let subjects = [Action::Unlock, Action::StopRing, Action::Locate, Action::SignOut]
        .map(|action| command_subject(&device, &action));
    for (at, subject) in subjects.iter().enumerate() {
        assert!(!subjects[..at].contains(subject), "{subject}");
    }
}

#[test]
fn an_effect_says_its_action() {
    assert_eq!(Action::of_effect(&effect(1)), Ok(Action::Ring { seconds: 60 }));
    for (action, arguments) in [
        ("dance", Action::Locate.encode_arguments()),
        (Verb::Ring.as_str(), Action::Locate.encode_arguments()),
        (Verb::Ring.as_str(), vec![]),
    ] {
        let effect = Effect {
            action: action.to_owned(),
            arguments,
            ..effect(1)
        };
        assert!(Action::of_effect(&effect).is_err(), "{action}");
    }
}
