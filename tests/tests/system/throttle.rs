//! The local password check under attack.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_tests::app::{App, Refusal, WARDEN, entry, refused};
use belay_tests::until::{turns, within};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::owner::{ADA, PASSWORD, adas, app, state};
use crate::scene::Scene;

/// How often a password was really compared, which is how often Argon2id ran for one: the warden's own log.
async fn checks(scene: &Scene) -> usize {
    let rows = app(scene).history(0).await.unwrap().unwrap();
    rows.iter()
        .filter(|row| entry(row, "event") == "password-check")
        .count()
}

/// Signs out with this password and one ticket, and waits its turn where another guess is judged.
async fn try_one(app: &App, password: &str) -> Refusal {
    let ticket = match app
        .present("sign-out", "", &[("password", password)])
        .await
        .unwrap()
    {
        Ok(ticket) => ticket,
        Err(refusal) => return refusal,
    };
    let mut turns = turns();
    loop {
        turns.tick().await;
        let refusal = app.sign_out_with(&ticket).await.unwrap().unwrap_err();
        if refusal.short() != "Busy" {
            return refusal;
        }
    }
}

async fn retry_after(scene: &Scene) -> Duration {
    Duration::from_millis(app(scene).get(WARDEN, "RetryAfter").await.unwrap())
}

#[tokio::test]
async fn of_200_parallel_wrong_passwords_five_are_compared() {
    let scene = adas().await;
    let before = checks(&scene).await;
    let app = app(&scene);
    let guesses: Vec<String> = (0..200).map(|n| format!("guess-number-{n}")).collect();
    let mut tries: FuturesUnordered<_> = guesses.iter().map(|guess| try_one(&app, guess)).collect();
    let mut counts = BTreeMap::new();
    // Each in time after the one before; how long all of them take is another matter.
    while let Some(refusal) = within("a guess to be judged", tries.next()).await.unwrap() {
        *counts.entry(refusal.short().to_owned()).or_insert(0) += 1;
    }
    let expected = BTreeMap::from([
        ("WrongPassword".to_owned(), 5),
        ("TooManyAttempts".to_owned(), 195),
    ]);
    assert_eq!(counts, expected);
    assert_eq!(checks(&scene).await - before, 5);
    assert_eq!(state(&scene).await, "bound");
    assert_eq!(retry_after(&scene).await, Duration::from_secs(60));
}

#[tokio::test]
async fn the_waits_follow_the_table_and_a_right_password_ends_them() {
    let scene = adas().await;
    let app = app(&scene);
    let minutes = [(5, 1), (6, 5), (7, 15), (8, 15), (9, 60), (10, 60)];
    for n in 1..=10_u32 {
        refused(
            app.sign_out(&format!("guess-number-{n}")).await.unwrap(),
            "WrongPassword",
        )
        .unwrap();
        let wait = minutes
            .iter()
            .find(|(failure, _)| *failure == n)
            .map_or(0, |(_, wait)| wait * 60);
        assert_eq!(
            retry_after(&scene).await,
            Duration::from_secs(wait),
            "after failure {n}"
        );
        if wait > 0 {
            scene
                .clock()
                .advance(Duration::from_secs(wait) - Duration::from_millis(1))
                .unwrap();
            refused(app.sign_out(PASSWORD).await.unwrap(), "TooManyAttempts").unwrap();
            scene.clock().advance(Duration::from_millis(1)).unwrap();
        }
    }
    app.reauthenticate(ADA, PASSWORD).await.unwrap().unwrap();
    assert_eq!(retry_after(&scene).await, Duration::ZERO);
    refused(app.sign_out("guess-number-11").await.unwrap(), "WrongPassword").unwrap();
    assert_eq!(
        retry_after(&scene).await,
        Duration::ZERO,
        "counted from one again"
    );
}

#[tokio::test]
async fn neither_a_kill_nor_a_reboot_nor_the_wall_clock_shortens_a_wait() {
    let mut scene = adas().await;
    let app = app(&scene);
    for n in 1..=5 {
        refused(
            app.sign_out(&format!("guess-number-{n}")).await.unwrap(),
            "WrongPassword",
        )
        .unwrap();
    }
    scene.clock().advance(Duration::from_secs(40)).unwrap();
    assert_eq!(retry_after(&scene).await, Duration::from_secs(20));
    scene.kill_warden().await.unwrap();
    assert_eq!(
        retry_after(&scene).await,
        Duration::from_secs(20),
        "the same boot goes on where it was"
    );
    let (today, decade) = (scene.clock().wall(), 10 * 365 * 86_400);
    for wall in [today + decade, today - decade] {
        scene.clock().set_wall(wall).unwrap();
        scene.kill_warden().await.unwrap();
        assert_eq!(retry_after(&scene).await, Duration::from_secs(20));
        refused(app.sign_out(PASSWORD).await.unwrap(), "TooManyAttempts").unwrap();
    }
    scene.clock().set_wall(today).unwrap();
    scene.reboot().await.unwrap();
    assert_eq!(
        retry_after(&scene).await,
        Duration::from_secs(60),
        "after a reboot the wait starts again in full"
    );
    refused(app.sign_out(PASSWORD).await.unwrap(), "TooManyAttempts").unwrap();
    scene.clock().advance(Duration::from_secs(60)).unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_kill_during_the_check_still_counts() {
    let scene = adas().await;
    let app = app(&scene);
    for n in 1..=4 {
        refused(
            app.sign_out(&format!("guess-number-{n}")).await.unwrap(),
            "WrongPassword",
        )
        .unwrap();
    }
    // Killed when the failure is on disk: the fifth is counted whether or not it was answered.
    let file = scene.place().at("warden");
    let watched = crate::disk::next_write(&file);
    let guess = app.sign_out("guess-number-5");
    let killed = async {
        watched.await;
        scene.kill_warden().await.unwrap();
    };
    let (answer, ()) = futures_util::future::join(guess, killed).await;
    if let Ok(Ok(release)) = answer {
        panic!("signed out: {release}");
    }
    assert!(
        retry_after(&scene).await > Duration::ZERO,
        "the fifth failure is counted"
    );
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn repeats_and_what_can_never_be_right_cost_nothing() {
    let scene = adas().await;
    let app = app(&scene);
    let before: u32 = app.get(WARDEN, "TriesLeft").await.unwrap();
    for _ in 0..10 {
        refused(app.sign_out("the-same-guess-1").await.unwrap(), "WrongPassword").unwrap();
        refused(app.sign_out("short").await.unwrap(), "WrongPassword").unwrap();
    }
    let after: u32 = app.get(WARDEN, "TriesLeft").await.unwrap();
    assert_eq!(before - after, 1);
    assert_eq!(retry_after(&scene).await, Duration::ZERO);
}

#[tokio::test]
async fn an_app_that_burns_tries_never_locks_root_out() {
    if !belay_tests::guest::is_root() {
        crate::scene::skipped("the counter of root needs root");
        return;
    }
    let scene = adas().await;
    let app = app(&scene);
    for n in 1..=5 {
        refused(
            app.sign_out(&format!("guess-number-{n}")).await.unwrap(),
            "WrongPassword",
        )
        .unwrap();
    }
    refused(app.sign_out(PASSWORD).await.unwrap(), "TooManyAttempts").unwrap();
    let root = App::new(&scene.root().await.unwrap());
    root.sign_out(PASSWORD).await.unwrap().unwrap();
}
