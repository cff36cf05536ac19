//! What becomes of accessories, event by event.

mod backoff;
mod bonds;
mod clock;
mod connecting;
mod pairing;
mod pending;
mod properties;
mod registry;
mod rig;
mod sensing;
mod trials;
mod uses;
