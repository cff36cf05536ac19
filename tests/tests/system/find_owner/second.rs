//! From another device of the account, through its own daemons.

use std::time::Duration;

use belay_tests::app::{DEVICE, Refusal, WARDEN};
use belay_tests::openapi::Exchange;
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::Value;

use super::trouble::{not_found, unsigned};
use super::{SPEED, life, name, path};
use crate::belayctl::{ctl, file};
use crate::owner::{ADA, PASSWORD, app, registered};
use crate::scene::{Scene, scene};

#[tokio::test]
async fn another_device_of_the_account_commands_through_its_own_daemons() {
    let first = scene().await;
    registered(&first, ADA, PASSWORD).await;
    first.clock().run(SPEED).unwrap();
    let lost = app(&first).text(DEVICE, "DeviceId").await.unwrap();
    let second = Scene::beside(&first).await;
    second.clock().run(SPEED).unwrap();
    let (right, wrong) = (file(PASSWORD), file("not-the-password-1"));
    let (exit, bound) = ctl(&second, &["sign-in", ADA, "--password-file", path(&right)]).await;
    assert_eq!(exit, Some(0), "{bound}");
    let (exit, list) = ctl(&second, &["find", "list"]).await;
    assert_eq!(exit, Some(0), "{list}");
    assert_eq!(list["devices"].as_array().unwrap().len(), 2);

    // Without a password: the devices of one owner ring each other.
    let (exit, rung) = ctl(&second, &["find", "ring", &lost, "--seconds", "600"]).await;
    assert_eq!((exit, &rung["state"]), (Some(0), &Value::from("done")), "{rung}");
    first.services().feedback().until_playing(true).await.unwrap();
    let (exit, stopped) = ctl(&second, &["find", "stop", &lost]).await;
    assert_eq!(
        (exit, &stopped["state"]),
        (Some(0), &Value::from("done")),
        "{stopped}"
    );

    let (exit, refused) = ctl(&second, &["find", "lock", &lost, "--password-file", path(&wrong)]).await;
    assert_eq!((exit, name(&refused)), (Some(77), "WrongPassword"), "{refused}");
    assert_eq!(app(&first).text(WARDEN, "LockState").await.unwrap(), "unlocked");
    let (exit, unknown) = ctl(
        &second,
        &["find", "lock", "Somewhere", "--password-file", path(&right)],
    )
    .await;
    assert_eq!((exit, name(&unknown)), (Some(65), "NoSuchDevice"));

    // The cloud gives the names: an unlock wants the id.
    let rename = Trick::alter(|answer| {
        for device in answer["devices"].as_array_mut().unwrap() {
            if device["current"] != true {
                device["name"] = "Pocket".into();
            }
        }
    });
    first.network().plan("/v1/devices", 1, &rename);
    let unlock = ["find", "unlock", "Pocket", "--password-file", path(&right)];
    let (exit, refused) = ctl(&second, &unlock).await;
    assert_eq!((exit, name(&refused)), (Some(64), "Usage"), "{refused}");

    for (verb, state) in [("lock", "lost"), ("unlock", "unlocked")] {
        let (exit, done) = ctl(&second, &["find", verb, &lost, "--password-file", path(&right)]).await;
        assert_eq!(
            (exit, &done["state"]),
            (Some(0), &Value::from("done")),
            "{verb}: {done}"
        );
        assert_eq!(life(&done).last(), Some(&"done"));
        assert_eq!(app(&first).text(WARDEN, "LockState").await.unwrap(), state);
    }
    let (exit, status) = ctl(&second, &["find", "status", &lost]).await;
    assert_eq!(exit, Some(0), "{status}");
    let sent = status["commands"].as_array().unwrap();
    let actions: Vec<_> = sent.iter().map(|sent| sent["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["unlock", "lock", "stop-ring", "ring"]);
    assert!(sent.iter().all(|sent| sent["state"] == "done"), "{status}");
    let (exit, sms) = ctl(&second, &["find", "sms", &lost, "lock"]).await;
    assert_eq!((exit, name(&sms)), (Some(64), "Usage"));
    let instead = format!("belayctl find sms {lost} lock --cloud");
    assert!(
        sms["error"]["message"].as_str().unwrap().contains(&instead),
        "{sms}"
    );

    // The answer is lost and the command isn't.
    let commands = format!("/v1/devices/{lost}/commands");
    first.network().plan(&commands, 1, &Trick::alter(|_| ()));
    first.network().plan(&commands, 1, &Trick::LoseAnswer);
    let (exit, rung) = ctl(&second, &["find", "ring", &lost]).await;
    assert_eq!((exit, &rung["state"]), (Some(0), &Value::from("done")), "{rung}");
    // The cloud has forgotten it, or says nothing of it: nobody waits for ever.
    first.network().plan(&commands, 2, &Trick::alter(|_| ()));
    first.network().plan(&commands, 1, &not_found());
    let (exit, gone) = ctl(&second, &["find", "ring", &lost]).await;
    assert_eq!((exit, name(&gone)), (Some(69), "CommandForgotten"), "{gone}");
    let (_, status) = ctl(&second, &["find", "status", &lost]).await;
    assert_eq!(status["commands"][0]["reason"], "forgotten", "{status}");
    first.network().plan(&commands, 10_000, &unsigned(|_| ()));
    let before = first.network().exchanges().len();
    let time_passes = async {
        let lives = async || {
            let exchanges = first.network().exchanges();
            // An earlier one may be asked after still.
            let sent = |exchange: &&Exchange| exchange.method == "POST" && exchange.path == commands;
            let mut since = exchanges
                .iter()
                .skip(before)
                .skip_while(|exchange| !sent(exchange));
            since
                .any(|exchange| exchange.path.starts_with(&format!("{commands}/")))
                .then_some(())
        };
        until("the ring to be followed", lives).await.unwrap();
        second.clock().advance(Duration::from_secs(12 * 60)).unwrap();
    };
    let ring = ["find", "ring", lost.as_str()];
    let ((exit, over), ()) = tokio::join!(ctl(&second, &ring), time_passes);
    assert_eq!((exit, name(&over)), (Some(69), "CommandExpired"), "{over}");
}

#[tokio::test]
async fn belayd_refuses_a_device_that_the_owner_never_certified() {
    let first = scene().await;
    registered(&first, ADA, PASSWORD).await;
    first.clock().run(SPEED).unwrap();
    let lost = app(&first).text(DEVICE, "DeviceId").await.unwrap();
    let second = Scene::beside(&first).await;
    second.clock().run(SPEED).unwrap();
    let right = file(PASSWORD);
    let (exit, bound) = ctl(&second, &["sign-in", ADA, "--password-file", path(&right)]).await;
    assert_eq!(exit, Some(0), "{bound}");
    let app = app(&second);
    let ring = belay_proto::signed::Action::Ring { seconds: 5 };
    let send = async |device: &str| -> Result<String, Refusal> {
        let arguments = belay_proto::dbus::action_arguments(&ring);
        let none = belay_tests::app::Options::new();
        let account = belay_tests::app::ACCOUNT;
        app.call(account, "SendCommand", &(device, "ring", arguments, "", none))
            .await
            .unwrap()
    };
    let unknown = send(&"00".repeat(16)).await.unwrap_err();
    assert_eq!(unknown.short(), "NotFound");
    // A byte of the signature is another one.
    let forge = Trick::alter(|answer| {
        for device in answer["devices"].as_array_mut().unwrap() {
            let text = device["certificate"].as_str().unwrap().to_owned();
            let mut bytes = belay_proto::text::from_base64url(&text).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            device["certificate"] = belay_proto::text::base64url(&bytes).into();
        }
    });
    first.network().plan("/v1/devices", 1, &forge);
    let refused = send(&lost).await.unwrap_err();
    assert_eq!(refused.short(), "CloudRefused");
    assert!(
        send(&lost).await.is_ok(),
        "the same device, once its certificate is its own"
    );
    first.services().feedback().until_playing(true).await.unwrap();
}
