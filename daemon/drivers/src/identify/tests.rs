use super::*;
use crate::address::Address;

fn nothing() -> Advertisement {
    Advertisement {
        address: Address([0xc8, 0x47, 0x8c, 0xc0, 0x95, 0x89]),
        name: None,
        services: Vec::new(),
        manufacturer: Vec::new(),
        service_data: Vec::new(),
        rssi: Some(-59),
    }
}

fn named(name: &str) -> Option<Identified> {
    identify(&Advertisement {
        name: Some(name.into()),
        ..nothing()
    })
}

fn listing(name: Option<&str>, services: &[Uuid]) -> Option<Kind> {
    let found = identify(&Advertisement {
        name: name.map(str::to_owned),
        services: services.to_vec(),
        ..nothing()
    });
    found.map(|found| found.kind)
}

fn sending(service: u16, data: &[u8]) -> Option<Identified> {
    identify(&Advertisement {
        service_data: vec![(sig(service), data.to_vec())],
        ..nothing()
    })
}

fn identified(kind: Kind, key: KeyNeed) -> Option<Identified> {
    Some(Identified { kind, key })
}

#[test]
fn bands_are_known_by_their_names() {
    assert_eq!(named("MI Band 2"), identified(Kind::MiBand2, KeyNeed::Chosen));
    assert_eq!(named("Mi Band HRX"), identified(Kind::MiBand2, KeyNeed::Chosen));
    assert_eq!(named("Mi Band 3"), identified(Kind::MiBand3, KeyNeed::Chosen));
    assert_eq!(named("Xiaomi Band 3"), identified(Kind::MiBand3, KeyNeed::Chosen));
    assert_eq!(
        named("Mi Smart Band 4"),
        identified(Kind::MiBand4, KeyNeed::Issued)
    );
    assert_eq!(
        named("Mi Smart Band 5 NFC"),
        identified(Kind::MiBand5, KeyNeed::Issued)
    );
    assert_eq!(
        named("Mi Smart Band 6"),
        identified(Kind::MiBand6, KeyNeed::Issued)
    );
    assert_eq!(
        named("Xiaomi Smart Band 7 0A1F"),
        identified(Kind::MiBand7, KeyNeed::Issued)
    );
}

#[test]
fn a_longer_name_is_of_another_product() {
    for name in [
        "Mi Smart Band 4C",
        "Xiaomi Smart Band 7 Pro",
        "Mi Band",
        "Amazfit Bip",
        "",
        "Миллиметр",
    ] {
        assert_eq!(named(name), None, "{name}");
    }
}

#[test]
fn a_band_without_a_name_is_not_known_yet() {
    let fee0 = [sig(0xfee0)];
    assert_eq!(listing(None, &fee0), Some(Kind::Unknown));
    assert_eq!(listing(None, &[sig(0xfee1)]), Some(Kind::Unknown));
    assert_eq!(listing(Some("MI Band 2"), &fee0), Some(Kind::MiBand2));
    assert_eq!(
        listing(Some("Amazfit Bip"), &[sig(0xfee0), uuids::HEART_RATE]),
        None
    );
    let company = Advertisement {
        manufacturer: vec![(0x0157, vec![2; 24])],
        ..nothing()
    };
    assert_eq!(identify(&company), identified(Kind::Unknown, KeyNeed::None));
}

#[test]
fn mi_scales_are_known_by_name_or_data() {
    let scale = identified(Kind::MiScale, KeyNeed::None);
    let body = identified(Kind::MiBodyScale, KeyNeed::None);
    assert_eq!([named("MI_SCALE"), named("MISCA")], [scale, scale]);
    assert_eq!(
        [named("MIBCS"), named("MIBFS"), named("MI SCALE2")],
        [body, body, body]
    );
    assert_eq!(sending(0x181d, &[0x22; 10]), scale);
    assert_eq!(sending(0x181b, &[2; 13]), body);
    let with_company = Advertisement {
        manufacturer: vec![(0x0157, vec![0xc8, 0x47, 0x8c, 0xc0, 0x95, 0x89])],
        service_data: vec![(sig(0x181d), vec![0xa2; 10])],
        ..nothing()
    };
    assert_eq!(identify(&with_company), scale, "the company makes scales too");
}

#[test]
fn sensors_are_known_by_their_frames() {
    let plain = [
        0x50, 0x30, 0x5b, 5, 3, 0x4c, 0x94, 0xb4, 0x38, 0xc1, 0xa4, 0x0d, 0x10, 0,
    ];
    assert_eq!(
        sending(0xfe95, &plain),
        identified(Kind::MiBeaconSensor, KeyNeed::None)
    );
    let encrypted = [0x48, 0x59, 0xb5, 0x55, 0x3a, 0x86, 0x99, 0xbd];
    assert_eq!(
        sending(0xfe95, &encrypted),
        identified(Kind::MiBeaconSensor, KeyNeed::Bind)
    );
    let idle_sensor = [0x10, 0x58, 0x5b, 5, 2, 0x48, 0x3c, 0xd4, 0x38, 0xc1, 0xa4];
    assert_eq!(
        sending(0xfe95, &idle_sensor),
        identified(Kind::MiBeaconSensor, KeyNeed::None)
    );
    let idle_scale = [0x10, 0x58, 0xd5, 0x3b, 2, 0x48, 0x3c, 0xd4, 0x38, 0xc1, 0xa4];
    assert_eq!(
        sending(0xfe95, &idle_scale),
        identified(Kind::MiBeaconSensor, KeyNeed::Bind)
    );
    let idle_lamp = [0x10, 0x58, 0x33, 0x33, 2, 0x48, 0x3c, 0xd4, 0x38, 0xc1, 0xa4];
    assert_eq!(sending(0xfe95, &idle_lamp), None);
    assert_eq!(sending(0xfe95, &[0x50]), None);
}

#[test]
fn a_watch_is_known_by_its_name_or_without_one_by_its_update_service() {
    let services = [uuids::HEART_RATE, infinitime::UPDATE];
    assert_eq!(listing(Some("InfiniTime"), &[]), Some(Kind::InfiniTime));
    assert_eq!(listing(None, &services), Some(Kind::InfiniTime));
    assert_eq!(listing(Some("Strap 5"), &services), Some(Kind::HeartRateMonitor));
}

#[test]
fn standard_services_make_a_generic_accessory() {
    assert_eq!(
        listing(None, &[uuids::HEART_RATE, uuids::BATTERY]),
        Some(Kind::HeartRateMonitor)
    );
    for service in [uuids::WEIGHT_SCALE, uuids::BODY_COMPOSITION, uuids::BATTERY] {
        assert_eq!(listing(None, &[service]), Some(Kind::Generic));
    }
    assert_eq!(listing(None, &[sig(0x1812)]), None);
    assert_eq!(identify(&nothing()), None);
}
