//! The Belay daemon, `belayd`, and its command-line face, `belayctl`.
//!
//! `bus`, `ctl` and the binaries know the domain (`account`, `device`); the domain knows traits and
//! handles; `cloud`, `store`, `warden` and `platform` implement them. `ARCHITECTURE.md` beside this
//! package draws the map.

pub mod accessory;
pub mod account;
pub mod actor;
pub mod bus;
pub mod cloud;
pub mod config;
pub mod ctl;
pub mod daemon;
pub mod device;
pub mod find;
pub mod platform;
pub mod store;
pub mod sync;
pub mod uses;
pub mod warden;
