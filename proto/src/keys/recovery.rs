//! The recovery code: 160 random bits that a person can write down.

use zeroize::{Zeroize, Zeroizing};

use super::{KeyError, Root, WrapKey, hkdf, random};
use crate::id::AccountId;
use crate::secret::Secret;

/// Crockford's base32 symbols; the last five only check.
const SYMBOLS: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

/// Whoever changes the password doesn't know the code, and hands on the wrap as it is: it is bound to the account alone.
const ANY_GENERATION: u64 = 0;

/// 160 random bits. As text 32 symbols of Crockford's base32 in groups of 4, and a check symbol:
/// the number modulo 37, a prime, so that any one wrong symbol and any two swapped neighbours show.
#[derive(Debug)]
pub struct RecoveryCode(Secret<[u8; 20]>);

/// Why a text is no recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryCodeError {
    /// Not 33 symbols, dashes and spaces aside.
    #[error("a recovery code has 33 symbols")]
    Length,
    /// A character that is no symbol.
    #[error("a character that no recovery code has")]
    Symbol,
    /// The check symbol doesn't fit: something was mistyped.
    #[error("the check symbol doesn't fit")]
    Check,
}

impl RecoveryCode {
    /// A fresh one.
    pub fn generate() -> Self {
        Self(Secret::new(random()))
    }

    /// From its 160 bits.
    pub fn from_bytes(bytes: Secret<[u8; 20]>) -> Self {
        Self(bytes)
    }

    /// Its 160 bits, to store them sealed.
    pub fn bytes(&self) -> &Secret<[u8; 20]> {
        &self.0
    }

    /// Reads what a person typed: either case, I and L as 1, O as 0, dashes and spaces anywhere.
    ///
    /// # Errors
    /// [`RecoveryCodeError`].
    pub fn parse(text: &str) -> Result<Self, RecoveryCodeError> {
        let mut values = Zeroizing::new([0_u8; 33]);
        let mut count = 0;
        for symbol in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let slot = values.get_mut(count).ok_or(RecoveryCodeError::Length)?;
            *slot = value_of(symbol).ok_or(RecoveryCodeError::Symbol)?;
            count += 1;
        }
        let [digits @ .., check] = &*values;
        if count != 33 {
            return Err(RecoveryCodeError::Length);
        }
        if digits.iter().any(|digit| *digit >= 32) {
            return Err(RecoveryCodeError::Symbol);
        }
        if check_of(digits) != *check {
            return Err(RecoveryCodeError::Check);
        }
        Ok(Self(Secret::new(pack(digits))))
    }

    /// The code as shown: `ABCD-EFGH-…-C`.
    pub fn text(&self) -> Secret<String> {
        let mut digits = unpack(self.0.expose());
        // Its full length at once: a text that grows leaves copies behind.
        let mut text = String::with_capacity(41);
        for (position, digit) in digits.iter().enumerate() {
            if position > 0 && position % 4 == 0 {
                text.push('-');
            }
            text.push(symbol_of(*digit));
        }
        text.push('-');
        text.push(symbol_of(check_of(&digits)));
        digits.zeroize();
        Secret::new(text)
    }

    /// The key that wraps the root a second time.
    pub fn wrap_key(&self) -> WrapKey {
        WrapKey::new(hkdf(self.0.expose(), b"", b"belay/recovery/1"))
    }

    /// The root under this code: a credentials record's `recovery_wrap`, good for each generation of the account's
    /// credentials, as [`Root::wrap`] writes it for generation 0.
    pub fn wrap(&self, root: &Root, account: &AccountId) -> Vec<u8> {
        root.wrap(&self.wrap_key(), account, ANY_GENERATION)
    }

    /// Opens what [`RecoveryCode::wrap`] made for the same account.
    ///
    /// # Errors
    /// [`KeyError::Unwrap`] for another code or account, or a changed byte.
    pub fn unwrap(&self, account: &AccountId, wrapped: &[u8]) -> Result<Root, KeyError> {
        Root::unwrap(&self.wrap_key(), account, ANY_GENERATION, wrapped)
    }
}

fn symbol_of(value: u8) -> char {
    SYMBOLS.get(usize::from(value)).copied().map_or('?', char::from)
}

fn value_of(symbol: char) -> Option<u8> {
    let symbol = match symbol.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    let position = SYMBOLS.iter().position(|known| char::from(*known) == symbol)?;
    u8::try_from(position).ok()
}

fn check_of(digits: &[u8; 32]) -> u8 {
    let rest = digits
        .iter()
        .fold(0_u16, |rest, digit| (rest * 32 + u16::from(*digit)) % 37);
    rest.to_le_bytes()[0]
}

/// 32 digits of 5 bits to 20 bytes, most significant first.
fn pack(digits: &[u8; 32]) -> [u8; 20] {
    let mut bytes = [0; 20];
    for (five, eight) in bytes.chunks_exact_mut(5).zip(digits.chunks_exact(8)) {
        let mut word = eight
            .iter()
            .fold(0_u64, |word, digit| word << 5 | u64::from(*digit));
        five.copy_from_slice(&word.to_be_bytes()[3..]);
        word.zeroize();
    }
    bytes
}

/// 20 bytes to 32 digits of 5 bits.
fn unpack(bytes: &[u8; 20]) -> [u8; 32] {
    let mut digits = [0; 32];
    for (eight, five) in digits.chunks_exact_mut(8).zip(bytes.chunks_exact(5)) {
        let word = five.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        for (place, digit) in eight.iter_mut().rev().enumerate() {
            *digit = (word >> (5 * place)).to_le_bytes()[0] & 31;
        }
    }
    digits
}
