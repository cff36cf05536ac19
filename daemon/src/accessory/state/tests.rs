//! What becomes of accessories, event by event.

mod clock;
mod connecting;
mod pairing;
mod properties;
mod registry;
mod rig;
mod sensing;
mod uses;
