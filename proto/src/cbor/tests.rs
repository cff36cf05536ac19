use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::{MAX_BYTES, MapReader, MapWriter, Value};

/// Values of any shape within the limits of depth and size.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Value::Uint),
        (0..300_u64).prop_map(Value::Uint),
        any::<bool>().prop_map(Value::Bool),
        vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        ".{0,40}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(7, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            btree_map(".{0,12}", inner, 0..6).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(value in value()) {
        prop_assert!(value.encode().len() <= super::codec::room(&value), "and its buffer never grows");
        let bytes = value.encode();
        prop_assume!(bytes.len() <= MAX_BYTES);
        prop_assert_eq!(Value::decode(&bytes), Ok(value));
    }

    #[test]
    fn accepted_bytes_are_the_only_encoding_of_their_value(bytes in vec(any::<u8>(), 0..64)) {
        if let Ok(value) = Value::decode(&bytes) {
            prop_assert_eq!(value.encode(), bytes);
        }
    }

    #[test]
    fn a_changed_encoding_is_refused_or_is_canonical_itself(value in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = value.encode();
        *at.get_mut(&mut bytes) = byte;
        if let Ok(other) = Value::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn a_truncated_or_prolonged_encoding_is_refused(value in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = value.encode();
        prop_assert!(Value::decode(&bytes[..at.index(bytes.len())]).is_err());
        bytes.push(byte);
        prop_assert!(Value::decode(&bytes).is_err());
    }
}

#[test]
fn everything_the_contract_doesnt_have_is_refused() {
    for (hex, what) in [
        ("", "nothing"),
        ("20", "a negative number"),
        ("c074323031332d30332d32315432303a30343a30305a", "a tag"),
        ("c249010000000000000000", "a bignum"),
        ("f6", "null"),
        ("f7", "undefined"),
        ("f0", "another simple value"),
        ("f90000", "a half float"),
        ("fa47c35000", "a float"),
        ("fb3ff199999999999a", "a double"),
        ("9f01ff", "an indefinite array"),
        ("bf616101ff", "an indefinite map"),
        ("5f4101ff", "indefinite bytes"),
        ("7f6161ff", "an indefinite text"),
        ("1817", "a head longer than needed"),
        ("190018", "a head longer than needed"),
        ("1b00000000ffffffff", "a head longer than needed"),
        ("5801aa", "a length longer than needed"),
        ("a2616101616102", "a key twice"),
        ("a2616201616102", "keys out of order"),
        ("a262616101616202", "a longer key before a shorter one"),
        ("a10101", "a key that is a number"),
        ("61ff", "a text that isn't UTF-8"),
        ("0000", "trailing bytes"),
        ("9bffffffffffffffff", "a length beyond everything"),
        ("bbffffffffffffffff", "a length beyond everything"),
        ("5bffffffffffffffff", "a length beyond everything"),
        ("ff", "a break"),
        ("1c", "a reserved head"),
    ] {
        assert!(
            Value::decode(&crate::text::from_hex(hex).unwrap()).is_err(),
            "{what}: {hex}"
        );
    }
}

#[test]
fn nesting_and_length_end_where_the_contract_says() {
    let nested = |depth: usize| {
        (0..depth)
            .fold(Value::Uint(1), |inner, _| Value::Array(vec![inner]))
            .encode()
    };
    assert!(Value::decode(&nested(8)).is_ok());
    assert!(Value::decode(&nested(9)).is_err());
    assert!(Value::decode(&Value::Bytes(vec![0; MAX_BYTES - 3]).encode()).is_ok());
    assert!(Value::decode(&Value::Bytes(vec![0; MAX_BYTES]).encode()).is_err());
}

#[test]
fn a_map_is_read_key_by_key_and_to_its_end() {
    let bytes = MapWriter::versioned()
        .put("a", &7_u64)
        .put("b", &Some("x".to_owned()))
        .put("c", &None::<bool>)
        .finish();
    let mut map = MapReader::versioned(&bytes).unwrap();
    assert_eq!(map.take::<u64>("a"), Ok(7));
    assert_eq!(map.take::<Option<bool>>("c"), Ok(None));
    assert!(map.take::<u64>("b").unwrap_err().what().starts_with("b:"));
    let mut map = MapReader::versioned(&bytes).unwrap();
    assert!(map.take::<u64>("z").is_err());
    assert_eq!(map.take::<u64>("a"), Ok(7));
    assert_eq!(map.finish().unwrap_err().what(), "an unknown key");
    assert!(MapReader::versioned(&MapWriter::new().put("v", &2_u64).finish()).is_err());
    assert!(MapReader::new(&Value::Map(BTreeMap::new()).encode()).is_ok());
}
