//! How many commands there may be, and whose keep whose out.

use std::time::Duration;

use belay_proto::keys::SigningKey;
use belay_proto::signed::{Action, Verb};

use super::orders::Home;
use super::rig::Rig;

const HOUR: Duration = Duration::from_secs(3600);

/// Sends as many as `next` makes, and has the device fetch all, so that its queue is never what is full.
async fn sent_and_fetched(home: &Home<'_>, times: usize, next: impl Fn() -> String) {
    for number in 1..=times {
        home.post(&next()).await.is(202);
        if number % 30 == 0 || number == times {
            fetch_all(home).await;
        }
    }
}

async fn fetch_all(home: &Home<'_>) {
    let mut after = 0;
    loop {
        let page = home.fetch(after).await;
        if page["commands"].as_array().unwrap().is_empty() {
            return;
        }
        after = page["last"].as_u64().unwrap();
    }
}

#[tokio::test]
async fn too_many_commands_have_to_wait_and_a_delegates_keep_out_none_of_the_owners() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let key = SigningKey::generate();
    let certificate = home.delegate(&key, &[Verb::Lock], HOUR);
    let delegated = || home.delegated(&home.lock(), &key, &certificate);
    sent_and_fetched(&home, 300, delegated).await;
    let refused = home.post(&delegated()).await.refuses(429, "too-many");
    assert_eq!(refused.retry_after(), 3600);
    // The owner's own ring is of the same kind.
    let ring = home.command(Action::Ring { seconds: 60 });
    home.send(&ring).await.refuses(429, "too-many");
    let wipe = Action::Wipe {
        external: false,
        keep_esim: false,
    };
    for action in [wipe, Action::Unlock] {
        home.send(&home.command(action)).await.is(202);
    }
    sent_and_fetched(&home, 298, || home.seal(&home.lock())).await;
    home.send(&home.lock()).await.refuses(429, "too-many");
}

#[tokio::test]
async fn who_sends_one_command_again_and_again_keeps_out_no_other() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let envelope = home.seal(&home.lock());
    for _ in 0..=300 {
        home.post(&envelope).await.is(202);
    }
    let refused = home.post(&envelope).await.refuses(429, "too-many");
    assert_eq!(refused.retry_after(), 3600);
    for _ in 0..15 {
        home.send(&home.lock()).await.is(202);
    }
    home.fetch(0).await;
    home.send(&home.command(Action::Unlock)).await.is(202);
}
