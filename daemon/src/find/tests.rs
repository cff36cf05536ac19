//! The domain between a scripted cloud on a real socket and a warden that remembers.

mod channel;
mod cloud;
mod cuts;
mod effects;
mod judging;
mod relay;
pub(crate) mod rig;
mod warden;
mod wipe;
