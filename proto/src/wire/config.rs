//! What a cloud says about itself.

use serde::{Deserialize, Serialize};

/// `GET /v1/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigAnswer {
    /// The limits.
    pub limits: Limits,
    /// Channels that verifications may use: `email`, `sms`, `sms-out`.
    pub channels: Vec<String>,
}

/// Limits of a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Records a batch.
    pub records: u32,
    /// Bytes of a body.
    pub body: u64,
    /// Bytes of an inline record.
    pub inline_record: u64,
    /// Bytes of the smallest chunk.
    pub chunk_min: u64,
    /// Bytes of the largest chunk.
    pub chunk_max: u64,
    /// Entries of a page.
    pub page: u32,
    /// The shortest heartbeat, ms.
    pub heartbeat_min_ms: u64,
    /// The longest heartbeat, ms.
    pub heartbeat_max_ms: u64,
}
