//! Mi Bands, made by Huami: Mi Band 2 to 6 as they speak before the protocol of 2021.
//!
//! [`codec`] is bytes, [`model`] is what differs between the bands, [`driver`] is the conversation. [`v2021`] is the
//! bytes of the protocol of 2021, which no driver speaks yet.

pub mod activity;
pub mod advertisement;
pub mod aes;
pub mod codec;
pub mod driver;
pub mod model;
pub mod uuids;
pub mod v2021;

pub use driver::Band;
