//! A lost device and a tampered one: nothing is answered but what its owner needs.

use std::fs;
use std::path::PathBuf;

use belay_tests::app::{ACCOUNT, Answer, App, DEVICE, Options, WARDEN, memfd, refused};
use belay_tests::guest;
use zbus::Fd;

use crate::owner::{ADA, BEN, BENS, PASSWORD, adas, app, state};
use crate::scene::{Scene, skipped};

/// A ticket in form.
const TICKET: &str = "0123456789abcdef0123456789abcdef";

/// Locks the device as a policy of belayd's would: whoever has belayd's name may tighten.
pub async fn tighten(scene: &mut Scene) {
    scene.kill_belayd().await.unwrap();
    let uid = guest::programs().unwrap_or_else(guest::person);
    let stand_in = scene.connect(uid).await.unwrap();
    stand_in.request_name("org.belay1").await.unwrap();
    App::new(&stand_in)
        .call::<_, ()>(WARDEN, "Tighten", &("owner-asked",))
        .await
        .unwrap()
        .unwrap();
    stand_in.release_name("org.belay1").await.unwrap();
    scene.start_belayd().await.unwrap();
}

#[tokio::test]
async fn while_lost_everything_but_unlocking_answers_device_lost_across_restarts() {
    let mut scene = adas().await;
    tighten(&mut scene).await;
    for _ in 0..2 {
        let app = app(&scene);
        assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "lost");
        assert_eq!(app.text(DEVICE, "LockState").await.unwrap(), "lost");
        let none = Options::new();
        for property in ["State", "UserId", "Identifiers", "Profile"] {
            refused(app.read(ACCOUNT, property).await.unwrap(), "DeviceLost").unwrap();
        }
        refused(app.read(DEVICE, "Name").await.unwrap(), "DeviceLost").unwrap();
        let refusals = [
            app.present("sign-out", "", &[("password", PASSWORD)])
                .await
                .unwrap()
                .map(drop),
            app.call::<_, String>(ACCOUNT, "CheckActivation", &(&none,))
                .await
                .unwrap()
                .map(drop),
            app.call::<_, zbus::OwnedFd>(ACCOUNT, "SignOut", &(TICKET, &none))
                .await
                .unwrap()
                .map(drop),
            app.call::<_, ()>(ACCOUNT, "Reauthenticate", &(TICKET, &none))
                .await
                .unwrap(),
            app.call::<_, ()>(DEVICE, "SetName", &("mine", &none))
                .await
                .unwrap(),
            app.call::<_, zbus::OwnedFd>(DEVICE, "AuthorizeReset", &(TICKET, &none))
                .await
                .unwrap()
                .map(drop),
        ];
        for refusal in refusals {
            refused(refusal, "DeviceLost").unwrap();
        }
        scene.reboot().await.unwrap();
    }
    let app = app(&scene);
    let unlock = async |password: &str| -> Answer<()> {
        let fd = Fd::from(memfd(password.as_bytes()).unwrap());
        app.call(WARDEN, "Unlock", &(fd,)).await.unwrap()
    };
    refused(unlock("not-the-password-1").await, "WrongPassword").unwrap();
    let mut device = app.watch(DEVICE).await.unwrap();
    unlock(PASSWORD).await.unwrap();
    device.becomes("LockState", "unlocked").await.unwrap();
    assert_eq!(state(&scene).await, "bound");
    app.sign_out(PASSWORD).await.unwrap().unwrap();
}

/// The files of the warden's state with this name, one a copy.
fn copies(scene: &Scene, name: &str) -> Vec<PathBuf> {
    let files = ["a", "b"].map(|copy| scene.place().at("warden").join(copy).join(name));
    files.into_iter().filter(|file| file.exists()).collect()
}

/// Does something to the warden's files while nobody runs, and starts everything again.
async fn meddled(scene: &mut Scene, meddle: impl Fn(&Scene)) {
    scene.kill_belayd().await.unwrap();
    scene.kill_warden().await.unwrap();
    meddle(scene);
    scene.start_belayd().await.unwrap();
}

