use std::sync::LazyLock;

use proptest::prelude::*;

use super::{BadSms, SMS_CHARACTERS, SmsAction, SmsCommand, low16};
use crate::id::{CommandId, DeviceId, Epoch};
use crate::keys::{PublicKey, SigningKey};
use crate::secret::Secret;
use crate::signed::{Verb, longest_life};
use crate::text::{base64url, from_base64url};

fn owner() -> SigningKey {
    SigningKey::from_seed(&Secret::new([1; 32]))
}

fn command(action: SmsAction) -> SmsCommand {
    SmsCommand {
        action,
        counter: 1_700_000_000_001,
        epoch: Epoch::from_bytes([3; 16]),
        presence_or_episode: 4,
        expiry_minutes: 28_333_400,
        device_tag: SmsCommand::tag_of(&DeviceId::from_bytes([2; 16])),
    }
}

/// A good text and the key it opens with.
static GOOD: LazyLock<(String, PublicKey)> =
    LazyLock::new(|| (command(SmsAction::Unlock).sign(&owner()), owner().public()));

fn opens(text: &str) -> bool {
    SmsCommand::parse(text).is_ok_and(|sms| sms.open(&GOOD.1).is_ok())
}

/// Another text: characters replaced, put in or taken out, or bytes changed below the base64url.
fn changed(text: &str) -> impl Strategy<Value = String> + use<> {
    let characters: Vec<char> = text.chars().collect();
    let bytes = from_base64url(text.trim_start_matches("belay:")).unwrap();
    let at = any::<prop::sample::Index>;
    let replace = (at(), "[A-Za-z0-9_ :+/=-]").prop_map({
        let characters = characters.clone();
        move |(at, new)| {
            let mut text = characters.clone();
            *at.get_mut(&mut text) = new.chars().next().unwrap_or_default();
            text.into_iter().collect::<String>()
        }
    });
    let splice = (at(), 0..20_usize, "\\PC{0,20}").prop_map({
        move |(at, cut, new)| {
            let mut text = characters.clone();
            let start = at.index(text.len());
            let end = (start + cut).min(text.len());
            text.splice(start..end, new.chars());
            text.into_iter().collect::<String>()
        }
    });
    let below = prop::collection::vec((at(), any::<u8>()), 1..4).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        changes
            .iter()
            .for_each(|(at, mask)| *at.get_mut(&mut bytes) ^= mask);
        format!("belay:{}", base64url(&bytes))
    });
    prop_oneof![replace, splice, below]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_changed_text_opens(text in changed(&GOOD.0)) {
        // Space around a text says nothing.
        prop_assert!(text.trim() == GOOD.0 || !opens(&text));
    }
}

proptest! {
    #[test]
    fn any_command_crosses_in_one_sms(
        action in prop::sample::select(&SmsAction::ALL[..]),
        counter: u64, epoch: [u8; 16], presence_or_episode: u16, expiry_minutes: u32, device_tag: [u8; 8],
    ) {
        let epoch = Epoch::from_bytes(epoch);
        let command = SmsCommand { action, counter, epoch, presence_or_episode, expiry_minutes, device_tag };
        let text = command.sign(&owner());
        prop_assert_eq!(text.len(), SMS_CHARACTERS);
        let signed = SmsCommand::parse(&format!("\n{text} ")).unwrap();
        prop_assert_eq!(signed.peek_unverified(), &command);
        prop_assert_eq!(signed.id(), command.id());
        prop_assert_eq!(signed.open(&owner().public()), Ok(command));
        prop_assert!(signed.open(&SigningKey::generate().public()).is_err());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(belay:)?\\PC{0,200}") {
        prop_assert!(!opens(&text));
    }
}

#[test]
fn an_unchanged_text_opens() {
    assert!(opens(&GOOD.0));
}

#[test]
fn the_id_depends_on_what_is_signed_alone() {
    let one = command(SmsAction::Ring);
    let signed = |key: &SigningKey| SmsCommand::parse(&one.sign(key)).unwrap().id();
    assert_eq!(signed(&owner()), signed(&SigningKey::generate()));
    let other = SmsCommand {
        counter: one.counter + 1,
        ..one
    };
    assert!(one.id() != other.id() && one.id() != CommandId::from_bytes([0; 16]));
}

#[test]
fn another_version_another_action_and_another_length_are_no_commands() {
    let text = command(SmsAction::Lock).sign(&owner());
    let good = from_base64url(text.trim_start_matches("belay:")).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        SmsCommand::parse(&format!("belay:{}", base64url(&bytes)))
    };
    assert!(with(0, 1).is_ok());
    for version in [0, 2, 255] {
        assert_eq!(with(0, version), Err(BadSms));
    }
    for action in [0, 6, 255] {
        assert_eq!(with(1, action), Err(BadSms));
    }
    let longer = format!("belay:{}", base64url(&[good.as_slice(), &[0]].concat()));
    let shorter = format!("belay:{}", base64url(&good[..103]));
    for text in ["", "belay:", "BELAY:", "hello", &longer, &shorter, &text[6..]] {
        assert_eq!(SmsCommand::parse(text), Err(BadSms), "{text}");
    }
}

#[test]
fn an_sms_carries_the_verbs_that_fit_and_lives_no_longer_than_they_do() {
    let carried: Vec<_> = Verb::ALL
        .into_iter()
        .filter(|verb| SmsAction::of(*verb).is_some())
        .collect();
    assert_eq!(
        carried,
        [Verb::Lock, Verb::Unlock, Verb::Ring, Verb::StopRing, Verb::Locate]
    );
    for action in SmsAction::ALL {
        assert_eq!(SmsAction::of(action.verb()), Some(action));
        match (action.life(), longest_life(action.verb())) {
            (Some(life), Some(longest)) => assert!(life <= longest, "{action:?}"),
            (life, longest) => assert_eq!(life, longest, "{action:?}"),
        }
    }
}

#[test]
fn an_expiry_is_rounded_up_to_minutes_and_never_to_never() {
    assert_eq!(SmsCommand::expiry_of(None), 0);
    assert_eq!(SmsCommand::expiry_of(Some(60_000)), 1);
    assert_eq!(SmsCommand::expiry_of(Some(60_001)), 2);
    assert_eq!(SmsCommand::expiry_of(Some(u64::MAX)), u32::MAX);
    assert_eq!(SmsCommand::expiry_of(Some(0)), 1);
    let with = |expiry_minutes| {
        SmsCommand {
            expiry_minutes,
            ..command(SmsAction::Lock)
        }
        .void_after()
    };
    assert_eq!((with(0), with(2)), (None, Some(120_000)));
    assert_eq!((low16(70_000), low16(4)), (4464, 4));
}
