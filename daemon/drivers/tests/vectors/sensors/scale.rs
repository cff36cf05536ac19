//! Mi scales.

use belay_drivers::gatt::sig;
use belay_drivers::mi_scale::{Frame, Model, Unit};
use belay_drivers::{Address, Advertisement, Kind, Reading, identify, listener};
use serde_json::Value;

use super::air;
use crate::vector::{Vector, hex};

pub fn first(vector: &Vector) -> Result<(), String> {
    check(vector, Model::Weight)
}

pub fn second(vector: &Vector) -> Result<(), String> {
    check(vector, Model::Composition)
}

fn check(vector: &Vector, model: Model) -> Result<(), String> {
    if vector.input.starts_with(&[4, 0x3e]) {
        return report(vector, model);
    }
    let Some(frame) = vector.decoded(Frame::decode(model, &vector.input))? else {
        return Ok(());
    };
    compare(vector, &frame)?;
    let (short, kind) = match model {
        Model::Weight => (0x181d, Kind::MiScale),
        Model::Composition => (0x181b, Kind::MiBodyScale),
    };
    hear(
        &air::service_data(Address([1; 6]), short, &vector.input),
        kind,
        &frame,
    )
}

fn compare(vector: &Vector, frame: &Frame) -> Result<(), String> {
    let unit = match frame.unit {
        Unit::Kilogram => "kg",
        Unit::Pound => "lb",
        Unit::Jin => "jin",
    };
    let clock = frame.clock.map(|clock| clock.to_string());
    vector.equal("unit", unit)?;
    vector.equal("weight", frame.weight)?;
    vector.equal("weight_kg", frame.unit.kilograms(frame.weight))?;
    vector.equal("stabilized", frame.stabilised)?;
    vector.equal("removed", frame.removed)?;
    vector.equal("small_object", frame.small_object)?;
    vector.equal("impedance_ohm", frame.impedance)?;
    vector.equal("impedance_usable", frame.impedance().is_some())?;
    vector.equal("timestamp", clock.clone())?;
    vector.equal("time", clock.clone())?;
    vector.equal("datetime", clock)
}

/// The scale's listener tells of the frame what is final in it, once.
fn hear(advertisement: &Advertisement, kind: Kind, frame: &Frame) -> Result<(), String> {
    let identified = identify(advertisement).map(|found| found.kind);
    if identified != Some(kind) {
        return Err(format!("was taken for {identified:?}"));
    }
    let mut scale = listener(kind, advertisement.address, None).ok_or("no listener")?;
    let wanted: Vec<Reading> = frame.weight().into_iter().chain(frame.impedance()).collect();
    for wanted in [wanted, Vec::new()] {
        let heard = scale.hear(advertisement).map_err(|error| error.to_string())?;
        let heard: Vec<Reading> = heard.into_iter().map(|(_, reading)| reading).collect();
        if heard != wanted {
            return Err(format!("heard {heard:?}, not {wanted:?}"));
        }
    }
    Ok(())
}

/// A whole report of a controller.
fn report(vector: &Vector, model: Model) -> Result<(), String> {
    let Some(report) = vector.decoded(air::report(&vector.input))? else {
        return Ok(());
    };
    let short = |uuid: &uuid::Uuid| hex(&uuid.as_bytes()[2..4]);
    let services: Vec<Value> = report
        .services
        .iter()
        .map(|uuid| Value::from(short(uuid)))
        .collect();
    vector.equal("mac", report.address.to_string())?;
    vector.equal("service_uuids16", services)?;
    vector.equal("rssi", report.rssi)?;
    vector.equal("name", report.name.clone())?;
    let maker = report.manufacturer.first();
    vector.equal(
        "manufacturer_company",
        maker.map(|(company, _)| format!("{company:04x}")),
    )?;
    let payload = vector.expected_bytes("manufacturer_payload")?;
    if payload.is_some() && payload.as_ref() != maker.map(|(_, payload)| payload) {
        return Err(format!("the maker's payload is {maker:02x?}"));
    }
    for short in [0x181d, 0x181b] {
        let mut data = report.service_data.iter();
        let data = data.find(|(uuid, _)| *uuid == sig(short));
        vector.equal(
            &format!("service_data_{short:04x}"),
            data.map(|(_, data)| hex(data)),
        )?;
    }
    let (service, kind) = match model {
        Model::Weight => (sig(0x181d), Kind::MiScale),
        Model::Composition => (sig(0x181b), Kind::MiBodyScale),
    };
    let mut data = report.service_data.iter();
    let (_, data) = data.find(|(uuid, _)| *uuid == service).ok_or("no data")?;
    let frame = Frame::decode(model, data).map_err(|error| error.to_string())?;
    compare(vector, &frame)?;
    hear(&report, kind, &frame)
}
