//! What accepted commands have belayd do.

use std::time::Duration;

use belay_proto::id::CommandId;
use belay_proto::signed::{Action, Verb};
use belay_proto::steps::{self, EffectsOutput, INTERRUPTED};

use super::rig::rig;
use crate::find::Conditions;
use crate::find::state::{Beginning, Effect, Event, State};
use crate::store::find::FindRow;

#[tokio::test]
async fn a_ring_is_begun_done_and_ended_at_the_warden() {
    let rig = rig().await;
    rig.settled().await;
    let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
    let stop = rig.warden.wants(&Action::StopRing);
    rig.ended(2).await;
    assert_eq!(*rig.deeds.done.lock().unwrap(), ["ring 30", "stop-ring"]);
    let ended = rig.warden.with(|warden| warden.ended.clone());
    assert_eq!(ended, [(ring, true, String::new()), (stop, true, String::new())]);
}

#[tokio::test]
async fn an_effect_that_fails_ends_with_its_reason_and_one_that_hangs_with_a_timeout() {
    let rig = rig().await;
    *rig.deeds.fails.lock().unwrap() = Some("no-fix");
    rig.warden.wants(&Action::Locate);
    rig.ended(1).await;
    *rig.deeds.hangs.lock().unwrap() = true;
    rig.warden.wants(&Action::Ring { seconds: 1 });
    rig.ended(2).await;
    let reasons: Vec<_> = rig
        .warden
        .with(|warden| warden.ended.iter().map(|end| end.2.clone()).collect());
    assert_eq!(reasons, ["no-fix", "timeout"]);
    let done = rig.deeds.done.lock().unwrap().clone();
    assert_eq!(done, ["locate", "ring 1", "stop-ring"], "it mustn't begin later");
}

#[tokio::test]
async fn what_was_begun_before_a_kill_ends_as_interrupted_and_isnt_done_again() {
    let mut rig = rig().await;
    *rig.deeds.hangs.lock().unwrap() = true;
    let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
    while rig.deeds.done.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    rig.restart();
    rig.ended(1).await;
    let ended = rig.warden.with(|warden| warden.ended.clone());
    assert_eq!(ended, [(ring, false, INTERRUPTED.to_owned())]);
    assert_eq!(rig.deeds.done.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_effect_is_done_once_though_every_answer_of_the_warden_may_be_lost() {
    for lost in 1..5 {
        let rig = rig().await;
        rig.connected(true).await;
        rig.posted().await;
        rig.settled().await;
        rig.warden.with(|warden| warden.lose = lost);
        let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
        rig.ended(1).await;
        rig.settled().await;
        rig.clock.advance(Duration::from_secs(900));
        rig.settled().await;
        assert!(rig.deeds.done.lock().unwrap().len() <= 1);
        let ended = rig.warden.with(|warden| warden.ended.clone());
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].0, ring);
    }
}

#[tokio::test]
async fn an_effect_whose_beginning_or_end_can_t_be_written_down_is_begun_and_ended_later() {
    for full in 1..4 {
        let rig = rig().await;
        rig.settled().await;
        rig.warden.with(|warden| warden.full = full);
        let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
        rig.ended(1).await;
        let ended = rig.warden.with(|warden| warden.ended.clone());
        assert_eq!(ended, [(ring, true, String::new())], "{full} times");
        assert_eq!(*rig.deeds.done.lock().unwrap(), ["ring 30"]);
    }
}

#[tokio::test]
async fn an_end_that_can_t_be_written_down_is_told_again() {
    let rig = rig().await;
    rig.settled().await;
    *rig.deeds.hangs.lock().unwrap() = true;
    let ring = rig.warden.wants(&Action::Ring { seconds: 30 });
    while rig.deeds.done.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    rig.warden.with(|warden| warden.full = 2);
    rig.ended(1).await;
    let ended = rig.warden.with(|warden| warden.ended.clone());
    assert_eq!(ended, [(ring, false, "timeout".to_owned())]);
    assert_eq!(rig.deeds.done.lock().unwrap()[0], "ring 30");
}

#[test]
fn a_warden_that_lists_but_can_t_begin_is_asked_ever_more_seldom_whatever_it_says_meanwhile() {
    let mut now = Duration::from_secs(100);
    let ring = steps::Effect {
        command: CommandId::new(),
        action: Verb::Ring.as_str().into(),
        arguments: Vec::new(),
        issued_at: 0,
        deadline: 0,
    };
    let list = || EffectsOutput {
        waiting: vec![ring.clone()],
        begun: Vec::new(),
    };
    let begins = |effects: &[Effect]| effects.contains(&Effect::Perform(ring.clone()));
    let beginning = Beginning {
        row: FindRow::default(),
        report_age: None,
        said: String::new(),
        conditions: Conditions::default(),
        heartbeat: None,
        wipe: None,
    };
    let (mut state, _) = State::begin(now, beginning);
    let not_begun = Event::NotBegun {
        command: ring.command,
        is_refused: false,
    };
    for _ in 0..20 {
        assert!(begins(&state.step(now, Event::EffectsListed(list()))));
        state.step(now, not_begun.clone());
        let said = String::new();
        let effects = state.step(now, Event::WardenSpoke { said });
        assert!(effects.contains(&Effect::ListEffects), "it may have begun");
        assert!(!begins(&state.step(now, Event::EffectsListed(list()))));
        let rest = state.due().unwrap() - now;
        assert!(rest <= Duration::from_secs(60));
        now += rest;
        assert!(state.step(now, Event::Woken).contains(&Effect::ListEffects));
    }
    assert!(now > Duration::from_secs(160), "{now:?}");
    // One that goes well is a new beginning.
    assert!(begins(&state.step(now, Event::EffectsListed(list()))));
    let (command, outcome) = (ring.command, Ok(()));
    state.step(now, Event::Performed { command, outcome });
    state.step(now, not_begun);
    assert!(state.due().unwrap() <= now + Duration::from_secs(1));
}
