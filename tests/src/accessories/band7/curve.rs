//! The curve B-163 as the textbook has it: affine points, a division for each sum, one bit of the number after the
//! other. It takes its time and tells by it which number it was, which no virtual band minds.

/// A polynomial over GF(2), the lowest coefficients first.
type Poly = [u64; 3];

const DEGREE: usize = 163;
/// x^163 + x^7 + x^6 + x^3 + 1.
const MODULUS: Poly = [0xc9, 0, 1 << 35];
const B: Poly = from_hex("20a601907b8c953ca1481eb10512f78744a3205fd");
const BASE: Point = Point {
    x: from_hex("3f0eba16286a2d57ea0991168d4994637e8343e36"),
    y: from_hex("0d51fbc6c71a0094fa2cdd545b11c5c0c797324f1"),
};

/// A point that isn't the one at infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    x: Poly,
    y: Poly,
}

/// What a band tells of its secret: x and y, 24 bytes each.
#[must_use]
pub(super) fn public(secret: &[u8; 24]) -> Option<[u8; 48]> {
    times(secret, BASE).map(bytes)
}

/// The point that both sides arrive at; `None` where the other's isn't of the curve.
#[must_use]
pub(super) fn shared(secret: &[u8; 24], other: &[u8]) -> Option<[u8; 48]> {
    let (x, y) = other.split_at_checked(24)?;
    let point = Point {
        x: poly(x)?,
        y: poly(y)?,
    };
    is_on_curve(point).then(|| times(secret, point))?.map(bytes)
}

/// A number of 162 bits times a point.
fn times(secret: &[u8; 24], point: Point) -> Option<Point> {
    let mut sum = None;
    for bit in (0..DEGREE - 1).rev() {
        sum = plus(sum, sum);
        if secret[bit / 8] >> (bit % 8) & 1 == 1 {
            sum = plus(sum, Some(point));
        }
    }
    sum
}

/// The sum of two points; `None` is infinity.
fn plus(one: Option<Point>, other: Option<Point>) -> Option<Point> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    if one.x != other.x {
        let slope = product(xor(one.y, other.y), inverse(xor(one.x, other.x)));
        // a is 1.
        let x = xor(
            xor(xor(product(slope, slope), slope), xor(one.x, other.x)),
            [1, 0, 0],
        );
        let y = xor(xor(product(slope, xor(one.x, x)), x), one.y);
        return Some(Point { x, y });
    }
    if one.y != other.y || one.x == [0; 3] {
        return None;
    }
    let slope = xor(one.x, product(one.y, inverse(one.x)));
    let x = xor(xor(product(slope, slope), slope), [1, 0, 0]);
    let y = xor(product(one.x, one.x), product(xor(slope, [1, 0, 0]), x));
    Some(Point { x, y })
}

fn is_on_curve(point: Point) -> bool {
    let Point { x, y } = point;
    let square = product(x, x);
    let left = xor(product(y, y), product(x, y));
    let right = xor(xor(product(square, x), square), B);
    x != [0; 3] && left == right
}

/// The whole product first, then what is too long of it taken off from the top.
fn product(one: Poly, other: Poly) -> Poly {
    let mut long = [0_u64; 7];
    for bit in 0..DEGREE {
        if coefficient(&other, bit) {
            for (place, word) in one.iter().enumerate() {
                let (at, by) = (place + bit / 64, bit % 64);
                long[at] ^= word << by;
                if by > 0 {
                    long[at + 1] ^= word >> (64 - by);
                }
            }
        }
    }
    for bit in (DEGREE..2 * DEGREE).rev() {
        if coefficient(&long, bit) {
            for term in [0, 3, 6, 7, DEGREE] {
                let at = bit - DEGREE + term;
                long[at / 64] ^= 1 << (at % 64);
            }
        }
    }
    [long[0], long[1], long[2]]
}

