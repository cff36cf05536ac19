//! What the owner signs about the account, and the keyring that comes in a box: as anybody may bring it.

#![no_main]

use belay_proto::AccountId;
use belay_proto::Secret;
use belay_proto::keys::{BoxKey, SigningKey};
use belay_proto::signed::{AccountOrder, Deed, Keyring, Signed, Succession};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let owner = SigningKey::from_seed(&Secret::new([0x42; 32])).public();
    if let Ok(signed) = Signed::decode(data) {
        assert_eq!(signed.encode(), data);
        assert!(
            signed.open::<AccountOrder>(&owner).is_err(),
            "signed without the key"
        );
        assert!(
            signed.open::<Succession>(&owner).is_err(),
            "signed without the key"
        );
    }
    if let Ok(order) = AccountOrder::decode(data) {
        assert_eq!(order.encode(), data);
    }
    if let Ok(succession) = Succession::decode(data) {
        assert_eq!(succession.encode(), data);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(deed) = Deed::parse(text)
    {
        assert_eq!(deed.to_string(), text);
    }
    let key = BoxKey::from_secret(&Secret::new([0x43; 32]));
    let account = AccountId::from_bytes([0x44; 16]);
    assert!(Keyring::open_boxed(&key, &owner, &account, data).is_err());
});
