//! Everything the warden keeps: the edge towards the file system.

pub mod audit_log;
pub mod copies;
pub mod files;
pub mod first_state;
pub mod journal;
pub mod places;
pub mod sealing;
pub mod vault;
