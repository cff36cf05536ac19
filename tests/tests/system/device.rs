//! `org.belay1.Device` and `org.belay1.Manager`.

use std::collections::HashMap;
use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, DEVICE, MANAGER, Options, WARDEN, entry, number, options, refused};
use zbus::OwnedVariant;

use crate::owner::{ADA, PASSWORD, adas, app, state};
use crate::scene::{Scene, scene};

type Rows = Vec<HashMap<String, OwnedVariant>>;

#[tokio::test]
async fn the_properties_say_what_device_this_is() {
    let scene = adas().await;
    let app = app(&scene);
    let all = app.all(DEVICE).await.unwrap();
    assert_eq!(entry(&all, "DeviceId").len(), 32);
    assert!(!entry(&all, "Name").is_empty());
    assert!(["A", "B", "C", "D", "unknown"].contains(&entry(&all, "AssuranceLevel").as_str()));
    assert!(
        ["unknown", "none", "files", "overwrite", "discard", "crypto"]
            .contains(&entry(&all, "WipeClass").as_str())
    );
    assert_eq!(entry(&all, "LockState"), "unlocked");
    let version = app.text(MANAGER, "Version").await.unwrap();
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    let _capabilities: Vec<String> = app.get(MANAGER, "Capabilities").await.unwrap();
}

#[tokio::test]
async fn a_new_name_is_told_to_everybody_and_survives_a_restart() {
    let mut scene = adas().await;
    let app = app(&scene);
    let mut device = app.watch(DEVICE).await.unwrap();
    app.call::<_, ()>(DEVICE, "SetName", &("Ada's phone", Options::new()))
        .await
        .unwrap()
        .unwrap();
    device.becomes("Name", "Ada's phone").await.unwrap();
    scene
        .network()
        .seen("the new name", |e| e.method == "PATCH" && e.status == 204)
        .await
        .unwrap();
    scene.reboot().await.unwrap();
    assert_eq!(app.text(DEVICE, "Name").await.unwrap(), "Ada's phone");
    for odd in ["", "a\u{7}b", "two\nlines", &"x".repeat(1024 * 1024)] {
        let answer = app
            .call::<_, ()>(DEVICE, "SetName", &(odd, Options::new()))
            .await
            .unwrap();
        refused(answer, "InvalidArgument").unwrap_or_else(|e| panic!("{odd:.20?}: {e}"));
    }
    assert_eq!(app.text(DEVICE, "Name").await.unwrap(), "Ada's phone");
}

#[tokio::test]
async fn the_devices_of_the_account_are_listed_with_this_one() {
    let scene = adas().await;
    let app = app(&scene);
    let rows: Answer<Rows> = app
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(entry(row, "id"), app.text(DEVICE, "DeviceId").await.unwrap());
    assert_eq!(entry(row, "name"), app.text(DEVICE, "Name").await.unwrap());
    assert!(row.get("this").is_some_and(|v| bool::try_from(&**v) == Ok(true)));
    assert!(number(row, "last-seen").is_some());
}

#[tokio::test]
async fn an_unbound_device_has_no_devices_to_list() {
    let scene = scene().await;
    let rows: Answer<Rows> = app(&scene)
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    refused(rows, "NotBound").unwrap();
}

#[tokio::test]
async fn a_reset_is_authorised_by_the_password_for_this_boot_and_ten_minutes() {
    let mut scene = adas().await;
    let app = app(&scene);
    assert_eq!(scene.warden_command(&["reset-allowed"]).await.unwrap(), Some(1));
    let wrong = app
        .authorize_reset("not-the-password-1", &Options::new())
        .await
        .unwrap();
    refused(wrong, "WrongPassword").unwrap();
    assert_eq!(scene.warden_command(&["reset-allowed"]).await.unwrap(), Some(1));
    app.authorize_reset(PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(scene.warden_command(&["reset-allowed"]).await.unwrap(), Some(0));
    scene.clock().advance(Duration::from_secs(601)).unwrap();
    assert_eq!(
        scene.warden_command(&["reset-allowed"]).await.unwrap(),
        Some(1),
        "ten minutes are over"
    );
    app.authorize_reset(PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    scene.kill_belayd().await.unwrap();
    scene.kill_warden().await.unwrap();
    scene.clock().reboot().unwrap();
    assert_eq!(
        scene.warden_command(&["reset-allowed"]).await.unwrap(),
        Some(1),
        "another boot"
    );
    scene.start_belayd().await.unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn a_reset_with_release_signs_out_too() {
    let scene = adas().await;
    let app = app(&scene);
    app.authorize_reset(PASSWORD, &options([("release", true.into())]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "unbound");
    assert_eq!(scene.warden_command(&["reset-allowed"]).await.unwrap(), Some(0));
    scene
        .network()
        .seen("the release", |e| e.path == "/v1/releases" && e.status == 204)
        .await
        .unwrap();
}

#[tokio::test]
async fn history_tells_what_happened_and_its_chain_holds() {
    let scene = adas().await;
    let app = app(&scene);
    refused(app.sign_out("not-the-password-1").await.unwrap(), "WrongPassword").unwrap();
    let rows = app.history(0).await.unwrap().unwrap();
    assert!(rows.len() >= 2, "{rows:?}");
    for row in &rows {
        assert!(
            !entry(row, "event").is_empty() && entry(row, "hash").len() == 64,
            "{row:?}"
        );
        assert!(
            number(row, "time").is_some() && number(row, "boot-time").is_some(),
            "{row:?}"
        );
    }
    assert!(rows.iter().any(|row| entry(row, "event") == "password-check"));
    assert_eq!(scene.warden_command(&["verify-log"]).await.unwrap(), Some(0));

    let later = scene.clock().wall() + 1_000_000;
    assert!(app.history(later).await.unwrap().unwrap().is_empty());
    let log = find_log(&scene.place().at("warden"));
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("password-check", "password-chock", 1)).unwrap();
    assert_ne!(
        scene.warden_command(&["verify-log"]).await.unwrap(),
        Some(0),
        "a changed entry is found"
    );
}

fn find_log(folder: &std::path::Path) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().unwrap().to_str() {
                Some("audit.log") => return path,
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    panic!("there is no audit.log");
}

#[tokio::test]
async fn unlocking_an_unlocked_device_checks_the_password_and_changes_nothing() {
    let scene = adas().await;
    let app = app(&scene);
    let unlock = async |password: &str| {
        let fd = zbus::Fd::from(belay_tests::app::memfd(password.as_bytes()).unwrap());
        app.call::<_, ()>(WARDEN, "Unlock", &(fd,)).await.unwrap()
    };
    unlock(PASSWORD).await.unwrap();
    refused(unlock("not-the-password-1").await, "WrongPassword").unwrap();
    assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked");
}

/// What `Check` says of a password.
async fn check(scene: &Scene, password: &str) -> u8 {
    let fd = zbus::Fd::from(belay_tests::app::memfd(password.as_bytes()).unwrap());
    let answer: Answer<u8> = app(scene).call(WARDEN, "Check", &(fd,)).await.unwrap();
    answer.unwrap()
}

#[tokio::test]
async fn check_gives_advice_and_keeps_nothing() {
    let scene = scene().await;
    assert!(check(&scene, "password1").await <= 1);
    assert!(check(&scene, PASSWORD).await >= 3);
}

#[tokio::test]
async fn check_knows_what_a_password_has_of_its_owners_login() {
    let scene = adas().await;
    assert!(check(&scene, &format!("{ADA}1")).await < 3);
    assert!(check(&scene, PASSWORD).await >= 3);
}
