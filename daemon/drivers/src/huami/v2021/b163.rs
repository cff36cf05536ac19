//! Elliptic-curve Diffie-Hellman over NIST B-163, which SEC 2 calls sect163r2: y² + xy = x³ + x² + b over GF(2^163).
//!
//! The field is polynomials modulo x^163 + x^7 + x^6 + x^3 + 1 in three words of 64 bits. Multiplying a point takes as
//! many steps as the field has bits, whatever the scalar is, and chooses by masks: the time tells nothing of a key.
//! The ladder is López and Dahab's ("Fast Multiplication on Elliptic Curves over GF(2^m) without Precomputation").

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A polynomial of degree below 163.
type Field = [u64; 3];

/// Bits of a field element, and steps of a ladder.
const BITS: usize = 163;
/// What x^163 is, reduced.
const REDUCTION: u64 = 0xc9;
/// The bits of the last word.
const TOP: u64 = (1 << 35) - 1;
const ZERO: Field = [0; 3];
const ONE: Field = [1, 0, 0];
const B: Field = [0x512f_7874_4a32_05fd, 0xb8c9_53ca_1481_eb10, 0x0002_0a60_1907];
const GENERATOR: Point = Point {
    x: [0xd499_4637_e834_3e36, 0x86a2_d57e_a099_1168, 0x0003_f0eb_a162],
    y: [0xb11c_5c0c_7973_24f1, 0x71a0_094f_a2cd_d545, 0xd51f_bc6c],
};

/// A coordinate or a private key on the wire, little-endian: 21 bytes and 3 zeros.
const WIDTH: usize = 24;

/// A point that isn't one to agree on a key with: not on the curve, of order 2, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no point of the curve")]
pub struct NoPoint;

/// Two coordinates of a point of the curve, never those of infinity. Little-endian, x first.
pub type Encoded = [u8; 2 * WIDTH];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    x: Field,
    y: Field,
}

/// A private key with its public key. Wiped from memory at its end; `Debug` says nothing of it.
pub struct KeyPair {
    private: Field,
    public: Encoded,
}

impl KeyPair {
    /// Makes a pair of 24 random bytes. Bits 162 and up are cleared, as bands do it.
    ///
    /// # Errors
    /// [`NoPoint`]: all other bits are zero, which is no key.
    pub fn new(random: &[u8; WIDTH]) -> Result<Self, NoPoint> {
        let mut private = words(random);
        private[2] &= TOP >> 1;
        let public = multiply(&private, &GENERATOR).ok_or(NoPoint)?.encode();
        Ok(Self { private, public })
    }

    /// What the other side is told.
    #[must_use]
    pub const fn public(&self) -> &Encoded {
        &self.public
    }

    /// The point that both sides arrive at, from the other side's public key. Without the cofactor.
    ///
    /// # Errors
    /// [`NoPoint`]: the other side's isn't on the curve, is of order 2, or leads to infinity.
    pub fn agree(&self, public: &Encoded) -> Result<Zeroizing<Encoded>, NoPoint> {
        let point = multiply(&self.private, &Point::decode(public)?).ok_or(NoPoint)?;
        Ok(Zeroizing::new(point.encode()))
    }
}

