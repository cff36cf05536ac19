use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::cbor::Value;

/// A map with keys that steps have, and with values of the types and sizes they have: most are nearly right.
fn nearly() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 34] = [
        "account",
        "action",
        "authorisation",
        "boxes",
        "certificate",
        "certificates",
        "claim",
        "credentials",
        "delegate",
        "delegates",
        "device",
        "device_key",
        "devices",
        "epoch",
        "existing",
        "generation",
        "hardware",
        "hardware_locked",
        "keyring",
        "login",
        "new_epoch",
        "nonce",
        "order",
        "owner",
        "parameters",
        "pending",
        "release",
        "salt",
        "share",
        "signature",
        "succession",
        "taken",
        "thumbprint",
        "v",
    ];
    let bytes = prop_oneof![Just(0_usize), Just(16), Just(32), Just(64), 0..80_usize]
        .prop_flat_map(|length| vec(any::<u8>(), length).prop_map(Value::Bytes));
    let value = prop_oneof![
        4 => bytes,
        1 => (0..3_u64).prop_map(Value::Uint),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => "[a-z-]{0,9}".prop_map(Value::Text),
    ];
    btree_map(
        proptest::sample::select(&KEYS[..]).prop_map(str::to_owned),
        value,
        0..4,
    )
    .prop_map(|mut map| {
        map.entry("v".to_owned()).or_insert(Value::Uint(1));
        Value::Map(map)
    })
}

/// What decodes, encodes to the same bytes; the rest is an error. Answers whether it decoded.
macro_rules! canonical {
    ($bytes:expr, $($name:ident),+ $(,)?) => {
        [$($name::decode($bytes).map(|value| assert_eq!(value.encode(), $bytes, stringify!($name))).is_ok()),+]
    };
}

fn all(bytes: &[u8]) -> usize {
    let decoded = canonical!(
        bytes,
        NewCredentialsInput,
        NewCredentialsOutput,
        PendingInput,
        BindInput,
        BindOutput,
        PendingBindOutput,
        LoginSignatureInput,
        LoginSignatureOutput,
        OpenRootInput,
        OpenRootOutput,
        CertifyInput,
        CertifyOutput,
        ReleaseInput,
        ReleaseOutput,
        AuthorizeResetInput,
        AuthorizeResetOutput,
        Done,
        NewPasswordInput,
        NewCredentialsSet,
        NewRecoveryCodeInput,
        NewRecoveryCodeOutput,
        RecoverInput,
        RecoveredOutput,
        HoldInput,
        HoldOutput,
        OrderOutput,
        RemoveDeviceInput,
        RemoveDeviceOutput,
        TakeKeyringInput,
        TakeDelegateInput,
        SucceedInput,
        TakenOutput,
    );
    decoded.into_iter().filter(|decoded| *decoded).count()
}

proptest! {
    #[test]
    fn any_bytes_are_a_step_in_its_one_form_or_malformed(bytes in vec(any::<u8>(), 0..100)) {
        all(&bytes);
    }

    #[test]
    fn nearly_right_maps_are_a_step_in_its_one_form_or_malformed(value in nearly()) {
        all(&value.encode());
    }

    #[test]
    fn what_a_login_signs_crosses(salt: [u8; 16], nonce in vec(any::<u8>(), 0..64), thumbprint: [u8; 32]) {
        let input = LoginSignatureInput {
            salt, parameters: KdfParameters::FLOOR, nonce, thumbprint, action: Purpose::SignIn.to_string(),
        };
        let back = LoginSignatureInput::decode(&input.encode()).unwrap();
        prop_assert_eq!((back.salt, back.parameters, back.thumbprint), (salt, input.parameters, thumbprint));
        prop_assert_eq!(back.nonce, input.nonce);
    }
}

#[test]
fn an_absent_option_and_an_empty_map_read_back() {
    assert!(
        BindInput::decode(&BindInput { existing: None }.encode())
            .unwrap()
            .existing
            .is_none()
    );
    assert_eq!(ReleaseInput {}.encode(), Done {}.encode());
    // The two empty maps, and the three whose keys are all optional.
    assert_eq!(all(&Done {}.encode()), 5);
    assert!(Done::decode(&[0xa0]).is_err());
}

#[test]
fn a_share_is_never_shown() {
    let input = OpenRootInput {
        share: Secret::new([0xab; 32]),
        credentials: vec![],
        keyring: vec![],
    };
    assert!(!format!("{input:?}").contains("171"));
    assert_eq!(
        OpenRootInput::decode(&input.encode()).unwrap().share.expose(),
        &[0xab; 32]
    );
}

#[test]
fn purposes_read_back() {
    for purpose in Purpose::ALL {
        assert_eq!(purpose.to_string().parse(), Ok(purpose));
    }
    assert!("unknown".parse::<Purpose>().is_err());
}
