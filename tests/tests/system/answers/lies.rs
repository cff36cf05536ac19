//! A cloud that answers each call of each deed with every kind of refusal and nonsense, as often as it is asked: nothing is
//! unbound, nothing of what was proved is told, the error is one that the method's documentation names, and once the cloud is
//! honest again the deed ends as if nothing had been.
//!
//! Which calls there are is recorded where everything goes well, as in [`super::lost`].

use std::collections::BTreeSet;
use std::time::Duration;

use belay_tests::app::{ACCOUNT, Options, Refusal, WARDEN};
use belay_tests::openapi::Call;
use belay_tests::proxy::Trick;
use belay_tests::until::until;

use super::lost::called;
use super::{Deed, View, World};
use crate::owner::{app, state};
use crate::scene::is_long;

/// For as long as anybody asks.
const ALWAYS: usize = 10_000;

/// After which the deed is as well prepared as before.
const NOTHING_CAME: [&str; 3] = ["Offline", "CloudRefused", "TooSoon"];

/// Bare statuses: each class with what stands out in it. Which class each of all there are is in is told of the client alone, in
/// `daemon/src/cloud/tests/statuses.rs`.
const STATUSES: [u16; 24] = [
    300, 304, 400, 401, 402, 403, 404, 405, 408, 409, 410, 411, 413, 415, 418, 421, 425, 426, 451, 500, 501,
    503, 505, 599,
];

/// Refusals by name, also where the contract doesn't have them.
const NAMED: [(u16, &str); 19] = [
    (401, "invalid-token"),
    (401, "use-dpop-nonce"),
    (400, "invalid-grant"),
    (403, "removed"),
    (403, "not-bound"),
    (403, "login-refused"),
    (403, "wrong-code"),
    (404, "not-found"),
    (409, "account-exists"),
    (409, "identifier-taken"),
    (409, "generation-conflict"),
    (409, "revision-conflict"),
    (409, "activation-locked"),
    (409, "devices-still-bound"),
    (410, "code-expired"),
    (422, "bad-credentials"),
    (429, "too-many"),
    (403, "bad-ticket"),
    (422, "channel-unavailable"),
];

fn all() -> Vec<(String, Trick)> {
    let bare = STATUSES
        .iter()
        .map(|status| (status.to_string(), Trick::status(*status)));
    let named = NAMED
        .iter()
        .map(|(status, name)| (format!("{status} {name}"), Trick::problem(*status, name)));
    let mut tricks: Vec<_> = bare.chain(named).collect();
    for status in [301, 302, 303, 307, 308] {
        let headers = vec![("location", "http://127.0.0.1:9/".to_owned())];
        let body = Vec::new();
        tricks.push((
            format!("{status} elsewhere"),
            Trick::Answer {
                status,
                headers,
                body,
            },
        ));
    }
    tricks.extend(nonsense());
    tricks
}

fn nonsense() -> Vec<(String, Trick)> {
    let page = Trick::Answer {
        status: 200,
        headers: vec![("content-type", "text/html".to_owned())],
        body: b"<html>Sign in to the hotel</html>".to_vec(),
    };
    vec![
        ("a page".to_owned(), page),
        ("an empty object".to_owned(), Trick::says("{}")),
        ("a list".to_owned(), Trick::says("[1, 2, 3]")),
        ("half a document".to_owned(), Trick::says("{\"id\": \"")),
        ("no end".to_owned(), Trick::Endless),
        ("429 and come back".to_owned(), Trick::later(429, 30)),
        ("503 and come back".to_owned(), Trick::later(503, 30)),
    ]
}

/// What stands for all: one of each class.
const CLASSES: [&str; 8] = [
    "302 elsewhere",
    "401",
    "404",
    "403 removed",
    "500",
    "a page",
    "an empty object",
    "429 and come back",
];

fn one_of_each_class() -> Vec<(String, Trick)> {
    let mut tricks = all();
    tricks.retain(|(name, _)| CLASSES.contains(&name.as_str()));
    assert_eq!(tricks.len(), CLASSES.len());
    tricks
}

