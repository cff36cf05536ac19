//! Decoders alone.

use std::hint::black_box;
use std::time::{Duration, Instant};

use belay_drivers::gatt::sig;
use belay_drivers::huami::codec::sample::{self, Size};
use belay_drivers::{Address, Advertisement, Key, Kind, listener};
use belay_tests::accessories::Beacon;
use belay_tests::bluez::{self, Peripheral};
use belay_tests::{Outcome, Surprise};

/// For each of them.
const TIME: Duration = Duration::from_secs(2);
const SENSOR: [u8; 6] = [0xa4, 0xc1, 0x38, 1, 2, 3];

pub fn measure() -> Outcome {
    for (what, size) in [
        ("a band's minutes of 4 bytes", Size::Four),
        ("a band's minutes of 8 bytes", Size::Eight),
    ] {
        let packet: Vec<u8> = (0..17).collect();
        run(what, || {
            let (_, body) = sample::packet(black_box(&packet)).ok()?;
            Some(sample::decode(body, size).ok()?.len())
        })?;
    }
    let key = [0x42; 16];
    for (what, key) in [
        ("a sensor's open frames", None),
        ("a sensor's sealed frames", Some(key)),
    ] {
        let mut sensor = Beacon::new(bluez::Address::public(SENSOR), 0x055b, "LYWSD03MMC", key);
        let heard = key.and_then(|key| Key::from_slice(&key).ok());
        let mut temperature = 0_i16;
        // The frames are made beforehand: making them costs more than reading them.
        let frames: Vec<_> = (0..50_000)
            .map(|_| {
                temperature = temperature.wrapping_add(1) % 500;
                sensor.measure(0x1004, &temperature.to_le_bytes());
                advertised(&sensor)
            })
            .collect::<Option<_>>()
            .ok_or_else(|| Surprise::new("a sensor that is silent"))?;
        let mut next = frames.iter().cycle();
        let mut ear = None;
        let mut left = 0;
        run(what, || {
            if left == 0 {
                left = frames.len();
                ear = listener(Kind::MiBeaconSensor, Address(SENSOR), heard.clone());
            }
            left -= 1;
            Some(ear.as_mut()?.hear(black_box(next.next()?)).ok()?.len())
        })?;
    }
    Ok(())
}

fn advertised(sensor: &Beacon) -> Option<Advertisement> {
    let said = sensor.advertisement()?;
    Some(Advertisement {
        address: Address(SENSOR),
        name: said.name,
        services: said.services,
        manufacturer: said.manufacturer,
        service_data: said
            .service_data
            .into_iter()
            .map(|(_, data)| (sig(0xfe95), data))
            .collect(),
        rssi: None,
    })
}

/// Prints how many records a second `decode`, which says how many it found, finds.
fn run(what: &str, mut decode: impl FnMut() -> Option<usize>) -> Outcome {
    let begun = Instant::now();
    let mut records = 0_usize;
    while begun.elapsed() < TIME {
        for _ in 0..1000 {
            records += decode().ok_or_else(|| Surprise::new(format!("{what} can't be read")))?;
        }
    }
    let rate = f64::from(u32::try_from(records / 1000)?) / begun.elapsed().as_secs_f64();
    println!("{what:<64} {rate:>9.0} thousand a second");
    if records == 0 {
        return Err(Surprise::new(format!("nothing in {what}")));
    }
    Ok(())
}
