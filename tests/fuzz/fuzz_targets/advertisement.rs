//! Which accessory an advertisement is of, and what a listener hears in it.

#![no_main]

use belay_drivers::{Address, Advertisement, Key, Kind, identify, listener};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

type Raw = (
    Option<String>,
    Vec<u16>,
    Vec<(u16, Vec<u8>)>,
    Vec<(u16, Vec<u8>)>,
    Option<i16>,
);

fuzz_target!(|packets: Vec<Raw>| {
    let address = Address([0x8c, 0xd0, 0xb2, 0xf6, 0xbe, 0xef]);
    let key = || Key::from_slice(&[0x42; 16]).ok();
    let mut listeners: Vec<_> = Kind::ALL
        .into_iter()
        .filter_map(|kind| listener(kind, address, key()))
        .collect();
    for (name, services, manufacturer, service_data, rssi) in packets {
        let uuid = |short: u16| -> Uuid { belay_drivers::gatt::sig(short) };
        let advertisement = Advertisement {
            address,
            name,
            services: services.into_iter().map(uuid).collect(),
            manufacturer,
            service_data: service_data
                .into_iter()
                .map(|(service, data)| (uuid(service), data))
                .collect(),
            rssi,
        };
        let _ = identify(&advertisement);
        for listener in &mut listeners {
            let heard = listener.hear(&advertisement).unwrap_or_default();
            assert!(
                heard.len() <= 64,
                "one packet of 31 or 255 bytes can't say so much"
            );
        }
    }
});
