//! The accessories domain: bands, scales and sensors of the owner.
//!
//! The protocols themselves are the package `belay-drivers`, pure; here is who keeps accessories and who carries out
//! what the drivers ask for. `state.rs` decides, `actor.rs` keeps it and has its effects done, `ports.rs` is what they
//! need of the radio, `link/` the radio itself, over BlueZ, `day.rs` how a day of health data is packed, and `registry/`
//! shares the accessories with the owner's other devices.

mod actor;
pub mod day;
pub mod error;
mod handle;
pub mod link;
pub mod model;
pub mod ports;
pub mod registry;
pub mod state;
pub mod view;

pub use actor::Parts;
pub use error::AccessoryError;
pub use handle::{AccessoryHandle, Announcement, MOST_MINUTES};
pub use model::{WishChanges, Wishes};
pub use view::{AccessoryView, View};
