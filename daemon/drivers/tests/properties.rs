//! What holds for every byte that an accessory may send.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use belay_drivers::gatt::sig;
use belay_drivers::infinitime::{self, alert::Notification, motion, weather::Weather};
use belay_drivers::mi_scale::{Frame as ScaleFrame, Model};
use belay_drivers::mibeacon::{Frame, objects};
use belay_drivers::standard::{alert, composition, device, heart_rate, time, uuids, weight};
use belay_drivers::{
    Address, Advertisement, Alert, Characteristic, Event, Gatt, Input, Key, Kind, Moment, Opening, Operation,
    OperationError, Output, Properties, Reading, Request, RequestId, Settings, Setup, Timer, driver,
    identify, listener,
};
use jiff::tz::Offset;
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

const HISTORY: Uuid = Uuid::from_u128(0x0000_2a2f_0000_3512_2118_0009_af10_0700);
/// The kinds that speak without a protocol of Huami's.
const KINDS: [Kind; 5] = [
    Kind::MiScale,
    Kind::MiBodyScale,
    Kind::InfiniTime,
    Kind::HeartRateMonitor,
    Kind::Generic,
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..64)
}

fn air(service: u16, data: Vec<u8>) -> Advertisement {
    Advertisement {
        address: Address([0x8c, 0xd0, 0xb2, 0xf6, 0xbe, 0xef]),
        name: None,
        services: Vec::new(),
        manufacturer: Vec::new(),
        service_data: vec![(sig(service), data)],
        rssi: None,
    }
}

/// An S400's weighing, from the published tests of its decoders.
const WEIGHING: [u8; 24] = [
    0x48, 0x59, 0xd5, 0x3b, 0x0a, 0xbc, 0x07, 0x8f, 0xf2, 0x34, 0x8c, 0x84, 0x41, 0x38, 0xe9, 0x30, 0x22,
    0x00, 0x00, 0x00, 0x9e, 0x53, 0x85, 0x99,
];
const WEIGHING_KEY: &str = "0728974d657a4b60964c1b1677f35f7c";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_decoder_panics(data in bytes()) {
        let _ = heart_rate::measurement(&data);
        let _ = heart_rate::location(&data);
        let _ = weight::measurement(&data);
        let _ = composition::measurement(&data);
        let _ = device::text(&data);
        let _ = device::version(&data);
        let _ = device::pnp_id(&data);
        let _ = device::battery_level(&data);
        let _ = alert::NewAlert::decode(&data);
        let _ = alert::Control::decode(&data);
        let _ = motion::steps(&data);
        let _ = motion::Acceleration::decode(&data);
        let _ = Frame::decode(&data);
        let _ = ScaleFrame::decode(Model::Weight, &data);
    }

    #[test]
    fn what_is_read_is_written_the_same(data in bytes()) {
        if let Ok(read) = time::CurrentTime::decode(&data) {
            prop_assert_eq!(&read.encode()[..], &data[..]);
        }
        if let Ok(read) = time::LocalTime::decode(&data) {
            prop_assert_eq!(&read.encode()[..], &data[..]);
        }
        if let Ok(read) = alert::NewAlert::decode(&data) {
            prop_assert_eq!(read.encode(), data.clone());
        }
        if let Ok(read) = Weather::decode(&data) {
            prop_assert_eq!(Weather::decode(&read.encode()), Ok(read));
        }
    }

    #[test]
    fn an_alert_fits_and_stays_text(title in ".{0,80}", body in ".{0,80}", room in 0_usize..300) {
        let bytes = Notification { category: 0, count: 1, title, body }.encode(room);
        prop_assert!(bytes.len() <= room.min(102));
        prop_assert!(bytes.is_empty() || Notification::decode(&bytes).is_ok());
    }

    #[test]
    fn objects_fill_their_payload(data in bytes()) {
        if let Ok(objects) = objects(&data) {
            let length: usize = objects.iter().map(|one| 3 + one.data.len()).sum();
            prop_assert_eq!(length, data.len());
        }
    }

    #[test]
    fn every_reading_can_be(kind: u16, data in bytes()) {
        let object = belay_drivers::mibeacon::Object { kind, data: &data };
        for (_, reading) in object.readings() {
            prop_assert!(possible(&reading), "{:?}", reading);
        }
    }

    #[test]
    fn no_listener_panics_and_every_reading_can_be(
        frames in vec((0_usize..3, bytes()), 0..40),
        key in prop::option::of(prop_oneof![vec(any::<u8>(), 12), vec(any::<u8>(), 16)]),
    ) {
        let kinds = [(Kind::MiScale, 0x181d), (Kind::MiBodyScale, 0x181b), (Kind::MiBeaconSensor, 0xfe95)];
        let address = Address([0x8c, 0xd0, 0xb2, 0xf6, 0xbe, 0xef]);
        let key = key.map(|key| Key::from_slice(&key).unwrap());
        let mut listeners = kinds.map(|(kind, _)| listener(kind, address, key.clone()).unwrap());
        for (which, data) in frames {
            let advertisement = air(kinds[which].1, data);
            let _ = identify(&advertisement);
            for (_, reading) in listeners[which].hear(&advertisement).unwrap_or_default() {
                prop_assert!(possible(&reading), "{:?}", reading);
            }
        }
    }

    #[test]
    fn a_scale_weighs_what_it_says(
        first: u8, flags: u8, time: [u8; 7], ohm: u16, raw: u16,
    ) {
        let mut data = vec![first, flags];
        data.extend(time);
        data.extend(ohm.to_le_bytes());
        data.extend(raw.to_le_bytes());
        let mut scale = listener(Kind::MiBodyScale, Address([1; 6]), None).unwrap();
        let heard = scale.hear(&air(0x181b, data.clone())).unwrap();
        let is_final = flags & 0xa0 == 0x20 && first & 4 == 0 && raw > 0;
        prop_assert_eq!(!heard.is_empty(), is_final);
        prop_assert!(heard.len() <= 2);
        prop_assert_eq!(scale.hear(&air(0x181b, data)).unwrap(), vec![]);
    }

    /// Two changed bits in a frame with a tag of 32 bits. Some bits of the header change nothing and aren't covered by
    /// the tag: then the sensor's own words are heard, else nothing.
    #[test]
    fn a_changed_frame_is_not_heard(at in 0_usize..192, other in 0_usize..192) {
        prop_assume!(at != other);
        let mut changed = WEIGHING;
        changed[at / 8] ^= 1 << (at % 8);
        changed[other / 8] ^= 1 << (other % 8);
        let key = Key::from_hex(WEIGHING_KEY).unwrap();
        let address = Address([0x8c, 0xd0, 0xb2, 0xf6, 0xbe, 0xef]);
        let mut sensor = listener(Kind::MiBeaconSensor, address, Some(key)).unwrap();
        let good = vec![Reading::Weight(69.9), Reading::HeartRate(92), Reading::Impedance(543.2)];
        let mut hear = |frame: [u8; 24]| {
            let heard = sensor.hear(&air(0xfe95, frame.to_vec())).unwrap_or_default();
            heard.into_iter().map(|(_, reading)| reading).collect::<Vec<_>>()
        };
        let first = hear(changed);
        let header_only = at < 16 && other < 16;
        prop_assert!(first.is_empty() || header_only && first == good, "{:?}", first);
        let second = hear(WEIGHING);
        prop_assert_eq!([first, second].concat(), good);
    }

    #[test]
    fn a_driver_ends_each_request_exactly_once(
        kind in prop::sample::select(&KINDS[..]),
        inputs in vec(input(), 0..80),
    ) {
        converse(kind, inputs)?;
    }
}

