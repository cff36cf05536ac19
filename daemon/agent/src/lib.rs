//! Mirrors a user's own files into the collections that belayd syncs, and back.

pub mod inotify;
pub mod memory;
pub mod mirror;
pub mod model;
pub mod names;
pub mod ports;
pub mod queue;
pub mod source;
pub mod state;
pub mod tree;
pub mod work;
