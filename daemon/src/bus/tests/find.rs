//! The owner's commands on the bus.

use std::collections::HashMap;
use std::sync::Arc;

use belay_proto::clock::FakeClock;
use belay_proto::dbus::names::{BUS_NAME, DEVICE_PATH};
use belay_proto::dbus::{BindingState, Error, LockState};
use futures_util::StreamExt;
use tokio::sync::watch;
use zbus::Variant;
use zbus::fdo::PropertiesProxy;

use super::{TICKET, asked, daemon, name_of, polkit};
use crate::cloud::CloudClient;
use crate::cloud::tests::vault::MemoryVault;
use crate::find::tests::rig::Noted;
use crate::find::{Conditions, Outbox, Parts};
use crate::store::Store;
use crate::warden::{PasswordSteps, WardenHandle};

/// The domain without a cloud.
pub(super) fn parts(
    store: &Store,
    warden: &WardenHandle,
    passwords: &PasswordSteps,
    deeds: &Arc<Noted>,
) -> Parts {
    let clock = Arc::new(FakeClock::default());
    let vault = Arc::new(MemoryVault::default());
    Parts {
        relay: Arc::new(CloudClient::new(None, None, vault, clock.clone())),
        warden: warden.clone(),
        passwords: passwords.clone(),
        store: store.clone(),
        outbox: Outbox::new(store.clone()),
        deeds: Arc::<Noted>::clone(deeds),
        conditions: watch::channel(Conditions::default()).1,
        reached: watch::Sender::new(0),
        hinted: watch::Sender::new(0),
        account_hinted: watch::Sender::new(0),
        clock,
    }
}

#[tokio::test]
async fn the_owners_number_is_dialled_while_lost_and_no_other() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    let none = HashMap::new();
    assert_eq!(
        name_of(device.call_owner(&none).await),
        "NotAuthorized",
        "not lost"
    );
    daemon.warden.send_modify(|warden| warden.lock = LockState::Lost);
    let mut view = daemon.warden.subscribe();
    view.wait_for(|view| view.lock == LockState::Lost).await.unwrap();
    assert_eq!(name_of(device.call_owner(&none).await), "NotFound", "no number");
    daemon
        .warden
        .send_modify(|warden| warden.identity.owner_phone = "+491701234567".into());
    let unknown = HashMap::from([("number", Variant::from("+4915510000000"))]);
    assert_eq!(name_of(device.call_owner(&unknown).await), "InvalidArgument");
    device.call_owner(&none).await.unwrap();
    assert_eq!(*daemon.deeds.done.lock().unwrap(), ["call +491701234567"]);
    for (reason, expected) in [
        ("unsupported", "NotSupported"),
        ("busy", "Busy"),
        ("timeout", "Internal"),
        ("failed", "Internal"),
    ] {
        *daemon.deeds.fails.lock().unwrap() = Some(reason);
        assert_eq!(name_of(device.call_owner(&none).await), expected);
    }
}

#[tokio::test]
async fn whoever_is_at_the_device_stops_the_ringing_lost_or_not() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    device.stop_ringing(&HashMap::new()).await.unwrap();
    daemon.warden.send_modify(|warden| warden.lock = LockState::Lost);
    device.stop_ringing(&HashMap::new()).await.unwrap();
    assert_eq!(*daemon.deeds.done.lock().unwrap(), ["stop-ring", "stop-ring"]);
}

#[tokio::test]
async fn where_the_device_is_needs_consent_a_binding_and_a_fix() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    assert_eq!(name_of(device.get_location(&HashMap::new()).await), "NotBound");
    daemon
        .warden
        .send_modify(|warden| warden.binding = BindingState::Bound);
    assert_eq!(name_of(device.get_location(&HashMap::new()).await), "NotFound");
    for (reason, expected) in [
        ("timeout", "NotFound"),
        ("unsupported", "NotSupported"),
        ("failed", "Internal"),
    ] {
        *daemon.deeds.fails.lock().unwrap() = Some(reason);
        assert_eq!(name_of(device.get_location(&HashMap::new()).await), expected);
    }
    *daemon.deeds.fails.lock().unwrap() = None;
    let polkit = polkit(&daemon.bus, Some((false, true))).await;
    let options: HashMap<&str, Variant<'_>> = HashMap::new();
    let unasked = device.inner().call_method("GetLocation", &(options,)).await;
    let unasked = unasked.map_err(Error::from).map(drop);
    assert_eq!(name_of(unasked), "InteractiveAuthorizationRequired");
    // The proxy lets polkit ask, and there the person says yes.
    assert_eq!(name_of(device.get_location(&HashMap::new()).await), "NotFound");
    let action = "org.belay1.location.read".to_owned();
    assert_eq!(asked(&polkit).await.last(), Some(&(action, 1)));
}

#[tokio::test]
async fn find_and_policies_are_changed_with_a_ticket_alone() {
    let daemon = daemon().await;
    let device = daemon.device().await;
    let none = HashMap::new();
    for (ticket, expected) in [(TICKET, "BadTicket"), ("", "InvalidArgument")] {
        assert_eq!(
            name_of(device.set_find_enabled(false, ticket, &none).await),
            expected
        );
        let changes = HashMap::from([("dry-run", Variant::from(true))]);
        assert_eq!(
            name_of(device.set_policies(&changes, ticket, &none).await),
            expected
        );
    }
    let unknown = HashMap::from([("dry", Variant::from(true))]);
    assert_eq!(
        name_of(device.set_policies(&unknown, TICKET, &none).await),
        "InvalidArgument"
    );
}

#[tokio::test]
async fn ringing_and_another_sim_are_told() {
    let daemon = daemon().await;
    let client = daemon.bus.connect().await;
    let properties = PropertiesProxy::new(&client, BUS_NAME, DEVICE_PATH)
        .await
        .unwrap();
    let mut changes = properties.receive_properties_changed().await.unwrap();
    let proxy = zbus::Proxy::new(&client, BUS_NAME, DEVICE_PATH, "org.belay1.Device")
        .await
        .unwrap();
    let mut sims = proxy.receive_signal("SimChanged").await.unwrap();
    daemon.deeds.ringing.send_replace(true);
    let change = changes.next().await.unwrap();
    assert_eq!(change.args().unwrap().changed_properties["Ringing"], true.into());
    assert!(daemon.device().await.ringing().await.unwrap());
    daemon.deeds.sim_changes.send_replace(1);
    sims.next().await.unwrap();
}
