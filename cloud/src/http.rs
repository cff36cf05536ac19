//! What all calls share: reading a request, proofs, idempotency, and how an answer looks.

pub mod answer;
pub mod call;
pub mod idempotency;
pub mod json;
pub mod metrics;
pub mod nonce;
pub mod packed;
pub mod places;
pub mod proof;
pub mod query;

pub use answer::Answer;
pub use call::{Call, Caller, id_in_path};
pub use proof::{Bearer, Proof, Session, Shown};
pub use query::Query;