/// Whether a person or a room can be like that.
fn possible(reading: &Reading) -> bool {
    match *reading {
        Reading::Weight(kilograms) => kilograms > 0.0 && kilograms < 700.0,
        Reading::Impedance(ohm) | Reading::SecondImpedance(ohm) => ohm > 0.0 && ohm < 3000.0,
        Reading::BodyFat(percent) | Reading::Humidity(percent) | Reading::Moisture(percent) => {
            (0.0..=100.0).contains(&percent)
        }
        Reading::HeartRate(bpm) => (1..300).contains(&bpm),
        Reading::Temperature(celsius) => (-100.0..=1000.0).contains(&celsius),
        Reading::Illuminance(lux) => (0.0..=10_000_000.0).contains(&lux),
        Reading::Battery(percent) => percent <= 100,
        Reading::Conductivity(value) => value.is_finite(),
        _ => true,
    }
}

/// An input, before it is known what it is about.
#[derive(Clone, Debug)]
enum Raw {
    /// An answer to one of the operations under way.
    Answer(usize, Result<Vec<u8>, OperationError>),
    /// An answer to something that nobody asked.
    Stray(usize),
    Notify(usize, Vec<u8>),
    Elapsed(u8),
    Request(Request),
    Committed,
    Cancel(u32),
    Connected,
}

fn input() -> impl Strategy<Value = Raw> {
    let result = prop_oneof![
        4 => bytes().prop_map(Ok),
        1 => prop::sample::select(&[OperationError::Refused, OperationError::TimedOut, OperationError::Lost][..])
            .prop_map(Err),
    ];
    let likely = vec![
        vec![1, 2, 0, 0],
        vec![3],
        vec![0x22; 10],
        vec![0x22; 13],
        vec![0, 70],
        vec![50],
    ];
    let value = prop_oneof![bytes(), prop::sample::select(likely)];
    prop_oneof![
        6 => (any::<prop::sample::Index>(), result).prop_map(|(at, result)| Raw::Answer(at.index(1000), result)),
        1 => (0..12_usize).prop_map(Raw::Stray),
        5 => ((0..12_usize), value).prop_map(|(from, value)| Raw::Notify(from, value)),
        1 => (0..4_u8).prop_map(Raw::Elapsed),
        4 => request().prop_map(Raw::Request),
        1 => Just(Raw::Committed),
        1 => (0..40_u32).prop_map(Raw::Cancel),
        1 => Just(Raw::Connected),
    ]
}

