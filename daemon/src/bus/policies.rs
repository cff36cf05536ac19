//! The policies as they cross the bus.

use std::collections::HashMap;
use std::os::fd::AsFd;

use belay_proto::dbus::fd::read_secret;
use belay_proto::steps::{Policies, PolicyChanges};
use zbus::{OwnedVariant, Variant};

use super::Error;
use crate::warden::PoliciesView;

/// `Device.Policies`; empty while there are none.
pub(super) fn shown(policies: Option<&PoliciesView>) -> HashMap<String, Variant<'static>> {
    let Some(policies) = policies else {
        return HashMap::new();
    };
    let entries: [(&str, Variant<'static>); 7] = [
        ("lock-after-offline", policies.lock_after_offline.into()),
        ("wipe-after-offline", policies.wipe_after_offline.into()),
        ("lock-on-sim-change", policies.lock_on_sim_change.into()),
        ("lock-on-accessory-lost", policies.lock_on_accessory_lost.into()),
        ("recovery-without-code", policies.recovery_without_code.into()),
        ("dry-run", policies.dry_run.into()),
        ("trusted-number-set", policies.trusted_number_set.into()),
    ];
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

/// What `SetPolicies` is to change.
///
/// # Errors
/// `InvalidArgument` for an unknown key, a wrong type, a time that is neither 0 nor at least 24 h, and a number that
/// isn't E.164.
pub(super) async fn changes(mut given: HashMap<String, OwnedVariant>) -> Result<PolicyChanges, Error> {
    let trusted_number = match given.remove("trusted-number") {
        None => None,
        Some(value) => Some(number(value).await?),
    };
    let mut changes = PolicyChanges {
        trusted_number,
        ..PolicyChanges::default()
    };
    for (key, value) in given {
        let (time, flag) = match key.as_str() {
            "lock-after-offline" => (Some(&mut changes.lock_after_offline), None),
            "wipe-after-offline" => (Some(&mut changes.wipe_after_offline), None),
            "lock-on-sim-change" => (None, Some(&mut changes.lock_on_sim_change)),
            "lock-on-accessory-lost" => (None, Some(&mut changes.lock_on_accessory_lost)),
            "recovery-without-code" => (None, Some(&mut changes.recovery_without_code)),
            "dry-run" => (None, Some(&mut changes.dry_run)),
            _ => {
                let key: String = key.chars().take(32).collect();
                return Err(Error::InvalidArgument(format!("unknown policy {key:?}")));
            }
        };
        match (&*value, time, flag) {
            (Variant::U64(value), Some(time), _) => *time = Some(*value),
            (Variant::Bool(value), _, Some(flag)) => *flag = Some(*value),
            _ => return Err(Error::InvalidArgument(format!("policy {key} has another type"))),
        }
    }
    // The warden judges them again together with what stays as it is.
    Policies::default()
        .changed(&changes)
        .map_err(|error| Error::InvalidArgument(error.to_string()))?;
    Ok(changes)
}

async fn number(value: OwnedVariant) -> Result<String, Error> {
    let refused = |why: String| Error::InvalidArgument(format!("policy trusted-number: {why}"));
    let Variant::Fd(descriptor) = &*value else {
        return Err(refused("expected a descriptor".into()));
    };
    let descriptor = descriptor
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| refused(error.to_string()))?;
    let number = read_secret(descriptor)
        .await
        .map_err(|error| refused(error.to_string()))?;
    Ok(number.expose().clone())
}

#[cfg(test)]
mod tests {
    use belay_proto::dbus::fd::write_text;
    use zbus::Fd;

    use super::*;

    fn given(entries: Vec<(&str, Variant<'static>)>) -> HashMap<String, OwnedVariant> {
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.try_into().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn what_is_given_is_changed_and_what_isnt_stays() {
        let number = write_text("+491701234567").unwrap();
        let changed = changes(given(vec![
            ("lock-after-offline", 86_400_000_u64.into()),
            ("dry-run", true.into()),
            ("trusted-number", Fd::from(number).into()),
        ]))
        .await
        .unwrap();
        let expected = PolicyChanges {
            lock_after_offline: Some(86_400_000),
            dry_run: Some(true),
            trusted_number: Some("+491701234567".into()),
            ..PolicyChanges::default()
        };
        assert_eq!(changed, expected);
    }

    #[tokio::test]
    async fn unknown_keys_wrong_types_short_times_and_strange_numbers_are_refused() {
        let number = || Variant::from(Fd::from(write_text("call me").unwrap()));
        for (key, value) in [
            ("trusted-number-set", true.into()),
            ("lock-after-offline", 1_u64.into()),
            ("lock-after-offline", 86_400_000_u32.into()),
            ("dry-run", "yes".into()),
            ("dry-run", 1_u64.into()),
            ("trusted-number", "+491701234567".into()),
            ("trusted-number", number()),
        ] {
            let refused = changes(given(vec![(key, value)])).await;
            assert!(
                matches!(refused, Err(Error::InvalidArgument(_))),
                "{key}: {refused:?}"
            );
        }
    }

    #[test]
    fn an_unbound_device_shows_no_policies_and_a_bound_one_all_but_the_number() {
        assert!(shown(None).is_empty());
        let policies = PoliciesView {
            trusted_number_set: true,
            ..PoliciesView::default()
        };
        let shown = shown(Some(&policies));
        assert_eq!(shown.len(), 7);
        assert_eq!(shown["trusted-number-set"], true.into());
    }
}
