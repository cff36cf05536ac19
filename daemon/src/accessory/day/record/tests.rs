use belay_drivers::{ActivityMinute, Reading};
use belay_proto::sync::{Ancestors, Attributes, Chunks, Encoding};

use super::*;

const DEVICE: DeviceId = DeviceId::from_bytes([5; 16]);
const DAY: Day = Day {
    accessory: AccessoryId::from_bytes([6; 16]),
    day: 20_000,
    what: What::Minutes,
};

fn packed() -> Vec<u8> {
    let mut minutes = Minutes::default();
    minutes.put(&ActivityMinute {
        start: 60,
        kind: 1,
        intensity: 2,
        steps: 3,
        heart_rate: 60,
    });
    minutes.encode()
}

fn content(natural: String, kind: String, bytes: Vec<u8>) -> Content {
    Content {
        number: 1,
        changed_at: 0,
        natural,
        kind,
        ancestors: Ancestors::default(),
        renews: None,
        removed: false,
        attributes: Attributes::default(),
        encoding: Encoding::Identity,
        length: bytes.len() as u64,
        body: Secret::new(bytes),
        chunks: Chunks::default(),
    }
}

/// The day, if it is one that is called so.
fn called(natural: &str) -> Option<Day> {
    let content = content(natural.to_owned(), DAY.kind(), packed());
    Day::read(&content).map(|(day, _)| day)
}

#[test]
fn a_record_is_the_day_that_it_was_made_of_and_so_is_another_version_of_it() {
    let natural = DAY.natural(DEVICE);
    let (day, bytes) = Day::read(&content(natural.clone(), DAY.kind(), packed())).unwrap();
    assert_eq!((day, bytes.expose()), (DAY, &packed()));
    assert_eq!(called(&format!("{natural}\0version")), Some(DAY));
}

#[test]
fn what_is_called_otherwise_is_no_day() {
    let natural = DAY.natural(DEVICE);
    let device = DEVICE.to_string();
    for name in [
        String::new(),
        "////".to_owned(),
        natural.replace("20000", "+20000"),
        natural.replace("20000", "020000"),
        natural.replace("20000", "-1"),
        natural.replace("20000", "2932897"),
        natural.replace("20000", &u64::MAX.to_string()),
        natural.replace("minutes", "readings"),
        natural.replace("minutes", "hours"),
        natural.replace(&device, "me"),
        natural.replace(&device, ""),
        format!("{natural}/"),
        format!("/{natural}"),
    ] {
        assert_eq!(called(&name), None, "{name:?}");
    }
    assert!(called(&natural.replace("20000", "2932896")).is_some());
}

#[test]
fn what_holds_something_else_is_no_day() {
    let read = |change: &dyn Fn(&mut Content)| {
        let mut content = content(DAY.natural(DEVICE), DAY.kind(), packed());
        change(&mut content);
        Day::read(&content).is_some()
    };
    assert!(read(&|_| {}));
    assert!(!read(&|it| it.removed = true));
    assert!(!read(&|it| it.kind = "text/plain".to_owned()));
    assert!(!read(&|it| it.length = u64::MAX));
    assert!(!read(&|it| it.encoding = Encoding::Zstd));
    let holds = |bytes: Vec<u8>| {
        read(&|it| {
            it.length = bytes.len() as u64;
            it.body = Secret::new(bytes.clone());
        })
    };
    assert!(!holds(Vec::new()));
    assert!(!holds(Minutes::default().encode()), "a day without a minute");
    assert!(!holds(vec![0xff; 5941]));
    assert!(!holds(vec![1; 2 * 1024 * 1024]));
}

#[test]
fn what_another_device_has_fills_gaps_and_a_value_that_is_no_number_fills_none() {
    let mut mine = Readings::default();
    mine.put(1, Reading::Weight(70.0));
    let mut theirs = Readings::default();
    for (second, value) in [(1, 99.0), (2, 71.0), (3, f64::NAN), (4, f64::INFINITY)] {
        theirs.put(second, Reading::Weight(value));
    }
    mine.absorb(theirs);
    let all: Vec<_> = mine.iter(0).collect();
    assert_eq!(all, [(1, Reading::Weight(70.0)), (2, Reading::Weight(71.0))]);
}
