//! The protocol of 2021, as Mi Band 6 with newer firmware and Xiaomi Smart Band 7 speak it: messages to endpoints, in
//! chunks over one pair of characteristics, encrypted with a key that both sides agree on.
//!
//! [`b163`] is the key agreement, [`auth`] the messages around it, [`crypto`] what follows from it, [`chunked`] the
//! framing, [`sender`] the counters of what is sent, and [`tunnel`] both ways together. [`messages`] and
//! [`notification`] are what is inside. All of it is bytes and numbers, little-endian throughout.

pub mod auth;
pub mod b163;
pub mod chunked;
pub mod crypto;
pub mod messages;
pub mod notification;
pub mod sender;
pub mod tunnel;

#[cfg(test)]
mod tests;

/// Endpoints of messages. Which of them are encrypted is what bands say of them to Gadgetbridge, and what that sends.
pub mod endpoint {
    /// The connection itself; in clear.
    pub const CONNECTION: u16 = 0x0015;
    /// Today's counters; in clear.
    pub const STEPS: u16 = 0x0016;
    /// Who wears it; encrypted.
    pub const WEARER: u16 = 0x0017;
    /// Searches for the band and for the phone; encrypted.
    pub const FIND: u16 = 0x001a;
    /// The heart rate sensor; in clear.
    pub const HEART_RATE: u16 = 0x001d;
    /// Messages and calls; encrypted.
    pub const NOTIFICATIONS: u16 = 0x001e;
    /// The battery; in clear.
    pub const BATTERY: u16 = 0x0029;
    /// The authentication; in clear.
    pub const AUTHENTICATION: u16 = 0x0082;
    /// What bands before had characteristics for; encrypted.
    pub const COMPATIBILITY: u16 = 0x0090;
}
