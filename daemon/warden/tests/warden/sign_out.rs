//! Letting go: with the password, with or without a network, and only then.

use std::fs;
use std::time::Duration;

use belay_proto::signed::{DeviceCertificate, Release, Signed};
use belay_proto::steps::{self, *};
use belay_warden::commands;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;

use crate::support::{Device, OTHER_PASSWORD, PASSWORD};

#[tokio::test]
async fn the_right_password_unbinds_and_gives_a_release_that_proves_itself() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let release = warden.sign_out(PASSWORD).await.unwrap();
    let certificate: DeviceCertificate = Signed::decode(&account.certificate)
        .unwrap()
        .open(&account.owner)
        .unwrap();
    let proven: Release = Signed::decode(&release)
        .unwrap()
        .open(&certificate.warden_key)
        .unwrap();
    assert_eq!(
        (proven.device, proven.epoch),
        (certificate.device, certificate.epoch)
    );
    assert!(matches!(device.load().binding, Binding::Unbound { .. }));
}

#[tokio::test]
async fn a_wrong_password_unbinds_nothing() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    assert_eq!(warden.sign_out(OTHER_PASSWORD).await, Err(Refusal::WrongPassword));
    assert_eq!(warden.sign_out("short").await, Err(Refusal::WrongPassword));
    assert_eq!(warden.count("password-check").await, 1);
    assert!(matches!(device.load().binding, Binding::Bound(_)));
}

#[tokio::test]
async fn a_password_may_be_proved_first_and_is_not_compared_again_for_the_release() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    let proves = async |ticket: &str| {
        let input = Done {}.encode();
        warden.use_ticket(ticket, steps::PROVE, input).await.map(drop)
    };
    let wrong = warden
        .present(Purpose::SignOut, "", OTHER_PASSWORD)
        .await
        .unwrap();
    assert_eq!(proves(&wrong).await, Err(Refusal::WrongPassword));
    assert_eq!(warden.release(&wrong).await, Err(Refusal::WrongPassword));
    let ticket = warden.present(Purpose::SignOut, "", PASSWORD).await.unwrap();
    assert_eq!(proves(&ticket).await, Ok(()));
    assert!(matches!(device.load().binding, Binding::Bound(_)), "nothing else");
    warden.release(&ticket).await.unwrap();
    assert_eq!(warden.count("password-check").await, 2);
    assert_eq!(proves(&ticket).await, Err(Refusal::BadTicket));
}

#[tokio::test]
async fn the_release_waits_until_the_next_binding_and_comes_with_it() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.register().await;
    let release = warden.sign_out(PASSWORD).await.unwrap();
    drop(warden);
    let warden = device.start();
    assert_eq!(warden.saved_release().await, Some(release.clone()));
    let (ticket, certified) = warden.certify(&account).await.unwrap();
    assert_eq!(certified.release, Some(release));
    warden
        .use_ticket(&ticket, steps::BIND, BindInput { existing: None }.encode())
        .await
        .unwrap();
    assert_eq!(warden.saved_release().await, None);
}

#[tokio::test]
async fn the_release_survives_a_reset_in_the_reset_proof_place() {
    let device = Device::with_reset_proof();
    let warden = device.start();
    warden.register().await;
    let release = warden.sign_out(PASSWORD).await.unwrap();
    drop(warden);
    fs::remove_dir_all(device.path("state")).unwrap();
    device.init().unwrap();
    assert_eq!(device.start().saved_release().await, Some(release));
}

#[tokio::test]
async fn a_reset_needs_the_owners_leave_which_lasts_ten_minutes_of_this_boot() {
    let device = Device::initialised();
    let allowed = || commands::reset_allowed(&device.places(), &device.clock).is_ok();
    assert!(allowed(), "nobody's device");
    let warden = device.start();
    warden.register().await;
    assert!(!allowed());

    let authorise = async |password: &str| {
        let ticket = warden.present(Purpose::Reset, "", password).await?;
        let input = AuthorizeResetInput { release: false }.encode();
        warden.use_ticket(&ticket, steps::AUTHORIZE_RESET, input).await
    };
    assert_eq!(authorise(OTHER_PASSWORD).await, Err(Refusal::WrongPassword));
    assert!(!allowed());
    authorise(PASSWORD).await.unwrap();
    assert!(allowed());
    device.clock.advance(Duration::from_secs(599));
    assert!(allowed());
    device.clock.advance(Duration::from_secs(1));
    assert!(!allowed());
    authorise(PASSWORD).await.unwrap();
    warden.handle.tighten("stolen".to_owned()).await.unwrap();
    assert!(!allowed(), "leave from before it was lost");
    warden.unlock(PASSWORD).await.unwrap();
    assert!(allowed());
    device.new_boot();
    assert!(!allowed(), "another boot");
    assert!(matches!(device.load().binding, Binding::Bound(_)));
}

#[tokio::test]
async fn a_reset_with_release_signs_out_too() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    let ticket = warden
        .present(Purpose::Reset, RESET_AND_RELEASE, PASSWORD)
        .await
        .unwrap();
    let input = AuthorizeResetInput { release: true }.encode();
    let output = warden
        .use_ticket(&ticket, steps::AUTHORIZE_RESET, input)
        .await
        .unwrap();
    assert!(AuthorizeResetOutput::decode(&output).unwrap().release.is_some());
    assert!(matches!(
        device.load().binding,
        Binding::Unbound { release: Some(_) }
    ));
    assert!(commands::reset_allowed(&device.places(), &device.clock).is_ok());
}

#[tokio::test]
async fn a_password_given_for_a_reset_never_releases() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    let ticket = warden.present(Purpose::Reset, "", PASSWORD).await.unwrap();
    let input = AuthorizeResetInput { release: true }.encode();
    let answer = warden.use_ticket(&ticket, steps::AUTHORIZE_RESET, input).await;
    assert_eq!(answer, Err(Refusal::BadTicket));
    assert!(matches!(device.load().binding, Binding::Bound(_)));
    assert!(commands::reset_allowed(&device.places(), &device.clock).is_err());
}

#[tokio::test]
async fn the_story_is_in_the_log_and_the_log_verifies() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    warden.sign_out(PASSWORD).await.unwrap();
    let events: Vec<_> = warden
        .handle
        .history(0)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.event)
        .collect();
    assert_eq!(events, ["initialised", "bound", "password-check", "signed-out"]);
    assert!(commands::verify_log(&device.places()).unwrap().is_ok());
    let log = device.places().audit_log();
    let changed = fs::read_to_string(&log).unwrap().replacen("bound", "found", 1);
    fs::write(&log, changed).unwrap();
    assert!(commands::verify_log(&device.places()).unwrap().is_err());
}
