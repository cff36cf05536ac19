//! What a cloud may claim in its answers to what an owner orders: that it was done, for whom, and how it stands. Where the owner's
//! signature says more, that counts; where there is nothing but the cloud's word, nothing but what is shown hangs on it, until the next
//! word.

use std::sync::Arc;

use belay_tests::app::{ACCOUNT, Answer, Refusal, entry};
use belay_tests::openapi::{Call, Exchange};
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::{Value, json};

use super::forged::{
    ALWAYS, Lie, from, is_as_before, is_refused, lies_of_a_login, lies_of_certificates, login, proves_itself,
    says, user, world,
};
use super::invented::{done, invention, text};
use super::{Deed, World};
use crate::account_life::identifiers;
use crate::owner::app;

/// What the owner orders with the password.
const ORDERED: [Deed; 5] = [
    Deed::SetLogin,
    Deed::RemoveIdentifier,
    Deed::RequestBootloaderUnlock,
    Deed::RemoveDevice,
    Deed::SendCommand,
];

fn altered(lie: &Lie) -> Trick {
    let lie = Arc::clone(lie);
    Trick::alter(move |answer| lie(answer))
}

/// Orders `deed` while each login is answered with `lie`.
async fn over_a_forged_login(world: &mut World, deed: Deed, lie: &Lie) -> Answer<()> {
    world.prepare(deed).await;
    world.scene.network().plan_call(&login(), ALWAYS, &altered(lie));
    let answer = world.attempt(deed).await;
    world.scene.network().behave();
    answer
}

#[tokio::test]
async fn nothing_is_ordered_with_what_is_not_the_owners_newest() {
    let (mut world, evidence, _ben) = world().await;
    let account = user(&world).await;
    let invented = invention(&mut world).await.fields();
    for deed in ORDERED {
        let mut lies = lies_of_a_login(&evidence);
        lies.push(("an invented owner's record", from(&invented, &["credentials"])));
        let all = &["credentials", "owner", "devices"];
        lies.push(("all of an invented owner's", from(&invented, all)));
        for (name, lie) in lies {
            let what = format!("{deed:?}: {name}");
            let answer = over_a_forged_login(&mut world, deed, &lie).await;
            is_refused(&what, &answer);
            is_as_before(&world, &what, &account).await;
        }
    }
    // A device that the owner hasn't certified is none, whatever its certificate says.
    for deed in [Deed::RemoveDevice, Deed::SendCommand] {
        let mut lies = lies_of_certificates(&evidence);
        lies.push(("an invented owner's", from(&invented, &["devices"])));
        for (name, lie) in lies {
            let what = format!("{deed:?}: {name}");
            let answer = over_a_forged_login(&mut world, deed, &lie).await;
            let said = answer.as_ref().err().map_or("granted", Refusal::short);
            assert!(["NotFound", "CloudRefused"].contains(&said), "{what}: {answer:?}");
            is_as_before(&world, &what, &account).await;
        }
    }
    proves_itself(&mut world).await;
}

#[tokio::test]
async fn what_only_the_cloud_says_was_done_to_an_address_shows_as_it_is_and_is_done_when_asked_again() {
    let mut world = World::new().await;
    let account = user(&world).await;
    for (deed, call) in [
        (Deed::SetLogin, Call::new("PUT", "/v1/account/login")),
        (
            Deed::RemoveIdentifier,
            Call::new("DELETE", "/v1/account/identifiers/{id}"),
        ),
    ] {
        let what = format!("{deed:?}");
        world.prepare(deed).await;
        let before = identifiers(&world.scene).await;
        world.scene.network().plan_call(&call, ALWAYS, &done());
        // Nobody here could know better.
        world.attempt(deed).await.unwrap();
        assert!(world.scene.network().has_played(&call), "{what}");
        world.scene.network().behave();
        is_as_before(&world, &what, &account).await;
        // A login tells the addresses, and the login of before is one.
        world.surely(Deed::Reauthenticate).await;
        assert_eq!(identifiers(&world.scene).await, before, "{what}");
        world.surely(deed).await;
        let changed = async || (identifiers(&world.scene).await != before).then_some(());
        until(&what, changed).await.unwrap();
        world.done(deed).await;
        is_as_before(&world, &what, &account).await;
    }
    proves_itself(&mut world).await;
}

