//! What `belayctl` shows a person: QR codes that a camera reads, colours on a terminal alone, and how long to wait.

use std::time::Duration;

use belay_tests::terminal::Terminal;
use belay_tests::{guest, qr};

use crate::belayctl::{ctl, file};
use crate::owner::{ADA, PASSWORD, adas, app, registering};
use crate::scene::{Scene, scene};

/// All that `belayctl ARGS` shows to a person in front of it.
async fn shown(scene: &Scene, columns: u16, args: &[&str]) -> String {
    let program = scene.program("belayctl", args).as_user(guest::person());
    let terminal = Terminal::wide(columns).unwrap();
    let (mut belayctl, terminal) = program.start_before(terminal).unwrap();
    belayctl.wait().await.unwrap();
    terminal.all().await.unwrap()
}

/// The same with nobody there.
pub async fn piped(scene: &Scene, args: &[&str]) -> String {
    let program = scene.program("belayctl", args).as_user(guest::person());
    let (status, text) = program.without_terminal().output().await.unwrap();
    assert!(status.success(), "{text}");
    text
}

/// A text without what groups its letters.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The release in what is shown.
fn release(shown: &str) -> &str {
    shown
        .split_whitespace()
        .find(|word| word.starts_with("belay-release:"))
        .unwrap()
}

#[tokio::test]
async fn a_recovery_code_is_drawn_as_a_camera_reads_it_whatever_the_terminals_width() {
    let scene = adas().await;
    let right = file(PASSWORD);
    let args = [
        "account",
        "recovery-code",
        "--acknowledge",
        "--password-file",
        right.path().to_str().unwrap(),
    ];
    for columns in [40, 80] {
        let shown = shown(&scene, columns, &args).await;
        assert!(shown.contains("\u{1b}[30;107m"), "black on white: {shown}");
        let read = letters(&qr::read(&shown).unwrap());
        assert!(
            read.len() >= 32 && letters(&shown).contains(&read),
            "{read}: {shown}"
        );
    }
}

#[tokio::test]
async fn a_release_is_drawn_where_it_fits_and_said_not_to_where_it_does_not() {
    let scene = adas().await;
    let right = file(PASSWORD);
    let password = ["--password-file", right.path().to_str().unwrap()];
    let sign_out = ["sign-out", password[0], password[1]];
    let wide = shown(&scene, 80, &sign_out).await;
    assert_eq!(qr::read(&wide).unwrap(), release(&wide));
    app(&scene).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    let narrow = shown(&scene, 40, &sign_out).await;
    assert!(narrow.contains("columns wide, and this terminal 40"), "{narrow}");
    assert!(!narrow.contains(['█', '▀', '▄']), "{narrow}");
}

#[tokio::test]
async fn nothing_is_coloured_or_drawn_for_a_program_unless_it_asks_for_the_drawing() {
    let scene = adas().await;
    let right = file(PASSWORD);
    let args = [
        "account",
        "recovery-code",
        "--acknowledge",
        "--password-file",
        right.path().to_str().unwrap(),
    ];
    let plain = piped(&scene, &args).await;
    assert!(!plain.contains('\u{1b}') && !plain.contains('█'), "{plain}");
    let drawn = piped(&scene, &[&args[..], &["--qr", "yes"]].concat()).await;
    assert!(!drawn.contains('\u{1b}'), "{drawn}");
    let read = qr::read(&drawn).unwrap();
    let read = letters(&read);
    assert!(
        read.len() >= 32 && letters(&drawn).contains(&read),
        "{read}: {drawn}"
    );
    for args in [&["status"][..], &["account", "check"]] {
        let text = piped(&scene, args).await;
        assert!(!text.contains('\u{1b}'), "{args:?}: {text}");
        let shown = shown(&scene, 80, args).await;
        assert!(shown.contains("\u{1b}[0m"), "{args:?}: {shown}");
    }
}

#[tokio::test]
async fn what_has_to_wait_says_how_long() {
    let scene = scene().await;
    let (id, code) = registering(&scene, ADA, PASSWORD).await;
    // Another code can be sent after 15 minutes.
    scene.clock().advance(Duration::from_secs(11 * 60)).unwrap();
    let soon = shown(&scene, 80, &["resend", &id]).await;
    assert!(soon.contains("Try again in 4 min."), "{soon}");
    let (exit, soon) = ctl(&scene, &["resend", &id]).await;
    assert_eq!(exit, Some(69), "{soon}");
    assert_eq!(soon["error"]["retry_after_ms"], 240_000, "{soon}");
    scene.clock().advance(Duration::from_secs(4 * 60)).unwrap();
    let (exit, again) = ctl(&scene, &["resend", &id]).await;
    assert_eq!(exit, Some(0), "{again}");
    let newest = crate::owner::code(&scene, ADA).await;
    assert_ne!(newest, code);
    app(&scene).confirm(&id, &newest).await.unwrap().unwrap();
    // The fifth wrong password costs a minute, the sixth five.
    for n in 1..=5 {
        let wrong = app(&scene).sign_out(&format!("guess-number-{n}")).await.unwrap();
        wrong.unwrap_err();
    }
    scene.clock().advance(Duration::from_secs(60)).unwrap();
    app(&scene).sign_out("guess-number-6").await.unwrap().unwrap_err();
    scene.clock().advance(Duration::from_secs(60)).unwrap();
    let right = file(PASSWORD);
    let sign_out = ["sign-out", "--password-file", right.path().to_str().unwrap()];
    let wait = shown(&scene, 80, &sign_out).await;
    assert!(wait.contains("Wait 4 min, then try again."), "{wait}");
}
