use proptest::prelude::*;

use super::b163::{public, shared};
use super::chunked::{Assembly, Header, chunks};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_sides_share_one_secret(mut a: [u8; 24], mut b: [u8; 24]) {
        (a[0], b[0]) = (a[0] | 2, b[0] | 2);
        let (ours, theirs) = (public(&a).unwrap(), public(&b).unwrap());
        prop_assert_eq!(shared(&a, &theirs), shared(&b, &ours));
    }

    #[test]
    fn a_message_is_the_same_at_any_mtu(
        data in prop::collection::vec(any::<u8>(), 0..900), mtu in 23_u16..300, handle: u8,
    ) {
        let header = Header { handle, length: 900, endpoint: 0x29, encrypted: true };
        let mut assembly = Assembly::default();
        let all = chunks(header, &data, mtu).unwrap();
        let last = all.iter().map(|chunk| assembly.take(chunk).unwrap()).last().unwrap();
        prop_assert!(last.acknowledge.is_some());
        prop_assert_eq!(last.message, Some((header, data)));
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    assert!(shared(&[3; 24], &[1; 48]).is_err());
    assert!(shared(&[3; 24], &[0; 48]).is_err());
    assert!(public(&[0; 24]).is_err());
}
