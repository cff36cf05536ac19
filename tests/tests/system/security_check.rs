//! SecurityCheck over the real bus, warden and cloud: what happened to the account and its devices is found.

use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, Options, WARDEN, refused};
use belay_tests::owner::Console;
use belay_tests::until::until;

use crate::account_life::{another, device_id, hers};
use crate::find_faults::lock;
use crate::holding::{HOUR, unlock};
use crate::owner::{ADA, PASSWORD, app};
use crate::scene::Scene;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the security check finds: what, how grave, what to do.
pub async fn findings(scene: &Scene) -> Vec<(String, String, String)> {
    let found: Answer<_> = app(scene)
        .call(ACCOUNT, "SecurityCheck", &(Options::new(),))
        .await
        .unwrap();
    found.unwrap()
}

/// Whether something is found, as grave as this.
fn has(found: &[(String, String, String)], what: &str, severity: &str) -> bool {
    found.iter().any(|(id, how, _)| id == what && how == severity)
}

#[tokio::test]
async fn it_finds_what_the_owner_could_do() {
    let scene = hers().await;
    let found = findings(&scene).await;
    let advice: Vec<_> = found.iter().map(|(_, _, advice)| advice.as_str()).collect();
    assert!(advice.contains(&"add-an-address"), "{found:?}");
    assert!(!advice.contains(&"create-a-recovery-code"), "{found:?}");
}

#[tokio::test]
async fn five_guesses_at_the_password_are_found_for_a_month_and_four_are_not() {
    let scene = hers().await;
    for tries in 1..=5 {
        assert!(
            !has(&findings(&scene).await, "password-guesses", "warning"),
            "{tries}"
        );
        // The same one again would be no guess.
        refused(
            unlock(&scene, &format!("not-the-password-{tries}")).await,
            "WrongPassword",
        )
        .unwrap();
        // The warden makes who guesses wait.
        scene.clock().advance(HOUR).unwrap();
    }
    assert!(has(&findings(&scene).await, "password-guesses", "warning"));
    unlock(&scene, PASSWORD).await.unwrap();
    assert!(has(&findings(&scene).await, "password-guesses", "warning"));
    scene.clock().advance(31 * DAY).unwrap();
    assert!(!has(&findings(&scene).await, "password-guesses", "warning"));
}

#[tokio::test]
async fn a_lost_device_is_found_and_one_that_was_not_heard_of_for_a_month() {
    let first = hers().await;
    let mut second = another(&first).await;
    let id = device_id(&second).await;
    let (lost, unseen) = (format!("lost:{id}"), format!("unseen:{id}"));
    let found = findings(&first).await;
    assert!(
        !has(&found, &lost, "critical") && !has(&found, &unseen, "info"),
        "{found:?}"
    );
    // The newest of the account's devices is what it commands.
    let console = Console::sign_in(&first, ADA, PASSWORD).await.unwrap();
    let sent = console.send(&first, lock()).await.unwrap();
    app(&second).reads(WARDEN, "LockState", "lost").await.unwrap();
    let mut life = console.life(&first, sent).await.unwrap();
    while life.state != "done" {
        life = console.changed(&first, sent, life.revision).await.unwrap();
    }
    let found = findings(&first).await;
    assert!(has(&found, &lost, "critical"), "{found:?}");
    unlock(&second, PASSWORD).await.unwrap();
    until("the account to have it back", async || {
        (!has(&findings(&first).await, &lost, "critical")).then_some(())
    })
    .await
    .unwrap();
    second.stop_belayd().await.unwrap();
    first.clock().advance(31 * DAY).unwrap();
    let found = findings(&first).await;
    assert!(
        has(&found, &unseen, "info") && !has(&found, &lost, "critical"),
        "{found:?}"
    );
}