#[tokio::test]
async fn one_spoilt_copy_is_repaired_and_two_are_tampered_never_unbound() {
    let mut scene = adas().await;
    meddled(&mut scene, |scene| {
        fs::write(&copies(scene, "binding")[0], b"spoilt").unwrap()
    })
    .await;
    assert_eq!(state(&scene).await, "bound");
    let repaired = copies(&scene, "binding")
        .iter()
        .map(|c| fs::read(c).unwrap())
        .collect::<Vec<_>>();
    assert_eq!(repaired[0], repaired[1]);
    for name in ["binding", "throttle", "lock"] {
        let before: Vec<_> = copies(&scene, name)
            .iter()
            .map(|c| (c.clone(), fs::read(c).unwrap()))
            .collect();
        assert_eq!(before.len(), 2, "{name}");
        for spoil in ["flip", "cut", "delete"] {
            meddled(&mut scene, |_| {
                for (file, content) in &before {
                    match spoil {
                        "flip" => {
                            let mut content = content.clone();
                            content[before[0].1.len() / 2] ^= 1;
                            fs::write(file, content).unwrap();
                        }
                        "cut" => fs::write(file, &content[..content.len() - 1]).unwrap(),
                        _ => fs::remove_file(file).unwrap(),
                    }
                }
            })
            .await;
            let app = app(&scene);
            assert_eq!(
                app.text(WARDEN, "BindingState").await.unwrap(),
                "tampered",
                "{name} {spoil}"
            );
            assert_eq!(
                app.text(DEVICE, "LockState").await.unwrap(),
                "tampered",
                "{name} {spoil}"
            );
            assert_eq!(state(&scene).await, "activation-locked", "{name} {spoil}");
            let answer = app
                .present("sign-out", "", &[("password", PASSWORD)])
                .await
                .unwrap();
            refused(answer, "Tampered").unwrap();
            meddled(&mut scene, |_| {
                for (file, content) in &before {
                    fs::write(file, content).unwrap();
                    guest::give(file).unwrap();
                }
            })
            .await;
            assert_eq!(state(&scene).await, "bound", "{name} put back");
        }
    }
}

#[tokio::test]
async fn the_owner_comes_in_by_the_door_of_a_tampered_device_and_nobody_else() {
    if !guest::is_root() {
        skipped("the door opens to root or the lost screen only");
        return;
    }
    for survives in [true, false] {
        let mut scene = adas().await;
        let root = App::new(&scene.root().await.unwrap());
        let gone = if survives { "throttle" } else { "binding" };
        meddled(&mut scene, |scene| {
            copies(scene, gone)
                .iter()
                .for_each(|c| fs::remove_file(c).unwrap())
        })
        .await;
        let answer = app(&scene)
            .present("sign-in", ADA, &[("password", PASSWORD)])
            .await
            .unwrap();
        refused(answer, "Tampered").unwrap();
        let answer = root
            .present("register", BEN, &[("password", BENS)])
            .await
            .unwrap();
        refused(answer, "Tampered").unwrap();
        refused(
            root.sign_in(ADA, "not-the-password-1").await.unwrap(),
            "WrongPassword",
        )
        .unwrap();
        root.sign_in(ADA, PASSWORD)
            .await
            .unwrap()
            .unwrap_or_else(|e| panic!("survives {survives}: {e}"));
        assert_eq!(root.text(WARDEN, "BindingState").await.unwrap(), "bound");
        let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
        root.call::<_, ()>(WARDEN, "Unlock", &(fd,))
            .await
            .unwrap()
            .unwrap();
        app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_state_of_another_device_is_not_this_ones() {
    let (mut scene, other) = (adas().await, crate::scene::scene().await);
    // The other one is unbound: just what a thief would like to copy here.
    let theirs = ["binding", "throttle", "lock", "pending", "audit-head"];
    meddled(&mut scene, |scene| {
        for name in theirs {
            for (mine, theirs) in copies(scene, name).iter().zip(copies(&other, name)) {
                fs::copy(theirs, mine).unwrap();
            }
        }
    })
    .await;
    assert_eq!(
        app(&scene).text(WARDEN, "BindingState").await.unwrap(),
        "tampered"
    );
}
