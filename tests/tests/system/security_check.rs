//! SecurityCheck over the real bus, warden and cloud: what happened to the account and its devices is found.

use std::time::Duration;

use belay_proto::signed::CommandState;
use belay_tests::app::{ACCOUNT, Answer, Options, REMOVE_IDENTIFIER, WARDEN, refused};
use belay_tests::owner::Console;
use belay_tests::until::until;
use rusqlite::{Connection, OpenFlags};

use crate::account_life::{
    NEW, OTHER, add_address, another, another_code, change, device_id, hers, identifiers, ordered,
    unseen_code,
};
use crate::find_faults::lock;
use crate::find_hostile::wipe;
use crate::holding::{HOUR, shows, unlock};
use crate::owner::{ADA, PASSWORD, app};
use crate::recovery::other_claim;
use crate::scene::Scene;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Too easy to guess, so that no device lets anybody choose it, and long enough to be asked for.
const WEAK: &str = "password1";

/// A finding: what, how grave, what to do.
type Finding = (String, String, String);

async fn check(scene: &Scene) -> Answer<Vec<Finding>> {
    app(scene)
        .call(ACCOUNT, "SecurityCheck", &(Options::new(),))
        .await
        .unwrap()
}

/// What the security check finds.
pub async fn findings(scene: &Scene) -> Vec<Finding> {
    check(scene).await.unwrap()
}

/// Whether something is found, as grave as this.
fn has(found: &[Finding], what: &str, severity: &str) -> bool {
    found.iter().any(|(id, how, _)| id == what && how == severity)
}

/// The same of what is found now.
async fn finds(scene: &Scene, what: &str, severity: &str) -> bool {
    has(&findings(scene).await, what, severity)
}

/// The cloud's disk loses one of the account's addresses but the login.
fn damage_the_second_address(scene: &Scene) {
    let database = scene.place().at("cloud").join(belay_cloud::store::FILE);
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let damage = "UPDATE identifiers SET address = x'00' WHERE position = 1";
    assert_eq!(database.execute(damage, []).unwrap(), 1);
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

#[tokio::test]
async fn a_weak_password_that_was_chosen_past_every_device_is_found_where_it_is_typed() {
    let scene = hers().await;
    refused(change(&scene, PASSWORD, WEAK, false).await, "WeakPassword").unwrap();
    assert!(!finds(&scene, "weak-password", "warning").await);
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    console.change_password(&scene, WEAK).await.unwrap();
    shows(&scene, "reauthentication-required").await;
    app(&scene).reauthenticate(ADA, WEAK).await.unwrap().unwrap();
    assert!(finds(&scene, "weak-password", "warning").await);
    change(&scene, WEAK, NEW, false).await.unwrap();
    assert!(!finds(&scene, "weak-password", "warning").await);
}

#[tokio::test]
async fn a_password_of_two_years_is_found_until_there_is_another() {
    let scene = hers().await;
    scene.clock().advance(729 * DAY).unwrap();
    // A session that wasn't used for so long is over. Typing the password makes it no younger.
    refused(check(&scene).await, "ReauthenticationRequired").unwrap();
    app(&scene).reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    assert!(!finds(&scene, "old-password", "info").await);
    scene.clock().advance(2 * DAY).unwrap();
    assert!(finds(&scene, "old-password", "info").await);
    change(&scene, PASSWORD, NEW, false).await.unwrap();
    assert!(!finds(&scene, "old-password", "info").await);
}

#[tokio::test]
async fn an_address_that_the_cloud_cannot_read_any_more_is_found_as_unconfirmed_until_it_is_removed() {
    let scene = hers().await;
    add_address(&scene, &scene, OTHER).await;
    let id = identifiers(&scene).await[1].0.clone();
    let unconfirmed = format!("address:{id}");
    let found = findings(&scene).await;
    assert!(
        !has(&found, &unconfirmed, "warning") && !has(&found, "second-address", "warning"),
        "{found:?}"
    );
    damage_the_second_address(&scene);
    let found = findings(&scene).await;
    assert!(
        has(&found, &unconfirmed, "warning") && has(&found, "second-address", "warning"),
        "one that nothing reaches is no second way: {found:?}"
    );
    ordered(&scene, REMOVE_IDENTIFIER, &id).await.unwrap();
    assert!(!finds(&scene, &unconfirmed, "warning").await);
}

#[tokio::test]
async fn a_new_root_leaves_no_recovery_code_which_is_found_until_there_is_one() {
    let scene = hers().await;
    change(&scene, PASSWORD, NEW, true).await.unwrap();
    // With one address alone a forgotten password would be the end of the data.
    assert!(finds(&scene, "recovery-code", "critical").await);
    another_code(&scene, NEW).await;
    let found = findings(&scene).await;
    assert!(found.iter().all(|(id, ..)| id != "recovery-code"), "{found:?}");
}

#[tokio::test]
async fn a_wipe_that_was_held_back_until_its_owner_was_at_the_device_is_refused_and_found_for_a_month() {
    let scene = hers().await;
    let console = Console::sign_in(&scene, ADA, PASSWORD).await.unwrap();
    let (id, envelope) = console.owner().signed(wipe());
    unlock(&scene, PASSWORD).await.unwrap();
    assert!(!finds(&scene, "command-refused", "warning").await);
    let reply = console.post(&scene, &envelope).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.problem());
    let (_, life) = console.follow(&scene, id, CommandState::Refused).await.unwrap();
    assert_eq!(life.reason, "stale");
    assert!(finds(&scene, "command-refused", "warning").await);
    scene.clock().advance(31 * DAY).unwrap();
    assert!(!finds(&scene, "command-refused", "warning").await);
}

#[tokio::test]
async fn whoever_asks_for_a_recovery_code_with_a_wrong_claim_is_found_for_a_month() {
    let scene = hers().await;
    let app = app(&scene);
    let claim = unseen_code(&scene, PASSWORD).await;
    let found = findings(&scene).await;
    assert!(
        has(&found, "recovery-code", "critical") && !has(&found, "recovery-claim-refused", "warning"),
        "one that nobody has seen is none that its owner can know of: {found:?}"
    );
    let nearly = app.recovery_code(&other_claim(&claim)).await.unwrap();
    refused(nearly, "BadTicket").unwrap();
    app.recovery_code(&claim).await.unwrap().unwrap();
    app.acknowledge("").await.unwrap().unwrap();
    let found = findings(&scene).await;
    assert!(
        has(&found, "recovery-claim-refused", "warning") && !has(&found, "recovery-code", "critical"),
        "{found:?}"
    );
    scene.clock().advance(31 * DAY).unwrap();
    assert!(!finds(&scene, "recovery-claim-refused", "warning").await);
}
