//! `init`: once, and never over anything.

use std::fs;

use belay_proto::dbus::BindingState;
use belay_proto::steps::Purpose;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;
use belay_warden::disk::audit_log::Note;
use belay_warden::disk::first_state::init;

use crate::stopping_disk::StoppingDisk;
use crate::support::{Device, LOGIN, PASSWORD};

fn note() -> Note {
    Note {
        time: 0,
        boot_time_ms: 0,
        boot: String::new(),
        event: "initialised",
        actor: "warden",
        detail: String::new(),
    }
}

#[tokio::test]
async fn an_uninitialised_warden_answers_storage_to_everything() {
    let device = Device::blank();
    let warden = device.start();
    assert!(matches!(
        warden.present(Purpose::Register, LOGIN, PASSWORD).await,
        Err(Refusal::Storage(_))
    ));
    assert!(matches!(warden.unlock(PASSWORD).await, Err(Refusal::Storage(_))));
    assert!(matches!(
        warden.use_ticket("", "saved-release", Vec::new()).await,
        Err(Refusal::Storage(_))
    ));
    assert!(matches!(
        warden.handle.credentials(Vec::new()).await,
        Err(Refusal::Storage(_))
    ));
    assert!(matches!(
        warden.handle.tighten(String::new()).await,
        Err(Refusal::Storage(_))
    ));
    assert!(matches!(warden.handle.history(0).await, Err(Refusal::Storage(_))));
    assert_eq!(warden.handle.snapshot().binding, BindingState::Unknown);
    assert!(!device.path("state").exists(), "and writes nothing");
}

#[test]
fn init_runs_once() {
    let device = Device::initialised();
    assert!(device.init().is_err());
    assert!(matches!(
        device.load().binding,
        Binding::Unbound { release: None }
    ));
}

#[tokio::test]
async fn init_refuses_any_trace_of_a_state_and_leaves_it_alone() {
    let device = Device::with_reset_proof();
    device.start().register().await;
    let files = device.snapshot();
    for (kept, bytes) in &files {
        let _ = fs::remove_dir_all(device.path("state"));
        let _ = fs::remove_file(device.path("proof/belay-binding"));
        fs::create_dir_all(device.path(kept.to_str().unwrap()).parent().unwrap()).unwrap();
        fs::write(device.path(kept.to_str().unwrap()), bytes).unwrap();
        assert!(device.init().is_err(), "{}", kept.display());
        assert_eq!(device.snapshot(), vec![(kept.clone(), bytes.clone())]);
        assert!(
            !matches!(device.load().binding, Binding::Unbound { .. }),
            "{}",
            kept.display()
        );
    }
}

#[tokio::test]
async fn an_init_cut_short_at_any_write_is_no_state_and_may_run_again() {
    for after in [false, true] {
        for writes in 1.. {
            let device = Device::blank();
            let mut disk = StoppingDisk::new(writes, after);
            let whole = init(&mut disk, &device.places(), note()).is_ok();
            if whole {
                assert!(matches!(device.load().binding, Binding::Unbound { .. }));
                break;
            }
            let binding = device.load().binding;
            let last_write_was_done = after && matches!(binding, Binding::Unbound { .. });
            assert!(
                binding == Binding::Uninitialised || last_write_was_done,
                "at write {writes}: {binding:?}"
            );
            if !last_write_was_done {
                device.init().unwrap();
                assert!(matches!(device.load().binding, Binding::Unbound { .. }));
            }
        }
    }
}

#[tokio::test]
async fn a_marker_put_beside_a_state_in_use_frees_nothing() {
    let device = Device::initialised();
    device.start().register().await;
    let files = device.snapshot();
    let marker = device.places().initialising();
    fs::write(&marker, b"").unwrap();
    assert!(device.init().is_err());
    assert!(matches!(device.load().binding, Binding::Bound(_)));
    for name in ["binding", "sealing.key"] {
        device.put_back(&files);
        fs::write(&marker, b"").unwrap();
        for folder in ["state", "state/a", "state/b"] {
            let path = device.path(folder).join(name);
            if path.exists() {
                fs::write(path, [1; 32]).unwrap();
            }
        }
        assert!(device.init().is_err(), "{name}");
        assert!(matches!(device.load().binding, Binding::Tampered(_)), "{name}");
    }
}
