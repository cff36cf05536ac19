//! Texts that come again and again, and texts that can't be sent.

use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::dbus::Error;

use super::{arrives, battery, put, sim, texts};
use crate::find::Deeds;
use crate::find::deeds::testing::Rig;
use crate::platform::{BatteryState, PowerView, Text, Warning};

/// A round with nothing new to it.
async fn round(rig: &Rig, number: u8) {
    rig.phone.power.send_replace(PowerView {
        percentage: Some(number),
        ..PowerView::default()
    });
    rig.settle().await;
}

/// Owes a text: of another SIM.
async fn owe(rig: &Rig) {
    put(rig, Some(sim("1")));
    rig.settle().await;
    put(rig, Some(sim("2")));
    let mut changes = rig.machine.sim_changes();
    changes.wait_for(|changes| *changes == 1).await.unwrap();
    rig.settle().await;
}

#[tokio::test]
async fn a_refused_command_is_answered_once_however_often_its_text_is_sent_again() {
    let mut rig = Rig::new().await;
    let command = CommandId::new();
    rig.asked
        .send_modify(|asked| asked.judgement = Some(("expired", Some(command))));
    for (number, restarts) in [(1, false), (2, false), (3, true), (4, false)] {
        if restarts {
            rig.restart().await;
        }
        arrives(&rig, &format!("sms/{number}"));
        let deleted = |deleted: &Vec<String>| deleted.len() == number;
        rig.phone.deleted.subscribe().wait_for(deleted).await.unwrap();
        rig.settle().await;
    }
    assert_eq!(rig.asked.borrow().texts.len(), 4, "each is judged");
    assert_eq!(texts(&rig), ["Ada's phone: the command was refused: expired."]);
}

#[tokio::test]
async fn another_text_by_the_name_of_one_that_was_judged_is_judged() {
    let rig = Rig::new().await;
    rig.phone.is_mute.send_replace(true);
    arrives(&rig, "sms/0");
    rig.settle().await;
    let other = Text {
        id: "sms/0".into(),
        text: "belay:CCDD".into(),
    };
    rig.phone.modem.send_modify(|view| view.texts = vec![other]);
    rig.settle().await;
    assert_eq!(rig.asked.borrow().texts, ["belay:AABB", "belay:CCDD"]);
}

#[tokio::test]
async fn a_text_that_may_have_been_sent_is_tried_thrice_at_most_over_restarts_and_days() {
    let mut rig = Rig::new().await;
    rig.phone.is_slow.send_replace(true);
    owe(&rig).await;
    assert_eq!(*rig.phone.tries.borrow(), 1);
    for number in 0..20 {
        if number % 5 == 4 {
            rig.restart().await;
        }
        rig.clock.advance(Duration::from_secs(2 * 3600));
        round(&rig, number).await;
    }
    assert_eq!(*rig.phone.tries.borrow(), 3);
    rig.phone.is_slow.send_replace(false);
    rig.clock.advance(Duration::from_secs(2 * 3600));
    round(&rig, 20).await;
    assert!(texts(&rig).is_empty(), "given up");
}

#[tokio::test]
async fn what_happens_meanwhile_makes_no_try_come_early_but_another_sim_does() {
    let rig = Rig::new().await;
    rig.phone.is_mute.send_replace(true);
    owe(&rig).await;
    let tries = *rig.phone.tries.borrow();
    for number in 0..10 {
        round(&rig, number).await;
    }
    assert_eq!(*rig.phone.tries.borrow(), tries);
    rig.phone.is_mute.send_replace(false);
    put(&rig, Some(sim("1")));
    rig.phone
        .sent
        .subscribe()
        .wait_for(|sent| sent.len() == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_command_by_text_waits_neither_for_a_text_that_is_being_sent_nor_for_a_search() {
    let rig = Rig::new().await;
    rig.phone.is_stuck.send_replace(true);
    rig.phone.goes_on.send_replace(true);
    owe(&rig).await;
    rig.phone
        .tries
        .subscribe()
        .wait_for(|tries| *tries == 1)
        .await
        .unwrap();
    rig.phone
        .power
        .send_replace(battery(Warning::Critical, BatteryState::Discharging));
    rig.settle().await;
    arrives(&rig, "sms/0");
    let mut deleted = rig.phone.deleted.subscribe();
    deleted.wait_for(|deleted| deleted.len() == 1).await.unwrap();
    assert_eq!(rig.asked.borrow().texts, ["belay:AABB"]);
    assert!(texts(&rig).is_empty() && *rig.phone.tries.borrow() == 1);
    // Each goes on where it was.
    rig.phone.is_stuck.send_replace(false);
    rig.phone.goes_on.send_replace(false);
    let mut sent = rig.phone.sent.subscribe();
    sent.wait_for(|sent| sent.len() == 1).await.unwrap();
    rig.settle().await;
    assert_eq!(*rig.phone.tries.borrow(), 1);
}

/// A text is on its way, and the modem hasn't said how it ends.
async fn on_its_way(rig: &Rig) {
    rig.phone.is_stuck.send_replace(true);
    owe(rig).await;
    let mut tries = rig.phone.tries.subscribe();
    tries.wait_for(|tries| *tries == 1).await.unwrap();
}

#[tokio::test]
async fn a_text_that_was_sent_while_a_round_went_on_is_not_sent_again() {
    let rig = Rig::new().await;
    on_its_way(&rig).await;
    rig.phone.keeps.send_replace(true);
    arrives(&rig, "sms/0");
    let mut asked = rig.asked.subscribe();
    asked.wait_for(|asked| asked.texts.len() == 1).await.unwrap();
    rig.phone.is_stuck.send_replace(false);
    let mut sent = rig.phone.sent.subscribe();
    sent.wait_for(|sent| sent.len() == 1).await.unwrap();
    rig.settle().await;
    assert!(rig.phone.deleted.borrow().is_empty(), "the round goes on");
    rig.phone.keeps.send_replace(false);
    rig.settle().await;
    assert_eq!((texts(&rig).len(), *rig.phone.tries.borrow()), (1, 1));
}

#[tokio::test]
async fn a_text_that_was_sent_is_not_sent_again_by_a_round_that_fails() {
    let rig = Rig::new().await;
    on_its_way(&rig).await;
    rig.asked
        .send_modify(|asked| asked.refusal = Some(Error::Busy(String::new())));
    arrives(&rig, "sms/0");
    rig.settle().await;
    rig.phone.is_stuck.send_replace(false);
    rig.settle().await;
    rig.asked.send_modify(|asked| asked.refusal = None);
    rig.clock.advance(Duration::from_secs(5));
    rig.settle().await;
    assert_eq!((texts(&rig).len(), *rig.phone.tries.borrow()), (1, 1));
}
