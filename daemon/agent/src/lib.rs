//! Mirrors a user's own files into the collections that belayd syncs, and back.

pub mod model;
pub mod state;
