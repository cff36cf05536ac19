//! The history.

use belay_drivers::huami::Band;
use belay_drivers::huami::codec::fetch::{self as codec, Body};
use belay_drivers::huami::codec::sample::{self, Sample, Size};
use belay_drivers::huami::codec::time;
use belay_drivers::huami::uuids;
use belay_drivers::{
    ActivityMinute, Characteristic, Driver, Event, Gatt, Input, Key, Kind, Moment, Opening, Operation,
    Output, Properties, Request, RequestId,
};
use serde_json::{Value, json};

use super::super::vector::{Vector, hex, unhex};
use super::{equal_all, writes};

pub fn activity(vector: &Vector) -> Result<(), String> {
    if vector.expects("notifications") {
        return activity_sequence(vector);
    }
    let Some((counter, data)) = vector.decoded(sample::packet(&vector.input))? else {
        return Ok(());
    };
    vector.equal("counter", counter)?;
    let samples = vector.expected("samples").cloned().unwrap_or_default();
    // The vector says which form it is by what it expects, or by the number of its samples.
    let long = samples[0].get("sleep").is_some()
        || samples.as_array().is_some_and(|all| all.len() * 8 == data.len());
    let size = if long { Size::Eight } else { Size::Four };
    let told = sample::decode(data, size).map_err(|error| error.to_string())?;
    let told: Vec<_> = told.iter().map(sample_json).collect();
    vector.equal("samples", told)
}

fn sample_json(sample: &Sample) -> Value {
    json!({
        "kind": sample.kind,
        "kind_low_nibble": sample.kind & 0x0f,
        "intensity": sample.intensity,
        "steps": sample.steps,
        "heart_rate": sample.heart_rate,
        "unknown": sample.sleep.map(|sleep| sleep.unknown),
        "sleep": sample.sleep.map(|sleep| sleep.sleep),
        "deep_sleep": sample.sleep.map(|sleep| sleep.deep),
        "rem_sleep": sample.sleep.map(|sleep| sleep.rem),
    })
}

/// Whether packets follow one another. A transfer begins with counter 0: those before the vector's are made up.
fn activity_sequence(vector: &Vector) -> Result<(), String> {
    let packets = expected_list(vector, "notifications")?;
    let first = *packets.first().and_then(|one| one.first()).ok_or("no packets")?;
    let mut all: Vec<_> = (0..first).map(|counter| vec![counter, 0, 0, 0, 0]).collect();
    all.extend(packets.clone());
    let minutes: usize = all.iter().map(|packet| packet.len() / 4).sum();
    let mut band = Played::open(Kind::MiBand3)?;
    band.fetch_from(
        moment("2026-06-21T16:05:00", 0),
        i64::try_from(minutes).unwrap_or(i64::MAX),
    );
    let count = u32::try_from(minutes).unwrap_or(u32::MAX).to_le_bytes();
    let start = unhex(&json!("ea07061510050000"))?;
    band.control(&[&[0x10, 1, 1], &count[..], &start[..]].concat());
    all.iter().for_each(|packet| band.data(packet));
    band.control(&[0x10, 2, 1]);
    vector.equal("valid", band.history.len() == minutes)?;
    let acknowledged = |band: &Played| band.written.iter().any(|value| value == &[3]);
    band.step(Input::Committed);
    vector.equal("valid", acknowledged(&band))
}

pub fn fetch(vector: &Vector) -> Result<(), String> {
    if vector.expects("control_writes") {
        return session(vector);
    }
    if vector.input.first() == Some(&0x10) {
        return reply(vector);
    }
    let moment = time::decode_short(vector.input.get(2..).unwrap_or_default());
    let Some(moment) = vector.decoded(moment)? else {
        return Ok(());
    };
    equal_all(
        vector,
        &json!({
            "command": 1,
            "type": vector.input[1],
            "local": moment.civil.to_string(),
            "utc": super::utc(moment)?,
            "utc_offset_minutes": moment.offset.seconds() / 60,
        }),
    )?;
    writes(vector, &codec::request(vector.input[1], moment))
}

fn reply(vector: &Vector) -> Result<(), String> {
    let Some(told) = vector.decoded(codec::decode(&vector.input))? else {
        return Ok(());
    };
    equal_all(
        vector,
        &json!({ "response_to": told.to, "status": told.status, "ok": told.is_ok() }),
    )?;
    match told.body {
        Body::Started { count, start } => equal_all(
            vector,
            &json!({
                "count": count,
                "start": start.map(|start| start.civil.to_string()),
                "utc": start.map(super::utc).transpose()?,
                "utc_offset_minutes": start.map(|start| start.offset.seconds() / 60),
            }),
        ),
        Body::Ended { crc } => {
            let as_text = vector.expects("crc32") && vector.expected("crc32").is_some_and(Value::is_string);
            match crc {
                Some(crc) if as_text => vector.equal("crc32", format!("{crc:08x}")),
                crc => vector.equal("crc32", crc),
            }
        }
        Body::Empty => vector.equal("crc32", Value::Null),
    }
}

