//! Tests of what is believed of a device.

use super::*;
use crate::account::phone::Phone;

#[test]
fn a_certificate_counts_under_the_owners_key_and_for_the_owners_account_alone() {
    let phone = Phone::new();
    let account = phone.certificate.account;
    let good = Signed::seal(&phone.certificate, &phone.owner).encode();
    let owner = phone.owner.public();
    assert_eq!(
        certificate(&good, &owner, &account).as_ref(),
        Ok(&phone.certificate)
    );
    let foreign = Signed::seal(&phone.certificate, &phone.warden).encode();
    let misnamed = DeviceCertificate {
        device: DeviceId::random(),
        ..phone.certificate.clone()
    };
    let misnamed = Signed::seal(&misnamed, &phone.owner).encode();
    for bad in [&foreign, &misnamed, &b"nonsense".to_vec()] {
        assert_eq!(certificate(bad, &owner, &account), Err(Untrue::Certificate));
    }
    assert_eq!(
        certificate(&good, &owner, &AccountId::random()),
        Err(Untrue::Certificate)
    );
}

#[test]
fn the_newest_of_reports_and_outcomes_says_how_a_device_stands() {
    let phone = Phone::new();
    let id = CommandId::new();
    let report = Signed::seal(&phone.report(5), &phone.warden).encode();
    let outcomes = [4, 6].map(|sequence| phone.outcome(id, sequence, CommandState::Done));
    let life = phone.life(id, &outcomes, &phone.warden);
    let told = phone.witness().testimony(Some(&report), &[life], 5);
    assert_eq!((told.reported, told.doubt), (5, None));
    let newest = told.standing.unwrap();
    assert_eq!(
        (
            newest.sequence,
            newest.presence,
            newest.counter,
            newest.lock.as_str()
        ),
        (6, 3, 46, "lost")
    );
    assert_eq!(
        (newest.time, newest.find),
        (7_000, Some(true)),
        "a report alone tells these"
    );
    assert_eq!(phone.witness().testimony(None, &[], 0), Testimony::default());
}

#[test]
fn what_another_device_signed_is_refused_by_name() {
    let (phone, other) = (Phone::new(), Phone::new());
    let id = CommandId::new();
    let foreign = Signed::seal(&other.report(9), &other.warden).encode();
    assert_eq!(phone.witness().standing(&foreign), Err(Untrue::Report));
    // The other device's words under this one's name, and this device's of another binding.
    let claimed = Signed::seal(&phone.report(9), &other.warden).encode();
    assert_eq!(phone.witness().standing(&claimed), Err(Untrue::Report));
    let before = StateReport {
        epoch: Epoch::random(),
        ..phone.report(9)
    };
    let before = Signed::seal(&before, &phone.warden).encode();
    assert_eq!(phone.witness().standing(&before), Err(Untrue::Report));
    let forged = phone.life(id, &[phone.outcome(id, 1, CommandState::Done)], &other.warden);
    assert_eq!(phone.witness().fate(id, &forged, false), Err(Untrue::Outcome));
}

#[test]
fn what_does_not_prove_itself_is_left_out_and_keeps_nobody_from_ringing() {
    let (phone, other) = (Phone::new(), Phone::new());
    let id = CommandId::new();
    let own = phone.life(id, &[phone.outcome(id, 4, CommandState::Done)], &phone.warden);
    let forged = phone.life(id, &[phone.outcome(id, 9, CommandState::Done)], &other.warden);
    let foreign = Signed::seal(&other.report(9), &other.warden).encode();
    let old = Signed::seal(&phone.report(3), &phone.warden).encode();
    for (state, lives, doubt) in [
        (Some(&foreign), vec![own.clone()], Untrue::Report),
        (Some(&b"nonsense".to_vec()), vec![own.clone()], Untrue::Report),
        (Some(&old), vec![forged, own.clone()], Untrue::Outcome),
        (Some(&old), vec![own.clone()], Untrue::OldReport),
        (None, vec![own], Untrue::OldReport),
    ] {
        let told = phone.witness().testimony(state.map(Vec::as_slice), &lives, 4);
        assert_eq!(told.doubt, Some(doubt));
        assert_eq!(told.standing.as_ref().unwrap().sequence, 4, "its own word counts");
        for verb in Verb::ALL {
            let left = told.clone().good_for(verb);
            match verb.may_be_delegated() {
                true => assert_eq!(left.as_ref(), Ok(&told), "{verb:?}"),
                false => assert_eq!(left, Err(doubt), "{verb:?}"),
            }
        }
    }
}

