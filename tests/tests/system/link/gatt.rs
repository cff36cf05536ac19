//! What passes between a driver and its accessory.

use std::time::Duration;

use belay::accessory::link::{Choice, Patience};
use belay::accessory::ports::{LinkEnd, RadioError};
use belay_drivers::{Event, Input, Operation, OperationError, Output, Timer};
use belay_tests::accessories::strap::{BATTERY, CONTROL, MEASUREMENT};
use belay_tests::bluez::{Faults, Resolve, Settings};
use btleplug::api::{Manager as _, Peripheral as _};

use super::{BUTTON, READY, Rig, SHORT, idle, linked, linked_by, listens, on};

#[test]
fn operations_come_one_after_the_other_and_notifications_between() {
    linked(
        "gatt::operations_come_one_after_the_other_and_notifications_between",
        async |rig: Rig| {
            let strap = rig.strap().await;
            strap.with(|it, _| it.energy = 7).await.unwrap();
            let mut answers = 0;
            let mut connection = rig
                .up(move |input| match input {
                    Input::Connected(gatt) => vec![
                        on(gatt, MEASUREMENT, Operation::Subscribe),
                        on(gatt, BATTERY, Operation::Read),
                        on(gatt, CONTROL, |to| Operation::write(to, vec![1])),
                        on(gatt, CONTROL, |to| Operation::write(to, vec![9])),
                    ],
                    Input::Answered { result, .. } => {
                        answers += 1;
                        let wanted = match answers {
                            2 => Ok(vec![90]),
                            4 => Err(OperationError::Refused),
                            _ => Ok(Vec::new()),
                        };
                        assert_eq!(*result, wanted, "{answers}");
                        (answers == 4)
                            .then_some(Output::Event(Event::Ready))
                            .into_iter()
                            .collect()
                    }
                    Input::Notified { .. } => vec![Output::Event(Event::Button)],
                    _ => Vec::new(),
                })
                .await;
            assert_eq!(connection.next().await, READY);
            assert_eq!(strap.with(|it, _| it.energy).await.unwrap(), 0);
            strap.with(|it, air| it.beat(air, 72, &[])).await.unwrap();
            assert_eq!(connection.next().await, BUTTON);
            assert_eq!(connection.notified(), [[0b110, 72]]);
            connection.let_go().await;
        },
    );
}

#[test]
fn a_read_of_what_is_subscribed_is_no_notification() {
    linked(
        "gatt::a_read_of_what_is_subscribed_is_no_notification",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let mut connection = rig
                .up(|input| match input {
                    Input::Connected(gatt) => vec![
                        on(gatt, BATTERY, Operation::Subscribe),
                        on(gatt, BATTERY, Operation::Read),
                    ],
                    Input::Answered {
                        operation: Operation::Read(_),
                        ..
                    } => vec![Output::Event(Event::Ready)],
                    Input::Notified { .. } => vec![Output::Event(Event::Button)],
                    _ => Vec::new(),
                })
                .await;
            assert_eq!(connection.next().await, READY);
            strap.with(|it, air| it.drain(air, 80)).await.unwrap();
            assert_eq!(connection.next().await, BUTTON);
            assert_eq!(connection.notified(), [[80]]);
        },
    );
}

#[test]
fn what_another_program_listens_to_is_not_for_the_driver() {
    linked(
        "gatt::what_another_program_listens_to_is_not_for_the_driver",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let mut connection = rig.up(listens(BATTERY)).await;
            assert_eq!(connection.next().await, READY);
            let manager = btleplug::platform::Manager::new().await.unwrap();
            let other = manager.adapters().await.unwrap().remove(0);
            let device = btleplug::api::Central::peripherals(&other)
                .await
                .unwrap()
                .remove(0);
            device.discover_services().await.unwrap();
            let all = device.characteristics();
            let beats = all.iter().find(|one| one.uuid == MEASUREMENT).unwrap();
            device.subscribe(beats).await.unwrap();
            strap.with(|it, air| it.beat(air, 72, &[])).await.unwrap();
            strap.with(|it, air| it.drain(air, 55)).await.unwrap();
            assert_eq!(connection.next().await, BUTTON);
            assert_eq!(connection.notified(), [[55]]);
        },
    );
}

#[test]
fn a_subscription_ends_with_its_connection() {
    linked(
        "gatt::a_subscription_ends_with_its_connection",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let mut connection = rig.up(listens(MEASUREMENT)).await;
            assert_eq!(connection.next().await, READY);
            connection.let_go().await;
            let connection = rig.up(idle).await;
            assert!(!strap.with(|it, _| it.listening()).await.unwrap());
            connection.let_go().await;
        },
    );
}

