//! Tells the bus what has changed of the device.

use std::borrow::Cow;
use std::collections::HashMap;

use belay_proto::dbus::LockState;
use belay_proto::dbus::names::DEVICE_PATH;
use zbus::fdo::Properties;
use zbus::names::InterfaceName;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::{Connection, Variant};

use super::device::Device;
use super::policies;
use crate::actor::{Actor, Inbox, Never};
use crate::device::{DeviceHandle, DeviceView};

/// The actor that emits `PropertiesChanged` and `SecurityEvent` of `org.belay1.Device`. Nobody sends it
/// anything; it follows the view.
#[derive(Debug)]
pub struct DeviceAnnouncer {
    connection: Connection,
    device: DeviceHandle,
    shown: DeviceView,
}

impl DeviceAnnouncer {
    /// Follows `device`; what it shows now counts as known.
    pub fn new(connection: Connection, device: DeviceHandle) -> Self {
        let shown = device.view();
        Self {
            connection,
            device,
            shown,
        }
    }

    async fn announce(&mut self, view: DeviceView) -> zbus::Result<()> {
        let shown = std::mem::replace(&mut self.shown, view);
        let emitter = SignalEmitter::new(&self.connection, DEVICE_PATH)?;
        announce(&emitter, Device::name(), readable(&shown), readable(&self.shown)).await?;
        if self.shown.lock == LockState::Tampered && shown.lock != LockState::Tampered {
            Device::security_event(&emitter, "tampered").await?;
        }
        if self.shown.guessing && !shown.guessing {
            Device::security_event(&emitter, "password-check").await?;
        }
        Ok(())
    }
}

impl Actor for DeviceAnnouncer {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let mut view = self.device.watch();
        view.mark_changed();
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = view.changed() => {
                    let view = view.borrow_and_update().clone();
                    if let Err(error) = self.announce(view).await {
                        tracing::warn!(%error, "announcing a change of the device");
                    }
                }
            }
        }
    }
}

/// The properties that a reader gets, by name.
pub(super) type Values = Vec<(&'static str, Variant<'static>)>;
pub(super) type Changed = HashMap<&'static str, Variant<'static>>;

/// Emits `PropertiesChanged` where a reader gets something else than before.
pub(super) async fn announce(
    emitter: &SignalEmitter<'_>,
    interface: InterfaceName<'_>,
    before: Values,
    after: Values,
) -> zbus::Result<()> {
    let (changed, gone) = difference(before, after);
    if changed.is_empty() && gone.is_empty() {
        return Ok(());
    }
    Properties::properties_changed(emitter, interface, changed, Cow::from(gone)).await
}

/// The properties that changed with their new values, and those that can't be read any more.
pub(super) fn difference(before: Values, after: Values) -> (Changed, Vec<&'static str>) {
    let mut before: Changed = before.into_iter().collect();
    let mut changed = Changed::new();
    for (name, value) in after {
        if before.remove(name).as_ref() != Some(&value) {
            changed.insert(name, value);
        }
    }
    let mut gone: Vec<_> = before.into_keys().collect();
    gone.sort_unstable();
    (changed, gone)
}

/// What a reader gets; while the device is lost its state, and what is for whoever holds it.
fn readable(view: &DeviceView) -> Values {
    let mut all = vec![
        ("LockState", view.lock.to_string().into()),
        ("LostMessage", view.lost_message.clone().into()),
        ("OwnerPhone", view.owner_phone.clone().into()),
    ];
    if !view.lost {
        all.extend([
            (
                "DeviceId",
                view.id.map(|id| id.to_string()).unwrap_or_default().into(),
            ),
            ("Name", view.name.clone().into()),
            ("Model", view.model.clone().into()),
            ("AssuranceLevel", view.assurance_level.to_string().into()),
            ("AssuranceNotes", view.assurance_notes.clone().into()),
            ("WipeClass", view.wipe_class.to_string().into()),
            ("FindEnabled", view.find.into()),
            ("Policies", policies::shown(view.policies.as_ref()).into()),
        ]);
    }
    all
}

#[cfg(test)]
mod tests {
    use belay_proto::dbus::LockState;

    use super::{Changed, readable};
    use crate::device::DeviceView;

    fn difference(old: &DeviceView, new: &DeviceView) -> (Changed, Vec<&'static str>) {
        super::difference(readable(old), readable(new))
    }

    #[test]
    fn only_what_changed_is_announced() {
        let old = DeviceView {
            name: "a".into(),
            ..DeviceView::default()
        };
        let new = DeviceView {
            name: "b".into(),
            ..old.clone()
        };
        let (changed, gone) = difference(&old, &new);
        assert_eq!(changed.into_iter().collect::<Vec<_>>(), [("Name", "b".into())]);
        assert!(gone.is_empty());
        assert_eq!(difference(&old, &old).0.len(), 0);
    }

    #[test]
    fn what_the_owner_says_to_whoever_holds_a_lost_device_is_shown() {
        let lost = DeviceView {
            lock: LockState::Lost,
            lost: true,
            lost_message: "please call".into(),
            owner_phone: "+491701234567".into(),
            ..DeviceView::default()
        };
        let (changed, _) = difference(&DeviceView::default(), &lost);
        assert_eq!(changed["LostMessage"], "please call".into());
        assert_eq!(changed["OwnerPhone"], "+491701234567".into());
    }

    #[test]
    fn a_lost_device_shows_its_state_and_takes_back_the_rest() {
        let usable = DeviceView {
            name: "a".into(),
            lock: LockState::Unlocked,
            ..DeviceView::default()
        };
        let lost = DeviceView {
            lock: LockState::Lost,
            lost: true,
            ..usable.clone()
        };
        let (changed, gone) = difference(&usable, &lost);
        assert_eq!(
            changed.into_iter().collect::<Vec<_>>(),
            [("LockState", "lost".into())]
        );
        assert_eq!(
            gone,
            [
                "AssuranceLevel",
                "AssuranceNotes",
                "DeviceId",
                "FindEnabled",
                "Model",
                "Name",
                "Policies",
                "WipeClass"
            ]
        );
        let (changed, gone) = difference(&lost, &usable);
        assert_eq!(changed.len(), 9, "all of it is readable again");
        assert!(gone.is_empty());
    }
}