impl Drop for KeyPair {
    fn drop(&mut self) {
        self.private.zeroize();
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

impl Point {
    fn decode(bytes: &Encoded) -> Result<Self, NoPoint> {
        let (x, y) = bytes.split_first_chunk::<WIDTH>().ok_or(NoPoint)?;
        let y = y.first_chunk::<WIDTH>().ok_or(NoPoint)?;
        let point = Self {
            x: words(x),
            y: words(y),
        };
        let reduced = point.x[2] <= TOP && point.y[2] <= TOP;
        // Of order 2 is the point whose x is zero; (0, 0), which some write for infinity, isn't on the curve.
        if reduced && point.x != ZERO && point.is_on_curve() {
            Ok(point)
        } else {
            Err(NoPoint)
        }
    }

    fn encode(&self) -> Encoded {
        let mut bytes = [0; 2 * WIDTH];
        let words = self.x.iter().chain(&self.y);
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn is_on_curve(&self) -> bool {
        let Self { x, y } = self;
        let left = multiply_field(y, &add(y, x));
        let right = add(&multiply_field(&square(x), &add(x, &ONE)), &B);
        left == right
    }
}

/// `scalar` times `point`; `None` is infinity. `point` must be on the curve, and its x not zero.
fn multiply(scalar: &Field, point: &Point) -> Option<Point> {
    let x = &point.x;
    // The second is always the first and one more `point`; (1 : 0) is infinity.
    let (mut low, mut high) = ((ONE, ZERO), (*x, ONE));
    for bit in (0..BITS).rev() {
        let mask = mask(scalar, bit);
        swap(mask, &mut low, &mut high);
        high = add_points(x, &low, &high);
        low = double(&low);
        swap(mask, &mut low, &mut high);
    }
    // Of no use to an attacker: with a key of 162 bits it depends on the point alone whether these are zero.
    if low.1 == ZERO {
        return None;
    }
    if high.1 == ZERO {
        return Some(Point {
            x: *x,
            y: add(x, &point.y),
        });
    }
    let low = multiply_field(&low.0, &invert(&low.1));
    let high = multiply_field(&high.0, &invert(&high.1));
    // y of the first, by the line through it and `point`, whose third point is the second's inverse.
    let (from_low, from_high) = (add(&low, x), add(&high, x));
    let sum = add(&multiply_field(&from_low, &from_high), &add(&square(x), &point.y));
    let slope = multiply_field(&multiply_field(&from_low, &sum), &invert(x));
    Some(Point {
        x: low,
        y: add(&slope, &point.y),
    })
}

/// x = X/Z of the sum of two points whose difference has the coordinate `x`.
fn add_points(x: &Field, one: &(Field, Field), other: &(Field, Field)) -> (Field, Field) {
    let left = multiply_field(&one.0, &other.1);
    let right = multiply_field(&other.0, &one.1);
    let z = square(&add(&left, &right));
    let sum = add(&multiply_field(x, &z), &multiply_field(&left, &right));
    (sum, z)
}

/// x = X/Z of twice a point.
fn double(point: &(Field, Field)) -> (Field, Field) {
    let (x, z) = (square(&point.0), square(&point.1));
    let doubled = add(&square(&x), &multiply_field(&B, &square(&z)));
    (doubled, multiply_field(&x, &z))
}

/// Exchanges two points where `mask` is all ones.
fn swap(mask: u64, one: &mut (Field, Field), other: &mut (Field, Field)) {
    let ones = one.0.iter_mut().chain(&mut one.1);
    let others = other.0.iter_mut().chain(&mut other.1);
    for (one, other) in ones.zip(others) {
        let change = mask & (*one ^ *other);
        *one ^= change;
        *other ^= change;
    }
}

/// All ones where the bit is set, else zero.
const fn mask(value: &Field, bit: usize) -> u64 {
    ((value[bit / 64] >> (bit % 64)) & 1).wrapping_neg()
}

const fn add(one: &Field, other: &Field) -> Field {
    [one[0] ^ other[0], one[1] ^ other[1], one[2] ^ other[2]]
}

fn multiply_field(one: &Field, other: &Field) -> Field {
    let mut product = ZERO;
    for bit in (0..BITS).rev() {
        let [low, middle, high] = product;
        let high = (high << 1) | (middle >> 63);
        let carry = ((high >> 35) & 1).wrapping_neg();
        product = [
            (low << 1) ^ (carry & REDUCTION),
            (middle << 1) | (low >> 63),
            high & TOP,
        ];
        let mask = mask(other, bit);
        for (to, from) in product.iter_mut().zip(one) {
            *to ^= from & mask;
        }
    }
    product
}

fn square(value: &Field) -> Field {
    multiply_field(value, value)
}

/// One over `value`, by Fermat: `value` to the power of 2^163 - 2.
fn invert(value: &Field) -> Field {
    let (mut power, mut inverse) = (*value, ONE);
    for _ in 1..BITS {
        power = square(&power);
        inverse = multiply_field(&inverse, &power);
    }
    inverse
}

fn words(bytes: &[u8; WIDTH]) -> Field {
    let mut words = ZERO;
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes
            .iter()
            .rev()
            .fold(0, |word, byte| (word << 8) | u64::from(*byte));
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORDER: Field = [0x77e7_0c12_a423_4c33, 0x0002_92fe, 0x0004_0000_0000];

    fn pair(random: [u8; WIDTH]) -> KeyPair {
        KeyPair::new(&random).unwrap()
    }

    #[test]
    fn the_order_times_the_generator_is_infinity() {
        assert!(GENERATOR.is_on_curve());
        assert_eq!(multiply(&ORDER, &GENERATOR), None);
        let [low, middle, high] = ORDER;
        let inverse = multiply(&[low - 1, middle, high], &GENERATOR).unwrap();
        assert_eq!(inverse.x, GENERATOR.x);
        assert_eq!(
            inverse.y,
            add(&GENERATOR.x, &GENERATOR.y),
            "one less is its inverse"
        );
        assert_eq!(multiply(&[low + 1, middle, high], &GENERATOR), Some(GENERATOR));
    }

    #[test]
    fn one_times_the_generator_is_the_generator() {
        assert_eq!(multiply(&ONE, &GENERATOR), Some(GENERATOR));
        assert_eq!(multiply(&ZERO, &GENERATOR), None);
    }

    #[test]
    fn a_key_without_bits_is_none() {
        let mut random = [0; WIDTH];
        random[20] = 0xfc;
        random[23] = 0xff;
        assert_eq!(
            KeyPair::new(&random).err(),
            Some(NoPoint),
            "bits 162 and up don't count"
        );
    }

    #[test]
    fn what_is_not_on_the_curve_is_refused() {
        let ours = pair([7; WIDTH]);
        assert!(ours.agree(&GENERATOR.encode()).is_ok());
        assert_eq!(ours.agree(&[0; 48]), Err(NoPoint), "as some write infinity");
        assert_eq!(ours.agree(&[0xff; 48]), Err(NoPoint));
        for bit in 0..8 * 48 {
            let mut bent = GENERATOR.encode();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ours.agree(&bent), Err(NoPoint), "bit {bit}");
        }
    }

    #[test]
    fn the_point_of_order_2_is_refused() {
        // The root of b: b to the power of 2^162.
        let root = (1..BITS).fold(B, |power, _| square(&power));
        let point = Point { x: ZERO, y: root };
        assert!(point.is_on_curve());
        assert_eq!(pair([7; WIDTH]).agree(&point.encode()), Err(NoPoint));
    }

    #[test]
    fn a_private_key_is_not_shown() {
        assert_eq!(format!("{:?}", pair([7; WIDTH])), "KeyPair(…)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn both_sides_arrive_at_the_same_point(one in any::<[u8; WIDTH]>(), other in any::<[u8; WIDTH]>()) {
            let (one, other) = (pair(one), pair(other));
            let shared = one.agree(other.public());
            prop_assert!(shared.is_ok());
            prop_assert_eq!(shared, other.agree(one.public()));
        }

        #[test]
        fn one_over_a_value_times_the_value_is_one(bytes in any::<[u8; WIDTH]>()) {
            let mut value = words(&bytes);
            value[2] &= TOP;
            prop_assume!(value != ZERO);
            prop_assert_eq!(multiply_field(&value, &invert(&value)), ONE);
        }
    }
}
