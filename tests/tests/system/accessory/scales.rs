//! Mi scales: what they keep is fetched once and whole, whatever goes wrong, and what they say in between is judged.

use belay_tests::accessories::scale::{Frame, HISTORY, Model, Scale, Unit};
use belay_tests::accessories::script::Manner;
use belay_tests::app::{Object, entry, refused};
use belay_tests::bluez::{self, Address, AttError, Faults};
use zbus::Variant;

use super::sensors::{latest, tells};
use super::{Beside, identity};

const MODELS: [Model; 2] = [Model::One, Model::Two];

/// So many half kilograms, weighed on this day of January by somebody who has left.
fn over(raw: u16, day: u8) -> Frame {
    Frame {
        raw,
        stable: true,
        removed: true,
        date: (2026, [1, day, 8, 0, 0]),
        ..Frame::default()
    }
}

/// Somebody stands on it now.
fn stands(raw: u16, minute: u8) -> Frame {
    Frame {
        removed: false,
        date: (2026, [2, 1, 8, minute, 0]),
        ..over(raw, 1)
    }
}

/// A scale of the owner's that is awake, with nothing that it would be connected for by itself.
async fn owned(beside: &Beside, model: Model) -> (bluez::Accessory<Scale>, Object) {
    let number = if model == Model::One { 1 } else { 2 };
    let mut scale = Scale::new(model, Address::public([0x88, 0x0f, 0x10, 7, 7, number]));
    scale.show(Some(Frame {
        stable: false,
        ..stands(14_000, 0)
    }));
    let (scale, object) = beside.finds(scale).await;
    beside.asks(object, "Pair").await.unwrap();
    (scale, object)
}

