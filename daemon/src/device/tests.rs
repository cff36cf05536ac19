use belay_proto::dbus::{BindingState, Error, LockState};
use belay_proto::keys::{SigningKey, random};
use belay_proto::signed::{Release, Signed};
use belay_proto::{AccountId, DeviceId, Epoch, HardwareId, steps};
use futures_util::FutureExt;
use tokio::sync::watch;

use super::{DeviceActor, DeviceError, DeviceHandle, DeviceView};
use crate::actor::Supervisor;
use crate::store::{self, SealingKey, Store};
use crate::warden::testing::{CREDENTIALS, FakeRecords, FakeWarden, passwords};
use crate::warden::{Identity, WardenError, WardenView};

pub(super) struct Device {
    pub(super) handle: DeviceHandle,
    pub(super) store: Store,
    pub(super) warden: watch::Sender<WardenView>,
    pub(super) supervisor: Supervisor,
    _folder: tempfile::TempDir,
}

pub(super) async fn device(
    steps: impl FnMut(&str, &str, &[u8]) -> Result<Vec<u8>, Error> + Send + 'static,
) -> Device {
    device_with(steps, FakeRecords::None).await
}

async fn device_with(
    steps: impl FnMut(&str, &str, &[u8]) -> Result<Vec<u8>, Error> + Send + 'static,
    records: FakeRecords,
) -> Device {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), SealingKey::default()).await.unwrap();
    let (warden_handle, warden) = FakeWarden::handle(WardenView::default(), steps);
    let (view, shown) = watch::channel(DeviceView::default());
    let actor = DeviceActor::new(
        store.clone(),
        warden_handle.clone(),
        passwords(&warden_handle, records),
        view,
        "host".into(),
        "Phone 5".into(),
    );
    actor.load().await.unwrap();
    let mut supervisor = Supervisor::default();
    let handle = DeviceHandle::new(supervisor.start("device", actor), shown, warden_handle);
    Device {
        handle,
        store,
        warden,
        supervisor,
        _folder: folder,
    }
}

pub(super) fn refuse(_: &str, _: &str, _: &[u8]) -> Result<Vec<u8>, Error> {
    Err(Error::WrongPassword("wrong".into()))
}

/// A release, and as a warden signed it.
fn release() -> (Release, Vec<u8>) {
    let release = Release {
        account: AccountId::random(),
        device: DeviceId::random(),
        epoch: Epoch::random(),
        hardware: HardwareId::from_bytes(random()),
    };
    let signed = Signed::seal(&release, &SigningKey::generate()).encode();
    (release, signed)
}

/// What a warden answers that allows a reset.
fn allowed(release: Option<Vec<u8>>) -> Vec<u8> {
    steps::AuthorizeResetOutput {
        authorisation: b"allowed".to_vec(),
        release,
    }
    .encode()
}

#[tokio::test]
async fn the_name_is_the_configured_one_until_the_owner_sets_another() {
    let device = device(refuse).await;
    assert_eq!(
        (
            device.handle.view().name.as_str(),
            device.handle.view().model.as_str()
        ),
        ("host", "Phone 5")
    );
    device.handle.set_name("  Ada's phone ".into()).await.unwrap();
    assert_eq!(device.handle.view().name, "Ada's phone");
    let row = device.store.call(|db| store::device::load(db)).await.unwrap();
    assert_eq!(
        row,
        store::device::DeviceRow {
            name: "Ada's phone".into(),
            name_dirty: true
        }
    );
    for bad in ["", "a\nb", &"x".repeat(1 << 20)] {
        assert!(matches!(
            device.handle.set_name(bad.into()).await,
            Err(DeviceError::Name(_))
        ));
    }
    assert_eq!(device.handle.view().name, "Ada's phone");
}

#[tokio::test]
async fn the_view_follows_the_warden() {
    let device = device(refuse).await;
    let mut view = device.handle.watch();
    let id = DeviceId::random();
    device.warden.send_modify(|warden| {
        warden.binding = BindingState::Bound;
        warden.lock = LockState::Unlocked;
        warden.identity = Identity {
            device: Some(id),
            ..Identity::default()
        };
    });
    view.wait_for(|view| view.id == Some(id) && view.lock == LockState::Unlocked)
        .await
        .unwrap();
    assert!(device.handle.not_lost().is_ok());
    for lock in [
        LockState::Lost,
        LockState::Wiping,
        LockState::Wiped,
        LockState::Tampered,
    ] {
        device.warden.send_modify(|warden| warden.lock = lock);
        view.wait_for(|view| view.lock == lock).await.unwrap();
        assert!(
            matches!(device.handle.not_lost(), Err(DeviceError::Lost)),
            "{lock}"
        );
    }
}

