//! The accessories domain: bands, scales and sensors of the owner.
//!
//! The protocols themselves are the package `belay-drivers`, pure; here is who keeps accessories and who carries out
//! what the drivers ask for: [`link`] over BlueZ.

pub mod link;
pub mod ports;
