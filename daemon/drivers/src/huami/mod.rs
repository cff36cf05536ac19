//! Mi Bands, made by Huami: Mi Band 2 to 6 as they speak before the protocol of 2021.
//!
//! [`codec`] is bytes, [`model`] is what differs between the bands.

pub mod activity;
pub mod advertisement;
pub mod aes;
pub mod codec;
pub mod model;
pub mod uuids;
