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
async fn identifiers_without_an_account_are_answered_all_that_accounts_use() {
    let rig = Rig::new();
    accounts(&rig, "one", HEAVY, 2).await;
    accounts(&rig, "other", KdfParameters::FLOOR, 2).await;
    let heavy = heavy(&strangers(&rig).await);
    assert!((3..38).contains(&heavy), "{heavy} of 40");
}

#[tokio::test]
async fn other_parameters_that_come_into_use_tell_of_no_identifier_at_once() {
    let rig = Rig::new();
    let noted = |rig: &Rig| super::store::count(rig, "(SELECT DISTINCT at FROM parameter_shares)");
    accounts(&rig, "first", KdfParameters::FLOOR, 1).await;
    rig.advance(60);
    let mut before = strangers(&rig).await;
    assert_eq!((heavy(&before), noted(&rig)), (0, 1));
    // Whoever brings more accounts than there are.
    accounts(&rig, "thief", HEAVY, 3).await;
    rig.advance(6 * DAY);
    assert_eq!(strangers(&rig).await, before);
    assert_eq!(noted(&rig), 1);
    // Noted with the first call of the eighth day.
    for month in 0..7 {
        rig.advance(28 * DAY);
        let now = strangers(&rig).await;
        assert_eq!(noted(&rig), 2 + month);
        let followed = heavy(&now) - heavy(&before);
        assert!(followed < 20, "{followed} of 40 in a month");
        for (before, now) in before.iter().zip(&now) {
            // As with a password that was changed, and once each.
            assert_eq!(
                before["salt"] == now["salt"],
                before["parameters"] == now["parameters"]
            );
            assert!(heavy(std::slice::from_ref(before)) == 0 || before == now);
        }
        before = now;
    }
    let heavy = heavy(&before);
    assert!((10..41).contains(&heavy), "{heavy} of 40");
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
