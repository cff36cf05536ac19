//! belayd replaced by a program of a thief's: it may call everything that the warden keeps for belayd, in any
//! order, with any bytes, and the device is neither unbound nor unlocked by it, and no recovery code told.

use belay_tests::app::{App, WARDEN};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use zbus::Connection;

use crate::owner::{ADA, PASSWORD, app, registering};
use crate::scene::{Scene, scene};

/// One call of the thief.
#[derive(Debug, Clone)]
enum Move {
    Use {
        ticket: Ticket,
        step: String,
        input: Vec<u8>,
    },
    Credentials(Vec<u8>),
    Command(Vec<u8>),
    Beat,
    RecoveryCode(Claim),
    History(u64),
}

/// Which claim the thief brings.
#[derive(Debug, Clone)]
enum Claim {
    /// The one that belayd was told when the device was bound.
    Right,
    Made(String),
}

/// Which ticket the thief uses.
#[derive(Debug, Clone, Copy)]
enum Ticket {
    Made,
    /// One that the owner made with the right password, for something harmless.
    Reauthenticate,
    /// Ones that the thief makes with a password of his own.
    WrongSignOut,
    WrongReset,
    Pending,
}

fn moves() -> impl Strategy<Value = Move> {
    let step = prop_oneof![
        Just("release"),
        Just("authorize-reset"),
        Just("login-signature"),
        Just("open-root"),
        Just("certify"),
        Just("bind"),
        Just("discard"),
        Just("acknowledge"),
        Just("new-credentials"),
        Just("sign-command"),
        Just("recover"),
        Just("begin-hold"),
        Just("hold"),
        Just(""),
    ];
    let ticket = prop_oneof![
        Just(Ticket::Made),
        Just(Ticket::Reauthenticate),
        Just(Ticket::WrongSignOut),
        Just(Ticket::WrongReset),
        Just(Ticket::Pending),
    ];
    prop_oneof![
        6 => (ticket, step, bytes()).prop_map(|(ticket, step, input)| Move::Use { ticket, step: step.to_owned(), input }),
        2 => bytes().prop_map(Move::Credentials),
        2 => bytes().prop_map(Move::Command),
        1 => Just(Move::Beat),
        1 => prop_oneof![Just(Claim::Right), "[0-9a-f]{0,40}".prop_map(Claim::Made)].prop_map(Move::RecoveryCode),
        1 => any::<u64>().prop_map(Move::History),
    ]
}

/// Nothing, noise, or a map as the steps take it.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => Just(vec![0xa1, 0x61, b'v', 0x01]),
        2 => Just(vec![0xa2, 0x61, b'v', 0x01, 0x67, b'r', b'e', b'l', b'e', b'a', b's', b'e', 0xf5]),
        1 => Just(vec![0xa2, 0x61, b'v', 0x01, 0x67, b'r', b'e', b'l', b'e', b'a', b's', b'e', 0xf4]),
        2 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// Takes belayd's name, as somebody who broke into it could.
async fn usurp(scene: &mut Scene) -> Connection {
    scene.kill_belayd().await.unwrap();
    let uid = belay_tests::guest::programs().unwrap_or_else(belay_tests::guest::person);
    let thief = scene.connect(uid).await.unwrap();
    thief.request_name("org.belay1").await.unwrap();
    thief
}

