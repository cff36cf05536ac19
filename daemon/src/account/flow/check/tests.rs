//! What is found, of sessions and devices made up here.

use belay_proto::id::DeviceId;
use belay_proto::signed::EPOCHS_END;

use super::*;
use crate::account::model::{Identifier, Profile};

fn session(addresses: &[bool], recovery_code_set: bool) -> Session {
    let address = |(place, verified): (usize, &bool)| Identifier {
        id: format!("a{place}"),
        kind: "email".into(),
        masked: "j•••".into(),
        verified: *verified,
    };
    Session {
        account: AccountId::random(),
        identifiers: addresses.iter().enumerate().map(address).collect(),
        profile: Profile::default(),
        since: 1,
        recovery_code_set,
        bound: true,
        ended: false,
        departure: None,
        new_code: None,
        leaves_data: false,
        deletion_sent: false,
    }
}

fn device(last_seen: u64, lost: bool) -> Device {
    Device {
        id: DeviceId::random(),
        name: "Other".into(),
        model: "m".into(),
        kind: belay_proto::wire::DeviceKind::Phone,
        wipe_class: "none".into(),
        this: false,
        last_seen,
        lost,
    }
}

fn ids(found: &[Finding]) -> Vec<(&str, Severity)> {
    found
        .iter()
        .map(|finding| (finding.id.split(':').next().unwrap(), finding.severity))
        .collect()
}

/// An account with a code and two addresses, and nothing else.
fn tidy(session: &Session) -> Known<'_> {
    Known {
        session,
        devices: &[],
        refusals: &[],
        notes: &[],
        key_epoch: 1,
        key_epochs: 1,
        password: None,
    }
}

#[test]
fn an_account_with_a_code_and_two_addresses_has_nothing_to_mend() {
    let (now, session) = (LONG_UNSEEN + 10, session(&[true, true], true));
    let known = Known {
        devices: &[device(now, false)],
        password: Some((3, now)),
        ..tidy(&session)
    };
    assert_eq!(judge(&known, now), []);
}

#[test]
fn no_second_way_and_no_code_is_critical_and_comes_first() {
    let one = session(&[true, false], false);
    let known = Known {
        notes: &["unencrypted".into()],
        ..tidy(&one)
    };
    let wanted = [
        ("recovery-code", Severity::Critical),
        ("second-address", Severity::Warning),
        ("address", Severity::Warning),
        ("assurance", Severity::Info),
    ];
    assert_eq!(ids(&judge(&known, 1)), wanted);
    let with_two = judge(&tidy(&session(&[true, true], false)), 1);
    assert_eq!(ids(&with_two), [("recovery-code", Severity::Warning)]);
}

#[test]
fn a_lost_device_a_long_unseen_one_and_refusals_are_told() {
    let (now, session) = (2 * LONG_UNSEEN, session(&[true, true], true));
    let known = Known {
        devices: &[
            device(now - LONG_UNSEEN - 1, false),
            device(now, true),
            device(now, false),
        ],
        refusals: &["command-refused".into()],
        ..tidy(&session)
    };
    let wanted = [
        ("lost", Severity::Critical),
        ("command-refused", Severity::Warning),
        ("unseen", Severity::Info),
    ];
    assert_eq!(ids(&judge(&known, now)), wanted);
}

#[test]
fn a_weak_password_and_one_of_long_ago_are_to_be_changed() {
    let said = |password| {
        let session = session(&[true, true], true);
        let known = Known {
            password: Some(password),
            ..tidy(&session)
        };
        let found = judge(&known, OLD_PASSWORD + 100);
        let all: Vec<_> = found
            .iter()
            .map(|it| (it.id.clone(), it.severity, it.advice))
            .collect();
        all
    };
    let advice = "change-the-password";
    assert_eq!(
        said((2, 100)),
        [("weak-password".into(), Severity::Warning, advice)]
    );
    assert_eq!(said((3, 99)), [("old-password".into(), Severity::Info, advice)]);
    assert_eq!(said((3, 100)), []);
    // A clock that was ahead when it was chosen tells nothing.
    assert_eq!(said((4, u64::MAX)), []);
}

#[test]
fn keys_that_no_others_follow_are_told_and_those_before_are_not() {
    let session = session(&[true, true], true);
    let said = |key_epoch, key_epochs| {
        let known = Known {
            key_epoch,
            key_epochs,
            ..tidy(&session)
        };
        let found = judge(&known, 1);
        assert!(found.iter().all(|it| it.advice == "begin-another-account"));
        found
    };
    let most = u64::try_from(MOST_EPOCHS).unwrap();
    assert_eq!(said(EPOCHS_END - 2, most - 1), []);
    let last = said(EPOCHS_END - 1, 1);
    assert_eq!(ids(&last), [("no-new-keys", Severity::Warning)]);
    let as_many_as_are_kept = said(most + 7, most);
    assert_eq!(ids(&as_many_as_are_kept), [("no-removals", Severity::Warning)]);
    // With the last number there is the warden makes none, however many it keeps, and refuses nothing.
    let both = said(EPOCHS_END - 1, most);
    assert_eq!(ids(&both), [("no-new-keys", Severity::Warning)]);
}

#[test]
fn refused_commands_and_guesses_in_a_row_are_refusals_and_slips_of_the_finger_are_none() {
    let entry = |event: &str, detail: &str| {
        [("event", event), ("detail", detail)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), zbus::Variant::from(value).try_to_owned().unwrap()))
            .collect()
    };
    let history = vec![
        entry("password-check", "try 4"),
        entry("command-refused", "stale"),
        entry("command-refused", "expired"),
        entry("bound", "registered as j•••"),
    ];
    assert_eq!(refusals(&history), ["command-refused"]);
    assert_eq!(
        refusals(&vec![entry("password-check", "try 5")]),
        ["password-guesses"]
    );
}

#[test]
fn a_device_that_was_removed_is_told_what_is_left_to_do() {
    for (departure, id) in [
        (Departure::Removed, "removed"),
        (Departure::AccountDeleted, "account-deleted"),
    ] {
        let found = departed(departure);
        assert_eq!((found.id.as_str(), found.severity), (id, Severity::Critical));
        assert_eq!(found.advice, "sign-out-of-this-device");
    }
}
