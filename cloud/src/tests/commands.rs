//! The owner's side: commands, their lives, reports.

use belay_proto::signed::{Action, CommandState, Verb};
use belay_proto::text::base64url;
use belay_proto::{CommandId, ReportId};
use serde_json::{Value, json};

use super::orders::{Home, path};
use super::rig::{Rig, START};
use super::store::count;

#[tokio::test]
async fn a_command_lives_from_the_queue_to_its_end() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let command = home.lock();
    let queued = home.send(&command).await.is(202).json();
    assert_eq!(
        queued,
        json!({
            "id": command.id.to_string(), "device": home.device.id().to_string(), "action": "lock",
            "queued_at": home.now() / 1000, "state": "queued", "reason": "", "step": 0, "steps": 0,
            "retry_ms": 0, "revision": 1, "outcomes": [],
        })
    );
    rig.advance(5);
    let fetched = home.fetch(0).await;
    assert_eq!(
        fetched["commands"][0]["envelope"],
        Value::String(home.seal(&command))
    );
    let delivered = home.life(&command.id).await;
    assert_eq!(
        (&delivered["state"], &delivered["delivered_at"]),
        (&json!("delivered"), &json!(home.now() / 1000))
    );
    let mut running = home.outcome(1, command.id, CommandState::Running);
    (running.step, running.steps, running.retry) = (2, 5, 60_000);
    home.tell(&running).await.is(204);
    let life = home.life(&command.id).await;
    assert_eq!(
        (&life["state"], &life["step"], &life["steps"], &life["retry_ms"]),
        (&json!("running"), &json!(2), &json!(5), &json!(60_000))
    );
    home.tell(&home.outcome(2, command.id, CommandState::Done))
        .await
        .is(204);
    let life = home.life(&command.id).await;
    assert_eq!((&life["state"], &life["revision"]), (&json!("done"), &json!(4)));
    assert_eq!(life["outcomes"].as_array().unwrap().len(), 2);
    assert_eq!(
        home.client.get(&home.commands()).await.is(200).json()["commands"],
        json!([life])
    );
    // Nothing more is given to a device that asks from the start again.
    assert_eq!(home.fetch(0).await, json!({ "commands": [], "last": START }));
}

#[tokio::test]
async fn a_refusal_of_the_warden_is_kept_with_its_reason() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let command = home.lock();
    home.send(&command).await.is(202);
    let mut refused = home.outcome(1, command.id, CommandState::Refused);
    refused.reason = "superseded".into();
    home.tell(&refused).await.is(204);
    let life = home.life(&command.id).await;
    assert_eq!(
        (&life["state"], &life["reason"]),
        (&json!("refused"), &json!("superseded"))
    );
}