#[tokio::test]
async fn whatever_a_usurper_calls_the_device_stays_bound_and_as_locked_as_it_was() {
    let mut scene = scene().await;
    let owner = app(&scene);
    let (claim, recovery) = unwritten(&scene).await;
    let thief = App::new(&usurp(&mut scene).await);
    let present = async |purpose: &str, password: &str| {
        owner
            .present(purpose, ADA, &[("password", password)])
            .await
            .unwrap()
            .unwrap_or_default()
    };
    let tickets = [
        present("reauthenticate", PASSWORD).await,
        present("sign-out", "not-the-password-1").await,
        present("reset", "not-the-password-2").await,
    ];
    let mut runner = TestRunner::deterministic();
    for _ in 0..400 {
        let planned = moves().new_tree(&mut runner).unwrap().current();
        let said = play(&thief, &tickets, &claim, &planned).await;
        assert!(!said.contains(&recovery), "told by {planned:?}");
        let binding = owner.text(WARDEN, "BindingState").await.unwrap();
        assert_eq!(binding, "bound", "after {planned:?}, answered {said:?}");
        assert_eq!(
            owner.text(WARDEN, "LockState").await.unwrap(),
            "unlocked",
            "after {planned:?}"
        );
    }
    assert_eq!(scene.warden_command(&["reset-allowed"]).await.unwrap(), Some(1));
    // It was there all the time, for somebody else.
    assert_eq!(owner.recovery_code(&claim).await.unwrap().unwrap(), recovery);

    // Tightening is what it may do; from then on the device is lost until the owner says otherwise.
    thief
        .call::<_, ()>(WARDEN, "Tighten", &("a thief's reason",))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(owner.text(WARDEN, "LockState").await.unwrap(), "lost");
    for _ in 0..200 {
        let planned = moves().new_tree(&mut runner).unwrap().current();
        let said = play(&thief, &tickets, &claim, &planned).await;
        assert!(!said.contains(&recovery), "told by {planned:?}");
        assert_eq!(
            owner.text(WARDEN, "LockState").await.unwrap(),
            "lost",
            "after {planned:?}"
        );
        assert_eq!(
            owner.text(WARDEN, "BindingState").await.unwrap(),
            "bound",
            "after {planned:?}"
        );
    }
    let fd = zbus::Fd::from(belay_tests::app::memfd(PASSWORD.as_bytes()).unwrap());
    scene
        .clock()
        .advance(std::time::Duration::from_secs(24 * 3600))
        .unwrap();
    owner
        .call::<_, ()>(WARDEN, "Unlock", &(fd,))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(owner.text(WARDEN, "LockState").await.unwrap(), "unlocked");
}

/// Binds the device to Ada without saying that the recovery code is written down; the claim, and the code.
async fn unwritten(scene: &Scene) -> (String, String) {
    let app = app(scene);
    let (id, code) = registering(scene, ADA, PASSWORD).await;
    let claim = app.claim(&id, &code).await.unwrap().unwrap();
    let recovery = app.recovery_code(&claim).await.unwrap().unwrap();
    (claim, recovery)
}

/// What the thief is answered, as text.
async fn play(thief: &App, tickets: &[String; 3], claim: &str, planned: &Move) -> String {
    let made = "0123456789abcdef0123456789abcdef".to_owned();
    let answer = match planned {
        Move::Use { ticket, step, input } => {
            let ticket = match ticket {
                Ticket::Made | Ticket::Pending => &made,
                Ticket::Reauthenticate => &tickets[0],
                Ticket::WrongSignOut => &tickets[1],
                Ticket::WrongReset => &tickets[2],
            };
            thief
                .call::<_, Vec<u8>>(WARDEN, "Use", &(ticket, step, input))
                .await
                .unwrap()
                .map(|output| String::from_utf8_lossy(&output).into_owned())
        }
        Move::Credentials(bytes) => thief
            .call::<_, bool>(WARDEN, "Credentials", &(bytes,))
            .await
            .unwrap()
            .map(|taken| taken.to_string()),
        Move::Command(envelope) => thief
            .call::<_, String>(WARDEN, "Command", &(envelope,))
            .await
            .unwrap(),
        Move::Beat => thief
            .call::<_, ()>(WARDEN, "Beat", &())
            .await
            .unwrap()
            .map(|()| String::new()),
        Move::RecoveryCode(made) => {
            let answer = match made {
                Claim::Right => thief.recovery_code(claim).await.unwrap(),
                Claim::Made(claim) => thief.recovery_code(claim).await.unwrap(),
            };
            let refusal = answer.unwrap_err();
            assert_eq!(refusal.short(), "NotAuthorized");
            Err(refusal)
        }
        Move::History(since) => {
            type Rows = Vec<std::collections::HashMap<String, zbus::OwnedVariant>>;
            thief
                .call::<_, Rows>(WARDEN, "History", &(since,))
                .await
                .unwrap()
                .map(|rows| format!("{rows:?}"))
        }
    };
    answer.unwrap_or_else(|refusal| refusal.to_string())
}