#[tokio::test]
async fn a_refused_reset_is_told_as_the_warden_told_it() {
    let device = device(refuse).await;
    let error = device.handle.authorise_reset("t".into(), true).await.unwrap_err();
    assert!(matches!(
        error,
        DeviceError::Warden(WardenError::Refused(Error::WrongPassword(_)))
    ));
    assert!(!device.store.call(|db| store::release::any(db)).await.unwrap());
}

#[tokio::test]
async fn a_reset_learns_of_a_password_that_was_changed_elsewhere() {
    let mut known = false;
    let steps = move |ticket: &str, step: &str, input: &[u8]| match (step, known) {
        (CREDENTIALS, _) => {
            assert_eq!(input, b"newer");
            known = true;
            Ok(vec![1])
        }
        (steps::AUTHORIZE_RESET, false) => refuse(ticket, step, input),
        _ => Ok(allowed(None)),
    };
    let device = device_with(steps, FakeRecords::Newest(b"newer".to_vec())).await;
    let answer = device.handle.authorise_reset("t".into(), false).await;
    assert_eq!(answer.unwrap(), b"allowed");
}

#[tokio::test]
async fn a_reset_with_sign_out_keeps_the_release_for_the_cloud() {
    let (object, signed) = release();
    let answer = signed.clone();
    let device = device(move |ticket, step, input| {
        assert_eq!((ticket, step), ("ticket", steps::AUTHORIZE_RESET));
        let wanted = steps::AuthorizeResetInput::decode(input).unwrap().release;
        Ok(allowed(wanted.then(|| answer.clone())))
    })
    .await;
    assert_eq!(
        device
            .handle
            .authorise_reset("ticket".into(), false)
            .await
            .unwrap(),
        b"allowed"
    );
    assert!(!device.store.call(|db| store::release::any(db)).await.unwrap());
    assert_eq!(
        device
            .handle
            .authorise_reset("ticket".into(), true)
            .await
            .unwrap(),
        b"allowed"
    );
    device.store.release_put().await;
    let waiting = device
        .store
        .call(|db| store::release::next(db))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (waiting.device, waiting.release),
        (*object.device.as_bytes(), signed)
    );
}

#[tokio::test]
async fn a_reset_is_allowed_even_when_the_store_takes_no_release() {
    let (_, signed) = release();
    let device = device(move |_, _, _| Ok(allowed(Some(signed.clone())))).await;
    device
        .store
        .call(|db| Ok(db.execute_batch("DROP TABLE release_outbox")?))
        .await
        .unwrap();
    let answer = device.handle.authorise_reset("ticket".into(), true).await;
    assert_eq!(answer.unwrap(), b"allowed");
}

#[tokio::test]
async fn a_reset_is_allowed_even_when_the_warden_tells_no_state_after_it() {
    let (_, signed) = release();
    let device = device(move |_, _, _| Ok(allowed(Some(signed.clone())))).await;
    // Nobody moves its view any more, and reading it afresh fails.
    drop(device.warden);
    let answer = device.handle.authorise_reset("ticket".into(), true).await;
    assert_eq!(answer.unwrap(), b"allowed");
    assert!(device.store.call(|db| store::release::any(db)).await.unwrap());
}

#[tokio::test]
async fn belayd_does_not_end_before_a_reset_under_way_has() {
    let (_, signed) = release();
    let answer = allowed(Some(signed.clone()));
    let mut device = device(move |_, _, _| Ok(answer.clone())).await;
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let store = device.store.clone();
    let shut = tokio::spawn(async move { store.call(move |_| Ok(gate.recv().is_ok())).await });
    let handle = device.handle.clone();
    let reset = tokio::spawn(async move { handle.authorise_reset("ticket".into(), true).await });
    // The warden has answered, and the store is asked to keep the release.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let mut stop = Box::pin(device.supervisor.stop());
    for _ in 0..100 {
        assert!(stop.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    stop.await;
    assert!(shut.await.unwrap().unwrap());
    assert_eq!(reset.await.unwrap().unwrap(), b"allowed");
    let kept = device.store.call(|db| store::release::next(db)).await.unwrap();
    assert_eq!(kept.unwrap().release, signed);
}

#[tokio::test]
async fn a_warden_that_answers_nonsense_gets_no_further() {
    let device = device(|_, _, _| Ok(vec![0xff; 40])).await;
    let error = device.handle.authorise_reset("t".into(), true).await.unwrap_err();
    assert!(matches!(error, DeviceError::Answer(_)), "{error:?}");
}

#[tokio::test]
async fn the_history_is_the_warden_s() {
    let device = device(refuse).await;
    let entries = device.handle.history(1_700_000_000).await.unwrap();
    assert_eq!(entries[0]["time"], 1_700_000_000_u64.into());
}