/// One over it, by Euclid's algorithm.
fn inverse(of: Poly) -> Poly {
    let (mut rest, mut other) = (of, MODULUS);
    let (mut factor, mut cofactor) = ([1, 0, 0], [0; 3]);
    while let Some(mut by) = degree(rest).zip(degree(other)) {
        if by.0 == 0 {
            return factor;
        }
        if by.0 < by.1 {
            (rest, other) = (other, rest);
            (factor, cofactor) = (cofactor, factor);
            by = (by.1, by.0);
        }
        rest = xor(rest, shifted(other, by.0 - by.1));
        factor = xor(factor, shifted(cofactor, by.0 - by.1));
    }
    // Zero has none, and isn't divided by.
    factor
}

fn degree(of: Poly) -> Option<usize> {
    let zeros = |word: u64| usize::try_from(word.leading_zeros()).unwrap_or(64);
    let at = of.iter().rposition(|word| *word != 0)?;
    Some(64 * at + 63 - zeros(of[at]))
}

fn shifted(of: Poly, by: usize) -> Poly {
    let (words, bits) = (by / 64, by % 64);
    let mut result = [0; 3];
    for at in words..3 {
        result[at] = of[at - words] << bits;
        if bits > 0 && at > words {
            result[at] |= of[at - words - 1] >> (64 - bits);
        }
    }
    result
}

fn coefficient(of: &[u64], bit: usize) -> bool {
    of[bit / 64] >> (bit % 64) & 1 == 1
}

fn xor(one: Poly, other: Poly) -> Poly {
    [one[0] ^ other[0], one[1] ^ other[1], one[2] ^ other[2]]
}

fn bytes(of: Point) -> [u8; 48] {
    let mut all = [0; 48];
    let words = of.x.into_iter().chain(of.y);
    for (to, byte) in all.iter_mut().zip(words.flat_map(u64::to_le_bytes)) {
        *to = byte;
    }
    all
}

fn poly(bytes: &[u8]) -> Option<Poly> {
    let mut poly = [0; 3];
    for (word, bytes) in poly.iter_mut().zip(bytes.chunks(8)) {
        *word = u64::from_le_bytes(bytes.try_into().ok()?);
    }
    (bytes.len() == 24 && degree(poly).is_none_or(|degree| degree < DEGREE)).then_some(poly)
}

/// A constant as it is printed.
const fn from_hex(text: &str) -> Poly {
    let digits = text.as_bytes();
    let mut poly = [0; 3];
    let mut at = 0;
    while at < digits.len() {
        let digit = digits[digits.len() - 1 - at];
        let value = if digit >= b'a' {
            digit - b'a' + 10
        } else {
            digit - b'0'
        };
        poly[at / 16] |= (value as u64) << (4 * (at % 16));
        at += 1;
    }
    poly
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn a_known_agreement_is_arrived_at() {
        // Checked with OpenSSL's sect163r2.
        let secret = unhex("010101010101010101010101010101010101010100000000");
        let public_known = "b852547ae22546aa683a7e135794142dc8920ab105000000\
                            fa6e83bfa63048ba44b739871ed9e8c4a58c542a04000000";
        assert_eq!(public(&secret), Some(unhex(public_known)));
        let other: [u8; 48] = unhex(
            "ba93d9d724af4488302c71c161523d681a76b3790700000051d5d7314be9116309420a7707954275b81f02d703000000",
        );
        let known = "9fe50dc0523f32413458816469c54b472adcbed701000000\
                     886bcc4dd3b155ebaaab66668dedf18f6acd058f05000000";
        assert_eq!(shared(&secret, &other), Some(unhex(known)));
    }

    #[test]
    fn a_point_beside_the_curve_is_none() {
        let mut other = bytes(BASE);
        assert!(shared(&[3; 24], &other).is_some());
        other[30] ^= 1;
        assert_eq!(shared(&[3; 24], &other), None);
        assert_eq!(shared(&[3; 24], &other[..40]), None);
    }
}
