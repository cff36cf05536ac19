//! Commands that this device signs for others of the account.

use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::owner::{Owner, lock, ring};
use crate::support::{Account, Device, LOGIN, OTHER_PASSWORD, PASSWORD, Running};

/// Two devices of one account; the first signs, the second obeys.
async fn pair() -> (Device, Running, Account, Device, Running, Vec<u8>) {
    let (console, phone) = (Device::initialised(), Device::initialised().other_hardware());
    let (from, to) = (console.start(), phone.start());
    let account = from.register().await;
    let certified = to.sign_in(&account, None).await.unwrap();
    (console, from, account, phone, to, certified.certificate)
}

fn input(certificate: &[u8], report: Option<Vec<u8>>, action: &Action) -> Vec<u8> {
    SignCommandInput {
        certificate: certificate.to_vec(),
        report,
        action: action.verb().as_str().to_owned(),
        arguments: action.encode_arguments(),
    }
    .encode()
}

fn certificate_of(bytes: &[u8]) -> DeviceCertificate {
    Signed::decode(bytes).unwrap().peek_unverified().unwrap()
}

async fn signed_report(warden: &Running) -> Vec<u8> {
    let output = warden.use_ticket("", steps::STATE_REPORT, Done {}.encode()).await;
    StateReportOutput::decode(&output.unwrap()).unwrap().report
}

/// The steps of a `command` ticket, as belayd walks them.
async fn sign(
    warden: &Running,
    account: &Account,
    subject: &str,
    password: &str,
    input: Vec<u8>,
) -> Result<Vec<u8>, Refusal> {
    let ticket = warden.present(Purpose::Command, subject, password).await?;
    warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, account.challenge("command"))
        .await?;
    warden
        .use_ticket(&ticket, steps::OPEN_ROOT, account.open_root())
        .await?;
    let output = warden
        .use_ticket(&ticket, steps::SIGN_COMMAND, input.clone())
        .await?;
    let again = warden.use_ticket(&ticket, steps::SIGN_COMMAND, input).await;
    assert_eq!(again, Err(Refusal::BadTicket), "one ticket, one command");
    Ok(SignCommandOutput::decode(&output).unwrap().envelope)
}

#[tokio::test]
async fn the_password_signs_the_command_that_the_ticket_was_given_for() {
    let (_console, from, account, _phone, to, certificate) = pair().await;
    let target = certificate_of(&certificate);
    let locks = command_subject(&target.device, &lock());
    let asked = input(&certificate, Some(signed_report(&to).await), &lock());
    let envelope = sign(&from, &account, &locks, PASSWORD, asked).await.unwrap();
    assert_eq!(to.command(envelope).await, Disposition::Accepted);
    assert_eq!(from.count("command-signed").await, 1);

    let unlocks = command_subject(&target.device, &Action::Unlock);
    let asked = input(&certificate, Some(signed_report(&to).await), &Action::Unlock);
    let envelope = sign(&from, &account, &unlocks, PASSWORD, asked).await.unwrap();
    assert_eq!(to.command(envelope).await, Disposition::Accepted);
}

#[tokio::test]
async fn belayd_cannot_turn_a_ring_into_a_wipe_nor_aim_it_at_another_device() {
    let (_console, from, account, _phone, to, certificate) = pair().await;
    let target = certificate_of(&certificate);
    let rings = command_subject(&target.device, &ring());
    let wipes = input(&certificate, None, &crate::owner::wipe());
    let answer = sign(&from, &account, &rings, PASSWORD, wipes).await;
    assert_eq!(answer, Err(Refusal::BadTicket));
    let longer = input(&certificate, None, &Action::Ring { seconds: 3600 });
    let answer = sign(&from, &account, &rings, PASSWORD, longer).await;
    assert_eq!(answer, Err(Refusal::BadTicket));
    let elsewhere = input(&account.certificate, None, &ring());
    let answer = sign(&from, &account, &rings, PASSWORD, elsewhere).await;
    assert_eq!(answer, Err(Refusal::BadTicket));
    let stranger = crate::owner::stranger();
    let forged = Signed::seal(&target, &stranger).encode();
    let answer = sign(&from, &account, &rings, PASSWORD, input(&forged, None, &ring())).await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))));
    assert!(to.outcomes(0).await.is_empty());
}

