//! Each answer of the cloud to each deed of an account is lost once, and each request sent twice once: the owner asks again, and
//! everything is as if nothing had been.
//!
//! Which calls there are is recorded: first where everything goes well, then again in every run, so that a new one is broken by
//! itself.

use std::collections::BTreeSet;

use belay_tests::openapi::Call;
use belay_tests::proxy::Trick;
use belay_tests::until::until;

use super::world::SOON;
use super::{Deed, View, World};

/// What an owner may be told who then asks again and gets what was wanted.
const PASSING: [&str; 2] = ["Offline", "CloudRefused"];

/// The same where the network delivers a request twice, and no answer is lost: nothing but that the machine is busy.
const LATE: [&str; 1] = ["Offline"];

/// What belayd asks in the background, whatever the owner does; other tests break it.
const BACKGROUND: [&str; 7] = [
    "/v1/stream",
    "/v1/commands",
    "/v1/outcomes",
    "/v1/reports",
    "/v1/accessories",
    "/v1/sync",
    "/v1/blobs",
];

/// What so many deeds begin and end with.
const WALK: [(&str, &str); 4] = [
    ("POST", "/v1/challenges"),
    ("POST", "/v1/login/challenge"),
    ("POST", "/v1/login"),
    ("POST", "/v1/revoke"),
];

/// What needn't come again where it came once: new tokens, looks at what may have changed, the end of what was given up.
const OCCASIONAL: [(&str, &str); 7] = [
    ("POST", "/v1/revoke"),
    ("DELETE", "/v1/verifications/{id}"),
    ("POST", "/v1/token"),
    ("POST", "/v1/releases"),
    ("GET", "/v1/account"),
    ("GET", "/v1/account/credentials"),
    ("GET", "/v1/account/bootloader-unlocks"),
];

#[tokio::test]
async fn joining_ends_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::JOINING).await;
}

#[tokio::test]
async fn coming_back_and_leaving_end_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::COMING_BACK).await;
}

#[tokio::test]
async fn addresses_end_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::ADDRESSES).await;
}

#[tokio::test]
async fn details_end_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::DETAILS).await;
}

#[tokio::test]
async fn passwords_end_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::PASSWORDS).await;
}

#[tokio::test]
async fn recoveries_end_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::RECOVERIES).await;
}

#[tokio::test]
async fn a_removed_device_is_gone_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::REMOVAL).await;
}

#[tokio::test]
async fn a_deleted_account_is_gone_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::DELETION).await;
}

#[tokio::test]
async fn a_hold_begins_and_ends_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::HOLD).await;
}

#[tokio::test]
async fn a_verification_stands_and_ends_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::VERIFICATION).await;
}

#[tokio::test]
async fn a_name_and_a_command_arrive_alike_whichever_answer_is_lost_or_comes_twice() {
    all(Deed::NAME_AND_COMMAND).await;
}

#[tokio::test]
async fn a_number_that_the_device_proves_itself_joins_alike_whichever_answer_is_lost_or_comes_twice() {
    all_in(World::texting().await, Deed::BY_SMS).await;
}

async fn all(deeds: &[Deed]) {
    all_in(World::new().await, deeds).await;
}

async fn all_in(mut world: World, deeds: &[Deed]) {
    for deed in deeds {
        each_answer(&mut world, *deed).await;
    }
}

/// Every call of a deed, with its answer lost, and twice: what every walk begins and ends with in one run, each other one in a run
/// of its own.
async fn each_answer(world: &mut World, deed: Deed) {
    world.prepare(deed).await;
    let before = world.scene.network().count();
    world.surely(deed).await;
    // What a sign-out tells the cloud it tells when it is done here.
    let what = format!("{deed:?} to ask the cloud anything");
    let calls = until(&what, async || {
        let calls = called(world, before);
        (!calls.is_empty()).then_some(calls)
    });
    let mut calls = calls.await.unwrap();
    let expected = world.sees_of(deed).await;
    world.done(deed).await;
    let mut done = BTreeSet::new();
    loop {
        let left: Vec<&Call> = calls.difference(&done).collect();
        let (walk, others): (Vec<&Call>, Vec<&Call>) = left.into_iter().partition(|call| is_walk(call));
        let run: Vec<Call> = match (walk.is_empty(), others.first()) {
            (false, _) => walk.into_iter().cloned().collect(),
            (true, Some(other)) => vec![(*other).clone()],
            (true, None) => break,
        };
        for trick in [Trick::LoseAnswer, Trick::Double] {
            calls.extend(with_trick(world, deed, &run, &trick, &expected).await);
            world.done(deed).await;
        }
        done.extend(run);
    }
}

fn is_walk(call: &Call) -> bool {
    WALK.contains(&(call.method.as_str(), call.path.as_str()))
}

/// One run in which the trick is played once on each of these calls; the calls that were made.
async fn with_trick(
    world: &mut World,
    deed: Deed,
    calls: &[Call],
    trick: &Trick,
    expected: &View,
) -> BTreeSet<Call> {
    let names: Vec<String> = calls.iter().map(Call::to_string).collect();
    let what = format!("{deed:?}: {}: {trick:?}", names.join(", "));
    world.prepare(deed).await;
    let mut before = world.scene.network().count();
    world.scene.network().behave();
    for call in calls {
        world.scene.network().plan_call(call, 1, trick);
    }
    let is_lost = matches!(trick, Trick::LoseAnswer);
    let passing = if is_lost { PASSING.as_slice() } else { &LATE };
    let mut told = Vec::new();
    while let Err(refusal) = world.attempt(deed).await {
        let begins_anew = is_lost && deed == Deed::BeginHold && refusal.short() == "CodeExpired";
        assert!(
            passing.contains(&refusal.short()) || begins_anew,
            "{what}: {refusal}, after {told:?}"
        );
        if begins_anew {
            // The cloud has what waits, and nothing waits here: it takes another code, as is said.
            world.prepare(deed).await;
            before = world.scene.network().count();
        }
        told.push(refusal.to_string());
        // Where the machine is busy an answer may be late besides.
        assert!(told.len() <= calls.len() + 2, "{what}: {told:?}");
    }
    for call in calls {
        is_played(world, call, &what).await;
    }
    world.scene.network().behave();
    let called = called(world, before);
    let mut seen = None;
    let same = until(&what, async || {
        let view = world.view().await;
        let is_same = view == *expected;
        seen = Some(view);
        is_same.then_some(())
    });
    if same.await.is_err() {
        panic!("{what}: told {told:?}, and in the end\n{seen:?}\nin place of\n{expected:?}");
    }
    called
}

/// The trick was played, or the call is one of those that needn't come.
async fn is_played(world: &World, call: &Call, what: &str) {
    let what = format!("{what}: {call} to be called");
    let played = until(&what, async || {
        world.scene.network().has_played(call).then_some(())
    });
    let occasional = OCCASIONAL.contains(&(call.method.as_str(), call.path.as_str()));
    if !occasional {
        played.await.unwrap();
    } else if *call == Call::new("POST", "/v1/revoke") {
        // A session that isn't needed any more is ended in the background.
        let _late = tokio::time::timeout(SOON, played).await;
    }
}

/// The calls since the first `count` exchanges that are about the account.
pub fn called(world: &World, count: usize) -> BTreeSet<Call> {
    let mut calls = world.scene.network().calls_since(count);
    calls.retain(|call| !BACKGROUND.iter().any(|path| call.path.starts_with(path)));
    calls
}
