//! Tells from an advertisement which accessory sends it.

use uuid::Uuid;

use crate::advertisement::{Advertisement, Identified};
use crate::gatt::sig;
use crate::infinitime;
use crate::key::KeyNeed;
use crate::kind::Kind;
use crate::mi_scale::Model;
use crate::mibeacon::{self, Frame};
use crate::standard::uuids;

/// The names of bands, as they advertise them.
const BANDS: [(&str, Kind); 8] = [
    ("MI Band 2", Kind::MiBand2),
    ("Mi Band HRX", Kind::MiBand2),
    ("Mi Band 3", Kind::MiBand3),
    ("Xiaomi Band 3", Kind::MiBand3),
    ("Mi Smart Band 4", Kind::MiBand4),
    ("Mi Smart Band 5", Kind::MiBand5),
    ("Mi Smart Band 6", Kind::MiBand6),
    ("Xiaomi Smart Band 7", Kind::MiBand7),
];
/// The names of scales.
const SCALES: [(&str, Model); 6] = [
    ("MI_SCALE", Model::Weight),
    ("MISCA", Model::Weight),
    ("MIBCS", Model::Composition),
    ("MIBFS", Model::Composition),
    ("MI SCALE2", Model::Composition),
    ("MI_SCALE2", Model::Composition),
];
/// The services of Huami's bands.
const HUAMI_SERVICES: [Uuid; 2] = [sig(0xfee0), sig(0xfee1)];
/// The company id of Anhui Huami.
const HUAMI: u16 = 0x0157;
/// Products that are sensors or scales, also while they have nothing to say.
const SENSORS: [u16; 15] = [
    0x0098, 0x01aa, 0x03b6, 0x03dd, 0x055b, 0x098b, 0x0a8d, 0x0b48, 0x1203, 0x2aeb, 0x38bb, 0x3f4c, 0x55b5,
    S400, S200,
];
/// Mi Body Composition Scale S400.
const S400: u16 = 0x3bd5;
/// Mi Smart Scale S200.
const S200: u16 = 0x4c04;

/// Which accessory it is, and the key it wants. `None`: none that is known. [`Kind::Unknown`]: a band that hasn't
/// told its name yet, without which nobody knows its protocol.
///
/// A device tells of itself piece by piece: what is known of it may grow with the next advertisement.
#[must_use]
pub fn identify(advertisement: &Advertisement) -> Option<Identified> {
    let kind = |kind| Identified {
        kind,
        key: key_of(kind),
    };
    band(advertisement)
        .or_else(|| scale(advertisement))
        .or_else(|| watch(advertisement))
        .map(kind)
        .or_else(|| sensor(advertisement))
        .or_else(|| {
            nameless_band(advertisement)
                .or_else(|| standard(advertisement))
                .map(kind)
        })
}

/// The key that a kind wants; sensors want one if they encrypt.
const fn key_of(kind: Kind) -> KeyNeed {
    match kind {
        Kind::MiBand2 | Kind::MiBand3 => KeyNeed::Chosen,
        Kind::MiBand4 | Kind::MiBand5 | Kind::MiBand6 | Kind::MiBand7 => KeyNeed::Issued,
        _ => KeyNeed::None,
    }
}

fn name(advertisement: &Advertisement) -> &str {
    advertisement.name.as_deref().unwrap_or_default().trim()
}

/// Whether it lists the service, or sends data of it.
fn has_service(advertisement: &Advertisement, service: Uuid) -> bool {
    advertisement.services.contains(&service) || data(advertisement, service).is_some()
}

fn data(advertisement: &Advertisement, service: Uuid) -> Option<&[u8]> {
    let mut all = advertisement.service_data.iter();
    all.find(|(uuid, _)| *uuid == service)
        .map(|(_, data)| data.as_slice())
}

fn band(advertisement: &Advertisement) -> Option<Kind> {
    let name = name(advertisement);
    let mut bands = BANDS.into_iter();
    bands.find(|(band, _)| is_named(name, band)).map(|(_, kind)| kind)
}

/// Whether `name` is `of`, perhaps with the end of the address or the word that it has NFC. A longer name is of
/// another product with another protocol.
fn is_named(name: &str, of: &str) -> bool {
    let Some((start, rest)) = name.split_at_checked(of.len()) else {
        return false;
    };
    let suffix = |rest: &str| rest == "NFC" || rest.len() == 4 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    start.eq_ignore_ascii_case(of) && (rest.is_empty() || rest.strip_prefix(' ').is_some_and(suffix))
}

fn scale(advertisement: &Advertisement) -> Option<Kind> {
    let name = name(advertisement);
    let mut names = SCALES.into_iter();
    let named = names.find(|(scale, _)| name.eq_ignore_ascii_case(scale));
    // A standard scale lists the service and has no data in its advertisement.
    let sends =
        |model: &Model| data(advertisement, model.service()).is_some_and(|data| data.len() == model.length());
    let models = [Model::Weight, Model::Composition];
    let model = models.into_iter().find(sends).or(named.map(|(_, model)| model))?;
    Some(match model {
        Model::Weight => Kind::MiScale,
        Model::Composition => Kind::MiBodyScale,
    })
}

/// The update service is of the radio's maker, who gives it to everybody: a device with another name is another.
fn watch(advertisement: &Advertisement) -> Option<Kind> {
    let name = name(advertisement);
    let updates = name.is_empty() && has_service(advertisement, infinitime::UPDATE);
    let watch = name.eq_ignore_ascii_case("InfiniTime") || updates;
    watch.then_some(Kind::InfiniTime)
}

/// Lamps and locks send MiBeacon as well; who has nothing to say and isn't known is none of ours.
fn sensor(advertisement: &Advertisement) -> Option<Identified> {
    let frame = Frame::decode(data(advertisement, mibeacon::SERVICE)?).ok()?;
    // Bands send frames of their own beside what they are known by.
    if is_huami(advertisement) || !frame.has_object && !SENSORS.contains(&frame.product) {
        return None;
    }
    let encrypts = frame.encrypted || matches!(frame.product, S400 | S200);
    Some(Identified {
        kind: Kind::MiBeaconSensor,
        key: if encrypts { KeyNeed::Bind } else { KeyNeed::None },
    })
}

fn is_huami(advertisement: &Advertisement) -> bool {
    HUAMI_SERVICES
        .into_iter()
        .any(|service| has_service(advertisement, service))
        || advertisement
            .manufacturer
            .iter()
            .any(|(company, _)| *company == HUAMI)
}

/// A band whose name came in no packet yet. With a name it would have been found: then it is one of the many other
/// products of the company.
fn nameless_band(advertisement: &Advertisement) -> Option<Kind> {
    let nameless = name(advertisement).is_empty() && is_huami(advertisement);
    nameless.then_some(Kind::Unknown)
}

fn standard(advertisement: &Advertisement) -> Option<Kind> {
    if is_huami(advertisement) {
        return None;
    }
    if has_service(advertisement, uuids::HEART_RATE) {
        return Some(Kind::HeartRateMonitor);
    }
    let others = [uuids::WEIGHT_SCALE, uuids::BODY_COMPOSITION, uuids::BATTERY];
    let other = others
        .into_iter()
        .any(|service| has_service(advertisement, service));
    other.then_some(Kind::Generic)
}

#[cfg(test)]
mod tests;
