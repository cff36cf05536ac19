//! How many answers are remembered.

use serde_json::json;

use super::super::owner::{Device, Owner, open, opening};
use super::super::rig::{Client, Reply, Rig};
use super::super::store::count;
use crate::store;

/// What one account, and one key without a session, has remembered at most.
const OF_ONE: i64 = 4000;
/// What is remembered at most of calls without a session, and of those that sign in.
const OF_STRANGERS: i64 = 100_000;
/// How long an answer is in any case, s.
const SURELY: u64 = 600;

/// As whose an answer to a sign-in is remembered.
const SIGN_IN: u8 = 2;

/// A call that any key may make.
async fn asks(client: &Client<'_>, n: i64) -> Reply {
    let body = json!({ "identifier": "no@example.org" });
    client
        .post_with("/v1/login/challenge", &body, &format!("k{n}"))
        .await
}

/// A call that an account may make.
async fn tells(client: &Client<'_>, n: i64) -> Reply {
    let body = json!({ "display_name": format!("Jo {n}") });
    client
        .call("PATCH", "/v1/account", Some(&body), Some(&format!("k{n}")))
        .await
}

/// Has so many more calls be remembered as of now, each thousand a millisecond later.
fn fill(rig: &Rig, number: i64, whose: &str, stranger: u8) {
    let until = rig.app.now() + 24 * 3600 * 1000;
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    let fill = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
         INSERT INTO answers (scope, digest, status, answer, until, whose, stranger)
         SELECT CAST(i AS BLOB), x'', 204, x'', {until} + i / 1000, {whose}, {stranger} FROM n"
    );
    connection.execute_batch(&fill).unwrap();
}

#[tokio::test]
async fn a_key_without_a_session_has_a_bound_and_its_oldest_answers_go_first() {
    let rig = Rig::new();
    let client = rig.client();
    let first = asks(&client, 0).await.is(200).json();
    rig.advance(1);
    let second = asks(&client, 1).await.is(200).json();
    fill(&rig, OF_ONE - 2, "(SELECT whose FROM answers LIMIT 1)", SIGN_IN);
    // Whatever may still be asked for again is there, and nothing new.
    let full = asks(&client, 2).await.refuses(429, "too-many");
    assert_eq!(full.retry_after(), SURELY - 1);
    assert_eq!(asks(&client, 0).await.is(200).json(), first);
    asks(&rig.client(), 0).await.is(200);
    rig.advance(SURELY - 1);
    asks(&client, 2).await.is(200);
    assert_eq!(asks(&client, 1).await.is(200).json(), second);
    assert_eq!(count(&rig, "answers"), OF_ONE + 1);
    rig.advance(1);
    assert_ne!(asks(&client, 0).await.is(200).json(), first, "it went");
}

#[tokio::test]
async fn an_accounts_devices_have_one_bound_together_and_take_nothing_from_another_account() {
    let rig = Rig::new();
    let (mut phone, mut tablet, mut other) = (rig.client(), rig.client(), rig.client());
    let owner = Owner::new("jo@example.org");
    owner.register(&mut phone, &Device::new()).await;
    owner.sign_in(&mut tablet).await.is(200);
    Owner::new("al@example.org")
        .register(&mut other, &Device::new())
        .await;
    tells(&phone, 0).await.is(204);
    fill(
        &rig,
        OF_ONE - 2,
        "(SELECT whose FROM answers WHERE stranger = 0)",
        0,
    );
    tells(&tablet, 1).await.is(204);
    for client in [&phone, &tablet] {
        tells(client, 2).await.refuses(429, "too-many");
    }
    tells(&other, 2).await.is(204);
    rig.advance(SURELY);
    tells(&tablet, 2).await.is(204);
    assert_eq!(count(&rig, "answers WHERE stranger = 0"), OF_ONE + 1);
}

#[tokio::test]
async fn of_calls_without_a_session_only_so_many_are_remembered_whoever_makes_them() {
    let rig = Rig::new();
    let client = rig.client();
    let first = asks(&client, 0).await.is(200).json();
    rig.advance(1);
    fill(&rig, OF_STRANGERS - 1, "CAST(i / 400 AS BLOB)", SIGN_IN);
    assert_eq!(asks(&client, 0).await.is(200).json(), first);
    asks(&client, 1).await.is(200);
    assert_eq!(count(&rig, "answers"), OF_STRANGERS);
    assert_ne!(
        asks(&client, 0).await.is(200).json(),
        first,
        "it went, young as it was"
    );
    // An account's are apart.
    let mut phone = rig.client();
    Owner::new("jo@example.org")
        .register(&mut phone, &Device::new())
        .await;
    tells(&phone, 0).await.is(204);
    assert_eq!(count(&rig, "answers WHERE stranger = 0"), 1);
    assert_eq!(count(&rig, "answers WHERE stranger = 2"), OF_STRANGERS);
    // What is counted is what is there, and nothing is left of what went.
    rig.advance(24 * 3600 + 60);
    let once = rig.client();
    asks(&once, 0).await.is(200);
    assert_eq!((count(&rig, "answers"), count(&rig, "answer_counts")), (1, 3));
}

#[tokio::test]
async fn sign_ins_push_out_no_answer_to_a_call_that_costs_something() {
    for (others, stays) in [(SIGN_IN, true), (1, false)] {
        let rig = Rig::new();
        let client = rig.client();
        let body = opening(&rig, "email", "jo@example.org").await;
        let opened = client.post_with("/v1/verifications", &body, "k").await.is(202);
        rig.advance(1);
        fill(&rig, OF_STRANGERS - 1, "CAST(i / 400 AS BLOB)", others);
        for n in 0..2 {
            asks(&rig.client(), n).await.is(200);
            open(&rig.client(), "xe@example.org").await.is(202);
        }
        // One whose answer went needs another proof of work.
        let again = client.post_with("/v1/verifications", &body, "k").await;
        assert_eq!(again.status == 202 && again.body == opened.body, stays);
    }
}
