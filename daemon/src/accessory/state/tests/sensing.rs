use std::time::Duration;

use belay_drivers::{Kind, Reading};

use super::super::*;
use super::rig::{NOW, Rig, saved};
use crate::accessory::ports::RadioError;

fn measured(rig: &mut Rig, id: AccessoryId, readings: Vec<(Option<u64>, Reading)>) -> usize {
    rig.happens(What::Measured {
        id,
        readings,
        counter: None,
    });
    rig.effects
        .iter()
        .map(|effect| match effect {
            Effect::StoreReadings(_, kept) => kept.len(),
            _ => 0,
        })
        .sum()
}

#[test]
fn a_paired_scale_is_listened_to_and_no_radio_is_used_without_one() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    assert!(rig.effects.contains(&Effect::Scan { power_on: false }));
    let id = AccessoryId::from_bytes([8; 16]);
    let asker = rig.ask(Question::Unpair(id));
    rig.happens(What::Removed(id, asker, Ok(())));
    assert!(rig.effects.contains(&Effect::Deafen(id)) && rig.effects.contains(&Effect::EndScan));
    let rig = Rig::new(vec![saved(Kind::MiBand2, 8)]);
    assert!(
        !rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Scan { .. }))
    );
}

#[test]
fn a_sensor_that_says_the_same_ten_times_a_second_is_kept_once_a_minute() {
    let mut rig = Rig::new(vec![saved(Kind::MiBeaconSensor, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let kept: usize = (0..600)
        .map(|tenth| {
            measured(
                &mut rig,
                id,
                vec![(Some(NOW + tenth / 10), Reading::Temperature(20.0))],
            )
        })
        .sum();
    assert_eq!(kept, 1);
    assert_eq!(
        measured(&mut rig, id, vec![(Some(NOW + 60), Reading::Temperature(20.5))]),
        1
    );
}

#[test]
fn each_weighing_is_kept() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    assert_eq!(
        measured(&mut rig, id, vec![(Some(NOW), Reading::Weight(70.0))]),
        1
    );
    assert_eq!(
        measured(&mut rig, id, vec![(Some(NOW + 5), Reading::Weight(70.1))]),
        1
    );
}

#[test]
fn a_clock_of_the_future_is_not_believed() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    let id = AccessoryId::from_bytes([8; 16]);
    let reading = Reading::Weight(70.0);
    measured(&mut rig, id, vec![(Some(NOW + 900_000), reading)]);
    assert!(
        rig.effects
            .contains(&Effect::StoreReadings(id, vec![(NOW, reading)]))
    );
}

#[test]
fn a_discovery_ends_with_its_time_and_with_its_caller() {
    let discover = || Question::Discover {
        kinds: vec![],
        lasting: Duration::from_secs(30),
        power_on: false,
    };
    let mut rig = Rig::new(vec![]);
    let first = rig.ask(discover());
    let second = rig.ask(discover());
    assert!(rig.state.discovering());
    rig.happens(What::Elapsed(TimerOf::Discovery(first)));
    assert!(rig.state.discovering());
    rig.happens(What::Left(second));
    assert!(!rig.state.discovering());
    assert!(rig.effects.contains(&Effect::EndScan));
}

#[test]
fn the_radio_is_switched_on_only_for_whoever_says_so() {
    let mut rig = Rig::new(vec![]);
    rig.power(false);
    let discover = |power_on| Question::Discover {
        kinds: vec![],
        lasting: Duration::from_secs(30),
        power_on,
    };
    let asker = rig.ask(discover(false));
    assert_eq!(rig.answer(asker), Some(Err(AccessoryError::PoweredOff)));
    let asker = rig.ask(discover(true));
    assert_eq!(rig.answer(asker), Some(Ok(Answer::Done)));
    assert!(rig.effects.contains(&Effect::Scan { power_on: true }));
    // The adapter that comes on is the one that was asked for: no second scan.
    rig.power(true);
    assert!(
        !rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Scan { .. }))
    );
}

#[test]
fn a_scan_that_fails_ends_what_needs_it() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8)]);
    rig.happens(What::ScanFailed(RadioError::AdapterMissing));
    let id = AccessoryId::from_bytes([8; 16]);
    assert_eq!(rig.one(id).problem, Some(AccessoryError::AdapterMissing));
    assert!(
        !rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Scan { .. }))
    );
    rig.power(false);
    rig.power(true);
    assert!(rig.effects.contains(&Effect::Scan { power_on: false }));
    assert_eq!(rig.one(id).problem, None);
}

#[test]
fn a_scan_that_fails_though_the_adapter_is_there_is_tried_again_and_nothing_else_suffers() {
    let mut rig = Rig::new(vec![saved(Kind::MiScale, 8), saved(Kind::MiBand3, 7)]);
    rig.happens(What::ScanFailed(RadioError::TimedOut));
    assert!(
        rig.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Wake(TimerOf::Listening, _)))
    );
    assert!(rig.state.adapter.powered, "the adapter is BlueZ's to tell of");
    rig.happens(What::Elapsed(TimerOf::Listening));
    assert!(rig.effects.contains(&Effect::Scan { power_on: false }));
}
