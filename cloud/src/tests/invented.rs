//! What identifiers without an account are answered, so that it doesn't tell who has one.

use belay_proto::keys::KdfParameters;
use serde_json::Value;

use super::owner::{Device, Owner};
use super::rig::Rig;

const DAY: u64 = 24 * 3600;
const HEAVY: KdfParameters = KdfParameters {
    memory_kib: 98_304,
    iterations: 4,
    parallelism: 1,
};

/// So many accounts with these parameters.
async fn accounts(rig: &Rig, name: &str, parameters: KdfParameters, number: usize) {
    for n in 0..number {
        let mut owner = Owner::new(&format!("{name}{n}@example.org"));
        owner.parameters = parameters;
        owner.register(&mut rig.client(), &Device::new()).await;
    }
}

/// What forty identifiers are answered that have no account.
async fn strangers(rig: &Rig) -> Vec<Value> {
    let client = rig.client();
    let mut answers = Vec::new();
    for n in 0..40 {
        let nobody = Owner::new(&format!("no{n}@example.org"));
        let mut answer = nobody.challenge(&client).await.is(200).json();
        answer["nonce"] = Value::Null;
        answers.push(answer);
    }
    answers
}

fn heavy(answers: &[Value]) -> usize {
    let is_heavy = |answer: &&Value| answer["parameters"]["memory_kib"] == HEAVY.memory_kib;
    answers.iter().filter(is_heavy).count()
}

#[tokio::test]
async fn identifiers_without_an_account_are_answered_what_most_accounts_use() {
    let rig = Rig::new();
    accounts(&rig, "few", HEAVY, 1).await;
    accounts(&rig, "many", KdfParameters::FLOOR, 3).await;
    assert_eq!(heavy(&strangers(&rig).await), 0);
}

#[tokio::test]
async fn other_parameters_that_come_into_use_tell_of_no_identifier_at_once() {
    let rig = Rig::new();
    accounts(&rig, "first", KdfParameters::FLOOR, 1).await;
    rig.advance(60);
    let first = strangers(&rig).await;
    assert_eq!(heavy(&first), 0);
    // Whoever brings more accounts than there are.
    rig.advance(30 * DAY);
    accounts(&rig, "thief", HEAVY, 3).await;
    rig.advance(60);
    assert_eq!(strangers(&rig).await, first);
    rig.advance(90 * DAY);
    let second = strangers(&rig).await;
    assert!((4..37).contains(&heavy(&second)), "{} of 40", heavy(&second));
    for (before, now) in first.iter().zip(&second) {
        // As with a password that was changed.
        assert_eq!(
            before["salt"] == now["salt"],
            before["parameters"] == now["parameters"]
        );
    }
    rig.advance(90 * DAY);
    let third = strangers(&rig).await;
    assert_eq!(heavy(&third), 40);
    for (before, now) in second.iter().zip(&third) {
        assert!(
            heavy(std::slice::from_ref(before)) == 0 || before == now,
            "once each"
        );
    }
}

#[tokio::test]
async fn what_most_accounts_use_is_settled_for_a_week() {
    let rig = Rig::new();
    let noted = |rig: &Rig| super::store::count(rig, "leading_sets");
    accounts(&rig, "first", KdfParameters::FLOOR, 1).await;
    rig.advance(60);
    strangers(&rig).await;
    accounts(&rig, "second", HEAVY, 2).await;
    rig.advance(6 * DAY);
    strangers(&rig).await;
    assert_eq!(noted(&rig), 1);
    rig.advance(DAY);
    strangers(&rig).await;
    assert_eq!(noted(&rig), 2);
    accounts(&rig, "third", KdfParameters::FLOOR, 1).await;
    rig.advance(8 * DAY);
    strangers(&rig).await;
    assert_eq!(noted(&rig), 2, "as many are no more");
    rig.advance(180 * DAY);
    strangers(&rig).await;
    assert_eq!(noted(&rig), 1, "the first is over");
}

#[tokio::test]
async fn an_invented_challenge_is_stable_and_like_those_of_accounts() {
    let rig = Rig::new();
    let client = rig.client();
    let nobody = Owner::new("no@example.org");
    let empty = nobody.challenge(&client).await.is(200).json();
    assert_eq!(
        empty["parameters"]["memory_kib"],
        KdfParameters::DEFAULT.memory_kib
    );
    let mut owner = Owner::new("jo@example.org");
    owner.parameters = HEAVY;
    owner.register(&mut rig.client(), &Device::new()).await;
    let first = nobody.challenge(&client).await.is(200).json();
    assert_eq!(
        first["parameters"],
        owner.challenge(&client).await.json()["parameters"]
    );
    rig.advance(3 * 24 * 3600);
    let second = nobody.challenge(&client).await.is(200).json();
    assert_eq!(
        (&first["salt"], &first["parameters"]),
        (&second["salt"], &second["parameters"])
    );
    let spelled = Owner::new("NO@Example.org").challenge(&client).await.json();
    assert_eq!(first["salt"], spelled["salt"], "as an account's would");
}
