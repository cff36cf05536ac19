//! Two and three devices of one account: what one of them changes reaches the others.

use belay_proto::dbus::action_arguments;
use belay_proto::signed::Action;
use belay_proto::steps::command_subject;
use belay_tests::app::{
    ACCOUNT, Answer, CONTACTS, DEVICE, Entry, Options, REMOVE_DEVICE, REMOVE_IDENTIFIER, SET_LOGIN, options,
    refused,
};
use belay_tests::guest;
use belay_tests::openapi::Exchange;
use zbus::{OwnedVariant, Variant};

use crate::account_life::{
    NEW, OTHER, add_address, another, another_code, begin_recovery, change, device_id, hers, identifiers,
    ordered, recover, ticket,
};
use crate::documented_sync::grace;
use crate::owner::{ADA, BEN, BENS, PASSWORD, app, code, state};
use crate::scene::{PACE, Scene};
use crate::security_check::findings;

/// One device has the other ring, which any of the owner's may.
async fn rings(from: &Scene, to: &Scene) {
    let arguments = action_arguments(&Action::Ring { seconds: 60 });
    let body = (device_id(to).await, "ring", arguments, "", Options::new());
    let sent: Answer<String> = app(from).call(ACCOUNT, "SendCommand", &body).await.unwrap();
    sent.unwrap();
    to.services().feedback().until_playing(true).await.unwrap();
}

/// One device locks the other for its finder, with the password.
async fn locks(from: &Scene, password: &str, to: &Scene) -> Answer<String> {
    let action = Action::Lock {
        message: "Please call me".into(),
        phone: "+491701234567".into(),
    };
    let device = device_id(to).await;
    let subject = command_subject(&device.parse().unwrap(), &action);
    let ticket = ticket(&app(from), "command", &subject, password).await;
    let arguments = action_arguments(&action);
    let body = (device, "lock", arguments, ticket, Options::new());
    app(from).call(ACCOUNT, "SendCommand", &body).await.unwrap()
}

