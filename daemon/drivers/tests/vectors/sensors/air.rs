//! An advertisement as a controller reports it.

use belay_drivers::gatt::sig;
use belay_drivers::{Address, Advertisement};

/// Reads an HCI event "LE Advertising Report" with one report in it.
pub fn report(event: &[u8]) -> Result<Advertisement, String> {
    let [4, 0x3e, length, 2, 1, _, _, address @ .., rssi] = event else {
        return Err("no advertising report".into());
    };
    let (address, data) = address.split_first_chunk::<6>().ok_or("no address")?;
    let (data_length, mut data) = data.split_first().ok_or("no data")?;
    if usize::from(*length) != event.len() - 3 || usize::from(*data_length) != data.len() {
        return Err("wrong length".into());
    }
    let mut address = *address;
    address.reverse();
    let mut read = Advertisement {
        address: Address(address),
        name: None,
        services: Vec::new(),
        manufacturer: Vec::new(),
        service_data: Vec::new(),
        rssi: Some(i16::from(i8::from_le_bytes([*rssi]))),
    };
    while let [length, rest @ ..] = data {
        let (structure, rest) = rest
            .split_at_checked(usize::from(*length))
            .ok_or("a structure is truncated")?;
        data = rest;
        let short = |low: &u8, high: &u8| u16::from_le_bytes([*low, *high]);
        match structure {
            [2 | 3, uuids @ ..] => {
                let uuids = uuids.chunks_exact(2);
                read.services
                    .extend(uuids.map(|uuid| sig(u16::from_le_bytes([uuid[0], uuid[1]]))));
            }
            [8 | 9, name @ ..] => read.name = Some(String::from_utf8_lossy(name).into_owned()),
            [0x16, low, high, value @ ..] => {
                read.service_data.push((sig(short(low, high)), value.to_vec()));
            }
            [0xff, low, high, value @ ..] => {
                read.manufacturer.push((short(low, high), value.to_vec()));
            }
            _ => {}
        }
    }
    Ok(read)
}

/// An advertisement with service data and nothing else.
pub fn service_data(address: Address, service: u16, data: &[u8]) -> Advertisement {
    Advertisement {
        address,
        name: None,
        services: Vec::new(),
        manufacturer: Vec::new(),
        service_data: vec![(sig(service), data.to_vec())],
        rssi: None,
    }
}

/// The address that the parameter `mac` names.
pub fn address(vector: &crate::vector::Vector) -> Result<Address, String> {
    let text = vector
        .param("mac")
        .and_then(|mac| mac.as_str())
        .ok_or("no address")?;
    text.parse().map_err(|_| format!("{text} is no address"))
}
