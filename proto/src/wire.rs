//! The cloud's wire: JSON bodies of `/v1`, as `openapi.yaml` has them. Bytes are base64url without
//! padding, ids hexadecimal, waits in ms, points in time in seconds since the epoch unless a name
//! says otherwise.
//!
//! Sync has the same in MessagePack, where bytes and ids are `bin`.
//!
//! A request with an unknown field is malformed; an answer may grow.

mod accessory;
mod account;
mod bytes;
mod channel;
mod chunk;
mod command;
mod config;
mod device;
mod login;
mod problem;
mod report;
pub mod sse;
mod sync;
mod verification;

pub use accessory::{ACCESSORIES_PAGE, AccessoriesAnswer, AccessoryEntry, AccessoryRequest};
pub use account::{
    AccountAnswer, AddIdentifierRequest, BootloaderAnswer, BootloaderRequest, CreateAccountRequest,
    CreatedAccount, CredentialsAnswer, Grant, HoldAnswer, HoldRequest, IdentifierAnswer,
    NewCredentialsRequest, OpenRecoveryRequest, OrderRequest, Profile, ProfileChanges, RecoveryAnswer,
    RemoveDeviceRequest, ServiceTokenAnswer, ServiceTokenRequest, SuccessionAnswer,
};
pub use bytes::{Bytes, SecretText, Share};
pub use channel::{
    EVENT_STREAM, HEARTBEAT_COMMENT, Hint, OutcomeRequest, QueueAnswer, QueuedCommand, ReportRequest,
    UnknownHint,
};
pub use chunk::{OCTET_STREAM, from_repr_digest, repr_digest};
pub use command::{
    CommandLife, CommandRequest, CommandsAnswer, DelegateRequest, DelegatesAnswer, ReportsAnswer,
    SealedReport,
};
pub use config::{ConfigAnswer, Limits};
pub use device::{
    AddDeviceRequest, AddedDevice, DeviceAnswer, DeviceKind, DevicesAnswer, HardwareAnswer, HardwareRequest,
    ReleaseRequest, RenameDeviceRequest,
};
pub use login::{
    LoginAnswer, LoginChallengeAnswer, LoginChallengeRequest, LoginRequest, RevokeRequest, TokenAnswer,
    TokenRequest, Tokens,
};
pub use problem::{PROBLEM_PREFIX, Problem};
pub use report::{AccessPoint, Cell, LocationSource, MAX_SEALED_REPORT, Report, ReportError, ReportIds};
pub use sync::{
    CHANGES_BYTES, CHANGES_PAGE, ChangesAnswer, MESSAGE_PACK, MISSING_CHUNKS, MissingAnswer, MissingChunk,
    MissingRequest, PUSH_RECORDS, PushAnswer, PushRecord, PushRequest, PushResult, PushStatus, Quota,
    RECORD_CHUNKS, SyncRecord,
};
pub use verification::{
    ChallengeAnswer, Channel, CodeRequest, InboundSms, OpenVerificationRequest, OpenedVerification,
    ProofOfWork, ResendRequest, SmsOut, TicketAnswer, VerificationAnswer, VerificationPurpose,
    VerificationStatus, Waits,
};

/// Names of headers that aren't HTTP's own.
pub mod header {
    /// A DPoP proof (RFC 9449 §4).
    pub const DPOP: &str = "dpop";
    /// The nonce for the next proof (RFC 9449 §8).
    pub const DPOP_NONCE: &str = "dpop-nonce";
    /// Makes a mutating call one, however often it is sent.
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
    /// The length of a sealed chunk, bytes.
    pub const UPLOAD_LENGTH: &str = "upload-length";
    /// Where in a chunk a body begins, or has to begin, bytes.
    pub const UPLOAD_OFFSET: &str = "upload-offset";
    /// A digest of all of a chunk (RFC 9530 §3).
    pub const REPR_DIGEST: &str = "repr-digest";
    /// `hex(HMAC-SHA256(secret, body))` on `POST /v1/inbound-sms`.
    pub const GATEWAY_SIGNATURE: &str = "belay-gateway-signature";
}

#[cfg(test)]
mod tests;
