//! The protocol of 2021, as Mi Band 6 with newer firmware and Xiaomi Smart Band 7 speak it: messages to endpoints, in
//! chunks over one pair of characteristics, encrypted with a key that both sides agree on.
//!
//! [`b163`] is the key agreement, [`auth`] the messages around it, [`crypto`] what follows from it, [`chunked`] the
//! framing and [`sender`] the counters of what is sent. All of it is bytes and numbers, little-endian throughout.
//!
//! There is no driver for it yet: [`registry::driver`](crate::registry::driver) has none for
//! [`Kind::MiBand7`](crate::Kind::MiBand7), so a Band 7 is recognised by its name but can't be paired with.

pub mod auth;
pub mod b163;
pub mod chunked;
pub mod crypto;
pub mod sender;

#[cfg(test)]
mod tests;

/// Endpoints of messages.
pub mod endpoint {
    /// Today's counters.
    pub const STEPS: u16 = 0x0016;
    /// The battery.
    pub const BATTERY: u16 = 0x0029;
    /// The authentication.
    pub const AUTHENTICATION: u16 = 0x0082;
}
