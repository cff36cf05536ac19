//! feedbackd, and what plays without it.

use std::time::Duration;

use belay::config::Config;
use belay::platform::PlatformError;
use belay_tests::until::{until, within};

use super::Phone;

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
    assert!(!phone.platform.audio.alarm(1).await.unwrap().heard().await);
}
