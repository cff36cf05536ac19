mod battery;
mod ends;
mod texts;

use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::dbus::{BindingState, Error, LockState};
use belay_proto::wire::Report;

use crate::find::Deeds;
use crate::find::deeds::testing::Rig;
use crate::platform::{BatteryState, PowerView, Sim, Text, Warning};
use crate::warden::Identity;

fn sim(iccid: &str) -> Sim {
    Sim {
        imei: "m".into(),
        iccid: iccid.into(),
        imsi: format!("i{iccid}"),
        operator: "Example Mobile".into(),
    }
}

fn put(rig: &Rig, sim: Option<Sim>) {
    rig.phone
        .modem
        .send_modify(|view| view.sims = sim.into_iter().collect());
}

fn arrives(rig: &Rig, id: &str) {
    let text = Text {
        id: id.into(),
        text: "belay:AABB".into(),
    };
    rig.phone.modem.send_modify(|view| view.texts.push(text));
}

fn texts(rig: &Rig) -> Vec<String> {
    rig.phone
        .sent
        .borrow()
        .iter()
        .map(|(_, text)| text.clone())
        .collect()
}

fn battery(warning: Warning, state: BatteryState) -> PowerView {
    PowerView {
        percentage: Some(3),
        state,
        warning,
    }
}

#[tokio::test]
async fn another_sim_is_judged_told_and_reported_once_over_restarts() {
    let mut rig = Rig::new().await;
    put(&rig, Some(sim("1")));
    rig.settle().await;
    assert!(
        rig.asked.borrow().tightened.is_empty() && rig.reports().await.is_empty(),
        "the first is trusted"
    );
    put(&rig, None);
    rig.restart().await;
    put(&rig, Some(sim("2")));
    let mut changes = rig.machine.sim_changes();
    changes.wait_for(|changes| *changes == 1).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.asked.borrow().tightened, ["sim-change"]);
    let reports = rig.reports().await;
    let [
        Report::Sim {
            iccid,
            imsi,
            operator,
            changed: true,
            ..
        },
    ] = reports.as_slice()
    else {
        panic!("{} reports", reports.len());
    };
    assert_eq!(
        (iccid.as_str(), imsi.as_str(), operator.as_str()),
        ("2", "i2", "Example Mobile")
    );
    let sent = rig.phone.sent.borrow().clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, "+491700000009");
    assert!(sent[0].1.starts_with("Ada's phone: another SIM"), "{}", sent[0].1);

    put(&rig, None);
    rig.restart().await;
    put(&rig, Some(sim("2")));
    rig.settle().await;
    assert_eq!(rig.asked.borrow().tightened.len(), 1);
    assert!(rig.reports().await.is_empty() && rig.phone.sent.borrow().len() == 1);
}

#[tokio::test]
async fn the_first_sim_that_a_lost_device_sees_is_told_of_and_not_trusted() {
    let rig = Rig::new().await;
    rig.view.send_modify(|view| view.lock = LockState::Lost);
    put(&rig, Some(sim("8")));
    let mut changes = rig.machine.sim_changes();
    changes.wait_for(|changes| *changes == 1).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.asked.borrow().tightened, ["sim-change"]);
    assert_eq!((rig.reports().await.len(), texts(&rig).len()), (1, 1));
}

