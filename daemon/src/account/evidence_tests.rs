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
    let newest = phone.witness().newest(Some(&report), &[life]).unwrap().unwrap();
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
    assert_eq!(phone.witness().newest(None, &[]), Ok(None));
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
    assert_eq!(phone.witness().fate(id, &forged), Err(Untrue::Outcome));
    assert_eq!(phone.witness().newest(None, &[forged]), Err(Untrue::Outcome));
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
    assert_eq!(phone.witness().fate(asked, &swapped), Err(Untrue::Outcome));
    let answered = phone.life(other, &[], &phone.warden);
    assert_eq!(phone.witness().fate(asked, &answered), Err(Untrue::Outcome));
}

#[test]
fn without_an_outcome_the_clouds_word_ends_nothing() {
    let phone = Phone::new();
    let id = CommandId::new();
    let mut life = phone.life(id, &[], &phone.warden);
    let fate = phone.witness().fate(id, &life).unwrap();
    assert_eq!((fate.state, fate.reason.as_str()), (CommandState::Queued, ""));
    assert!(!fate.is_final());
    life.delivered_at = Some(2);
    let fate = phone.witness().fate(id, &life).unwrap();
    assert_eq!(fate.state, CommandState::Delivered);
    life.delivered_at = None;
    life.reason = "expired".into();
    assert!(phone.witness().fate(id, &life).unwrap().is_final());
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
    let fate = phone.witness().fate(id, &life).unwrap();
    assert_eq!((fate.state, fate.sequence), (CommandState::Done, 3));
    assert!(fate.is_final());
}
