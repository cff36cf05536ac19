//! The bytes of the protocol, little-endian throughout.
//!
//! Decoders take anything. What is too short or out of range is [`Malformed`]; bytes after what is known are ignored,
//! because later firmware appends.

pub mod alarm;
pub mod alert;
pub mod auth;
pub mod battery;
pub mod chunked;
pub mod config;
pub mod event;
pub mod fetch;
pub mod heart_rate;
pub mod information;
pub mod sample;
pub mod steps;
pub mod time;
pub mod user;

/// Bytes that aren't what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;

/// The `N` bytes at `at`.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The `u16` at `at`.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes_at(bytes, at).map(u16::from_le_bytes)
}

/// The `u32` at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes_at(bytes, at).map(u32::from_le_bytes)
}