#[test]
fn an_outcome_of_another_command_is_not_this_ones() {
    let phone = Phone::new();
    let (asked, other) = (CommandId::new(), CommandId::new());
    let swapped = phone.life(
        asked,
        &[phone.outcome(other, 1, CommandState::Done)],
        &phone.warden,
    );
    assert_eq!(phone.witness().fate(asked, &swapped, false), Err(Untrue::Outcome));
    let answered = phone.life(other, &[], &phone.warden);
    assert_eq!(
        phone.witness().fate(asked, &answered, false),
        Err(Untrue::Outcome)
    );
}

#[test]
fn without_an_outcome_the_clouds_word_ends_nothing() {
    let phone = Phone::new();
    let id = CommandId::new();
    let mut life = phone.life(id, &[], &phone.warden);
    let fate = phone.witness().fate(id, &life, true).unwrap();
    assert_eq!((fate.state, fate.reason.as_str()), (CommandState::Queued, ""));
    assert!(!fate.is_final());
    life.delivered_at = Some(2);
    let fate = phone.witness().fate(id, &life, false).unwrap();
    assert_eq!(fate.state, CommandState::Delivered);
    life.delivered_at = None;
    life.reason = "expired".into();
    let early = phone.witness().fate(id, &life, false).unwrap();
    assert_eq!((early.state, early.reason.as_str()), (CommandState::Queued, ""));
    assert!(!early.is_final(), "before its time is over");
    assert!(phone.witness().fate(id, &life, true).unwrap().is_final());
}

#[test]
fn states_only_go_forward_however_often_the_cloud_changes_its_mind() {
    let fate = |state, reason: &str, sequence| Fate {
        state,
        reason: reason.into(),
        sequence,
        ..Fate::default()
    };
    let queued = fate(CommandState::Queued, "", 0);
    let delivered = fate(CommandState::Delivered, "", 0);
    let expired = fate(CommandState::Queued, EXPIRED, 0);
    let running = fate(CommandState::Running, "", 4);
    assert!(queued.follows(&Fate::default()) && delivered.follows(&queued) && expired.follows(&queued));
    assert!(running.follows(&queued) && running.follows(&delivered));
    for (new, known) in [
        (&queued, &queued),
        (&queued, &delivered),
        (&expired, &delivered),
        (&delivered, &expired),
        (&running, &expired),
        (&queued, &running),
        (&delivered, &running),
        (&fate(CommandState::Accepted, "", 3), &running),
        (&fate(CommandState::Done, "", 4), &running),
        (&Fate::default(), &queued),
    ] {
        assert!(!new.follows(known), "{new:?} after {known:?}");
    }
    assert!(fate(CommandState::Done, "", 5).follows(&running));
    // On the bus the places aren't told, and belayd keeps the order.
    let deferred = fate(CommandState::Deferred, "no-network", 0);
    let again = fate(CommandState::Running, "", 0);
    assert!(again.follows(&deferred) && deferred.follows(&again) && !again.follows(&again));
}

#[test]
fn codes_of_a_device_hold_nothing_that_moves_a_cursor_or_turns_a_text() {
    let phone = Phone::new();
    let id = CommandId::new();
    let sly = "no\u{1b}[2J\u{202e}\nroute";
    let outcome = Outcome {
        reason: sly.into(),
        lock: sly.repeat(20),
        ..phone.outcome(id, 3, CommandState::Failed)
    };
    let life = phone.life(id, &[outcome], &phone.warden);
    let fate = phone.witness().fate(id, &life, false).unwrap();
    assert_eq!(fate.reason, "no?[2J??route");
    assert_eq!(fate.lock.len(), 64);
    let standing = phone.witness().testimony(None, &[life], 0).standing.unwrap();
    assert!(!standing.lock.contains('\u{1b}'));
}

#[test]
fn the_newest_outcome_counts_in_whatever_order_they_come() {
    let phone = Phone::new();
    let id = CommandId::new();
    let outcomes = [
        phone.outcome(id, 3, CommandState::Done),
        phone.outcome(id, 2, CommandState::Running),
    ];
    let life = phone.life(id, &outcomes, &phone.warden);
    let fate = phone.witness().fate(id, &life, false).unwrap();
    assert_eq!((fate.state, fate.sequence), (CommandState::Done, 3));
    assert!(fate.is_final());
}
