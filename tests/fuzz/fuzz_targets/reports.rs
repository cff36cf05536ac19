//! What a device may have sealed to its owner, and what the cloud may pass for it.

#![no_main]

use belay_proto::keys::{BoxKey, seal_to};
use belay_proto::wire::{Report, ReportIds};
use belay_proto::{AccountId, DeviceId, Epoch, ReportId, Secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let key = BoxKey::from_secret(&Secret::new([0x43; 32]));
    let ids = ReportIds {
        account: AccountId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        report: ReportId::from_bytes([4; 16]),
    };
    assert!(Report::open(&key, &ids, data).is_err(), "sealed by nobody");
    // As a device seals it, which may seal anything.
    let bound = [
        b"belay/report/1".as_slice(),
        ids.account.as_bytes(),
        ids.device.as_bytes(),
        ids.epoch.as_bytes(),
        ids.report.as_bytes(),
    ];
    let sealed = seal_to(&key.public(), &bound.concat(), data);
    let Ok(read) = Report::open(&key, &ids, &sealed) else {
        return;
    };
    let _told = format!("{read:?}");
    // What was read is a report that can be written: the kind that nobody knows too.
    let again = read.seal(&key.public(), &ids);
    assert!(again.is_ok_and(|sealed| Report::open(&key, &ids, &sealed).is_ok()));
});
