//! What becomes of accessories, event by event.

mod connecting;
mod pairing;
mod properties;
mod rig;
mod sensing;
