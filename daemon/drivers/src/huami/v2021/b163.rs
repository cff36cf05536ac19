//! ECDH over NIST B-163 (sect163r2), y² + xy = x³ + x² + b over GF(2^163), without the cofactor.
//!
//! A fixed number of steps, with masks in place of branches on what is secret.

type Field = [u64; 3];

const TOP: u64 = (1 << 35) - 1;
const ONE: Field = [1, 0, 0];
const B: Field = [0x512f_7874_4a32_05fd, 0xb8c9_53ca_1481_eb10, 0x2_0a60_1907];
const GX: Field = [0xd499_4637_e834_3e36, 0x86a2_d57e_a099_1168, 0x3_f0eb_a162];
const GY: Field = [0xb11c_5c0c_7973_24f1, 0x71a0_094f_a2cd_d545, 0x0_d51f_bc6c];

/// A point that isn't on the curve, is infinity, or is of the small subgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no point of the curve")]
pub struct NoPoint;

/// The public key of `private` (24 bytes, little-endian, bits from 162 on cleared): x and y of 24 bytes each.
///
/// # Errors
/// [`NoPoint`]: the private key is a multiple of the order.
pub fn public(private: &[u8; 24]) -> Result<[u8; 48], NoPoint> {
    multiply(private, GX, GY)
}

/// The secret shared with the owner of `remote`.
///
/// # Errors
/// [`NoPoint`]: `remote` isn't one that can be used.
pub fn shared(private: &[u8; 24], remote: &[u8; 48]) -> Result<[u8; 48], NoPoint> {
    let (x, y) = (read(remote, 0), read(remote, 24));
    // x = 0 is the point of order two: the product with it would tell a bit of the private key.
    if (x[2] | y[2]) > TOP || x == [0; 3] {
        return Err(NoPoint);
    }
    let left = add(square(y), mul(x, y));
    let right = add(mul(square(x), add(x, ONE)), B);
    if left != right {
        return Err(NoPoint);
    }
    multiply(private, x, y)
}

/// The ladder of López and Dahab.
fn multiply(private: &[u8; 24], x: Field, y: Field) -> Result<[u8; 48], NoPoint> {
    let scalar = read(private, 0);
    let (mut x1, mut z1, mut x2, mut z2) = (ONE, [0; 3], x, ONE);
    for bit in (0..162).rev() {
        let swap = mask(scalar[bit / 64] >> (bit % 64));
        exchange(swap, &mut x1, &mut x2);
        exchange(swap, &mut z1, &mut z2);
        let (a, b) = (mul(x1, z2), mul(x2, z1));
        z2 = square(add(a, b));
        x2 = add(mul(x, z2), mul(a, b));
        let (xx, zz) = (square(x1), square(z1));
        x1 = add(square(xx), mul(B, square(zz)));
        z1 = mul(xx, zz);
        exchange(swap, &mut x1, &mut x2);
        exchange(swap, &mut z1, &mut z2);
    }
    if z1 == [0; 3] {
        return Err(NoPoint);
    }
    if z2 == [0; 3] {
        return Ok(write(x, add(x, y)));
    }
    let both = mul(z1, z2);
    let inverse = invert(mul(x, both));
    let rx = mul(mul(x1, mul(x, z2)), inverse);
    let sum = add(
        mul(add(x1, mul(x, z1)), add(x2, mul(x, z2))),
        mul(add(square(x), y), both),
    );
    let ry = add(mul(mul(add(rx, x), sum), inverse), y);
    Ok(write(rx, ry))
}

const fn mask(bit: u64) -> u64 {
    0_u64.wrapping_sub(bit & 1)
}

fn exchange(mask: u64, one: &mut Field, other: &mut Field) {
    for (a, b) in one.iter_mut().zip(other) {
        let both = (*a ^ *b) & mask;
        *a ^= both;
        *b ^= both;
    }
}

const fn add(a: Field, b: Field) -> Field {
    [a[0] ^ b[0], a[1] ^ b[1], a[2] ^ b[2]]
}

fn mul(a: Field, b: Field) -> Field {
    let mut sum = [0_u64; 3];
    for bit in (0..163).rev() {
        let over = mask(sum[2] >> 34);
        sum = [
            (sum[0] << 1) ^ (over & 0xc9),
            (sum[1] << 1) | (sum[0] >> 63),
            ((sum[2] << 1) | (sum[1] >> 63)) & TOP,
        ];
        let take = mask(b[bit / 64] >> (bit % 64));
        sum = add(sum, a.map(|word| word & take));
    }
    sum
}

fn square(a: Field) -> Field {
    mul(a, a)
}

/// a to the power of 2^163 − 2.
fn invert(a: Field) -> Field {
    let mut result = ONE;
    for _ in 0..162 {
        result = square(mul(result, a));
    }
    result
}

fn read(bytes: &[u8], at: usize) -> Field {
    let mut words = [0_u64; 3];
    for (word, part) in words.iter_mut().zip(bytes[at..].chunks_exact(8)) {
        *word = part.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
    }
    words
}

fn write(x: Field, y: Field) -> [u8; 48] {
    let mut bytes = [0; 48];
    let words = x.into_iter().chain(y).flat_map(u64::to_le_bytes);
    bytes.iter_mut().zip(words).for_each(|(to, from)| *to = from);
    bytes
}
