//! A wipe waits until its owner can know of it.

use std::time::Duration;

use belay_proto::id::CommandId;
use belay_proto::signed::CommandState;

use super::rig::{Rig, rig};
use crate::find::state::{Beginning, Effect, Event, State, WipeNews};
use crate::find::trouble::{Trouble, TroubleKind};
use crate::find::{Conditions, Told};
use crate::store::find::FindRow;

/// Has the warden say that a wipe is about to begin; answers the outcome's number.
async fn announced(rig: &Rig) -> u64 {
    let command = CommandId::new();
    let number = rig.warden.with(|warden| {
        warden.tell(command, "wipe", CommandState::Accepted);
        warden.tell_step(command, "wipe", CommandState::Running, 1)
    });
    rig.warden.speak();
    rig.kept(|row| row.sequence == number).await;
    number
}

fn acknowledged(rig: &Rig) -> u64 {
    rig.warden.with(|warden| warden.acknowledged)
}

#[tokio::test]
async fn the_warden_learns_that_a_wipe_is_told_when_the_cloud_has_its_news_and_not_before() {
    let mut rig = rig().await;
    rig.connected(true).await;
    rig.posted().await;
    rig.cloud.with(|cloud| cloud.refuses = Some(503));
    let number = announced(&rig).await;
    rig.settled().await;
    assert_eq!(acknowledged(&rig), number - 1, "what came before it is told");
    // What it says meanwhile, and a belayd after this one, change nothing.
    rig.warden.speak();
    rig.settled().await;
    rig.restart();
    rig.connected(true).await;
    rig.warden.speak();
    rig.settled().await;
    assert_eq!(acknowledged(&rig), number - 1);
    rig.cloud.with(|cloud| cloud.refuses = None);
    rig.passing(async {
        while acknowledged(&rig) < number {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let told = rig
        .cloud
        .with(|cloud| cloud.outcomes.iter().any(|outcome| outcome.sequence == number));
    assert!(told);
}

#[test]
fn the_news_of_a_wipe_goes_out_though_the_post_rests_after_failures() {
    let now = Duration::from_secs(100);
    let beginning = Beginning {
        row: FindRow::default(),
        report_age: None,
        said: String::new(),
        conditions: Conditions::default(),
        heartbeat: None,
        wipe: None,
    };
    let (mut state, effects) = State::begin(now, beginning);
    assert!(effects.contains(&Effect::Post));
    let trouble = Trouble {
        kind: TroubleKind::NoWay,
        asked: Some(Duration::from_secs(600)),
    };
    state.step(now, Event::NotPosted(trouble));
    let command = CommandId::new();
    let mut kept = |sequence, wipe| {
        let told = Told {
            command,
            action: "wipe".into(),
            state: CommandState::Running,
            reason: String::new(),
        };
        let told = vec![told];
        let effects = state.step(now, Event::OutcomesKept { sequence, told, wipe });
        effects.contains(&Effect::Post)
    };
    assert!(!kept(1, None) && kept(2, Some(WipeNews { command, sequence: 2 })));
}

#[tokio::test]
async fn a_wipe_that_has_failed_holds_nothing_back() {
    let rig = rig().await;
    rig.connected(true).await;
    rig.posted().await;
    rig.cloud.with(|cloud| cloud.refuses = Some(503));
    let command = CommandId::new();
    let number = rig.warden.with(|warden| {
        warden.tell_step(command, "wipe", CommandState::Running, 1);
        warden.tell_step(command, "wipe", CommandState::Failed, 0)
    });
    rig.warden.speak();
    while acknowledged(&rig) < number {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_wipe_that_has_failed_lets_no_other_begin_untold() {
    let mut rig = rig().await;
    rig.connected(true).await;
    rig.posted().await;
    rig.cloud.with(|cloud| cloud.refuses = Some(503));
    let number = announced(&rig).await;
    let refused = |rig: &Rig| {
        rig.warden
            .with(|warden| warden.tell_step(CommandId::new(), "wipe", CommandState::Refused, 0))
    };
    let last = refused(&rig);
    rig.warden.speak();
    rig.kept(|row| row.sequence == last).await;
    rig.settled().await;
    assert_eq!(acknowledged(&rig), number - 1);
    // Nor after a restart, from what is in the outbox.
    rig.restart();
    rig.connected(true).await;
    rig.warden.speak();
    rig.settled().await;
    assert_eq!(acknowledged(&rig), number - 1);
    // Nor where both come at once.
    let (number, last) = rig.warden.with(|warden| {
        let number = warden.tell_step(CommandId::new(), "wipe", CommandState::Running, 1);
        (
            number,
            warden.tell_step(CommandId::new(), "wipe", CommandState::Refused, 0),
        )
    });
    rig.warden.speak();
    rig.kept(|row| row.sequence == last).await;
    rig.settled().await;
    assert_eq!(acknowledged(&rig), number - 1);
}