#[tokio::test]
async fn a_sim_that_couldn_t_be_judged_is_judged_later_and_then_told_once() {
    let rig = Rig::new().await;
    put(&rig, Some(sim("1")));
    rig.settle().await;
    rig.asked
        .send_modify(|asked| asked.refusal = Some(Error::Busy(String::new())));
    put(&rig, Some(sim("2")));
    rig.settle().await;
    assert!(rig.reports().await.is_empty() && *rig.machine.sim_changes().borrow() == 0);
    rig.asked.send_modify(|asked| asked.refusal = None);
    rig.clock.advance(Duration::from_secs(5));
    rig.machine
        .sim_changes()
        .wait_for(|changes| *changes == 1)
        .await
        .unwrap();
    rig.settle().await;
    assert_eq!(
        (rig.asked.borrow().tightened.len(), rig.reports().await.len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_text_that_can_t_go_out_yet_goes_out_later_even_after_a_restart() {
    let mut rig = Rig::new().await;
    put(&rig, Some(sim("1")));
    rig.settle().await;
    rig.phone.is_mute.send_replace(true);
    put(&rig, Some(sim("2")));
    rig.machine
        .sim_changes()
        .wait_for(|changes| *changes == 1)
        .await
        .unwrap();
    rig.settle().await;
    assert!(texts(&rig).is_empty());
    rig.restart().await;
    rig.phone.is_mute.send_replace(false);
    rig.settle().await;
    rig.clock.advance(Duration::from_secs(5));
    rig.phone
        .sent
        .subscribe()
        .wait_for(|sent| sent.len() == 1)
        .await
        .unwrap();
    rig.settle().await;
    assert_eq!(texts(&rig).len(), 1);
}

#[tokio::test]
async fn in_a_dry_run_no_text_tells_of_a_sim() {
    let rig = Rig::new().await;
    rig.view.send_modify(|view| view.identity.policies.dry_run = true);
    put(&rig, Some(sim("1")));
    rig.settle().await;
    put(&rig, Some(sim("2")));
    rig.machine
        .sim_changes()
        .wait_for(|changes| *changes == 1)
        .await
        .unwrap();
    rig.settle().await;
    assert!(texts(&rig).is_empty());
    assert_eq!(
        rig.asked.borrow().tightened,
        ["sim-change"],
        "the warden says what would happen"
    );
}

#[tokio::test]
async fn what_a_stranger_sends_is_deleted_and_costs_no_text() {
    for judgement in [
        "bad-signature",
        "malformed",
        "wrong-device",
        "wrong-epoch",
        "replayed",
        "no-such-delegate",
        "new",
    ] {
        let rig = Rig::new().await;
        rig.asked
            .send_modify(|asked| asked.judgement = Some((judgement, None)));
        arrives(&rig, "sms/1");
        rig.phone
            .deleted
            .subscribe()
            .wait_for(|deleted| deleted.len() == 1)
            .await
            .unwrap();
        rig.settle().await;
        assert!(texts(&rig).is_empty(), "{judgement}");
    }
    let rig = Rig::new().await;
    rig.asked
        .send_modify(|asked| asked.judgement = Some(("expired", Some(CommandId::new()))));
    arrives(&rig, "sms/1");
    rig.phone
        .sent
        .subscribe()
        .wait_for(|sent| !sent.is_empty())
        .await
        .unwrap();
    assert_eq!(texts(&rig), ["Ada's phone: the command was refused: expired."]);
}

#[tokio::test]
async fn a_text_that_the_modem_keeps_is_judged_once() {
    let rig = Rig::new().await;
    rig.phone.is_mute.send_replace(true);
    arrives(&rig, "sms/1");
    rig.settle().await;
    rig.phone.power.send_modify(|power| power.percentage = Some(50));
    rig.settle().await;
    assert_eq!(rig.asked.borrow().texts.len(), 1);
    rig.phone.is_mute.send_replace(false);
    rig.phone.power.send_modify(|power| power.percentage = Some(49));
    rig.phone
        .deleted
        .subscribe()
        .wait_for(|deleted| deleted.len() == 1)
        .await
        .unwrap();
    assert_eq!(rig.asked.borrow().texts.len(), 1);
}

#[tokio::test]
async fn a_text_waits_for_a_warden_that_is_busy_and_is_dropped_where_there_is_nothing_to_judge() {
    let rig = Rig::new().await;
    rig.asked
        .send_modify(|asked| asked.refusal = Some(Error::Busy(String::new())));
    arrives(&rig, "sms/1");
    rig.settle().await;
    assert!(rig.phone.deleted.borrow().is_empty());
    rig.asked
        .send_modify(|asked| asked.refusal = Some(Error::NotBound(String::new())));
    rig.clock.advance(Duration::from_secs(5));
    rig.phone
        .deleted
        .subscribe()
        .wait_for(|deleted| deleted.len() == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn with_find_off_nothing_is_reported_or_texted_and_an_unbound_device_does_nothing() {
    let mut rig = Rig::new().await;
    rig.view.send_modify(|view| view.identity.find = false);
    rig.phone
        .power
        .send_replace(battery(Warning::Critical, BatteryState::Discharging));
    put(&rig, Some(sim("1")));
    rig.settle().await;
    put(&rig, Some(sim("2")));
    rig.settle().await;
    assert!(rig.reports().await.is_empty() && rig.phone.sent.borrow().is_empty());
    assert_eq!(
        rig.asked.borrow().tightened,
        ["sim-change"],
        "the policy is the warden's to judge"
    );
    let identity = rig.view.borrow().identity.clone();
    rig.view.send_modify(|view| {
        view.binding = BindingState::Unbound;
        view.identity = Identity::default();
    });
    arrives(&rig, "sms/1");
    put(&rig, Some(sim("3")));
    rig.settle().await;
    assert!(rig.asked.borrow().texts.is_empty() && rig.phone.deleted.borrow().is_empty());
    rig.restart().await;
    // Bound again, even by the same epoch, the SIM that is there is the first.
    rig.view.send_modify(|view| {
        view.binding = BindingState::Bound;
        view.identity = identity;
    });
    rig.settle().await;
    assert_eq!(rig.asked.borrow().tightened.len(), 1);
}
