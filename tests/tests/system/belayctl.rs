//! `belayctl`, as a person or a script uses it.

use std::io::Write;

use belay_tests::app::DEVICE;
use belay_tests::guest;
use serde_json::{Value, json};

use crate::owner::{ADA, PASSWORD, adas, app, code, state};
use crate::scene::{Scene, scene};

/// Runs `belayctl --json ARGS` as the person at the device; the exit code and the answer.
pub async fn ctl(scene: &Scene, args: &[&str]) -> (Option<i32>, Value) {
    let all: Vec<&str> = ["--json"].into_iter().chain(args.iter().copied()).collect();
    let program = scene.program("belayctl", &all).as_user(guest::person());
    // Asking on the terminal of whoever runs the tests is right, and no test of what scripts get.
    let program = program.without_terminal();
    let (status, text) = program.output().await.unwrap();
    let json = serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"));
    (status.code(), json)
}

/// A file with a password, for `--password-file`, that the person can read.
pub fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{content}").unwrap();
    if guest::is_root() {
        std::os::unix::fs::chown(file.path(), Some(guest::person()), None).unwrap();
    }
    file
}

#[tokio::test]
async fn belayctl_walks_from_registration_to_sign_out() {
    let scene = scene().await;
    let (right, wrong) = (file(PASSWORD), file("not-the-password-1"));
    let (right, wrong) = (right.path().to_str().unwrap(), wrong.path().to_str().unwrap());
    let (exit, status) = ctl(&scene, &["status"]).await;
    assert_eq!(exit, Some(0));
    assert!(status.to_string().contains("unbound"), "{status}");

    let (exit, registered) = ctl(&scene, &["register", ADA, "--password-file", right]).await;
    assert_eq!(exit, Some(0), "{registered}");
    let id = registered["id"].as_str().unwrap().to_owned();
    let code = code(&scene, ADA).await;
    let (exit, confirmed) = ctl(&scene, &["confirm", &id, &code, "--acknowledge"]).await;
    assert_eq!(exit, Some(0), "{confirmed}");
    assert_eq!(state(&scene).await, "bound");

    let (exit, devices) = ctl(&scene, &["devices"]).await;
    assert_eq!(exit, Some(0), "{devices}");
    let (exit, history) = ctl(&scene, &["history"]).await;
    assert_eq!(exit, Some(0), "{history}");

    let (exit, refused) = ctl(&scene, &["sign-out", "--password-file", wrong]).await;
    assert_eq!(exit, Some(77), "{refused}");
    assert!(refused.to_string().contains("WrongPassword"), "{refused}");
    assert_eq!(state(&scene).await, "bound");
    let (exit, unlocked) = ctl(&scene, &["unlock", "--password-file", right]).await;
    assert_eq!(exit, Some(0), "{unlocked}");
    let (exit, released) = ctl(&scene, &["sign-out", "--password-file", right]).await;
    assert_eq!(exit, Some(0), "{released}");
    assert!(released.to_string().contains("belay-release:"), "{released}");
    assert_eq!(state(&scene).await, "unbound");
    let (exit, signed_in) = ctl(&scene, &["sign-in", ADA, "--password-file", right]).await;
    assert_eq!(exit, Some(0), "{signed_in}");
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn belayctl_exits_as_sysexits_says() {
    let mut scene = adas().await;
    let right = file(PASSWORD);
    let right = right.path().to_str().unwrap();
    let (exit, _) = ctl(&scene, &["register", "ben@example.org", "--password-file", right]).await;
    assert_eq!(exit, Some(65), "bound already");
    let (exit, _) = ctl(&scene, &["sign-out"]).await;
    assert_eq!(exit, Some(64), "no terminal to ask on");
    let (exit, _) = ctl(&scene, &["confirm", "00000000000000000000000000000000", "123456"]).await;
    assert_eq!(exit, Some(65), "no such verification");
    scene.stop_cloud().await.unwrap();
    let (exit, _) = ctl(&scene, &["devices"]).await;
    assert_eq!(exit, Some(69), "offline");
    scene.kill_belayd().await.unwrap();
    let (exit, _) = ctl(&scene, &["devices"]).await;
    assert_eq!(exit, Some(69), "no belayd");
    let (status, _) = scene
        .program("belayctl", &["no-such-command"])
        .output()
        .await
        .unwrap();
    assert_eq!(status.code(), Some(64));
}

#[tokio::test]
async fn belayctl_shows_and_changes_what_the_device_does_by_itself() {
    let scene = adas().await;
    let (right, wrong) = (file(PASSWORD), file("not-the-password-1"));
    let (right, wrong) = (right.path().to_str().unwrap(), wrong.path().to_str().unwrap());
    let nothing = json!({
        "lock_after_offline": 0, "wipe_after_offline": 0, "lock_on_sim_change": false, "lock_on_accessory_lost": false,
        "recovery_without_code": false, "dry_run": false, "trusted_number_set": false,
    });
    let is = async |args: &[&str], exit: i32| -> Value {
        let (code, answer) = ctl(&scene, &[&["policy"], args].concat()).await;
        assert_eq!(code, Some(exit), "{args:?}: {answer}");
        answer
    };
    assert_eq!(
        is(&[], 0).await,
        json!({ "policies": nothing, "find_enabled": true })
    );
    // A time that can't be is refused before anything is asked.
    is(&["--lock-after-offline", "3h"], 64).await;
    is(&["--dry-run", "yes", "--password-file", wrong], 77).await;
    assert_eq!(is(&[], 0).await["policies"], nothing);
    let change = [
        "--lock-after-offline",
        "3d",
        "--trusted-number",
        "+49 170 1234567",
        "--dry-run",
        "yes",
        "--password-file",
        right,
    ];
    let mut wanted = nothing;
    wanted["lock_after_offline"] = json!(3 * 24 * 3_600_000);
    (wanted["trusted_number_set"], wanted["dry_run"]) = (json!(true), json!(true));
    assert_eq!(is(&change, 0).await["policies"], wanted);
    assert_eq!(is(&[], 0).await["policies"], wanted);
    is(&["--trusted-number", "none", "--password-file", right], 0).await;
    wanted["trusted_number_set"] = json!(false);
    assert_eq!(is(&[], 0).await["policies"], wanted, "what isn't named stays");
    let text = crate::belayctl_shown::piped(&scene, &["policy"]).await;
    assert!(text.contains("lock-after-offline      3 d   lock"), "{text}");
}

#[tokio::test]
async fn a_device_that_is_nobodys_has_no_policies() {
    let scene = scene().await;
    let right = file(PASSWORD);
    let right = right.path().to_str().unwrap();
    let (exit, shown) = ctl(&scene, &["policy"]).await;
    assert_eq!((exit, &shown["policies"]), (Some(0), &json!({})), "{shown}");
    let (exit, refused) = ctl(&scene, &["policy", "--dry-run", "yes", "--password-file", right]).await;
    assert_eq!(exit, Some(65), "{refused}");
}

#[tokio::test]
async fn belayctl_shows_whether_the_device_takes_commands_and_changes_it() {
    let scene = adas().await;
    let (right, wrong) = (file(PASSWORD), file("not-the-password-1"));
    let (right, wrong) = (right.path().to_str().unwrap(), wrong.path().to_str().unwrap());
    let is = async |args: &[&str], exit: i32| -> Value {
        let (code, answer) = ctl(&scene, &[&["find-device"], args].concat()).await;
        assert_eq!(code, Some(exit), "{args:?}: {answer}");
        answer
    };
    let (on, off) = (json!({ "find_enabled": true }), json!({ "find_enabled": false }));
    assert_eq!(is(&[], 0).await, on);
    is(&["no", "--password-file", wrong], 77).await;
    assert_eq!(is(&[], 0).await, on);
    assert_eq!(is(&["no", "--password-file", right], 0).await, off);
    assert_eq!(is(&[], 0).await, off);
    assert!(!app(&scene).get::<bool>(DEVICE, "FindEnabled").await.unwrap());
    let text = crate::belayctl_shown::piped(&scene, &["find-device"]).await;
    assert!(
        text.contains("is off") && text.contains("recovery-without-code"),
        "{text}"
    );
    assert_eq!(is(&["yes", "--password-file", right], 0).await, on);
    let (exit, released) = ctl(&scene, &["sign-out", "--password-file", right]).await;
    assert_eq!(exit, Some(0), "{released}");
    is(&["no", "--password-file", right], 65).await;
    let text = crate::belayctl_shown::piped(&scene, &["find-device"]).await;
    assert!(text.contains("nobody's"), "{text}");
}
