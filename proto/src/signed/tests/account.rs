//! What the account's life signs and seals: deeds, keyrings in boxes, recovery wraps.

use proptest::prelude::*;

use super::owner;
use crate::id::{AccountId, DeviceId};
use crate::keys::{BoxKey, RecoveryCode, Root, SigningKey};
use crate::signed::{Deed, Keyring};

fn boxed(account: AccountId) -> (BoxKey, Vec<u8>) {
    let key = BoxKey::generate();
    let sealed = Keyring::generate(account, 2)
        .with_new_epoch(3)
        .seal_to(&owner(), &key.public());
    (key, sealed)
}

#[test]
fn an_order_has_an_address_in_a_normal_form_and_is_of_all_forms_of_it() {
    for (text, proved) in [
        ("al@example.org", "al@example.org"),
        ("+41791234567", "+41791234567"),
        ("al@xn--bcher-kva.example", "al@b\u{fc}cher.example"),
        ("al@b\u{fc}cher.example", "al@xn--bcher-kva.example"),
        ("jose\u{301}@example.org", "jos\u{e9}@example.org"),
    ] {
        let deed = Deed::parse(&format!("add-identifier {text}")).unwrap();
        assert!(deed.adds(proved), "{text:?}");
        assert!(!deed.adds("Al@example.org") && !deed.adds("x@example.org") && !deed.adds(""));
    }
    assert!(!Deed::DeleteAccount.adds("al@example.org"));
    for other in [
        "al@EXAMPLE.org",
        "al@B\u{dc}CHER.example",
        " al@example.org",
        "al@example.org ",
        "+41 79 1234567",
        "\u{17f}am@example.org",
        "al",
        "",
    ] {
        assert!(
            Deed::parse(&format!("add-identifier {other}")).is_err(),
            "{other:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_deed_has_one_text(id: [u8; 16], which in 0..5_usize) {
        let device = DeviceId::from_bytes(id);
        let deeds = [
            Deed::RemoveIdentifier(device.to_string()),
            Deed::SetLogin(device.to_string()),
            Deed::RemoveDevice(device),
            Deed::UnlockBootloader(device),
            Deed::DeleteAccount,
        ];
        let text = deeds[which].to_string();
        prop_assert_eq!(Deed::parse(&text), Ok(deeds[which].clone()));
        for other in [format!("{text} "), format!(" {text}"), text.to_uppercase(), format!("{text}0")] {
            prop_assert!(Deed::parse(&other).is_err(), "{}", other);
        }
    }

    #[test]
    fn any_text_is_a_deed_in_its_one_form_or_malformed(text in "([a-z-]{0,18}|add-identifier|delete-account|set-login)( [ -~]{0,40})?") {
        if let Ok(deed) = Deed::parse(&text) {
            prop_assert_eq!(deed.to_string(), text);
        }
    }

    #[test]
    fn no_changed_box_opens(at: prop::sample::Index, bit in 0..8_u8) {
        let account = AccountId::from_bytes([1; 16]);
        let (key, mut sealed) = boxed(account);
        *at.get_mut(&mut sealed) ^= 1 << bit;
        prop_assert!(Keyring::open_boxed(&key, &owner().public(), &account, &sealed).is_err());
    }
}

#[test]
fn a_keyring_in_a_box_opens_for_its_box_owner_and_account_only() {
    let account = AccountId::from_bytes([1; 16]);
    let (key, sealed) = boxed(account);
    let opened = Keyring::open_boxed(&key, &owner().public(), &account, &sealed).unwrap();
    assert_eq!((opened.key_epoch(), opened.generation), (2, 3));
    let (other, stranger) = (AccountId::from_bytes([2; 16]), SigningKey::generate().public());
    assert!(Keyring::open_boxed(&BoxKey::generate(), &owner().public(), &account, &sealed).is_err());
    assert!(Keyring::open_boxed(&key, &stranger, &account, &sealed).is_err());
    assert!(Keyring::open_boxed(&key, &owner().public(), &other, &sealed).is_err());
}

#[test]
fn a_recovery_wrap_opens_with_its_code_for_its_account() {
    let (root, code, account) = (Root::generate(), RecoveryCode::generate(), AccountId::random());
    let wrapped = code.wrap(&root, &account);
    let opened = code.unwrap(&account, &wrapped).unwrap();
    assert_eq!(opened.bytes().expose(), root.bytes().expose());
    assert!(RecoveryCode::generate().unwrap(&account, &wrapped).is_err());
    assert!(code.unwrap(&AccountId::random(), &wrapped).is_err());
    assert!(code.unwrap(&account, &[]).is_err());
}
