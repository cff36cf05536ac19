//! Commands and outcomes of those who may not send them.

use belay_proto::keys::SigningKey;
use belay_proto::signed::{Action, CommandState, Signed};
use belay_proto::text::base64url;
use belay_proto::{AccountId, CommandId, DeviceId, Epoch, ReportId};
use serde_json::json;

use super::orders::{Home, envelope, path};
use super::owner::signed;
use super::rig::Rig;
use super::store::count;

#[tokio::test]
async fn a_command_that_the_owner_did_not_sign_takes_no_place() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "x@example.org").await;
    let command = home.lock();
    let forged = envelope(Signed::seal(&command, &other.owner.owner), None);
    home.post(&forged).await.refuses(403, "bad-command");
    let mut altered = Signed::seal(&command, &home.owner.owner);
    let other_command = home.lock();
    altered.payload = Signed::seal(&other_command, &home.owner.owner).payload;
    home.post(&envelope(altered, None))
        .await
        .refuses(403, "bad-command");
    // The outcome's domain isn't the command's.
    let outcome = Signed::seal(
        &home.outcome(1, CommandId::new(), CommandState::Done),
        &home.owner.owner,
    );
    home.post(&envelope(outcome, None))
        .await
        .refuses(403, "bad-command");
    for rubbish in ["AAEC", &base64url(&[0xff; 300])] {
        home.post(rubbish).await.refuses(400, "malformed");
    }
    home.post(&base64url(&vec![1; 8 * 1024 + 1]))
        .await
        .refuses(413, "too-large");
    assert_eq!(count(&rig, "commands"), 0);
}

#[tokio::test]
async fn a_command_is_for_one_account_device_and_binding() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut command = home.lock();
    command.account = Home::of(&rig, "x@example.org").await.owner.account;
    home.send(&command).await.refuses(403, "bad-command");
    let mut command = home.lock();
    command.device = DeviceId::random();
    home.send(&command).await.refuses(403, "bad-command");
    let mut command = home.lock();
    command.epoch = Epoch::random();
    home.send(&command).await.refuses(409, "other-epoch");
}

#[tokio::test]
async fn another_accounts_device_does_not_exist() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let thief = Home::of(&rig, "x@example.org").await;
    let command = home.lock();
    home.send(&command).await.is(202);
    let body = json!({ "envelope": home.seal(&home.lock()) });
    thief
        .client
        .post(&home.commands(), &body)
        .await
        .refuses(404, "not-found");
    for what in [
        home.commands(),
        home.life_path(&command.id),
        path(&home.device.id(), "reports"),
    ] {
        thief.client.get(&what).await.refuses(404, "not-found");
    }
    for nobody in [
        "/v1/devices/zz/commands",
        "/v1/devices/00000000000000000000000000000000/reports",
    ] {
        home.client.get(nobody).await.refuses(404, "not-found");
    }
    home.client
        .get(&home.life_path(&CommandId::new()))
        .await
        .refuses(404, "not-found");
    home.client
        .get(&format!("{}/zz", home.commands()))
        .await
        .refuses(404, "not-found");
    assert_eq!(thief.fetch(0).await["commands"], json!([]));
    // A session is needed to read, a device key alone doesn't do.
    home.client.token = None;
    home.client
        .get(&home.commands())
        .await
        .refuses(401, "invalid-token");
}

#[tokio::test]
async fn an_outcome_is_the_wardens_of_this_binding_or_nobodys() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let thief = Home::of(&rig, "x@example.org").await;
    let command = home.lock();
    home.send(&command).await.is(202);
    let done = home.outcome(1, command.id, CommandState::Done);
    let post = async |body| home.client.post("/v1/outcomes", &body).await;
    for key in [&home.client.key, &home.owner.owner, &SigningKey::generate()] {
        post(json!({ "outcome": signed(&done, key) }))
            .await
            .refuses(403, "bad-signature");
    }
    // A state report with the same fields isn't an outcome.
    post(json!({ "outcome": signed(&home.state(1, "lost"), &home.device.warden) }))
        .await
        .refuses(400, "malformed");
    post(json!({ "outcome": base64url(&vec![1; 8 * 1024 + 1]) }))
        .await
        .refuses(413, "too-large");
    let right = json!({ "outcome": signed(&done, &home.device.warden) });
    thief
        .client
        .post("/v1/outcomes", &right)
        .await
        .refuses(409, "other-epoch");
    let mut other_epoch = done.clone();
    other_epoch.epoch = Epoch::random();
    home.tell(&other_epoch).await.refuses(409, "other-epoch");
    let mut endless = done.clone();
    endless.sequence = u64::MAX;
    home.tell(&endless).await.refuses(400, "malformed");
    assert_eq!(home.life(&command.id).await["state"], "queued");
}