#[tokio::test]
async fn another_password_stops_the_old_one_at_once_on_every_device() {
    let first = hers().await;
    let second = another(&first).await;
    refused(
        change(&first, "not-the-password-1", NEW, false).await,
        "WrongPassword",
    )
    .unwrap();
    change(&first, PASSWORD, NEW, false).await.unwrap();
    assert_eq!(state(&first).await, "bound");
    refused(app(&first).sign_out(PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    let other = app(&second);
    other
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    // Its session has ended at the cloud, and what needs one says what is to be done.
    let ring = action_arguments(&Action::Ring { seconds: 60 });
    let body = (device_id(&first).await, "ring", ring, "", Options::new());
    let sent: Answer<String> = other.call(ACCOUNT, "SendCommand", &body).await.unwrap();
    refused(sent, "ReauthenticationRequired").unwrap();
    refused(other.list_devices().await.unwrap(), "ReauthenticationRequired").unwrap();
    refused(
        other.reauthenticate(ADA, PASSWORD).await.unwrap(),
        "WrongPassword",
    )
    .unwrap();
    other.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&second).await, "bound");
    rings(&first, &second).await;
    app(&first).sign_out(NEW).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_root_is_followed_by_the_other_device_which_still_obeys() {
    let first = hers().await;
    let second = another(&first).await;
    change(&first, PASSWORD, NEW, true).await.unwrap();
    let has_code: bool = app(&first).get(ACCOUNT, "RecoveryCodeSet").await.unwrap();
    assert!(!has_code, "nobody but the owner knew the code");
    let other = app(&second);
    other
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    other.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    rings(&first, &second).await;
    rings(&second, &first).await;
}

#[tokio::test]
async fn a_recovery_with_the_code_is_followed_by_the_other_devices_without_the_password_of_before() {
    let first = hers().await;
    let recovery = another_code(&first, PASSWORD).await;
    let second = another(&first).await;
    let mut third = another(&first).await;
    third.kill_belayd().await.unwrap();
    let (id, code) = begin_recovery(&first, &first).await;
    recover(&first, &id, &code, &recovery).await.unwrap();
    let other = app(&second);
    other
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    // Who found it with the password of before has nothing: neither a session nor a way out.
    refused(other.sign_out(PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    let answer = other.reauthenticate(ADA, PASSWORD).await.unwrap();
    refused(answer, "WrongPassword").unwrap();
    other.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&second).await, "bound");
    // One that was off meanwhile: the owner types what she knows, once.
    third.start_belayd().await.unwrap();
    app(&third).reauthenticate(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(&third).await, "bound");
    app(&first).reauthenticate(ADA, NEW).await.unwrap().unwrap();
    rings(&first, &second).await;
    app(&third).sign_out(NEW).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_removed_device_says_so_and_keeps_its_data_while_the_others_sync_on() {
    let first = hers().await;
    let second = another(&first).await;
    for scene in [&first, &second] {
        app(scene).enable("contacts", true).await.unwrap().unwrap();
    }
    app(&first).put_new("contacts", &grace()).await.unwrap().unwrap();
    for scene in [&first, &second] {
        app(scene).sync_now().await.unwrap().unwrap();
    }
    assert_eq!(app(&second).list("contacts").await.unwrap().unwrap().len(), 1);
    let id = device_id(&second).await;
    let remove = async |id: &str| ordered(&first, REMOVE_DEVICE, id).await;
    refused(remove(&"0".repeat(32)).await, "NotFound").unwrap();
    // Nobody makes a ticket for this one either.
    let (own, no_ticket) = (device_id(&first).await, "0".repeat(32));
    let answer: Answer<()> = app(&first)
        .call(ACCOUNT, "RemoveDevice", &(own, no_ticket, Options::new()))
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
    remove(&id).await.unwrap();
    let other = app(&second);
    other
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    other.reads(ACCOUNT, "Membership", "removed").await.unwrap();
    refused(
        other.reauthenticate(ADA, PASSWORD).await.unwrap(),
        "ReauthenticationRequired",
    )
    .unwrap();
    let found = findings(&second).await;
    let expected = ("removed", "critical", "sign-out-of-this-device");
    let said: Vec<_> = found
        .iter()
        .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
        .collect();
    assert_eq!(said, [expected]);
    let program = second.program("belayctl", &["status"]).as_user(guest::person());
    let (_, shown) = program.without_terminal().output().await.unwrap();
    assert!(
        shown.contains("you removed this device from the account"),
        "{shown}"
    );
    assert_eq!(other.list("contacts").await.unwrap().unwrap().len(), 1);
    let card = belay_tests::app::New {
        natural: "alan",
        ..grace()
    };
    app(&first).put_new("contacts", &card).await.unwrap().unwrap();
    app(&first).sync_now().await.unwrap().unwrap();
    assert_eq!(app(&first).list("contacts").await.unwrap().unwrap().len(), 2);
    // It is let go as any other, and then it may come back.
    other.sign_out(PASSWORD).await.unwrap().unwrap();
    other.reads(ACCOUNT, "Membership", "none").await.unwrap();
    other.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    other.reads(ACCOUNT, "Membership", "member").await.unwrap();
}

#[tokio::test]
async fn whoever_is_told_that_the_device_is_somebodys_finds_its_collections() {
    let first = hers().await;
    let second = Scene::beside(&first).await;
    second.clock().run(PACE).unwrap();
    let app = app(&second);
    for _ in 0..3 {
        app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
        let on = app.read(CONTACTS, "Enabled").await.unwrap();
        on.unwrap();
        app.sign_out(PASSWORD).await.unwrap().unwrap();
    }
    // Until the cloud has heard that it is nobody's, it is another's for Ben.
    let heard = |value: &OwnedVariant| bool::try_from(&**value).is_ok_and(|waits| !waits);
    app.comes_to(ACCOUNT, "PendingRelease", "false", heard)
        .await
        .unwrap();
    let id = app.register(BEN, BENS, &Options::new()).await.unwrap().unwrap();
    let code = code(&first, BEN).await;
    app.confirm(&id, &code).await.unwrap().unwrap();
    assert!(app.list("contacts").await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn what_one_of_three_devices_changes_the_others_show() {
    let first = hers().await;
    let (second, third) = (another(&first).await, another(&first).await);
    let others = [&second, &third];
    let profile = options([("display-name", Variant::from("Ada Lovelace"))]);
    let set: Answer<()> = app(&first)
        .call(ACCOUNT, "SetProfile", &(profile, Options::new()))
        .await
        .unwrap();
    set.unwrap();
    add_address(&second, &first, OTHER).await;
    for scene in [&first, &second, &third] {
        let app = app(scene);
        let named = |value: &OwnedVariant| format!("{value:?}").contains("Ada Lovelace");
        app.comes_to(ACCOUNT, "Profile", "the name", named).await.unwrap();
        let two = |value: &OwnedVariant| shown(value).len() == 2;
        app.comes_to(ACCOUNT, "Identifiers", "two of them", two)
            .await
            .unwrap();
    }
    let login = identifiers(&first).await[1].0.clone();
    let moved = ordered(&third, SET_LOGIN, &login).await;
    moved.unwrap();
    for scene in others {
        let is_first = |value: &OwnedVariant| shown(value)[0].0 == login;
        app(scene)
            .comes_to(ACCOUNT, "Identifiers", "the other login first", is_first)
            .await
            .unwrap();
    }
    change(&first, PASSWORD, NEW, true).await.unwrap();
    let has_code =
        |wanted: bool| move |value: &OwnedVariant| bool::try_from(&**value).is_ok_and(|set| set == wanted);
    for scene in others {
        let app = app(scene);
        app.reads(ACCOUNT, "State", "reauthentication-required")
            .await
            .unwrap();
        let gone = app.comes_to(ACCOUNT, "RecoveryCodeSet", "false", has_code(false));
        gone.await.unwrap();
        app.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    }
    another_code(&second, NEW).await;
    for scene in [&first, &third] {
        let made = app(scene);
        let made = made.comes_to(ACCOUNT, "RecoveryCodeSet", "true", has_code(true));
        made.await.unwrap();
    }
    for scene in [&first, &second, &third] {
        assert_eq!(listed(scene).await, 3);
    }
    app(&third).sign_out(NEW).await.unwrap().unwrap();
    let released = |e: &Exchange| e.path == "/v1/releases" && e.status == 204;
    first.network().seen("the release", released).await.unwrap();
    assert_eq!(listed(&first).await, 2);
}

/// The property `Identifiers`.
fn shown(value: &OwnedVariant) -> Vec<(String, String, String, bool)> {
    value.try_clone().unwrap().try_into().unwrap()
}

/// How many devices the account has.
async fn listed(scene: &Scene) -> usize {
    let all: Answer<Vec<Entry>> = app(scene)
        .call(ACCOUNT, "ListDevices", &(Options::new(),))
        .await
        .unwrap();
    all.unwrap().len()
}

#[tokio::test]
async fn a_panic_password_change_leaves_the_stolen_phone_within_reach() {
    let first = hers().await;
    let stolen = another(&first).await;
    change(&first, PASSWORD, NEW, true).await.unwrap();
    let thief = app(&stolen);
    thief
        .reads(ACCOUNT, "State", "reauthentication-required")
        .await
        .unwrap();
    // Nobody types the new password there; its channel and the owner's word are enough.
    rings(&first, &stolen).await;
    locks(&first, NEW, &stolen).await.unwrap();
    thief.reads(DEVICE, "LockState", "lost").await.unwrap();
}

#[tokio::test]
async fn a_device_goes_on_once_the_address_that_it_was_bound_with_is_none_of_the_accounts_any_more() {
    let first = hers().await;
    let second = another(&first).await;
    add_address(&first, &first, OTHER).await;
    let addresses = identifiers(&first).await;
    let (login, added) = (addresses[0].0.clone(), addresses[1].0.clone());
    ordered(&first, SET_LOGIN, &added).await.unwrap();
    ordered(&first, REMOVE_IDENTIFIER, &login).await.unwrap();
    change(&first, PASSWORD, NEW, false).await.unwrap();
    let other = app(&second);
    let state = "reauthentication-required";
    other.reads(ACCOUNT, "State", state).await.unwrap();
    // Whichever address somebody names.
    other.reauthenticate(ADA, NEW).await.unwrap().unwrap();
    other.reads(ACCOUNT, "State", "bound").await.unwrap();
    locks(&second, NEW, &first).await.unwrap();
    app(&first).reads(DEVICE, "LockState", "lost").await.unwrap();
}
