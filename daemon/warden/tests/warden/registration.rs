//! From a password to a bound device.

use std::time::Duration;

use belay_proto::Secret;
use belay_proto::keys::{RecoveryClaim, RecoveryCode};
use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;

use crate::support::{Account, Device, LOGIN, PASSWORD};

fn bound(device: &Device) -> bool {
    matches!(device.load().binding, Binding::Bound(_))
}

#[tokio::test]
async fn registering_binds_the_device_only_when_the_cloud_has_accepted() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.found().await.unwrap();
    assert!(!bound(&device));
    let output = warden.bind_pending(account.pending).await.unwrap();
    let certificate: DeviceCertificate = Signed::decode(&account.certificate)
        .unwrap()
        .open(&account.owner)
        .unwrap();
    assert!(certificate.names_itself() && certificate.device == output.device);
    assert!(bound(&device));
}

#[tokio::test]
async fn binding_again_after_a_lost_answer_answers_the_same() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.found().await.unwrap();
    let first = warden.bind_pending(account.pending).await.unwrap();
    let again = warden.bind_pending(account.pending).await.unwrap();
    drop(warden);
    let restarted = device.start().bind_pending(account.pending).await.unwrap();
    for later in [again, restarted] {
        assert_eq!((later.device, later.epoch), (first.device, first.epoch));
        assert!(later.claim.is(&first.claim));
    }
}

#[tokio::test]
async fn the_recovery_code_opens_the_root_and_is_told_for_its_claim_from_binding_to_acknowledgement() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.found().await.unwrap();
    let claim = device.load().key.recovery_claim(&account.pending);
    let code = async |warden: &crate::support::Running| warden.recovery_code(&claim).await;
    assert!(matches!(code(&warden).await, Err(Refusal::NotFound)));
    assert!(
        warden
            .bind_pending(account.pending)
            .await
            .unwrap()
            .claim
            .is(&claim)
    );
    drop(warden);

    let warden = device.start();
    let text = code(&warden).await.unwrap();
    assert_eq!(code(&warden).await.unwrap().expose(), text.expose());
    let record = account.record();
    let root = RecoveryCode::parse(text.expose())
        .unwrap()
        .unwrap(&record.account, &record.recovery_wrap)
        .unwrap();
    assert_eq!(root.owner_key().public(), account.owner);

    let input = PendingInput {
        pending: account.pending,
    }
    .encode();
    warden
        .use_ticket(&account.pending.to_string(), steps::ACKNOWLEDGE, input)
        .await
        .unwrap();
    assert!(matches!(code(&warden).await, Err(Refusal::NotFound)));
    assert!(matches!(
        warden.bind_pending(account.pending).await,
        Err(Refusal::NotFound)
    ));
}

#[tokio::test]
async fn a_wrong_claim_gets_nothing_and_leaves_few_lines_in_the_audit_log() {
    let device = Device::initialised();
    let warden = device.start();
    let earlier = warden.found().await.unwrap();
    let account = warden.found().await.unwrap();
    let claim = warden.bind_pending(account.pending).await.unwrap().claim;
    let old = device.load().key.recovery_claim(&earlier.pending);
    assert_eq!(
        warden.recovery_code(&old).await.map(drop),
        Err(Refusal::BadTicket)
    );
    assert_eq!(warden.count("recovery-claim-refused").await, 1);
    for number in 0..99 {
        let wrong = RecoveryClaim::from_bytes(Secret::new([number; 16]));
        let answer = warden.recovery_code(&wrong).await.map(drop);
        assert_eq!(answer, Err(Refusal::BadTicket));
    }
    let log = warden.handle.history(0).await.unwrap();
    let noted: Vec<_> = log
        .iter()
        .filter(|entry| entry.event == "recovery-claim-refused")
        .map(|entry| (entry.actor.as_str(), entry.detail.as_str()))
        .collect();
    let tries = ["try 1", "try 2", "try 4", "try 8", "try 16", "try 32", "try 64"];
    assert_eq!(noted, tries.map(|n| ("session", n)));
    assert!(
        warden.recovery_code(&claim).await.is_ok(),
        "the right one still works"
    );
}

