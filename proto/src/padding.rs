//! Padding inside what is sealed, so that a length tells little: content, a byte 0x80, zeros (ISO/IEC 7816-4).

use zeroize::Zeroize;

use crate::secret::Secret;

/// Ends the content, before the zeros.
pub(crate) const END: u8 = 0x80;
/// Up to here lengths are multiples of [`STEP`], bytes.
const STEPPED: usize = 16 * 1024;
/// Bytes.
const STEP: usize = 256;

/// Padded bytes that aren't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not padded as documented")]
pub struct NotPadded;

/// The length that `length` bytes of content are padded to: the next multiple of 256 with room for the end, above 16 KiB
/// Padmé's, which keeps of the length as many significant bits as its logarithm has (Nikitin et al., PETS 2019): at most
/// 12 % more.
#[must_use]
pub const fn padded(length: usize) -> usize {
    let length = length.saturating_add(1);
    if length <= STEPPED {
        return length.next_multiple_of(STEP);
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1 << (exponent - kept)) - 1;
    match length.checked_add(mask) {
        Some(sum) => sum & !mask,
        None => usize::MAX,
    }
}

/// Pads `content` to `length` bytes, which must leave room for the end; `content` is overwritten.
pub(crate) fn pad(mut content: Vec<u8>, length: usize) -> Secret<Vec<u8>> {
    // Room from the start: a buffer that grows leaves a copy behind.
    let mut bytes = Vec::with_capacity(length.max(content.len() + 1));
    bytes.extend_from_slice(&content);
    content.zeroize();
    bytes.push(END);
    bytes.resize(length.max(bytes.len()), 0);
    Secret::new(bytes)
}

/// Appends `content` padded to `length` bytes, which must leave room for the end. `bytes` has to have room for them.
pub(crate) fn pad_into(bytes: &mut Vec<u8>, content: &[u8], length: usize) {
    let end = bytes.len() + length.max(content.len() + 1);
    bytes.extend_from_slice(content);
    bytes.push(END);
    bytes.resize(end, 0);
}

/// The content of what [`pad`] padded.
///
/// # Errors
/// [`NotPadded`] without an end.
pub(crate) fn unpad(bytes: &[u8]) -> Result<&[u8], NotPadded> {
    let end = bytes.iter().rposition(|byte| *byte != 0).ok_or(NotPadded)?;
    match bytes.split_at_checked(end) {
        Some((content, [END, ..])) => Ok(content),
        _ => Err(NotPadded),
    }
}

/// The content of what [`pad`] padded to [`padded`]'s length: no content has two forms.
///
/// # Errors
/// [`NotPadded`] without an end, and for another length.
pub(crate) fn unpad_exact(bytes: &[u8]) -> Result<&[u8], NotPadded> {
    let content = unpad(bytes)?;
    match padded(content.len()) == bytes.len() {
        true => Ok(content),
        false => Err(NotPadded),
    }
}

#[cfg(test)]
mod tests {
    use super::{pad, padded, unpad};

    #[test]
    fn short_contents_share_their_lengths_in_steps() {
        assert_eq!(
            [0, 255, 256, 300, 16_383].map(padded),
            [256, 256, 512, 512, 16_384]
        );
    }

    #[test]
    fn long_contents_grow_by_an_eighth_at_most() {
        for length in (16_384..9_000_000).step_by(997) {
            let long = padded(length);
            assert!(
                long > length && long * 100 <= (length + 1) * 112,
                "{length} -> {long}"
            );
            assert_eq!(padded(long - 1), long);
        }
    }

    #[test]
    fn what_is_padded_comes_back() {
        for content in [vec![], vec![0x80], vec![0; 255], vec![7; 256]] {
            let bytes = pad(content.clone(), padded(content.len()));
            assert_eq!(bytes.expose().len(), padded(content.len()));
            assert_eq!(unpad(bytes.expose()).unwrap(), content);
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        for bytes in [vec![], vec![0; 256], vec![1; 256]] {
            assert!(unpad(&bytes).is_err());
        }
    }
}