#[tokio::test]
async fn a_decision_about_the_bootloader_that_only_an_answer_has_is_shown_no_longer_than_it_is_said() {
    let mut world = World::new().await;
    let account = user(&world).await;
    let asked = Call::new("POST", "/v1/account/bootloader-unlocks");
    let told = Call::new("GET", "/v1/account/bootloader-unlocks");
    for claimed in ["approved", "denied", "as you like"] {
        world.prepare(Deed::RequestBootloaderUnlock).await;
        for call in [&asked, &told] {
            world
                .scene
                .network()
                .plan_call(call, ALWAYS, &altered(&says("state", json!(claimed))));
        }
        world.surely(Deed::RequestBootloaderUnlock).await;
        assert!(world.scene.network().has_played(&asked), "{claimed}");
        let shown = app(&world.scene).text(ACCOUNT, "BootloaderUnlock").await.unwrap();
        assert!(
            ["approved", "denied", "unknown"].contains(&shown.as_str()),
            "{shown}"
        );
        is_as_before(&world, claimed, &account).await;
        world.scene.network().behave();
        let app = app(&world.scene);
        world.shows(&app, "BootloaderUnlock", "pending").await;
    }
    proves_itself(&mut world).await;
}

/// The newest life of a command that a device was told.
fn life(world: &World) -> Value {
    let path = format!("/v1/devices/{}/commands/{}", world.target, world.verification);
    let exchanges = world.scene.network().exchanges();
    let fits = |e: &&Exchange| e.path == path && e.status == 200;
    serde_json::from_slice(&exchanges.iter().rev().find(fits).unwrap().answer).unwrap()
}

/// How the command that was sent last is shown.
async fn shown(world: &World) -> String {
    type Rows = Vec<std::collections::HashMap<String, zbus::OwnedVariant>>;
    let sent = app(&world.scene).read(ACCOUNT, "Commands").await;
    let sent = Rows::try_from(sent.unwrap().unwrap()).unwrap();
    let own = sent.iter().find(|row| entry(row, "id") == world.verification);
    entry(own.unwrap(), "state")
}

#[tokio::test]
async fn what_became_of_a_command_is_what_the_device_has_signed_of_this_one() {
    let mut world = World::new().await;
    let account = user(&world).await;
    let brought = Call::new("POST", "/v1/devices/{id}/commands");
    let asked = Call::new("GET", "/v1/devices/{id}/commands/{command}");
    world.prepare(Deed::SendCommand).await;
    world.surely(Deed::SendCommand).await;
    world.done(Deed::SendCommand).await;
    let before = life(&world);
    assert_eq!(before["state"], "done");
    let lies: Vec<(&str, Lie)> = vec![
        (
            "that it is done",
            Arc::new(|life: &mut Value| {
                life["state"] = json!("done");
                life["outcomes"] = json!([]);
            }),
        ),
        (
            "outcomes of noise",
            Arc::new(|life: &mut Value| {
                life["state"] = json!("done");
                life["outcomes"] = json!([text(&[7; 200])]);
            }),
        ),
        (
            "the outcomes of the one before",
            from(&before, &["state", "outcomes"]),
        ),
        (
            "the one before",
            from(&before, &["id", "state", "outcomes", "revision"]),
        ),
    ];
    for (name, lie) in lies {
        world.prepare(Deed::SendCommand).await;
        for call in [&brought, &asked] {
            world.scene.network().plan_call(call, ALWAYS, &altered(&lie));
        }
        world.surely(Deed::SendCommand).await;
        let asks = async || world.scene.network().has_played(&asked).then_some(());
        until(name, asks).await.unwrap();
        let shown = shown(&world).await;
        assert!(
            ["unknown", "queued", "delivered"].contains(&shown.as_str()),
            "{name}: {shown}"
        );
        world.scene.network().behave();
        world.done(Deed::SendCommand).await;
        is_as_before(&world, name, &account).await;
    }
}
