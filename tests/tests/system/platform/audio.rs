//! feedbackd, and what plays without it: a command, or the units that ring.

use std::time::Duration;

use belay::config::Config;
use belay::platform::PlatformError;
use belay_tests::services::Systemd;
use belay_tests::until::{until, within};
use belay_tests::{Outcome, Surprise};

use super::Phone;

/// How often what ends at once is begun before it counts as heard: the machine may have been busy with something else.
const TRIES: usize = 10;

/// A configuration whose alarm is a command that says on disk that it plays and that it stopped.
fn with_command(folder: &std::path::Path) -> Config {
    let script = format!(
        "trap 'echo stopped >>{0}/alarm; exit' TERM; echo plays >>{0}/alarm; while :; do sleep 1 & wait $!; done",
        folder.display()
    );
    let mut config = Config::default();
    config.commands.ring = vec!["/bin/sh".into(), "-c".into(), script];
    config
}

async fn said(folder: &std::path::Path, lines: usize) -> String {
    let file = folder.join("alarm");
    let what = format!("{lines} lines of the alarm");
    let read = until(&what, async || {
        let text = std::fs::read_to_string(&file).ok()?;
        (text.lines().count() >= lines).then_some(text)
    });
    read.await.unwrap()
}

#[tokio::test]
async fn feedbackd_plays_aloud_without_end_until_it_is_stopped() {
    let phone = Phone::new().await;
    let feedback = phone.services().feedback();
    let sound = phone.platform.audio.alarm(0).await.unwrap();
    let playing = feedback.playing();
    assert_eq!(playing.len(), 1);
    assert_eq!((playing[0].app.as_str(), playing[0].timeout), ("org.belay1", 0));
    assert_eq!(
        (playing[0].profile.as_deref(), playing[0].important),
        (Some("full"), true)
    );
    sound.stop().await;
    assert!(feedback.playing().is_empty());
    assert_eq!(feedback.puppet().calls("EndFeedback").len(), 1);
}

#[tokio::test]
async fn a_sound_that_is_dropped_ends_and_one_that_ends_by_itself_says_so() {
    let phone = Phone::new().await;
    let feedback = phone.services().feedback();
    drop(phone.platform.audio.alarm(0).await.unwrap());
    feedback.until_playing(false).await.unwrap();
    let mut broken = phone.platform.audio.alarm(0).await.unwrap();
    feedback.break_off().await.unwrap();
    within("the sound's end", broken.ended()).await.unwrap();
    let mut orphaned = phone.platform.audio.alarm(0).await.unwrap();
    feedback.puppet().leave().await.unwrap();
    within("the sound's end", orphaned.ended()).await.unwrap();
}

#[tokio::test]
async fn without_feedbackd_the_command_plays_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let phone = Phone::of(&with_command(folder.path()), Duration::from_secs(25)).await;
    phone.services().feedback().puppet().leave().await.unwrap();
    let sound = phone.platform.audio.alarm(0).await.unwrap();
    assert_eq!(said(folder.path(), 1).await, "plays\n");
    sound.stop().await;
    assert_eq!(said(folder.path(), 2).await, "plays\nstopped\n");
}

#[tokio::test]
async fn where_feedbackd_gives_up_the_command_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let phone = Phone::of(&with_command(folder.path()), Duration::from_secs(25)).await;
    let sound = phone.platform.audio.alarm(1).await.unwrap();
    said(folder.path(), 1).await;
    assert!(phone.services().feedback().playing().is_empty());
    sound.stop().await;
}

#[tokio::test]
async fn a_device_that_can_t_make_a_sound_says_so() {
    let phone = Phone::new().await;
    phone.services().feedback().puppet().leave().await.unwrap();
    phone.services().systemd().puppet().leave().await.unwrap();
    let silent = phone.platform.audio.alarm(0).await.unwrap_err();
    assert!(matches!(silent, PlatformError::NotSupported(_)), "{silent}");
}