/// A whole fetch, with the driver at our end.
fn session(vector: &Vector) -> Result<(), String> {
    let writes = expected_list(vector, "control_writes")?;
    let replies = expected_list(vector, "control_notifications")?;
    let packets = expected_list(vector, "data_notifications")?;
    let samples = vector.expected("samples").cloned().unwrap_or_default();
    let asked = time::decode_short(writes.first().and_then(|one| one.get(2..)).unwrap_or_default())
        .map_err(|_| "the first write is no request")?;
    // The size of a sample says which band it must have been.
    let bytes: usize = packets.iter().map(|packet| packet.len() - 1).sum();
    let long = samples.as_array().is_some_and(|all| all.len() * 8 == bytes);
    let mut band = Played::open(if long { Kind::MiBand6 } else { Kind::MiBand3 })?;
    let minutes = i64::try_from(samples.as_array().map_or(0, Vec::len)).unwrap_or(i64::MAX);
    band.fetch_from(asked, minutes);
    let mut replies = replies.iter();
    let mut reply = |band: &mut Played| match replies.next() {
        Some(value) => {
            band.control(value);
            Ok(())
        }
        None => Err("too few control_notifications"),
    };
    reply(&mut band)?;
    packets.iter().for_each(|packet| band.data(packet));
    reply(&mut band)?;
    let history = band.history.clone();
    band.step(Input::Committed);
    reply(&mut band)?;
    vector.equal("control_writes", hexes(&band.written))?;
    let first = history.first().ok_or("nothing was fetched")?;
    let offset = vector.expected("utc_offset_minutes").and_then(Value::as_i64);
    let offset = offset.map_or(asked.offset, |minutes| {
        let seconds = i32::try_from(minutes * 60).unwrap_or(0);
        jiff::tz::Offset::from_seconds(seconds).unwrap_or(asked.offset)
    });
    let local = Moment::at(first.start, offset).ok_or("after all time")?;
    vector.equal("first_sample_local", local.civil.to_string())?;
    vector.equal("samples", history.iter().map(minute_json).collect::<Vec<_>>())
}

fn minute_json(minute: &ActivityMinute) -> Value {
    json!({
        "kind": minute.kind,
        "kind_low_nibble": minute.kind & 0x0f,
        "intensity": minute.intensity,
        "steps": minute.steps,
        "heart_rate": (minute.heart_rate != 255).then_some(minute.heart_rate),
    })
}

fn hexes(values: &[Vec<u8>]) -> Vec<String> {
    values.iter().map(|value| hex(value)).collect()
}

fn expected_list(vector: &Vector, field: &str) -> Result<Vec<Vec<u8>>, String> {
    let list = vector.expected(field).and_then(Value::as_array);
    list.ok_or_else(|| format!("{field} should be a list"))?
        .iter()
        .map(unhex)
        .collect()
}

/// A driver with a band that is ready and does what the vector says.
struct Played {
    driver: Band,
    /// What was written to the control of the fetch.
    written: Vec<Vec<u8>>,
    history: Vec<ActivityMinute>,
}

impl Played {
    fn open(kind: Kind) -> Result<Self, String> {
        let mut this = Self {
            driver: Band::new(kind).ok_or("no band")?,
            written: Vec::new(),
            history: Vec::new(),
        };
        let uuids = [
            (uuids::AUTHENTICATION_SERVICE, uuids::AUTHENTICATION),
            (uuids::BAND, uuids::FETCH_CONTROL),
            (uuids::BAND, uuids::FETCH_DATA),
        ];
        this.step(Input::Connected(Gatt {
            characteristics: uuids.map(|(service, uuid)| at(service, uuid)).to_vec(),
            mtu: 23,
        }));
        let opening = Opening::Resume(Some(Key::new([7; 16])));
        let now = moment("2026-06-21T16:04:00", 0);
        this.request(
            0,
            Request::Open {
                opening,
                now,
                sets_clock: true,
            },
        );
        let from = at(uuids::AUTHENTICATION_SERVICE, uuids::AUTHENTICATION);
        for value in [[&[0x10, 2, 1], &[0_u8; 16][..]].concat(), vec![0x10, 3, 1]] {
            this.step(Input::Notified { from, value });
        }
        Ok(this)
    }

    /// Fetches from the minute `first`, so that nothing is left after `minutes` of them.
    fn fetch_from(&mut self, first: Moment, minutes: i64) {
        let before = jiff::Span::new().minutes(1);
        let since = Moment {
            civil: first.civil.saturating_sub(before),
            ..first
        };
        let now = Moment {
            civil: first.civil.saturating_add(jiff::Span::new().minutes(minutes)),
            ..first
        };
        let since = Some(since);
        self.request(
            1,
            Request::Fetch {
                since,
                now,
                forgets: true,
            },
        );
    }

    fn request(&mut self, id: u32, request: Request) {
        let id = RequestId(id);
        self.step(Input::Request { id, request });
    }

    fn control(&mut self, value: &[u8]) {
        let from = at(uuids::BAND, uuids::FETCH_CONTROL);
        let value = value.to_vec();
        self.step(Input::Notified { from, value });
    }

    fn data(&mut self, value: &[u8]) {
        let from = at(uuids::BAND, uuids::FETCH_DATA);
        let value = value.to_vec();
        self.step(Input::Notified { from, value });
    }

    fn step(&mut self, input: Input) {
        for output in self.driver.step(input) {
            match output {
                Output::Gatt(operation) => {
                    if let Operation::Write { to, value, .. } = &operation
                        && to.uuid == uuids::FETCH_CONTROL
                    {
                        self.written.push(value.clone());
                    }
                    self.step(Input::Answered {
                        operation,
                        result: Ok(Vec::new()),
                    });
                }
                Output::Event(Event::History(minutes)) => self.history.extend(minutes),
                _ => {}
            }
        }
    }
}

fn at(service: uuid::Uuid, uuid: uuid::Uuid) -> Characteristic {
    Characteristic {
        service,
        uuid,
        properties: Properties {
            read: true,
            write: true,
            notify: true,
            ..Properties::default()
        },
    }
}

fn moment(text: &str, offset: i32) -> Moment {
    Moment {
        civil: text.parse().unwrap_or_default(),
        offset: jiff::tz::Offset::from_seconds(offset).unwrap_or(jiff::tz::Offset::UTC),
    }
}