#[test]
fn services_that_come_after_they_count_as_resolved_are_found() {
    let settings = Settings {
        flowing: true,
        ..Settings::default()
    };
    linked_by(
        "gatt::services_that_come_after_they_count_as_resolved_are_found",
        settings,
        Choice::Lowest,
        async |rig: Rig| {
            let strap = rig.strap().await;
            let early = Faults {
                resolved_early: true,
                ..Faults::default()
            };
            strap.faults(early).await.unwrap();
            let mut connection = rig.up(listens(MEASUREMENT)).await;
            assert_eq!(connection.next().await, READY);
            connection.let_go().await;
        },
    );
}

#[test]
fn services_that_never_resolve_end_as_out_of_reach() {
    let settings = Settings {
        resolve: Resolve::Never,
        ..Settings::default()
    };
    linked_by(
        "gatt::services_that_never_resolve_end_as_out_of_reach",
        settings,
        Choice::Lowest,
        async |mut rig: Rig| {
            let strap = rig.strap().await;
            rig.patient(Patience {
                connected: SHORT,
                ..Patience::default()
            });
            assert_eq!(rig.connect(idle).end().await, LinkEnd::Unreachable);
            strap.connected(false).await.unwrap();
        },
    );
}

#[test]
fn services_that_take_too_long_to_be_described_end_the_connection() {
    let settings = Settings {
        flowing: true,
        ..Settings::default()
    };
    linked_by(
        "gatt::services_that_take_too_long_to_be_described_end_the_connection",
        settings,
        Choice::Lowest,
        async |mut rig: Rig| {
            let strap = rig.strap().await;
            let ponders = Faults {
                ponders: Duration::from_millis(100),
                ..Faults::default()
            };
            strap.faults(ponders).await.unwrap();
            // The time is for all the questions together, and the default is for a band of a hundred and more.
            rig.up(idle).await.let_go().await;
            rig.patient(Patience {
                discovered: SHORT,
                ..Patience::default()
            });
            assert_eq!(rig.connect(idle).end().await, LinkEnd::Lost);
            strap.connected(false).await.unwrap();
        },
    );
}

#[test]
fn a_flag_that_btleplug_does_not_know_is_a_refusal() {
    linked(
        "gatt::a_flag_that_btleplug_does_not_know_is_a_refusal",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let odd = Faults {
                unknown_flag: Some("telepathy".to_owned()),
                ..Faults::default()
            };
            strap.faults(odd).await.unwrap();
            let refused = LinkEnd::Radio(RadioError::Refused);
            assert_eq!(rig.connect(idle).end().await, refused);
            strap.connected(false).await.unwrap();
        },
    );
}

#[test]
fn an_operation_without_an_answer_ends_the_connection() {
    linked(
        "gatt::an_operation_without_an_answer_ends_the_connection",
        async |mut rig: Rig| {
            let strap = rig.strap().await;
            rig.patient(Patience {
                operated: SHORT,
                ..Patience::default()
            });
            let slow = Faults {
                slow: Duration::from_secs(3600),
                ..Faults::default()
            };
            strap.faults(slow).await.unwrap();
            let mut connection = rig.up(listens(MEASUREMENT)).await;
            assert_eq!(connection.end().await, LinkEnd::Lost);
            let timed_out = |input: &Input| {
                matches!(
                    input,
                    Input::Answered {
                        result: Err(OperationError::TimedOut),
                        ..
                    }
                )
            };
            assert!(connection.heard(timed_out));
            strap.connected(false).await.unwrap();
        },
    );
}

#[test]
fn a_driver_s_timer_runs_out() {
    linked("gatt::a_driver_s_timer_runs_out", async |rig: Rig| {
        let _strap = rig.strap().await;
        let mut connection = rig
            .up(|input| match input {
                Input::Connected(_) => vec![
                    Output::Wake(Timer(1), Duration::from_millis(10)),
                    Output::Wake(Timer(2), Duration::from_millis(20)),
                    Output::Sleep(Timer(1)),
                ],
                Input::Elapsed(timer) => {
                    assert_eq!(*timer, Timer(2));
                    vec![Output::Event(Event::Ready)]
                }
                _ => Vec::new(),
            })
            .await;
        assert_eq!(connection.next().await, READY);
    });
}
