//! Keyrings that come together.

use crate::id::{AccountId, DeviceId};
use crate::signed::{Keyring, MOST_REMOVED};

const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

fn device(number: usize) -> DeviceId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    DeviceId::from_bytes(id)
}

fn devices(numbers: std::ops::Range<usize>) -> Vec<DeviceId> {
    numbers.map(device).collect()
}

fn epochs(keyring: &Keyring) -> Vec<u64> {
    keyring.data_roots.iter().map(|(epoch, _)| *epoch).collect()
}

fn root(keyring: &Keyring, epoch: u64) -> [u8; 32] {
    *keyring.data_roots.get(epoch).unwrap().expose()
}

#[test]
fn a_keyring_gets_the_roots_that_it_lacks_and_keeps_its_own() {
    let first = Keyring::generate(ACCOUNT, 1);
    let own = first.with_new_epoch(1).with_new_epoch(1).with_new_epoch(1);
    let other = first.with_epoch_after(1, 1).with_epoch_after(1, 6);
    let both = other.for_generation(1).with_roots_of(&own);
    assert_eq!(epochs(&both), [1, 2, 3, 4, 7]);
    assert_eq!((root(&both, 2), root(&both, 3)), (root(&other, 2), root(&own, 3)));
    assert!(other.lacks_roots_of(&both) && !both.lacks_roots_of(&other));
    assert!(!own.lacks_roots_of(&both), "of another number");
    assert!(Keyring::decode(&both.encode()).is_ok());
    for strange in [
        Keyring::generate(AccountId::from_bytes([2; 16]), 1),
        Keyring::generate(ACCOUNT, 1),
    ] {
        let next = other
            .for_generation(1)
            .with_roots_of(&strange.with_epoch_after(1, 4));
        assert_eq!(epochs(&next), [1, 2, 7]);
    }
}

#[test]
fn a_device_goes_on_with_its_own_keys_and_with_what_a_newer_keyring_has_besides() {
    let first = Keyring::generate(ACCOUNT, 1);
    let own = first.with_new_epoch(1).without(device(1));
    let newer = first.with_new_epoch(2).with_new_epoch(2).without(device(2));
    let next = own.followed_by(&newer);
    assert_eq!((next.generation, epochs(&next)), (2, vec![1, 2, 3]));
    assert_eq!((root(&next, 2), root(&next, 3)), (root(&own, 2), root(&newer, 3)));
    assert_eq!(next.removed(), [device(1), device(2)]);
    let anew = Keyring::generate_after(ACCOUNT, 2, 7).without(device(3));
    let next = own.followed_by(&anew);
    assert_eq!((epochs(&next), root(&next, 8)), (vec![8], root(&anew, 8)));
    assert_eq!(next.index_key.expose(), anew.index_key.expose());
    assert_eq!(next.removed(), [device(1), device(3)]);
}

#[test]
fn two_keyrings_are_split_where_their_newest_number_has_two_keys() {
    let first = Keyring::generate(ACCOUNT, 1);
    let (own, other) = (first.with_new_epoch(1), first.with_new_epoch(1));
    assert!(own.is_split_from(&other) && own.gives_way_to(&other));
    assert!(!own.is_split_from(&own.for_generation(2)));
    assert!(!own.is_split_from(&other.with_new_epoch(1)));
}

#[test]
fn the_oldest_removals_are_forgotten_and_what_others_remember_is_older() {
    let keyring = Keyring::generate(ACCOUNT, 1).remembering(&devices(0..MOST_REMOVED));
    let next = keyring.without(device(MOST_REMOVED));
    assert_eq!(next.removed(), devices(1..MOST_REMOVED + 1));
    let next = next.remembering(&devices(0..3));
    assert_eq!(
        next.removed(),
        devices(1..MOST_REMOVED + 1),
        "the oldest stay forgotten"
    );
    let fewer = Keyring::generate(ACCOUNT, 1)
        .without(device(7))
        .without(device(8));
    let fewer = fewer.remembering(&[device(3), device(7), device(4)]);
    assert_eq!(fewer.removed(), [3, 4, 7, 8].map(device));
    assert_eq!(fewer.without(device(4)).removed(), [3, 7, 8, 4].map(device));
}

#[test]
fn a_device_can_be_taken_off_the_removed_ones() {
    let keyring = Keyring::generate(ACCOUNT, 1)
        .without(device(1))
        .without(device(2));
    let keyring = keyring.with_device(device(1));
    assert_eq!(keyring.removed(), [device(2)]);
    assert!(keyring.with_device(device(2)).removed.is_none());
}
