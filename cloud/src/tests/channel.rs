//! The device's side: queue, outcomes, reports, and that nothing but a release cuts it off.

use belay_proto::ReportId;
use belay_proto::keys::SigningKey;
use belay_proto::signed::CommandState;
use serde_json::{Value, json};

use super::orders::Home;
use super::owner::{Device, refresh_token};
use super::rig::{Rig, START};

#[tokio::test]
async fn commands_come_in_order_and_on_from_the_last() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    assert_eq!(home.fetch(0).await, json!({ "commands": [], "last": 0 }));
    let commands = [home.lock(), home.lock(), home.lock()];
    for command in &commands {
        home.send(command).await.is(202);
    }
    let all = home.fetch(0).await;
    let numbers: Vec<_> = all["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["sequence"])
        .collect();
    assert_eq!(
        (numbers, &all["last"]),
        (
            vec![&json!(START), &json!(START + 1), &json!(START + 2)],
            &json!(START + 2)
        )
    );
    assert_eq!(
        home.fetch(START).await["commands"][0]["envelope"],
        json!(home.seal(&commands[1]))
    );
    let nothing = json!({ "commands": [], "last": START + 2 });
    assert_eq!(home.fetch(START + 2).await, nothing);
    // Numbers that weren't given out, below and above those that were.
    for unknown in [1, START - 1, START + 3, START + 99] {
        let again = home.fetch(unknown).await;
        assert_eq!(
            (again["commands"].as_array().unwrap().len(), &again["last"]),
            (3, &json!(START + 2))
        );
    }
    rig.advance(60);
    home.send(&home.lock()).await.is(202);
    assert_eq!(home.fetch(START + 2).await["last"], START + 60_000);
}

/// The device's queue as it fetches it: numbers and how many.
fn numbers(answer: &Value) -> Vec<u64> {
    let commands = answer["commands"].as_array().unwrap().iter();
    commands
        .map(|command| command["sequence"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_cloud_restored_from_a_backup_hands_out_what_was_queued_since() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    home.send(&home.lock()).await.is(202);
    let away = home.leave();
    let rig = rig.restart();
    let backup = rig.backup();
    // Two more, which the device has and the backup hasn't.
    rig.advance(60);
    let home = away.back(&rig);
    home.send(&home.lock()).await.is(202);
    home.send(&home.lock()).await.is(202);
    let cursor = home.fetch(START).await["last"].as_u64().unwrap();
    assert_eq!(cursor, START + 60_001);
    let away = home.leave();

    // An hour later, while the device is away: as many as were lost, which were numbered 2 and 3 by counting.
    let rig = rig.restore(&backup, START + 3_600_000);
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    home.send(&home.lock()).await.is(202);
    home.send(&home.lock()).await.is(202);
    let fetched = home.fetch(cursor).await;
    assert!(numbers(&fetched).ends_with(&[START + 3_600_000, START + 3_600_001]));
    let away = home.leave();

    // With a clock that is behind, by so little that the number of the second is above what the device has.
    let rig = rig.restore(&backup, START + 30_000);
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    home.send(&home.lock()).await.is(202);
    rig.advance(60);
    home.send(&home.lock()).await.is(202);
    let fetched = home.fetch(cursor).await;
    assert!(
        numbers(&fetched).ends_with(&[START + 30_000, START + 90_000]),
        "{fetched}"
    );
    assert_eq!(fetched["last"], START + 90_000);
    let away = home.leave();

    // And by years, so that all of them are below.
    let rig = rig.restore(&backup, 1);
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    home.send(&home.lock()).await.is(202);
    let fetched = home.fetch(cursor).await;
    assert_eq!(numbers(&fetched), [START, START + 1]);
    assert_eq!(fetched["last"], START + 1);
}

#[tokio::test]
async fn a_full_queue_comes_in_pages() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    for _ in 0..2 {
        for _ in 0..40 {
            home.send(&home.lock()).await.is(202);
        }
        home.fetch(0).await;
    }
    let first = home.fetch(0).await;
    assert_eq!(
        (first["commands"].as_array().unwrap().len(), &first["last"]),
        (64, &json!(START + 63))
    );
    let rest = home.fetch(START + 63).await;
    assert_eq!(
        (rest["commands"].as_array().unwrap().len(), &rest["last"]),
        (16, &json!(START + 79))
    );
}

#[tokio::test]
async fn a_long_poll_wakes_for_a_command() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (polled, sent) = tokio::join!(home.client.get("/v1/commands?after=0&wait=55"), async {
        home.is_waited_at().await;
        home.send(&home.lock()).await
    });
    sent.is(202);
    assert_eq!(polled.is(200).json()["last"], START);
}

