//! Mi Bands, made by Huami: Mi Band 2 to 7.
//!
//! [`codec`] is bytes, [`model`] is what differs between the bands, [`driver`] is the conversation. [`v2021`] is the
//! bytes of the protocol of 2021, which Mi Band 6 speaks with newer firmware and Xiaomi Smart Band 7 always.

pub mod activity;
pub mod advertisement;
pub mod aes;
pub mod codec;
pub mod driver;
pub mod model;
pub mod uuids;
pub mod v2021;

pub use driver::Band;