#[tokio::test]
async fn whatever_the_cloud_answers_while_somebody_joins_nothing_is_half_done() {
    lied_to(Deed::JOINING).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_while_somebody_comes_back_or_leaves_nothing_is_half_done() {
    lied_to(Deed::COMING_BACK).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_addresses_the_device_stays_its_owners() {
    lied_to(Deed::ADDRESSES).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_details_the_device_stays_its_owners() {
    lied_to(Deed::DETAILS).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_passwords_the_device_stays_its_owners() {
    lied_to(Deed::PASSWORDS).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_recoveries_the_device_stays_its_owners() {
    lied_to(Deed::RECOVERIES).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_a_removal_the_device_stays_its_owners() {
    lied_to(Deed::REMOVAL).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_a_deletion_the_device_stays_its_owners() {
    lied_to(Deed::DELETION).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_a_hold_the_device_stays_its_owners() {
    lied_to(Deed::HOLD).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_a_verification_nothing_is_half_done() {
    lied_to(Deed::VERIFICATION).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_about_a_name_or_a_command_the_device_stays_its_owners() {
    lied_to(Deed::NAME_AND_COMMAND).await;
}

#[tokio::test]
async fn whatever_the_cloud_answers_while_a_number_proves_itself_nothing_is_half_done() {
    lied_to_in(World::texting().await, Deed::BY_SMS).await;
}

/// In the short mode one lie of each class for each call, and of each later deed that makes it one in turn; in the long one
/// all of them, and one of each class.
async fn lied_to(deeds: &[Deed]) {
    lied_to_in(World::new().await, deeds).await;
}

async fn lied_to_in(mut world: World, deeds: &[Deed]) {
    let (mut known, mut turn) = (BTreeSet::new(), 0);
    for deed in deeds {
        world.prepare(*deed).await;
        let before = world.scene.network().count();
        world.surely(*deed).await;
        let calls = called(&world, before);
        let expected = world.sees_of(*deed).await;
        world.done(*deed).await;
        let mut in_turn = Vec::new();
        for call in calls {
            let lies = |tricks: Vec<(String, Trick)>| {
                let of_call = |(name, trick)| (call.clone(), name, trick);
                tricks.into_iter().map(of_call).collect::<Vec<Lie>>()
            };
            let lies = match (known.insert(call.clone()), is_long()) {
                (true, true) => lies(all()),
                (true, false) | (false, true) => lies(one_of_each_class()),
                (false, false) => {
                    turn += 1;
                    let one = one_of_each_class().swap_remove(turn % CLASSES.len());
                    in_turn.extend(lies(vec![one]));
                    continue;
                }
            };
            under_lies(&mut world, *deed, &lies, &expected).await;
        }
        under_lies(&mut world, *deed, &in_turn, &expected).await;
    }
    world.has_told_nothing();
}

/// A call, and how it is answered: a name, and the answer.
type Lie = (Call, String, Trick);

/// The deed under each of these lies, and then with an honest cloud.
async fn under_lies(world: &mut World, deed: Deed, lies: &[Lie], expected: &View) {
    let Some((last, ..)) = lies.last() else { return };
    world.prepare(deed).await;
    for (call, name, trick) in lies {
        lied(world, deed, call, (name, trick)).await;
    }
    let what = format!("{deed:?}, whose {last} had failed");
    let mut done = world.attempt(deed).await;
    if done
        .as_ref()
        .is_err_and(|refusal| refusal.short() == "ReauthenticationRequired")
    {
        // The end of the session was told late; what to do then is said.
        world.prepare(deed).await;
        done = world.attempt(deed).await;
    }
    done.unwrap_or_else(|e| panic!("{what}: {e}"));
    let same = until(&what, async || (world.view().await == *expected).then_some(()));
    if same.await.is_err() {
        panic!("{what}:\n{:?}\nin place of\n{expected:?}", world.view().await);
    }
    world.done(deed).await;
}

/// One attempt while every such call is answered so.
async fn lied(world: &mut World, deed: Deed, call: &Call, (name, trick): (&str, &Trick)) {
    let what = format!("{deed:?}: {call}: {name}");
    // Shown where one fails: what fails may be no more than that nothing comes.
    println!("{what}");
    let stood = stands(world).await;
    world.scene.network().plan_call(call, ALWAYS, trick);
    let answer = world.attempt(deed).await;
    world.scene.network().behave();
    if name.ends_with("come back") {
        // Also where the deed was done without the answer.
        world.scene.clock().advance(Duration::from_secs(31)).unwrap();
    }
    match answer {
        // What was lied about can wait; or it was done, and only its details are shown later.
        Ok(()) => {
            let of_addresses = [Deed::ConfirmIdentifier, Deed::SetLogin, Deed::RemoveIdentifier];
            if of_addresses.contains(&deed) && *call == Call::new("GET", "/v1/account") {
                // The next deed goes by them, and a login tells them at once.
                world.surely(Deed::Reauthenticate).await;
            }
            world.done(deed).await;
            world.prepare(deed).await;
        }
        Err(refusal) => {
            is_said(&what, &refusal);
            let stands = stands(world).await;
            assert_eq!(stands.1, stood.1, "{what}: {refusal}");
            is_a_way_on(&what, &stood.0, &stands.0);
            if stands.0 == "activation-locked" {
                let check = app(&world.scene)
                    .call::<_, String>(ACCOUNT, "CheckActivation", &(Options::new(),))
                    .await;
                assert_eq!(check.unwrap().unwrap(), "free", "{what}");
            }
            if stands.0 != stood.0 || !NOTHING_CAME.contains(&refusal.short()) {
                world.prepare(deed).await;
            }
        }
    }
}

/// The account's state, and how the warden sees the device: binding, lock, tries left.
async fn stands(world: &World) -> (String, (String, String, u32)) {
    let app = app(&world.scene);
    let warden = (
        app.text(WARDEN, "BindingState").await.unwrap(),
        app.text(WARDEN, "LockState").await.unwrap(),
        app.get(WARDEN, "TriesLeft").await.unwrap(),
    );
    (state(&world.scene).await, warden)
}

/// That the error is documented for the method was judged already; it must besides be one of the cloud's, and quote nothing.
fn is_said(what: &str, refusal: &Refusal) {
    let own = [
        "Internal",
        "Storage",
        "NotAuthorized",
        "DeviceLost",
        "Tampered",
        "BadTicket",
        "Busy",
    ];
    assert!(!own.contains(&refusal.short()), "{what}: {refusal}");
    assert!(!refusal.text.contains("hotel"), "{what}: {refusal}");
}

/// The state says what to do next: nothing else than before, or to prove the password, to begin again, to ask for the hardware.
fn is_a_way_on(what: &str, before: &str, after: &str) {
    let ways: &[&str] = match before {
        "bound" => &["bound", "reauthentication-required"],
        "registering" => &["registering", "unbound", "activation-locked"],
        "unbound" => &["unbound", "activation-locked"],
        other => &[other],
    };
    assert!(ways.contains(&after), "{what}: {before} became {after}");
}
