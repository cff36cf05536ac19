use proptest::prelude::*;

use super::*;
use crate::id::AccountId;
use crate::seal::{self, RecordIds, SealError};

fn floor(password: &str) -> Master {
    Master::derive(&Secret::of_text(password), &[7; 16], &KdfParameters::FLOOR).unwrap()
}

#[test]
fn the_same_password_typed_otherwise_gives_the_same_keys() {
    // é as one character and as two, and a full-width letter.
    assert_eq!(
        floor("caf\u{e9}-1A").verify_digest(),
        floor("cafe\u{301}-1\u{ff21}").verify_digest()
    );
    assert_ne!(
        floor("cafe-1A").verify_digest(),
        floor("caf\u{e9}-1A").verify_digest()
    );
}

#[test]
fn parameters_out_of_bounds_are_refused_before_any_work() {
    let floor = KdfParameters::FLOOR;
    let ceiling = KdfParameters::CEILING;
    for (parameters, refusal) in [
        (
            KdfParameters {
                memory_kib: floor.memory_kib - 1,
                ..floor
            },
            KdfRefused::BelowFloor,
        ),
        (
            KdfParameters {
                iterations: floor.iterations - 1,
                ..floor
            },
            KdfRefused::BelowFloor,
        ),
        (
            KdfParameters {
                parallelism: 0,
                ..floor
            },
            KdfRefused::BelowFloor,
        ),
        (
            KdfParameters {
                memory_kib: 0,
                iterations: 0,
                parallelism: 0,
            },
            KdfRefused::BelowFloor,
        ),
        (
            KdfParameters {
                memory_kib: ceiling.memory_kib + 1,
                ..floor
            },
            KdfRefused::AboveCeiling,
        ),
        (
            KdfParameters {
                iterations: ceiling.iterations + 1,
                ..floor
            },
            KdfRefused::AboveCeiling,
        ),
        (
            KdfParameters {
                parallelism: ceiling.parallelism + 1,
                ..floor
            },
            KdfRefused::AboveCeiling,
        ),
        (
            KdfParameters {
                memory_kib: u32::MAX,
                iterations: u32::MAX,
                parallelism: u32::MAX,
            },
            KdfRefused::AboveCeiling,
        ),
    ] {
        assert_eq!(parameters.check(None), Err(refusal), "{parameters:?}");
        let outcome = Master::derive(&Secret::of_text("x"), &[0; 16], &parameters);
        assert!(matches!(outcome, Err(KeyError::Parameters(found)) if found == refusal));
    }
    assert_eq!(
        floor.check(Some(&KdfParameters::DEFAULT)),
        Err(KdfRefused::BelowSeen)
    );
    assert_eq!(KdfParameters::DEFAULT.check(Some(&floor)), Ok(()));
    assert_eq!(ceiling.check(Some(&KdfParameters::DEFAULT)), Ok(()));
}

