//! Virtual accessories for the air of the simulated BlueZ. Their bytes are written here from what is known of the
//! protocols, with no code shared with the drivers, so that a misunderstanding can't hide in both.

pub mod strap;

pub use strap::Strap;