#[tokio::test]
async fn a_command_that_ends_at_once_isn_t_heard_and_one_that_goes_on_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = with_command(folder.path());
    let phone = Phone::of(&config, Duration::from_secs(25)).await;
    let mut playing = phone.platform.audio.alarm(1).await.unwrap();
    assert!(playing.heard().await);
    playing.stop().await;
    config.commands.ring = vec!["/bin/true".into()];
    let phone = Phone::of(&config, Duration::from_secs(25)).await;
    let mut times = 0;
    while phone.platform.audio.alarm(1).await.unwrap().heard().await {
        times += 1;
        assert!(times < TRIES, "it is heard");
    }
}

/// The unit at the sound card, and the one in the session of user 1000.
const CARD: &str = "belay-ring.service";
const SESSION: &str = "belay-ring@1000.service";

/// A phone without feedbackd.
async fn without_feedbackd() -> Phone {
    let phone = Phone::new().await;
    phone.services().feedback().puppet().leave().await.unwrap();
    phone
}

/// Nothing plays by `unit`.
fn fails(systemd: &Systemd, unit: &str) {
    systemd.on_start(unit, || {
        Box::pin(async { Outcome::Err(Surprise::new("there is no card")) })
    });
}

#[tokio::test]
async fn without_feedbackd_and_command_the_unit_at_the_sound_card_rings_until_it_is_stopped() {
    let phone = without_feedbackd().await;
    let systemd = phone.services().systemd();
    let mut sound = phone.platform.audio.alarm(0).await.unwrap();
    assert!(systemd.is_active(CARD));
    assert!(sound.heard().await);
    sound.stop().await;
    assert!(!systemd.is_active(CARD));
    let verbs: Vec<_> = systemd
        .jobs()
        .into_iter()
        .map(|job| (job.verb, job.unit))
        .collect();
    let expected = ["StartUnit", "StopUnit"].map(|verb| (verb.to_owned(), CARD.to_owned()));
    assert_eq!(verbs, expected, "and nothing else");
}

#[tokio::test]
async fn a_unit_that_ends_by_itself_says_so_and_one_that_is_dropped_is_stopped() {
    let phone = without_feedbackd().await;
    let systemd = phone.services().systemd();
    let mut sound = phone.platform.audio.alarm(0).await.unwrap();
    systemd.ended(CARD).await.unwrap();
    within("the sound's end", sound.ended()).await.unwrap();
    drop(sound);
    drop(phone.platform.audio.alarm(0).await.unwrap());
    systemd.until_active(CARD, false).await.unwrap();
}

#[tokio::test]
async fn where_the_card_is_taken_the_session_of_whoever_sits_at_the_device_rings() {
    let phone = without_feedbackd().await;
    let (systemd, login) = (phone.services().systemd(), phone.services().login());
    fails(systemd, CARD);
    let silent = phone.platform.audio.alarm(0).await.unwrap_err();
    assert!(
        matches!(silent, PlatformError::NotSupported(_)),
        "nobody: {silent}"
    );
    // Root's session rings for nobody.
    login.open("c0", 0, "root").await.unwrap();
    login.open("c1", 1000, "ada").await.unwrap();
    let sound = phone.platform.audio.alarm(0).await.unwrap();
    assert!(systemd.is_active(SESSION));
    sound.stop().await;
    assert!(!systemd.is_active(SESSION));
    fails(systemd, SESSION);
    let silent = phone.platform.audio.alarm(0).await.unwrap_err();
    assert!(matches!(silent, PlatformError::Silent), "{silent}");
}

#[tokio::test]
async fn what_broke_off_at_the_card_begins_anew_in_the_session_the_time_after() {
    let phone = without_feedbackd().await;
    phone.services().login().open("c1", 1000, "ada").await.unwrap();
    for (attempt, unit) in [(0, CARD), (1, CARD), (2, SESSION), (3, CARD)] {
        let sound = phone.platform.audio.alarm(attempt).await.unwrap();
        assert!(phone.services().systemd().is_active(unit), "{attempt}");
        sound.stop().await;
    }
}

#[tokio::test]
async fn what_an_earlier_belayd_left_ringing_is_stopped() {
    let phone = without_feedbackd().await;
    let systemd = phone.services().systemd();
    phone.services().login().open("c1", 1000, "ada").await.unwrap();
    systemd.runs(CARD).await.unwrap();
    systemd.runs(SESSION).await.unwrap();
    phone.platform.audio.hush().await;
    assert!(!systemd.is_active(CARD) && !systemd.is_active(SESSION));
}