#[tokio::test]
async fn a_registration_lives_a_day_of_boot_time_and_a_reboot_begins_it_again() {
    let device = Device::initialised();
    let warden = device.start();
    let account = warden.found().await.unwrap();
    device.clock.advance(Duration::from_secs(23 * 3600));
    drop(warden);
    device.new_boot();
    let warden = device.start();
    device.clock.advance(Duration::from_secs(23 * 3600));
    drop(warden);
    let warden = device.start();
    device.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        warden.bind_pending(account.pending).await.map(drop),
        Err(Refusal::NotFound)
    );
}

#[tokio::test]
async fn discarding_ends_a_registration_but_never_a_binding() {
    let device = Device::initialised();
    let warden = device.start();
    let discard = async |account: &Account| {
        let input = PendingInput {
            pending: account.pending,
        }
        .encode();
        warden
            .use_ticket(&account.pending.to_string(), steps::DISCARD, input)
            .await
    };
    let first = warden.found().await.unwrap();
    assert!(discard(&first).await.is_ok());
    assert_eq!(
        warden.bind_pending(first.pending).await.map(drop),
        Err(Refusal::NotFound)
    );
    let second = warden.register().await;
    assert_eq!(discard(&second).await, Err(Refusal::AlreadyBound));
    assert!(bound(&device));
}

#[tokio::test]
async fn weak_passwords_and_bound_devices_are_refused_at_once() {
    let device = Device::initialised();
    let warden = device.start();
    assert_eq!(
        warden.present(Purpose::Register, LOGIN, "password1").await,
        Err(Refusal::WeakPassword)
    );
    assert!(matches!(
        warden.present(Purpose::Register, LOGIN, "").await,
        Err(Refusal::InvalidArgument(_))
    ));
    assert!(matches!(
        warden.present(Purpose::Register, "nobody", PASSWORD).await,
        Err(Refusal::InvalidArgument(_))
    ));
    assert_eq!(
        warden.present(Purpose::SignOut, "", PASSWORD).await,
        Err(Refusal::NotBound)
    );
    warden.register().await;
    assert_eq!(
        warden.present(Purpose::Register, LOGIN, PASSWORD).await,
        Err(Refusal::AlreadyBound)
    );
    assert_eq!(
        warden.present(Purpose::SignIn, LOGIN, PASSWORD).await,
        Err(Refusal::AlreadyBound)
    );
}

#[tokio::test]
async fn signing_in_binds_under_a_new_epoch() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let other = Device::initialised().other_hardware();
    let warden = other.start();
    let certified = warden.sign_in(&account, None).await.unwrap();
    let certificate: DeviceCertificate = Signed::decode(&certified.certificate)
        .unwrap()
        .open(&account.owner)
        .unwrap();
    assert!(certificate.names_itself() && certificate.epoch == certified.epoch && bound(&other));
}

#[tokio::test]
async fn a_cloud_that_lies_is_refused_and_nothing_is_bound() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let other = Device::initialised();
    let warden = other.start();
    let ticket = warden.present(Purpose::SignIn, LOGIN, PASSWORD).await.unwrap();
    let mut cheap = LoginSignatureInput::decode(&account.challenge("sign-in")).unwrap();
    cheap.parameters.iterations = 1;
    let refused = warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, cheap.encode())
        .await;
    assert!(matches!(refused, Err(Refusal::CloudRefused(_))));

    warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, account.challenge("sign-in"))
        .await
        .unwrap();
    let mut wrong_share = OpenRootInput::decode(&account.open_root()).unwrap();
    wrong_share.share = belay_proto::Secret::new([0; 32]);
    let mut forged = OpenRootInput::decode(&account.open_root()).unwrap();
    let last = forged.credentials.len() - 1;
    forged.credentials[last] ^= 1;
    for lie in [wrong_share, forged] {
        let refused = warden.use_ticket(&ticket, steps::OPEN_ROOT, lie.encode()).await;
        assert!(matches!(refused, Err(Refusal::CloudRefused(_))));
        let certify = CertifyInput {
            device_key: crate::support::device_key(),
            login: String::new(),
        };
        assert_eq!(
            warden.use_ticket(&ticket, steps::CERTIFY, certify.encode()).await,
            Err(Refusal::BadTicket)
        );
    }
    assert!(!bound(&other));
}