#[tokio::test]
async fn a_sync_that_goes_wrong_is_said_and_the_next_brings_all_of_it_once() {
    let beside = Beside::new().await;
    for model in MODELS {
        let (scale, object) = owned(&beside, model).await;
        scale
            .with(|it, _| {
                it.memory = (1..=5)
                    .map(|day| over(14_000 + 100 * u16::from(day), day))
                    .collect()
            })
            .await
            .unwrap();
        let fails = async |error: &str, what: &str| {
            let answer = beside.syncs(object).await;
            refused(answer.map(drop), error).unwrap_or_else(|other| panic!("{model:?}, {what}: {other}"));
            scale.connected(false).await.unwrap();
        };
        // The link is lost with the count, within the records, and at each operation of the transfer.
        for (drops_after, drops_at) in [(Some(1), None), (Some(3), None), (None, Some(1))] {
            let cut = Faults {
                drops_after,
                drops_at,
                ..Faults::default()
            };
            scale.faults(cut).await.unwrap();
            fails("AccessoryTimeout", "a lost link").await;
        }
        // Every notification comes twice, which is more than was announced.
        let doubled = Faults {
            doubled: 1000,
            ..Faults::default()
        };
        scale.faults(doubled).await.unwrap();
        fails("AccessoryRefused", "doubled records").await;
        scale.faults(Faults::default()).await.unwrap();
        scale.with(|it, _| it.short_by = 2).await.unwrap();
        fails("AccessoryRefused", "fewer than announced").await;
        let count = vec![0x01, 0x01, 0x00, 0x00, 0x00];
        let half = vec![vec![0x22; 7]];
        let manners = [
            (vec![Manner::Refuses(AttError::UNLIKELY)], "AccessoryRefused"),
            (vec![Manner::HangsUp], "AccessoryTimeout"),
            (vec![Manner::Answers(vec![vec![0x10, 0x01]])], "AccessoryRefused"),
            (vec![Manner::Answers(vec![Vec::new()])], "AccessoryRefused"),
            (
                vec![Manner::Answers(vec![count.clone()]), Manner::Answers(half)],
                "AccessoryRefused",
            ),
            (
                vec![Manner::Answers(vec![count]), Manner::HangsUp],
                "AccessoryTimeout",
            ),
        ];
        for (manners, error) in manners {
            let what = format!("{manners:?}");
            scale
                .with(|it, _| {
                    for manner in manners {
                        it.script.next(HISTORY, manner);
                    }
                })
                .await
                .unwrap();
            fails(error, &what).await;
        }
        assert_eq!(
            latest(&beside, object).await.ok(),
            None,
            "nothing of that is kept"
        );
        // More than one notification holds, and as slow as a weak link is.
        let slow = Faults {
            slow: std::time::Duration::from_millis(15),
            ..Faults::default()
        };
        scale.faults(slow).await.unwrap();
        scale.with(|it, _| it.mtu = 64).await.unwrap();
        assert_eq!(beside.syncs(object).await, Ok(5), "{model:?}");
        tells(&beside, object, "weight", 72.5).await;
        scale.faults(Faults::default()).await.unwrap();
        assert_eq!(beside.syncs(object).await, Ok(0), "each of them once");
        assert_eq!(scale.with(|it, _| it.wrong).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_scale_tells_who_it_is_has_its_clock_set_and_indicates_while_it_is_connected() {
    let beside = Beside::new().await;
    for model in MODELS {
        let (scale, object) = owned(&beside, model).await;
        // It has so much to tell that somebody can step on it meanwhile.
        scale
            .with(|it, _| it.memory = vec![over(14_000, 1)])
            .await
            .unwrap();
        // The last of what is fetched isn't sent, so that the connection goes on.
        let held = async {
            scale
                .until("the history to be asked for", |it| it.listens(HISTORY))
                .await
                .unwrap();
            scale
                .with(|it, air| {
                    assert!(it.listens(it.measurement()));
                    it.weigh(air, stands(15_000, 1));
                    // The same once more, and then by a scale that shows pounds.
                    it.weigh(air, stands(15_000, 1));
                    it.weigh(
                        air,
                        Frame {
                            unit: Unit::Pound,
                            ..stands(20_000, 2)
                        },
                    );
                })
                .await
                .unwrap();
        };
        let (records, ()) = tokio::join!(beside.syncs(object), held);
        assert_eq!(records, Ok(1));
        tells(&beside, object, "weight", 200.0 * 0.453_592_37).await;
        assert_eq!(beside.app.text(object, "FirmwareVersion").await.unwrap(), "1.2.3");
        let serial = identity(&beside.app, object).await;
        assert_eq!(entry(&serial, "serial"), "10023456abcd");
        let time = scale.with(|it, _| it.time.clone()).await.unwrap();
        assert_eq!(time.len(), 10);
        assert!(u16::from_le_bytes([time[0], time[1]]) > 2020, "{time:?}");
    }
}

#[tokio::test]
async fn what_no_person_weighs_is_not_told() {
    let beside = Beside::new().await;
    let (plain, light) = owned(&beside, Model::One).await;
    let (composing, heavy) = owned(&beside, Model::Two).await;
    for (number, (scale, object)) in [(&plain, light), (&composing, heavy)].into_iter().enumerate() {
        let shows = async |frame: Frame| scale.with(move |it, _| it.show(Some(frame))).await.unwrap();
        shows(stands(14_000, 1)).await;
        tells(&beside, object, "weight", 70.0).await;
        // A suitcase, nobody, and somebody who has stepped off.
        shows(Frame {
            small: true,
            ..stands(2_000, 2)
        })
        .await;
        shows(stands(0, 3)).await;
        shows(Frame {
            removed: true,
            ..stands(12_000, 4)
        })
        .await;
        // Not standing still, and with an impedance that no body has.
        shows(Frame {
            stable: false,
            ..stands(16_000, 5)
        })
        .await;
        let weight = &latest(&beside, object).await.unwrap()["weight"];
        assert_eq!(**weight, Variant::from(70.0));
        shows(Frame {
            impedance: Some(3000),
            ..stands(14_200, 6)
        })
        .await;
        tells(&beside, object, "weight", 71.0).await;
        if number == 1 {
            assert!(!latest(&beside, object).await.unwrap().contains_key("impedance"));
            shows(Frame {
                impedance: Some(2999),
                ..stands(14_200, 6)
            })
            .await;
            tells(&beside, object, "impedance", 2999.0).await;
        }
    }
}