fn now() -> Moment {
    Moment {
        civil: jiff::civil::date(2026, 3, 28).at(23, 30, 15, 0),
        offset: Offset::UTC,
    }
}

fn request() -> impl Strategy<Value = Request> {
    let now = now();
    prop::sample::select(vec![
        Request::Open {
            opening: Opening::Pair(None),
            now,
            sets_clock: true,
        },
        Request::SetTime(now),
        Request::Fetch {
            since: None,
            now,
            forgets: true,
        },
        Request::MeasureHeartRate,
        Request::FollowHeartRate(true),
        Request::FollowHeartRate(false),
        Request::Alert(Alert::Find),
        Request::Alert(Alert::Call { caller: "A".into() }),
        Request::StopAlert(belay_drivers::alert::AlertKind::Find),
        Request::Settings(Settings::default()),
        Request::PhoneFound,
        Request::Forget,
    ])
}

fn gatt() -> Gatt {
    let properties = Properties {
        read: true,
        write: true,
        write_without_response: false,
        notify: true,
        indicate: false,
    };
    let all = [
        (uuids::WEIGHT_SCALE, uuids::CURRENT_TIME),
        (uuids::WEIGHT_SCALE, uuids::WEIGHT_MEASUREMENT),
        (uuids::WEIGHT_SCALE, HISTORY),
        (uuids::BODY_COMPOSITION, uuids::BODY_COMPOSITION_MEASUREMENT),
        (uuids::BODY_COMPOSITION, HISTORY),
        (uuids::HEART_RATE, uuids::HEART_RATE_MEASUREMENT),
        (uuids::BATTERY, uuids::BATTERY_LEVEL),
        (uuids::ALERT_NOTIFICATION, uuids::NEW_ALERT),
        (uuids::ALERT_NOTIFICATION, infinitime::CALL_ANSWER),
        (infinitime::MOTION, infinitime::STEPS),
        (uuids::IMMEDIATE_ALERT, uuids::ALERT_LEVEL),
        (uuids::DEVICE_INFORMATION, uuids::FIRMWARE_REVISION),
    ];
    Gatt {
        characteristics: all
            .map(|(service, uuid)| Characteristic {
                service,
                uuid,
                properties,
            })
            .to_vec(),
        mtu: 23,
    }
}

/// Drives a driver through the inputs and a lost connection.
fn converse(kind: Kind, inputs: Vec<Raw>) -> Result<(), TestCaseError> {
    let gatt = gatt();
    let mut driver = driver(kind, &Setup::default()).ok_or(TestCaseError::fail("no driver"))?;
    let mut under_way: Vec<Operation> = Vec::new();
    let mut ends: HashMap<u32, usize> = HashMap::new();
    let mut asked = 0;
    let connected = Input::Connected(gatt.clone());
    let inputs = inputs.into_iter().map(Some).chain([None]);
    let mut note = |outputs: Vec<Output>, under_way: &mut Vec<Operation>| {
        for output in outputs {
            match output {
                Output::Gatt(operation) => {
                    if let Operation::Write { value, .. } = &operation {
                        prop_assert!(value.len() <= gatt.payload(), "{:?}", operation);
                    }
                    under_way.push(operation);
                }
                Output::Event(Event::Finished { id, .. }) => *ends.entry(id.0).or_default() += 1,
                Output::Event(Event::Reading { reading, .. }) => {
                    prop_assert!(possible(&reading), "{:?}", reading);
                }
                _ => {}
            }
        }
        prop_assert!(under_way.len() <= 256, "operations pile up");
        Ok(())
    };
    note(driver.step(connected), &mut under_way)?;
    for raw in inputs {
        let input = match raw {
            None => Input::Disconnected,
            Some(Raw::Answer(at, result)) => {
                if under_way.is_empty() {
                    continue;
                }
                let operation = under_way.remove(at % under_way.len());
                Input::Answered { operation, result }
            }
            Some(Raw::Stray(at)) => Input::Answered {
                operation: Operation::Read(gatt.characteristics[at]),
                result: Ok(vec![1]),
            },
            Some(Raw::Notify(at, value)) => Input::Notified {
                from: gatt.characteristics[at],
                value,
            },
            Some(Raw::Elapsed(timer)) => Input::Elapsed(Timer(timer)),
            Some(Raw::Request(request)) => {
                let id = RequestId(asked);
                asked += 1;
                Input::Request { id, request }
            }
            Some(Raw::Committed) => Input::Committed,
            Some(Raw::Cancel(id)) => Input::Cancel(RequestId(id)),
            Some(Raw::Connected) => Input::Connected(gatt.clone()),
        };
        note(driver.step(input), &mut under_way)?;
    }
    for id in 0..asked {
        prop_assert_eq!(ends.get(&id), Some(&1), "request {}", id);
    }
    Ok(())
}