#[tokio::test]
async fn a_long_poll_for_nothing_ends_with_its_time_or_with_the_cloud() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (polled, ()) = tokio::join!(home.client.get("/v1/commands?wait=3"), async {
        home.is_waited_at().await;
        rig.advance(3);
    });
    assert_eq!(polled.is(200).json()["commands"], json!([]));
    let (polled, ()) = tokio::join!(home.client.get("/v1/commands?wait=55"), async {
        home.is_waited_at().await;
        rig.app.hub.close();
    });
    assert_eq!(polled.is(200).json()["commands"], json!([]));
}

#[tokio::test]
async fn the_channel_outlives_the_session_and_ends_with_the_release() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let reply = home.owner.sign_in(&mut home.client).await.is(200);
    let mut other = rig.client();
    home.owner.sign_in(&mut other).await.is(200);
    let command = home.lock();
    let body = json!({ "envelope": home.seal(&command) });
    home.client
        .post("/v1/revoke", &json!({ "refresh_token": refresh_token(&reply) }))
        .await
        .is(204);
    home.client.get("/v1/account").await.refuses(401, "invalid-token");
    home.client.token = None;
    other.post(&home.commands(), &body).await.is(202);
    assert_eq!(home.fetch(0).await["last"], START);
    home.tell(&home.outcome(1, command.id, CommandState::Running))
        .await
        .is(204);
    home.report_state(&home.state(2, "lost")).await.is(204);
    // The last words of a binding come with or after its release.
    let release = json!({ "release": home.device.release(&home.owner) });
    rig.post("/v1/releases", &release).await.is(204);
    home.client.get("/v1/commands").await.refuses(403, "not-bound");
    home.client.get("/v1/stream").await.refuses(403, "not-bound");
    home.report_state(&home.state(3, "unlocked"))
        .await
        .refuses(403, "not-bound");
    let report = json!({ "id": ReportId::new().to_string(), "sealed": "AAEC" });
    home.client
        .post("/v1/reports", &report)
        .await
        .refuses(403, "not-bound");
    home.tell(&home.outcome(4, command.id, CommandState::Done))
        .await
        .is(204);
    let life = other.get(&home.life_path(&command.id)).await.is(200).json();
    assert_eq!(life["state"], "done");
    other
        .post(&home.commands(), &body)
        .await
        .refuses(404, "not-found");
    rig.advance(31 * 24 * 3600);
    home.owner.sign_in(&mut other).await.is(200);
    other
        .get(&home.life_path(&command.id))
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn an_outcome_proves_itself_whatever_key_brings_it_before_and_after_the_release() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let command = home.lock();
    let release = json!({ "release": home.device.release(&home.owner) });
    let last_word = home.outcome(2, command.id, CommandState::Done);
    let key = std::mem::replace(&mut home.client, rig.client());
    home.tell(&home.outcome(1, command.id, CommandState::Running))
        .await
        .is(204);
    home.report_state(&home.state(1, "lost"))
        .await
        .refuses(403, "not-bound");
    rig.post("/v1/releases", &release).await.is(204);
    let warden = std::mem::replace(&mut home.device.warden, SigningKey::generate());
    home.tell(&last_word).await.refuses(403, "not-bound");
    home.device.warden = warden;
    home.tell(&last_word).await.is(204);
    home.client = key;
    home.tell(&last_word).await.is(204);
}

#[tokio::test]
async fn a_key_that_was_bound_anew_speaks_for_the_new_binding() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let command = home.lock();
    home.send(&command).await.is(202);
    let last_word = home.outcome(1, command.id, CommandState::Done);
    let before = std::mem::replace(&mut home.device, Device::new());
    home.device.hardware = before.hardware;
    let certificate = home.owner.certify(&home.client, &home.device);
    let body = json!({ "certificate": certificate, "name": "Phone" });
    home.client.post("/v1/devices", &body).await.is(201);
    assert_eq!(home.fetch(0).await, json!({ "commands": [], "last": 0 }));
    home.tell(&last_word).await.refuses(409, "other-epoch");
}

#[tokio::test]
async fn a_key_without_a_device_has_no_channel() {
    let rig = Rig::new();
    let stranger = rig.client();
    for path in ["/v1/stream", "/v1/commands"] {
        stranger.get(path).await.refuses(403, "not-bound");
        rig.get(path).await.refuses(401, "use-dpop-nonce");
    }
    let report = json!({ "id": ReportId::new().to_string(), "sealed": "AAEC" });
    stranger
        .post("/v1/reports", &report)
        .await
        .refuses(403, "not-bound");
}
