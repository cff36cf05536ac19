//! The order of calls, replies and signals of a real BlueZ 5.66, recorded with btleplug in `golden.txt`: property
//! reads are left out, their number is the client's affair.

use belay_tests::bluez::{
    Address, Advertisement, Air, AttError, Peripheral as Virtual, Resolve, Service, Settings, sig,
};
use btleplug::api::{Peripheral as _, WriteType};
use uuid::Uuid;

use super::{adapter, apart_by, characteristic, find, first};

const ASK: Uuid = Uuid::from_u128(0x0000_0009_0000_3512_2118_0009_af10_0700);
const REQUEST: Uuid = sig(0xff01);
const VERSION: Uuid = sig(0xff02);

/// The accessory of the recording: it answers `n` with `10 n 01`.
struct Recorded {
    connected: bool,
}

impl Virtual for Recorded {
    fn address(&self) -> Address {
        Address::random([0xc0, 0xff, 0xee, 0, 0, 1])
    }

    fn advertisement(&self) -> Option<Advertisement> {
        (!self.connected).then(|| Advertisement {
            name: Some("MiBand".to_owned()),
            services: vec![sig(0xfee1)],
            manufacturer: vec![(0x0157, vec![1, 2, 3])],
            service_data: Vec::new(),
        })
    }

    fn services(&self) -> Vec<Service> {
        let gap = [(sig(0x2a00), "r"), (sig(0x2a01), "r")];
        let gatt = [(sig(0x2a05), "i"), (sig(0x2b29), "rw"), (sig(0x2b3a), "r")];
        vec![
            Service::new(sig(0x1800), &gap),
            Service::new(sig(0x1801), &gatt),
            Service::new(sig(0xfee1), &[(ASK, "cn"), (REQUEST, "w"), (VERSION, "r")]),
        ]
    }

    fn mtu(&self) -> u16 {
        517
    }

    fn on_connect(&mut self, _air: &mut Air) {
        self.connected = true;
    }

    fn on_disconnect(&mut self) {
        self.connected = false;
    }

    fn on_read(&mut self, _characteristic: Uuid, _air: &mut Air) -> Result<Vec<u8>, AttError> {
        Ok(b"V1.2.3".to_vec())
    }

    fn on_write(&mut self, _characteristic: Uuid, value: &[u8], air: &mut Air) -> Result<(), AttError> {
        air.notify(ASK, [0x10, value[0], 1]);
        Ok(())
    }
}

#[test]
fn calls_replies_and_signals_come_in_the_order_of_a_real_one() {
    let settings = Settings {
        resolve: Resolve::OnceAsked,
        ..Settings::default()
    };
    let name = "bluez::golden::calls_replies_and_signals_come_in_the_order_of_a_real_one";
    apart_by(name, settings, async |bluez| {
        bluez.add(Recorded { connected: false }).await.unwrap();
        let adapter = adapter().await;
        let peripheral = find(&adapter).await;
        peripheral.connect().await.unwrap();
        peripheral.discover_services().await.unwrap();
        let version = characteristic(&peripheral, VERSION);
        let (ask, request) = (
            characteristic(&peripheral, ASK),
            characteristic(&peripheral, REQUEST),
        );
        assert_eq!(peripheral.read(&version).await.unwrap(), b"V1.2.3");
        let mut heard = peripheral.notifications().await.unwrap();
        peripheral.subscribe(&ask).await.unwrap();
        for (to, what, kind) in [
            (&ask, 2, WriteType::WithoutResponse),
            (&request, 3, WriteType::WithResponse),
            (&ask, 4, WriteType::WithoutResponse),
            (&request, 5, WriteType::WithResponse),
        ] {
            peripheral.write(to, &[what, 0], kind).await.unwrap();
            assert_eq!(first(&mut heard, |n| Some(n.value)).await, [0x10, what, 1]);
        }
        peripheral.unsubscribe(&ask).await.unwrap();
        // BlueZ refuses, btleplug doesn't mind.
        peripheral.unsubscribe(&ask).await.unwrap();
        peripheral.disconnect().await.unwrap();
        peripheral.connect().await.unwrap();
        peripheral.read(&version).await.unwrap();
        peripheral.subscribe(&ask).await.unwrap();
        let journal = bluez.journal().await.unwrap();
        let ours: Vec<&str> = journal
            .iter()
            .map(String::as_str)
            .skip_while(|line| !line.starts_with("call"))
            .collect();
        let golden: Vec<&str> = include_str!("golden.txt").lines().collect();
        for (at, (ours, golden)) in ours.iter().zip(&golden).enumerate() {
            assert_eq!(ours, golden, "line {at}");
        }
        assert_eq!(ours.len(), golden.len());
    });
}
