use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::clock::Clock;
use belay_proto::wire::{AccessPoint, Cell, LocationSource, Report};

use super::super::testing::Rig;
use crate::find::{Deeds, LocateRequest};

fn request(rig: &Rig) -> LocateRequest {
    LocateRequest {
        command: CommandId::new(),
        asked_at: rig.clock.boottime(),
    }
}

fn cell() -> Cell {
    Cell {
        technology: "lte".into(),
        mcc: "262".into(),
        mnc: "01".into(),
        area: 1,
        cell: 2,
        signal: None,
    }
}

fn point() -> AccessPoint {
    AccessPoint {
        bssid: "02:00:00:00:00:01".into(),
        ssid: "near".into(),
        strength: 70,
        frequency: 2412,
    }
}

#[tokio::test]
async fn a_good_fix_ends_the_search_and_goes_out_with_the_evidence() {
    let rig = Rig::new().await;
    *rig.phone.cells.lock().unwrap() = vec![cell()];
    *rig.phone.wifi.lock().unwrap() = vec![point()];
    // Both sources go on; the good one is enough.
    rig.phone.goes_on.send_replace(true);
    *rig.phone.fixes.lock().unwrap() = (
        vec![rig.fix(12.0, LocationSource::Gnss, 0)],
        vec![rig.fix(3000.0, LocationSource::Network, 0)],
    );
    let request = request(&rig);
    rig.machine.locate(request).await.unwrap();
    let reports = rig.reports().await;
    let [
        Report::Evidence {
            cells, wifi, command, ..
        },
        location,
    ] = reports.as_slice()
    else {
        panic!("{} reports", reports.len());
    };
    assert_eq!(
        (cells.as_slice(), wifi.as_slice()),
        ([cell()].as_slice(), [point()].as_slice())
    );
    assert_eq!(*command, Some(request.command));
    let Report::Location {
        latitude,
        accuracy,
        source,
        age_ms,
        after_command,
        command,
        ..
    } = location
    else {
        panic!("no place");
    };
    assert_eq!(
        (*latitude, *accuracy, *source),
        (52.5, 12.0, LocationSource::Gnss)
    );
    assert_eq!(
        (*age_ms, *after_command, *command),
        (0, true, Some(request.command))
    );
}

#[tokio::test]
async fn after_a_minute_the_best_there_is_goes_out_and_says_how_old_it_is() {
    let rig = Rig::new().await;
    rig.phone.goes_on.send_replace(true);
    rig.phone.fixes.lock().unwrap().1 = vec![rig.fix(900.0, LocationSource::Network, 30)];
    let locating = rig.machine.locate(request(&rig));
    let minute = async {
        // The sources have told theirs by then.
        rig.settle().await;
        rig.clock.advance(Duration::from_secs(59));
        rig.settle().await;
        assert!(rig.reports().await.is_empty(), "a better one may come");
        rig.clock.advance(Duration::from_secs(1));
    };
    let (located, ()) = tokio::join!(locating, minute);
    located.unwrap();
    let reports = rig.reports().await;
    let [
        Report::Location {
            age_ms,
            after_command,
            measured_at,
            at,
            ..
        },
    ] = reports.as_slice()
    else {
        panic!("{} reports", reports.len());
    };
    assert_eq!((*age_ms, *after_command, at - measured_at), (90_000, false, 90));
}

#[tokio::test]
async fn the_person_at_the_device_waits_for_no_newer_place_than_one_of_some_seconds_ago() {
    let rig = Rig::new().await;
    rig.phone.goes_on.send_replace(true);
    // The second is a moment older than the one that is remembered by then.
    for age in [4, 5] {
        rig.phone.fixes.lock().unwrap().1 = vec![rig.fix(20.0, LocationSource::Network, age)];
        let asking = rig.machine.location();
        let place = tokio::time::timeout(Duration::from_secs(60), asking).await;
        let place = place.expect("the clock stands still").unwrap();
        assert_eq!((place.source, place.age.as_secs()), ("network", age));
    }
}

#[tokio::test]
async fn where_nothing_is_found_the_last_place_goes_out_as_such() {
    let mut rig = Rig::new().await;
    rig.phone.fixes.lock().unwrap().0 = vec![rig.fix(12.0, LocationSource::Gnss, 0)];
    rig.machine.locate(request(&rig)).await.unwrap();
    assert_eq!(rig.reports().await.len(), 1);
    rig.phone.fixes.lock().unwrap().0.clear();
    rig.restart().await;
    rig.clock.advance(Duration::from_secs(600));
    rig.machine.locate(request(&rig)).await.unwrap();
    let reports = rig.reports().await;
    let [
        Report::Location {
            source,
            age_ms,
            after_command,
            ..
        },
    ] = reports.as_slice()
    else {
        panic!("{} reports", reports.len());
    };
    assert_eq!(
        (*source, *age_ms, *after_command),
        (LocationSource::Last, 600_000, false)
    );
    let shown = rig.machine.location().await.unwrap();
    assert_eq!(
        (shown.source, shown.age, shown.latitude),
        ("last", Duration::from_secs(600), 52.5)
    );
}

#[tokio::test]
async fn evidence_alone_is_an_answer_and_nothing_at_all_a_failure() {
    let rig = Rig::new().await;
    let failed = rig.machine.locate(request(&rig)).await.unwrap_err();
    assert_eq!(failed.reason, "unsupported");
    assert_eq!(rig.machine.location().await.unwrap_err().reason, "unsupported");
    *rig.phone.wifi.lock().unwrap() = vec![point()];
    rig.machine.locate(request(&rig)).await.unwrap();
    assert!(matches!(
        rig.reports().await.as_slice(),
        [Report::Evidence { .. }]
    ));
}

#[tokio::test]
async fn the_call_goes_to_the_number_that_is_given() {
    let rig = Rig::new().await;
    rig.machine.call_owner("+491701234567").await.unwrap();
    assert_eq!(*rig.phone.called.lock().unwrap(), ["+491701234567"]);
}

#[tokio::test]
async fn a_scan_that_doesn_t_say_when_it_was_may_be_as_old_as_the_boot() {
    let rig = Rig::new().await;
    *rig.phone.wifi.lock().unwrap() = vec![point()];
    rig.clock.advance(Duration::from_micros(100));
    rig.machine.locate(request(&rig)).await.unwrap();
    let reports = rig.reports().await;
    let [Report::Evidence { age_ms, .. }] = reports.as_slice() else {
        panic!("{} reports", reports.len());
    };
    let boot = rig.clock.boottime();
    assert!(Duration::from_millis(*age_ms) >= boot, "rounded up");
    assert!(Duration::from_millis(*age_ms) < boot + Duration::from_millis(1));
}
