//! An account that has as many devices as it may, or was changed as often: who signs in is told so, and nothing is half done.

use belay_proto::HardwareId;
use belay_tests::app::{ACCOUNT, Answer, Entry, Options, REMOVE_DEVICE, WARDEN, refused};
use belay_tests::owner::Console;

use crate::belayctl::{ctl, file};
use crate::holding::shows;
use crate::owner::{ADA, PASSWORD, adas, app, state};
use crate::scene::{PACE, Scene};

/// Devices of an account.
const MOST: u8 = 64;
/// Changes by the owner's key within an hour.
const CHANGES: usize = 300;

fn hardware(number: u8) -> HardwareId {
    HardwareId::from_bytes([number; 32])
}

/// Ada's device, the owner's console, and another device that is nobody's yet.
async fn beside() -> (Scene, Console, Scene) {
    let first = adas().await;
    let console = Console::sign_in(&first, ADA, PASSWORD).await.unwrap();
    let second = Scene::beside(&first).await;
    for scene in [&first, &second] {
        scene.clock().run(PACE).unwrap();
    }
    (first, console, second)
}

/// Nothing of the account is left where somebody has signed in in vain.
async fn is_nobodys(scene: &Scene) {
    assert_eq!(state(scene).await, "unbound");
    assert_eq!(app(scene).text(ACCOUNT, "UserId").await.unwrap(), "");
    assert_eq!(app(scene).text(WARDEN, "BindingState").await.unwrap(), "unbound");
    let listed: Answer<Vec<Entry>> = app(scene)
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    refused(listed, "NotBound").unwrap();
}

/// What `belayctl sign-in` says, and how it ends.
async fn signs_in(scene: &Scene) -> (Option<i32>, String) {
    let password = file(PASSWORD);
    let path = password.path().display().to_string();
    let (code, answer) = ctl(scene, &["sign-in", ADA, "--password-file", &path]).await;
    (code, answer["error"].to_string())
}

#[tokio::test]
async fn an_account_with_64_devices_takes_no_other_until_one_is_removed() {
    let (first, console, second) = beside().await;
    let mut last = None;
    for number in 1..MOST {
        let (device, reply) = console.bind(&first, hardware(number)).await.unwrap();
        assert_eq!(reply.status, 201, "{number}");
        last = Some(device);
    }
    let refusal = app(&second).sign_in(ADA, PASSWORD).await.unwrap().unwrap_err();
    let text = refusal.to_string();
    assert_eq!(refusal.short(), "QuotaExceeded", "{text}");
    assert!(
        text.contains("64 devices") && text.contains("remove one"),
        "{text}"
    );
    is_nobodys(&second).await;
    let (code, said) = signs_in(&second).await;
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("belayctl account remove-device"), "{said}");
    is_nobodys(&second).await;

    let device = last.unwrap().to_string();
    let removed = app(&first).order(REMOVE_DEVICE, &device, PASSWORD).await.unwrap();
    removed.unwrap();
    app(&second).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    shows(&second, "bound").await;
    assert_eq!(state(&first).await, "bound");
}

#[tokio::test]
async fn an_account_that_was_changed_too_often_takes_another_device_an_hour_later() {
    let (first, console, second) = beside().await;
    // The same hardware, bound anew: each time another device takes the place of the one before.
    let mut refused_at = None;
    for time in 0..=CHANGES {
        let (_, reply) = console.bind(&first, hardware(1)).await.unwrap();
        if reply.status != 201 {
            assert_eq!((reply.status, reply.problem().as_str()), (429, "too-many"));
            refused_at = Some(time);
            break;
        }
    }
    assert!(
        refused_at.is_some_and(|time| time > CHANGES / 2),
        "{refused_at:?}"
    );
    refused(app(&second).sign_in(ADA, PASSWORD).await.unwrap(), "TooSoon").unwrap();
    is_nobodys(&second).await;
    let (code, said) = signs_in(&second).await;
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("Try again in"), "{said}");

    first
        .clock()
        .advance(std::time::Duration::from_secs(3700))
        .unwrap();
    app(&second).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    shows(&second, "bound").await;
}