#[tokio::test]
async fn the_same_envelope_again_is_the_same_command_and_another_one_with_its_id_is_not() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let command = home.lock();
    let first = home.send(&command).await.is(202).json();
    assert_eq!(home.send(&command).await.is(202).json(), first);
    let mut other = home.command(Action::StopRing);
    other.id = command.id;
    home.send(&other).await.refuses(409, "command-exists");
    let waiting = home.fetch(0).await;
    assert_eq!(waiting["commands"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_command_whose_time_is_over_is_neither_taken_nor_given_out() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let ring = home.command(Action::Ring { seconds: 60 });
    rig.advance(599);
    home.send(&ring).await.is(202);
    rig.advance(1);
    assert_eq!(home.fetch(0).await["commands"], json!([]));
    let life = home.life(&ring.id).await;
    assert_eq!(
        (&life["state"], &life["reason"]),
        (&json!("queued"), &json!("expired"))
    );
    home.send(&ring).await.refuses(410, "command-expired");
    // A verb that has a longest life ends with it, whatever its command says.
    let mut endless = home.command(Action::Locate);
    endless.expires_at = 0;
    home.send(&endless).await.is(202);
    rig.advance(600);
    assert_eq!(home.fetch(0).await["commands"], json!([]));
}

#[tokio::test]
async fn what_a_phone_out_of_reach_collects_leaves_room_for_a_lock() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    for _ in 0..48 {
        home.send(&home.command(Action::Locate)).await.is(202);
    }
    home.send(&home.command(Action::Locate))
        .await
        .refuses(409, "queue-full");
    for _ in 0..8 {
        home.send(&home.lock()).await.is(202);
    }
    // A lock waits for ever: it leaves room for what takes it back, and for a wipe.
    home.send(&home.lock()).await.refuses(409, "queue-full");
    let wipe = || Action::Wipe {
        external: false,
        keep_esim: false,
    };
    let id = CommandId::new();
    let mut others = vec![Action::Cancel { id }, Action::Unlock, Action::SignOut];
    others.extend((0..5).map(|_| wipe()));
    for action in others {
        home.send(&home.command(action)).await.is(202);
    }
    home.send(&home.command(wipe())).await.refuses(409, "queue-full");
    assert_eq!(home.fetch(0).await["commands"].as_array().unwrap().len(), 64);
    home.send(&home.lock()).await.is(202);
    // What expired takes no place either; the lock still waits.
    for _ in 0..47 {
        home.send(&home.command(Action::Locate)).await.is(202);
    }
    home.send(&home.command(Action::Locate))
        .await
        .refuses(409, "queue-full");
    rig.advance(600);
    for _ in 0..47 {
        home.send(&home.command(Action::Locate)).await.is(202);
    }
}

#[tokio::test]
async fn a_wait_for_a_life_ends_with_its_next_change_or_with_its_time() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let command = home.lock();
    home.send(&command).await.is(202);
    let waiting = format!("{}?seen=1&wait=55", home.life_path(&command.id));
    let outdated = format!("{}?seen=0&wait=55", home.life_path(&command.id));
    assert_eq!(
        home.client.get(&outdated).await.is(200).json()["revision"],
        1,
        "answered at once"
    );
    let (life, fetched) = tokio::join!(home.client.get(&waiting), async {
        home.is_waited_at().await;
        home.fetch(0).await
    });
    assert_eq!(fetched["last"], START);
    assert_eq!(life.is(200).json()["state"], "delivered");
    let waiting = format!("{}?seen=2&wait=99999", home.life_path(&command.id));
    let (life, ()) = tokio::join!(home.client.get(&waiting), async {
        home.is_waited_at().await;
        rig.advance(55);
    });
    assert_eq!(life.is(200).json()["revision"], 2);
}

