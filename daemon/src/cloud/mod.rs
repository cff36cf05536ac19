//! The client of the cloud.
//!
//! [`CloudClient`] makes a call: it proves the device key (DPoP), takes up the server's nonces, exchanges tokens,
//! tries again where that may help, and tells an outage from a refusal and a refusal from nonsense. `api` is
//! what the account asks for, call by call; `channel` what the owner's commands need, `stream` how they are
//! announced; `sync` the records and chunks of sync, in MessagePack and as they are.

mod anew;
mod api;
mod call;
mod channel;
mod client;
mod device;
mod error;
mod heard;
mod hold;
mod orders;
mod packed;
mod pow;
mod problem;
mod registry;
mod retry;
mod stream;
mod sync;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod transport;
mod upkeep;
mod vault;

pub use call::{Auth, Call, idempotency_key};
pub use client::{CloudClient, Revocation};
pub use error::{CloudError, VaultError};
pub use problem::{Problem, ProblemKind};
pub use stream::{EventStream, Item};
pub use tls::check_url;
pub use transport::{EXCHANGE_TIMEOUT, LARGEST_ANSWER};
pub use vault::{Alone, Tokens, Vault};
