//! Tickets, and when the warden leaves.

use std::time::Duration;

use belay_proto::TicketId;
use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;

use crate::stopping_disk::StoppingDisk;
use crate::support::{Device, LOGIN, PASSWORD};

#[tokio::test]
async fn a_used_a_foreign_and_an_expired_ticket_are_bad() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    let ticket = warden.present(Purpose::SignOut, "", PASSWORD).await.unwrap();
    for foreign in [
        String::new(),
        "no ticket".to_owned(),
        TicketId::random().to_string(),
        ticket.to_uppercase(),
    ] {
        assert_eq!(warden.release(&foreign).await, Err(Refusal::BadTicket));
    }
    device.clock.advance(Duration::from_secs(60));
    assert_eq!(warden.release(&ticket).await, Err(Refusal::BadTicket));
    let ticket = warden.present(Purpose::SignOut, "", PASSWORD).await.unwrap();
    warden.release(&ticket).await.unwrap();
    assert_eq!(warden.release(&ticket).await, Err(Refusal::BadTicket));
}

#[tokio::test]
async fn a_ticket_is_good_for_its_purpose_only_and_in_order() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let warden = device.start();
    let reset = warden.present(Purpose::Reset, "", PASSWORD).await.unwrap();
    assert_eq!(warden.release(&reset).await, Err(Refusal::BadTicket));
    let login = warden
        .use_ticket(&reset, steps::LOGIN_SIGNATURE, account.challenge("sign-in"))
        .await;
    assert_eq!(login, Err(Refusal::BadTicket));
    warden.sign_out(PASSWORD).await.unwrap();

    let ticket = warden.present(Purpose::SignIn, LOGIN, PASSWORD).await.unwrap();
    let early = [
        (steps::OPEN_ROOT, account.open_root()),
        (
            steps::CERTIFY,
            CertifyInput {
                device_key: crate::support::device_key(),
                login: String::new(),
            }
            .encode(),
        ),
        (steps::BIND, BindInput { existing: None }.encode()),
        ("no-such-step", Vec::new()),
    ];
    for (step, input) in early {
        assert_eq!(
            warden.use_ticket(&ticket, step, input).await,
            Err(Refusal::BadTicket),
            "{step}"
        );
    }
    let elsewhere = warden
        .use_ticket(
            &ticket,
            steps::LOGIN_SIGNATURE,
            account.challenge("reauthenticate"),
        )
        .await;
    assert!(matches!(elsewhere, Err(Refusal::InvalidArgument(_))));
    let garbage = warden
        .use_ticket(&ticket, steps::LOGIN_SIGNATURE, vec![0xff])
        .await;
    assert!(matches!(garbage, Err(Refusal::InvalidArgument(_))));
}

#[tokio::test]
async fn a_sign_in_that_takes_longer_than_its_ticket_lives_is_told_so_at_each_step() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let other = Device::initialised();
    let warden = other.start();
    let ticket = warden.present(Purpose::SignIn, LOGIN, PASSWORD).await.unwrap();
    other.clock.advance(Duration::from_secs(60));
    let certificate = Some(vec![7; 100]);
    for (step, input) in [
        (steps::LOGIN_SIGNATURE, account.challenge("sign-in")),
        (steps::OPEN_ROOT, account.open_root()),
        (steps::BIND, BindInput { existing: None }.encode()),
        (
            steps::BIND,
            BindInput {
                existing: certificate,
            }
            .encode(),
        ),
    ] {
        let late = warden.use_ticket(&ticket, step, input).await;
        assert_eq!(late, Err(Refusal::BadTicket), "{step}");
    }
    let garbage = warden.use_ticket(&ticket, steps::BIND, vec![0xff]).await;
    assert!(matches!(garbage, Err(Refusal::InvalidArgument(_))));
}

#[tokio::test]
async fn a_ticket_does_not_survive_the_process() {
    let device = Device::initialised();
    let warden = device.start();
    warden.register().await;
    let ticket = warden.present(Purpose::SignOut, "", PASSWORD).await.unwrap();
    drop(warden);
    assert_eq!(device.start().release(&ticket).await, Err(Refusal::BadTicket));
}

