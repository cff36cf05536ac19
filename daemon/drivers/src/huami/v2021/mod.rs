//! The protocol of 2021 (later firmware of Mi Band 6, Mi Band 7): its curve, its chunks, its encryption.

pub mod auth;
pub mod b163;
pub mod chunked;
pub mod crypto;
#[cfg(test)]
mod tests;