#[tokio::test]
async fn an_outcome_that_no_warden_signed_tells_a_key_without_a_device_of_none() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let stranger = rig.client();
    let good = home.outcome(1, CommandId::new(), CommandState::Done);
    let (mut other_account, mut other_epoch, mut nobody) = (good.clone(), good.clone(), good.clone());
    other_account.account = AccountId::random();
    other_epoch.epoch = Epoch::random();
    nobody.device = DeviceId::random();
    let post = async |body| stranger.post("/v1/outcomes", &body).await;
    let warden = &home.device.warden;
    let told = post(json!({ "outcome": signed(&nobody, warden) })).await;
    for (outcome, key) in [
        (&good, &stranger.key),
        (&nobody, &stranger.key),
        (&other_account, warden),
        (&other_epoch, warden),
    ] {
        let reply = post(json!({ "outcome": signed(outcome, key) })).await;
        assert_eq!(reply.refuses(403, "not-bound").body, told.body);
    }
    post(json!({ "outcome": signed(&good, warden) })).await.is(204);
}

#[tokio::test]
async fn an_older_outcome_again_changes_nothing() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let command = home.lock();
    home.send(&command).await.is(202);
    for (sequence, state) in [
        (5, CommandState::Done),
        (4, CommandState::Running),
        (5, CommandState::Failed),
    ] {
        home.tell(&home.outcome(sequence, command.id, state))
            .await
            .is(204);
    }
    let life = home.life(&command.id).await;
    assert_eq!(
        (&life["state"], life["outcomes"].as_array().unwrap().len()),
        (&json!("done"), 1)
    );
}

#[tokio::test]
async fn outcomes_without_end_fill_nothing() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let command = home.lock();
    home.send(&command).await.is(202);
    for sequence in 1..=40 {
        home.tell(&home.outcome(sequence, command.id, CommandState::Running))
            .await
            .is(204);
    }
    let life = home.life(&command.id).await;
    let outcomes = life["outcomes"].as_array().unwrap();
    let newest = signed(
        &home.outcome(40, command.id, CommandState::Running),
        &home.device.warden,
    );
    assert_eq!((outcomes.len(), outcomes.last()), (16, Some(&json!(newest))));
}

#[tokio::test]
async fn reports_have_a_size_a_number_and_a_rate() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let report =
        |size: usize| json!({ "id": ReportId::new().to_string(), "sealed": base64url(&vec![7; size]) });
    home.client.post("/v1/reports", &report(64 * 1024)).await.is(204);
    home.client
        .post("/v1/reports", &report(64 * 1024 + 1))
        .await
        .refuses(413, "too-large");
    home.client
        .post("/v1/reports", &report(0))
        .await
        .refuses(400, "malformed");
    let both = json!({ "id": ReportId::new().to_string(), "sealed": "AAEC", "state": "AAEC" });
    home.client
        .post("/v1/reports", &both)
        .await
        .refuses(400, "malformed");
    for _ in 1..1200 {
        home.client.post("/v1/reports", &report(1)).await.is(204);
    }
    home.client
        .post("/v1/reports", &report(1))
        .await
        .refuses(429, "too-many");
    assert_eq!(count(&rig, "reports"), 200);
    home.report_state(&home.state(1, "lost"))
        .await
        .refuses(429, "too-many");
}

#[tokio::test]
async fn a_query_that_means_nothing_is_malformed() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    for query in [
        "after=x",
        "after=-1",
        "wait=1.5",
        "after=1&after=2",
        "before=3",
        "after",
    ] {
        home.client
            .get(&format!("/v1/commands?{query}"))
            .await
            .refuses(400, "malformed");
    }
    home.client
        .get("/v1/stream?heartbeat=soon")
        .await
        .refuses(400, "malformed");
    home.client
        .get(&format!("{}?after=1", home.commands()))
        .await
        .refuses(400, "malformed");
    assert_eq!(home.fetch(u64::MAX).await["last"], 0);
    let ring = home.command(Action::Ring { seconds: u64::MAX });
    home.send(&ring).await.is(202);
}
