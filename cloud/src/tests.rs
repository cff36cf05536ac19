//! Tests through the real router, over a real database in a temporary folder, with a clock that a test moves.
//! Each exchange is held against `openapi.yaml`.

mod account;
mod bad_input;
mod carriers;
mod config;
mod contract;
mod delivery;
mod device;
mod idempotency;
mod listener;
mod operation;
mod owner;
mod page;
mod proof;
mod rig;
mod sign_in;
mod sms_out;
mod store;
mod token;
mod verification;
