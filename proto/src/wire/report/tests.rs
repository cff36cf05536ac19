use proptest::prelude::*;

use super::*;
use crate::secret::Secret;

fn recipient() -> BoxKey {
    BoxKey::from_secret(&Secret::new([5; 32]))
}

fn ids() -> ReportIds {
    ReportIds {
        account: AccountId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([2; 16]),
        epoch: Epoch::from_bytes([3; 16]),
        report: ReportId::from_bytes([4; 16]),
    }
}

fn location(latitude: f64, longitude: f64, accuracy: f64, altitude: Option<f64>) -> Report {
    Report::Location {
        at: 1_700_000_000,
        latitude,
        longitude,
        accuracy,
        altitude,
        source: LocationSource::Gnss,
        measured_at: 1_699_999_990,
        age_ms: 10_000,
        after_command: true,
        command: Some(CommandId::from_bytes([7; 16])),
    }
}

fn event(code: String) -> Report {
    Report::Event {
        at: 1_700_000_000,
        code,
    }
}

proptest! {
    #[test]
    fn any_place_crosses_to_a_thousandth_of_a_millimetre(
        latitude in -90.0..=90.0_f64, longitude in -180.0..=180.0_f64, accuracy in 0.0..1e7_f64
    ) {
        let sealed = location(latitude, longitude, accuracy, None).seal(&recipient().public(), &ids()).unwrap();
        let Report::Location { latitude: y, longitude: x, accuracy: radius, altitude, .. } =
            Report::open(&recipient(), &ids(), &sealed).unwrap()
        else {
            panic!("another kind");
        };
        prop_assert!((y - latitude).abs() < 1e-11 && (x - longitude).abs() < 1e-11);
        prop_assert!((radius - accuracy).abs() < 1e-6 && altitude.is_none());
    }

    #[test]
    fn no_changed_report_opens(at: prop::sample::Index, mask in 1..=255_u8) {
        let mut sealed = event("tampered".to_owned()).seal(&recipient().public(), &ids()).unwrap();
        *at.get_mut(&mut sealed) ^= mask;
        prop_assert!(matches!(
            Report::open(&recipient(), &ids(), &sealed), Err(ReportError::Sealed(_))
        ));
    }
}

#[test]
fn a_report_opens_for_its_own_names_and_box_only() {
    let report = event("tampered".to_owned());
    let sealed = report.seal(&recipient().public(), &ids()).unwrap();
    assert_eq!(Report::open(&recipient(), &ids(), &sealed), Ok(report));
    let others = [
        ReportIds {
            account: AccountId::from_bytes([9; 16]),
            ..ids()
        },
        ReportIds {
            device: DeviceId::from_bytes([9; 16]),
            ..ids()
        },
        ReportIds {
            epoch: Epoch::from_bytes([9; 16]),
            ..ids()
        },
        ReportIds {
            report: ReportId::from_bytes([9; 16]),
            ..ids()
        },
    ];
    for other in others {
        assert!(matches!(
            Report::open(&recipient(), &other, &sealed),
            Err(ReportError::Sealed(_))
        ));
    }
    assert!(Report::open(&BoxKey::generate(), &ids(), &sealed).is_err());
}

#[test]
fn numbers_that_no_place_has_are_neither_written_nor_read() {
    for report in [
        location(90.1, 0.0, 1.0, None),
        location(0.0, -180.1, 1.0, None),
        location(f64::NAN, 0.0, 1.0, None),
        location(0.0, f64::INFINITY, 1.0, None),
        location(0.0, 0.0, -1.0, None),
        location(0.0, 0.0, 1.0, Some(f64::NAN)),
        Report::Battery {
            at: 1,
            percentage: 101,
            state: "full".to_owned(),
        },
    ] {
        assert_eq!(
            report.seal(&recipient().public(), &ids()),
            Err(ReportError::Malformed)
        );
    }
    let liar = br#"{"kind":"battery","at":1,"percentage":200,"state":"full"}"#;
    let sealed = seal_to(&recipient().public(), &ids().associated(), liar);
    assert_eq!(
        Report::open(&recipient(), &ids(), &sealed),
        Err(ReportError::Malformed)
    );
}

#[test]
fn a_report_over_the_limit_is_too_long() {
    let overhead = event(String::new())
        .seal(&recipient().public(), &ids())
        .unwrap()
        .len();
    let fits = event("x".repeat(MAX_SEALED_REPORT - overhead));
    let sealed = fits.seal(&recipient().public(), &ids()).unwrap();
    assert_eq!(sealed.len(), MAX_SEALED_REPORT);
    assert_eq!(Report::open(&recipient(), &ids(), &sealed), Ok(fits));
    let over = event("x".repeat(MAX_SEALED_REPORT - overhead + 1));
    assert_eq!(
        over.seal(&recipient().public(), &ids()),
        Err(ReportError::TooLong)
    );
    assert_eq!(
        Report::open(&recipient(), &ids(), &vec![1; MAX_SEALED_REPORT + 1]),
        Err(ReportError::TooLong)
    );
}

#[test]
fn what_a_newer_device_says_reads_as_unknown() {
    for (json, at) in [
        (r#"{"kind":"temperature","at":5,"celsius":21.5}"#, 0),
        (
            r#"{"kind":"location","at":5,"latitude":1.5,"longitude":2.5,"accuracy":3.5,"source":"stars","measured_at":4,"age_ms":1000,"after_command":false,"mood":"fine"}"#,
            5,
        ),
    ] {
        let sealed = seal_to(&recipient().public(), &ids().associated(), json.as_bytes());
        let report = Report::open(&recipient(), &ids(), &sealed).unwrap();
        assert_eq!(report.at(), at);
        match report {
            Report::Location { source, .. } => assert_eq!(source, LocationSource::Unknown),
            other => assert_eq!(other, Report::Unknown),
        }
    }
}

#[test]
fn report_ids_are_version_seven() {
    assert_eq!(ReportId::new().as_bytes()[6] >> 4, 7);
}