#[tokio::test]
async fn one_ticket_cannot_keep_the_processor_busy() {
    let device = Device::initialised();
    let account = device.start().register().await;
    let other = Device::initialised();
    let warden = other.start();
    let ticket = warden.present(Purpose::SignIn, LOGIN, PASSWORD).await.unwrap();
    let mut challenge = LoginSignatureInput::decode(&account.challenge("sign-in")).unwrap();
    let mut refused = None;
    for salt in 0..6 {
        challenge.salt = [salt; 16];
        refused = warden
            .use_ticket(&ticket, steps::LOGIN_SIGNATURE, challenge.encode())
            .await
            .err();
    }
    assert_eq!(refused, Some(Refusal::BadTicket));
}

#[tokio::test]
async fn the_warden_leaves_when_nothing_is_pending_and_stays_while_lost() {
    let mut device = Device::initialised();
    device.idle_exit = Duration::from_secs(30);
    let warden = device.start();
    warden.register().await;
    warden.present(Purpose::SignOut, "", PASSWORD).await.unwrap();
    let leaving = |warden: &crate::support::Running| {
        let handle = warden.handle.clone();
        tokio::spawn(async move { handle.idle().await })
    };
    let told = leaving(&warden);
    let pass = async |seconds: u64| {
        device.clock.advance(Duration::from_secs(seconds));
        // Each turn of the loop lets the actor see the new time.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    };
    pass(59).await;
    assert!(!told.is_finished(), "a ticket is alive");
    pass(3600).await;
    assert!(!told.is_finished(), "a clock that jumped is not idleness");
    pass(15).await;
    tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        warden.present(Purpose::SignOut, "", PASSWORD).await,
        Err(Refusal::Busy)
    );
    drop(warden);

    let warden = device.start();
    let told = leaving(&warden);
    warden.handle.tighten("owner-asked".to_owned()).await.unwrap();
    pass(3600).await;
    pass(3600).await;
    assert!(!told.is_finished(), "lost");
}

#[tokio::test]
async fn no_ticket_outlives_its_time_for_want_of_a_disk() {
    let mut device = Device::initialised();
    device.idle_exit = Duration::from_secs(30);
    let disk = StoppingDisk::new(usize::MAX, false);
    let warden = device.start_on(Box::new(disk.clone()));
    warden.found().await.unwrap();
    device.clock.advance(Duration::from_secs(24 * 60 * 60 - 10));
    warden.present(Purpose::Register, LOGIN, PASSWORD).await.unwrap();
    let told = {
        let handle = warden.handle.clone();
        tokio::spawn(async move { handle.idle().await })
    };
    // The registration's end can't be written from here on, and is tried at each turn.
    disk.stop();
    for seconds in [60, 15, 15] {
        device.clock.advance(Duration::from_secs(seconds));
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }
    tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn each_last_step_uses_its_ticket_up() {
    let device = Device::initialised();
    let warden = device.start();
    let ticket = warden.present(Purpose::Register, LOGIN, PASSWORD).await.unwrap();
    let found = NewCredentialsInput {
        device_key: crate::support::device_key(),
        login: String::new(),
    };
    let mut answers = Vec::new();
    for _ in 0..2 {
        let answer = warden
            .use_ticket(&ticket, steps::NEW_CREDENTIALS, found.encode())
            .await;
        answers.push(answer.map(drop));
    }
    warden.register().await;
    let ticket = warden.present(Purpose::Reset, "", PASSWORD).await.unwrap();
    let reset = AuthorizeResetInput { release: false };
    for _ in 0..2 {
        let answer = warden
            .use_ticket(&ticket, steps::AUTHORIZE_RESET, reset.encode())
            .await;
        answers.push(answer.map(drop));
    }
    let once = [Ok(()), Err(Refusal::BadTicket)];
    assert_eq!(answers, [once.clone(), once].concat());
}