#[tokio::test]
async fn a_command_that_came_by_another_way_has_a_life_too() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let by_sms = home.lock();
    home.tell(&home.outcome(1, by_sms.id, CommandState::Accepted))
        .await
        .is(204);
    let life = home.life(&by_sms.id).await;
    assert_eq!(
        (&life["state"], &life["action"]),
        (&json!("accepted"), &json!("lock"))
    );
    assert_eq!(home.fetch(0).await["commands"], json!([]), "nothing to give out");
    // Then the same one comes through the cloud.
    home.send(&by_sms).await.is(202);
    assert_eq!(home.fetch(0).await["commands"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn reports_are_listed_with_the_newest_state_and_asked_on_from_the_last() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let reports = path(&home.device.id(), "reports");
    assert_eq!(
        home.client.get(&reports).await.is(200).json(),
        json!({ "reports": [], "last": 0 })
    );
    let sealed = base64url(&vec![1; 60 * 1024]);
    let ids: Vec<String> = (0..10).map(|_| ReportId::new().to_string()).collect();
    for id in &ids {
        home.client
            .post("/v1/reports", &json!({ "id": id, "sealed": sealed }))
            .await
            .is(204);
    }
    home.client
        .post("/v1/reports", &json!({ "id": ids[0], "sealed": sealed }))
        .await
        .is(204);
    home.report_state(&home.state(4, "lost")).await.is(204);
    home.report_state(&home.state(3, "unlocked")).await.is(204);
    let first = home.client.get(&reports).await.is(200).json();
    assert_eq!(
        (first["reports"].as_array().unwrap().len(), &first["last"]),
        (8, &json!(8))
    );
    assert_eq!(first["reports"][0]["id"], json!(ids[0]));
    let newest = base64url_of(&first["state"]);
    assert_eq!(newest.sequence, 4);
    let rest = home
        .client
        .get(&format!("{reports}?after=8"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (rest["reports"].as_array().unwrap().len(), &rest["last"]),
        (2, &json!(10))
    );
    let none = home
        .client
        .get(&format!("{reports}?after=10"))
        .await
        .is(200)
        .json();
    assert_eq!((&none["reports"], &none["last"]), (&json!([]), &json!(10)));
    let restored = home
        .client
        .get(&format!("{reports}?after=11"))
        .await
        .is(200)
        .json();
    assert_eq!(
        restored["reports"].as_array().unwrap().len(),
        8,
        "a number that was never given out"
    );
}

fn base64url_of(state: &Value) -> belay_proto::signed::StateReport {
    let bytes = belay_proto::text::from_base64url(state.as_str().unwrap()).unwrap();
    belay_proto::signed::Signed::decode(&bytes)
        .unwrap()
        .peek_unverified()
        .unwrap()
}

#[tokio::test]
async fn the_list_of_devices_says_which_is_lost() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let listed = async || home.client.get("/v1/devices").await.is(200).json()["devices"][0].clone();
    assert_eq!(listed().await["lost"], false);
    home.report_state(&home.state(7, "lost")).await.is(204);
    rig.advance(120);
    assert_eq!(listed().await["lost"], true);
    assert_eq!(listed().await["last_seen"], home.now() / 1000);
    // Older words change nothing, whichever kind they are.
    let mut old = home.outcome(6, CommandId::new(), CommandState::Done);
    old.lock = "unlocked".into();
    home.tell(&old).await.is(204);
    assert_eq!(listed().await["lost"], true);
    home.report_state(&home.state(8, "unlocked")).await.is(204);
    assert_eq!(listed().await["lost"], false);
}

#[tokio::test]
async fn what_is_settled_is_forgotten_after_a_month_and_what_waits_is_not() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (done, waiting) = (home.lock(), home.lock());
    home.send(&done).await.is(202);
    home.send(&waiting).await.is(202);
    home.send(&home.command(Action::Ring { seconds: 9 }))
        .await
        .is(202);
    home.tell(&home.outcome(1, done.id, CommandState::Done))
        .await
        .is(204);
    let report = json!({ "id": ReportId::new().to_string(), "sealed": "AAEC" });
    home.client.post("/v1/reports", &report).await.is(204);
    rig.advance(31 * 24 * 3600);
    let left = home.fetch(0).await;
    assert_eq!(left["commands"].as_array().unwrap().len(), 1);
    for (table, rows) in [("commands", 1), ("outcomes", 0), ("reports", 0)] {
        assert_eq!(count(&rig, table), rows, "{table}");
    }
}

#[tokio::test]
async fn the_oldest_lives_make_room_and_what_waits_stays() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let waiting = home.command(Action::Message { text: "Hello".into() });
    assert_eq!(waiting.action.verb(), Verb::Message);
    home.send(&waiting).await.is(202);
    for sequence in 1..=300 {
        home.tell(&home.outcome(sequence, CommandId::new(), CommandState::Done))
            .await
            .is(204);
    }
    assert_eq!(count(&rig, "commands"), 257);
    assert_eq!(home.life(&waiting.id).await["state"], "queued");
    let page = home
        .client
        .get(&format!("{}?limit=1000", home.commands()))
        .await
        .is(200)
        .json();
    assert_eq!(page["commands"].as_array().unwrap().len(), 100);
}
