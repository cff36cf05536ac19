//! The deeds of an account, each with all that it needs, so that each can be done again under a network and a cloud that are
//! as bad as can be.

mod asides;
mod claimed;
mod deed;
mod forged;
mod invented;
mod lies;
mod lost;
mod refusals;
mod second;
mod world;

pub use deed::Deed;
pub use world::{View, World};
