use proptest::option;
use proptest::prelude::*;

use super::*;

const DAY: u64 = SHORTEST_OFFLINE;

fn changes() -> impl Strategy<Value = PolicyChanges> {
    let time = || option::of(prop_oneof![Just(0), Just(DAY), DAY..100 * DAY]);
    let flag = || option::of(any::<bool>());
    let number = option::of(prop_oneof![Just(String::new()), "\\+[1-9][0-9]{6,14}"]);
    (time(), time(), flag(), flag(), flag(), flag(), number).prop_map(
        |(lock, wipe, sim, accessory, recovery, dry_run, trusted_number)| PolicyChanges {
            lock_after_offline: lock,
            wipe_after_offline: wipe,
            lock_on_sim_change: sim,
            lock_on_accessory_lost: accessory,
            recovery_without_code: recovery,
            dry_run,
            trusted_number,
        },
    )
}

proptest! {
    #[test]
    fn changes_change_what_they_name_and_nothing_else(first in changes(), second in changes()) {
        let before = Policies::default().changed(&first).unwrap();
        let after = before.changed(&second).unwrap();
        let all = PolicyChanges {
            lock_after_offline: second.lock_after_offline.or(Some(before.lock_after_offline)),
            wipe_after_offline: second.wipe_after_offline.or(Some(before.wipe_after_offline)),
            lock_on_sim_change: second.lock_on_sim_change.or(Some(before.lock_on_sim_change)),
            lock_on_accessory_lost: second.lock_on_accessory_lost.or(Some(before.lock_on_accessory_lost)),
            recovery_without_code: second.recovery_without_code.or(Some(before.recovery_without_code)),
            dry_run: second.dry_run.or(Some(before.dry_run)),
            trusted_number: second.trusted_number.clone().or(Some(before.trusted_number.clone())),
        };
        prop_assert_eq!(&Policies::default().changed(&all).unwrap(), &after);
        prop_assert_eq!(before.changed(&PolicyChanges::default()), Ok(before));
        prop_assert_eq!(Policies::decode(&after.encode()), Ok(after));
    }

    #[test]
    fn other_changes_have_another_subject(one in changes(), other in changes()) {
        prop_assert_eq!(one == other, policies_subject(&one) == policies_subject(&other));
        prop_assert_eq!(PolicyChanges::decode(&one.encode()), Ok(one));
    }
}

#[test]
fn a_time_under_a_day_and_a_number_that_is_none_are_refused() {
    let refused = |changes: PolicyChanges| Policies::default().changed(&changes).is_err();
    for (ms, expected) in [
        (0, false),
        (1, true),
        (DAY - 1, true),
        (DAY, false),
        (u64::MAX, false),
    ] {
        let lock = PolicyChanges {
            lock_after_offline: Some(ms),
            ..PolicyChanges::default()
        };
        let wipe = PolicyChanges {
            wipe_after_offline: Some(ms),
            ..PolicyChanges::default()
        };
        assert_eq!((refused(lock), refused(wipe)), (expected, expected), "{ms}");
    }
    for (number, expected) in [
        ("", false),
        ("+4915112345678", false),
        ("112", true),
        ("+0123456", true),
    ] {
        let changes = PolicyChanges {
            trusted_number: Some(number.to_owned()),
            ..PolicyChanges::default()
        };
        assert_eq!(refused(changes), expected, "{number}");
    }
}

#[test]
fn everything_is_off_by_default_and_on_isnt_off() {
    assert_eq!(
        Policies::default().changed(&PolicyChanges {
            lock_after_offline: Some(0),
            trusted_number: Some(String::new()),
            ..PolicyChanges::default()
        }),
        Ok(Policies::default())
    );
    assert_eq!((find_subject(true), find_subject(false)), ("on", "off"));
}
