//! What `Warden.Identity` tells belayd and root: what this device is, whose, and how it stands.

use std::collections::HashMap;

use belay_proto::DeviceId;
use belay_proto::dbus::Error;
use zbus::{OwnedVariant, Variant};

use crate::ceremony::Hardware;
use crate::device::assurance::Assurance;
use crate::handle::Snapshot;

/// The entries; those of a binding only while there is one.
pub(super) fn entries<'a>(
    shown: &'a Snapshot,
    hardware: &'a Hardware,
    assurance: &'a Assurance,
) -> Result<Vec<(&'static str, Variant<'a>)>, Error> {
    let lost = shown.lost.clone().unwrap_or_default();
    let mut identity = vec![
        ("hardware", Variant::from(hardware.id.to_string())),
        ("hardware-locked", Variant::from(hardware.locked)),
        ("kept", Variant::from(shown.kept)),
        ("wipe-class", Variant::from(hardware.wipe_class.clone())),
        ("assurance-level", Variant::from(assurance.level.as_str())),
        ("assurance-notes", Variant::from(assurance.notes.clone())),
        ("lost-message", Variant::from(lost.message)),
        ("owner-phone", Variant::from(lost.phone)),
    ];
    let Some(bound) = &shown.bound else {
        return Ok(identity);
    };
    identity.extend([
        ("account", Variant::from(bound.account.to_string())),
        ("device", Variant::from(bound.device.to_string())),
        ("epoch", Variant::from(bound.epoch.to_string())),
        ("owner", Variant::from(bound.owner.as_bytes().to_vec())),
        ("generation", Variant::from(bound.generation)),
        ("key-epoch", Variant::from(bound.key_epoch)),
        ("key-epochs", Variant::from(bound.key_epochs)),
        (
            "removed",
            Variant::from(bound.removed.iter().map(DeviceId::to_string).collect::<Vec<_>>()),
        ),
        ("masked-login", Variant::from(bound.login.clone())),
        ("presence", Variant::from(shown.presence)),
        ("warden-key", Variant::from(bound.warden_key.as_bytes().to_vec())),
        ("find", Variant::from(shown.find)),
        ("policies", Variant::from(policies(shown)?)),
        (
            "trusted-number",
            Variant::from(shown.policies.trusted_number.clone()),
        ),
        ("episode", Variant::from(shown.episode)),
        ("hold", Variant::from(hold(shown))),
    ]);
    if let Some(report_box) = bound.report_box {
        identity.push(("report-box", Variant::from(report_box.to_vec())));
    }
    Ok(identity)
}

/// How a recovery without the code stands here.
fn hold(shown: &Snapshot) -> &'static str {
    match (&shown.hold, shown.hold_ended.map(|ended| ended.over)) {
        (Some(_), _) => "running",
        (None, Some(true)) => "over",
        (None, Some(false)) => "ended",
        (None, None) => "none",
    }
}

/// As `Device.Policies`: the trusted number only as whether there is one.
fn policies(shown: &Snapshot) -> Result<HashMap<String, OwnedVariant>, Error> {
    let policies = &shown.policies;
    let entries = [
        ("lock-after-offline", Variant::from(policies.lock_after_offline)),
        ("wipe-after-offline", Variant::from(policies.wipe_after_offline)),
        ("lock-on-sim-change", Variant::from(policies.lock_on_sim_change)),
        (
            "lock-on-accessory-lost",
            Variant::from(policies.lock_on_accessory_lost),
        ),
        (
            "recovery-without-code",
            Variant::from(policies.recovery_without_code),
        ),
        ("dry-run", Variant::from(policies.dry_run)),
        (
            "trusted-number-set",
            Variant::from(!policies.trusted_number.is_empty()),
        ),
    ];
    let owned = entries.map(|(key, value)| Ok((key.to_owned(), OwnedVariant::try_from(value)?)));
    owned.into_iter().collect()
}