#[tokio::test]
async fn a_report_that_is_not_the_targets_signs_nothing() {
    let (_console, from, account, _phone, _to, certificate) = pair().await;
    let subject = command_subject(&certificate_of(&certificate).device, &Action::Unlock);
    let own = signed_report(&from).await;
    let asked = input(&certificate, Some(own), &Action::Unlock);
    let answer = sign(&from, &account, &subject, PASSWORD, asked).await;
    assert!(matches!(answer, Err(Refusal::CloudRefused(_))));
}

#[tokio::test]
async fn a_wrong_password_signs_nothing_and_neither_does_another_action() {
    let (_console, from, account, _phone, _to, certificate) = pair().await;
    let subject = command_subject(&certificate_of(&certificate).device, &lock());
    let asked = input(&certificate, None, &lock());
    let answer = sign(&from, &account, &subject, OTHER_PASSWORD, asked.clone()).await;
    assert_eq!(answer, Err(Refusal::WrongPassword));
    let ticket = from.present(Purpose::Command, &subject, PASSWORD).await.unwrap();
    let other = account.challenge("delete-account");
    let answer = from.use_ticket(&ticket, steps::LOGIN_SIGNATURE, other).await;
    assert!(matches!(answer, Err(Refusal::InvalidArgument(_))));
    let answer = from.use_ticket(&ticket, steps::SIGN_COMMAND, asked).await;
    assert_eq!(answer, Err(Refusal::BadTicket), "not without the root");
}

#[tokio::test]
async fn a_device_rings_another_without_the_password_and_does_nothing_else_so() {
    let (_console, from, account, _phone, to, certificate) = pair().await;
    let rings = from
        .use_ticket("", steps::SIGN_COMMAND, input(&certificate, None, &ring()))
        .await;
    let output = SignCommandOutput::decode(&rings.unwrap()).unwrap();
    assert_eq!(to.command(output.envelope).await, Disposition::Accepted);
    assert_eq!(to.effects().await.waiting[0].command, output.id);
    for action in [lock(), Action::Locate, crate::owner::wipe(), Action::SignOut] {
        let answer = from
            .use_ticket("", steps::SIGN_COMMAND, input(&certificate, None, &action))
            .await;
        assert_eq!(answer, Err(Refusal::BadTicket));
    }
    from.handle.tighten("stolen".to_owned()).await.unwrap();
    let answer = from
        .use_ticket("", steps::SIGN_COMMAND, input(&certificate, None, &ring()))
        .await;
    assert_eq!(answer, Err(Refusal::DeviceLost));
    drop(account);
}

#[tokio::test]
async fn the_next_sign_in_after_a_new_password_lets_it_ring_again() {
    let (_console, from, account, _phone, to, certificate) = pair().await;
    let newer = account.with_password(OTHER_PASSWORD);
    for warden in [&from, &to] {
        assert_eq!(
            warden.handle.credentials(newer.credentials.clone()).await,
            Ok(true)
        );
    }
    let ring_it = async || {
        let rings = from
            .use_ticket("", steps::SIGN_COMMAND, input(&certificate, None, &ring()))
            .await?;
        let output = SignCommandOutput::decode(&rings).unwrap();
        Ok(to.command(output.envelope).await)
    };
    assert!(
        matches!(ring_it().await, Err(Refusal::NotSupported(_))),
        "its delegate is void"
    );
    let ticket = from
        .present(Purpose::Reauthenticate, LOGIN, OTHER_PASSWORD)
        .await
        .unwrap();
    from.use_ticket(&ticket, steps::LOGIN_SIGNATURE, newer.challenge("reauthenticate"))
        .await
        .unwrap();
    from.use_ticket(&ticket, steps::OPEN_ROOT, newer.open_root())
        .await
        .unwrap();
    assert_eq!(ring_it().await, Ok(Disposition::Accepted));
}

#[tokio::test]
async fn a_counter_above_what_the_target_reported_beats_a_clock_that_is_behind() {
    let (console, from, account, phone, to, certificate) = pair().await;
    let mut owner = Owner {
        certificate: certificate_of(&certificate),
        ..Owner::of(&phone, &account)
    };
    owner.now += 300 * 24 * 3600 * 1000;
    let (_, locks) = owner.signed(lock());
    assert_eq!(to.command(locks).await, Disposition::Accepted);
    let subject = command_subject(&owner.certificate.device, &Action::Unlock);
    let asked = input(&certificate, Some(signed_report(&to).await), &Action::Unlock);
    let envelope = sign(&from, &account, &subject, PASSWORD, asked).await.unwrap();
    assert_eq!(to.command(envelope).await, Disposition::Accepted);
    drop(console);
}
