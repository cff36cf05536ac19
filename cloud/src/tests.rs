//! Tests through the real router, over a real database in a temporary folder, with a clock that a test moves.
//! Each exchange is held against `openapi.yaml`.

mod accessory;
mod account;
mod bad_input;
mod blobs;
mod budgets;
mod carriers;
mod channel;
mod commands;
mod config;
mod contract;
mod delegate;
mod delivery;
mod device;
mod hostile;
mod idempotency;
mod lasting;
mod life;
mod limits;
mod listener;
mod metrics;
mod notices;
mod operation;
mod orders;
mod owner;
mod page;
mod proof;
mod rig;
mod sign_in;
mod sms_out;
mod store;
mod stream;
mod sync;
mod tls;
mod token;
mod verification;