#[test]
fn a_box_opens_with_its_key_and_associated_data_only() {
    let (mine, theirs) = (BoxKey::generate(), BoxKey::generate());
    let sealed = seal_to(&mine.public(), b"report", b"52.5 13.4");
    assert_eq!(mine.open(b"report", &sealed).unwrap().expose(), b"52.5 13.4");
    assert_eq!(mine.open(b"other", &sealed).unwrap_err(), SealError::Refused);
    assert_eq!(theirs.open(b"report", &sealed).unwrap_err(), SealError::Refused);
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(mine.open(b"report", &changed).is_err(), "byte {at}");
        assert!(mine.open(b"report", &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn points_that_share_a_secret_with_everybody_are_no_keys() {
    let mut one = [0; 32];
    one[0] = 1;
    for weak in [[0; 32], one] {
        assert!(BoxPublicKey::try_from(weak).is_err());
    }
    let order_8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    let bytes = crate::text::from_hex(order_8).unwrap();
    assert!(BoxPublicKey::try_from(bytes.as_slice()).is_err());
}

#[test]
fn a_root_opens_for_its_account_and_generation_with_password_and_share_or_with_the_code() {
    let (root, account) = (Root::generate(), AccountId::random());
    let (share, code) = (Secret::new([9; 32]), RecoveryCode::generate());
    let master = floor("crane-lantern-49");
    let wrapped = root.wrap(&master.wrap_key(&share), &account, 4);
    let recovered = root.wrap(&code.wrap_key(), &account, 4);
    let opened = Root::unwrap(&master.wrap_key(&share), &account, 4, &wrapped).unwrap();
    assert_eq!(opened.bytes().expose(), root.bytes().expose());
    assert!(Root::unwrap(&code.wrap_key(), &account, 4, &recovered).is_ok());
    let other_share = master.wrap_key(&Secret::new([8; 32]));
    assert!(Root::unwrap(&other_share, &account, 4, &wrapped).is_err());
    assert!(Root::unwrap(&floor("crane-lantern-48").wrap_key(&share), &account, 4, &wrapped).is_err());
    assert!(Root::unwrap(&master.wrap_key(&share), &account, 5, &wrapped).is_err());
    assert!(Root::unwrap(&master.wrap_key(&share), &AccountId::random(), 4, &wrapped).is_err());
    assert!(Root::unwrap(&code.wrap_key(), &account, 4, &wrapped).is_err());
}

#[test]
fn no_two_purposes_share_a_key() {
    let master = floor("crane-lantern-49");
    let root = Root::from_bytes(master.bytes().duplicate());
    let keys = [
        *master.login_key().seed().expose(),
        *master.wrap_key(&Secret::new([0; 32])).secret().expose(),
        *master.verify().expose(),
        master.verify_digest(),
        *root.owner_key().seed().expose(),
        *root.report_box().secret().expose(),
        *root.keyring_key().expose(),
        *collection_key(root.bytes(), "contacts").expose(),
        *collection_key(root.bytes(), "photos").expose(),
        *root.bytes().expose(),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn a_code_forgives_how_it_is_written() {
    let code = RecoveryCode::from_bytes(Secret::new([0x10; 20]));
    let text = code.text();
    assert_eq!(text.expose().len(), 41);
    let sloppy = text
        .expose()
        .to_lowercase()
        .replace('-', " ")
        .replace('0', "o")
        .replace('1', "l");
    assert_eq!(
        RecoveryCode::parse(&sloppy).unwrap().bytes().expose(),
        code.bytes().expose()
    );
    for (text, error) in [
        ("", RecoveryCodeError::Length),
        (&text.expose()[..39], RecoveryCodeError::Length),
        (&format!("{}0", text.expose()), RecoveryCodeError::Length),
        (&text.expose().replacen('2', "!", 1), RecoveryCodeError::Symbol),
        (&text.expose().replacen('2', "U", 1), RecoveryCodeError::Symbol),
    ] {
        assert_eq!(RecoveryCode::parse(text).unwrap_err(), error, "{text}");
    }
}

const SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

proptest! {
    #[test]
    fn a_code_reads_back_and_any_one_wrong_symbol_shows(bytes: [u8; 20], at in 0..33_usize, to in 0..37_usize) {
        let code = RecoveryCode::from_bytes(Secret::new(bytes));
        let text = code.text();
        let back = RecoveryCode::parse(text.expose()).unwrap();
        prop_assert_eq!(back.bytes().expose(), &bytes);
        let mut symbols: Vec<char> = text.expose().chars().filter(|c| *c != '-').collect();
        let wrong = SYMBOLS.chars().nth(to).unwrap();
        prop_assume!(symbols[at] != wrong);
        symbols[at] = wrong;
        prop_assert!(RecoveryCode::parse(&symbols.iter().collect::<String>()).is_err());
    }

    #[test]
    fn two_swapped_neighbours_show(bytes: [u8; 20], at in 0..31_usize) {
        let text = RecoveryCode::from_bytes(Secret::new(bytes)).text();
        let mut symbols: Vec<char> = text.expose().chars().filter(|c| *c != '-').collect();
        prop_assume!(symbols[at] != symbols[at + 1]);
        symbols.swap(at, at + 1);
        prop_assert!(RecoveryCode::parse(&symbols.iter().collect::<String>()).is_err());
    }

    #[test]
    fn any_typed_text_is_a_code_or_a_named_error(text in ".{0,60}") {
        let _ = RecoveryCode::parse(&text);
    }

    #[test]
    fn a_wrap_with_any_byte_changed_or_cut_doesnt_open(
        key: [u8; 32], plaintext in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), flip in 1..=255_u8
    ) {
        let key = Secret::new(key);
        let sealed = seal::wrap(&key, b"aad", &plaintext);
        let opened = seal::unwrap(&key, b"aad", &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plaintext);
        prop_assert!(seal::unwrap(&key, b"AAD", &sealed).is_err());
        prop_assert!(seal::unwrap(&key, b"aad", &sealed[..at.index(sealed.len())]).is_err());
        let mut changed = sealed;
        *at.get_mut(&mut changed) ^= flip;
        prop_assert!(seal::unwrap(&key, b"aad", &changed).is_err());
    }

    #[test]
    fn a_record_opens_under_its_names_only(
        key: [u8; 32], plaintext in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), flip in 1..=255_u8
    ) {
        let key = Secret::new(key);
        let ids = RecordIds { account: AccountId::from_bytes([1; 16]), collection: "contacts", id: b"id", kind: "card", key_epoch: 2 };
        let sealed = seal::seal_record(&key, &ids, &plaintext);
        let opened = seal::open_record(&key, &ids, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plaintext);
        for other in [
            RecordIds { account: AccountId::from_bytes([2; 16]), ..ids },
            RecordIds { collection: "photos", ..ids },
            RecordIds { id: b"di", ..ids },
            RecordIds { kind: "group", ..ids },
            RecordIds { key_epoch: 3, ..ids },
        ] {
            prop_assert_eq!(seal::open_record(&key, &other, &sealed).unwrap_err(), SealError::Refused);
        }
        let mut changed = sealed;
        *at.get_mut(&mut changed) ^= flip;
        prop_assert!(seal::open_record(&key, &ids, &changed).is_err());
    }

    #[test]
    fn same_is_equality(a in prop::collection::vec(any::<u8>(), 0..40), b in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(same(&a, &b), a == b);
        prop_assert!(same(&a, &a.clone()));
    }
}
