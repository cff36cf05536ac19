//! The names of refusals.

use axum::http::StatusCode;

/// The names that refusals have, with their status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body or a parameter isn't what the contract says.
    Malformed,
    /// The address is neither an e-mail address nor a phone number, or doesn't fit the channel.
    InvalidAddress,
    /// A mutating call came without `Idempotency-Key`.
    IdempotencyKeyRequired,
    /// The refresh token's family has ended, or never was.
    InvalidGrant,
    /// The DPoP proof carries no nonce, or one that is too old.
    UseDpopNonce,
    /// The DPoP proof is missing, wrong, for another call, or was used before.
    InvalidDpopProof,
    /// The access token is missing, over, or bound to another key.
    InvalidToken,
    /// The owner removed the device from the account.
    Removed,
    /// The proof of work is wrong, over, or was used before.
    ProofOfWorkRefused,
    /// The code isn't the one that was sent.
    WrongCode,
    /// The verification's ticket is unknown, over, used, or another key's.
    BadTicket,
    /// The credentials record isn't signed by the owner key, or isn't one that this account may have.
    BadCredentials,
    /// The device certificate isn't signed by the owner key, or names something else.
    BadCertificate,
    /// The order isn't the owner's, or is for another deed.
    BadOrder,
    /// The release isn't signed by the device's warden.
    BadRelease,
    /// The login proof is wrong, or there is no such account.
    LoginRefused,
    /// The key that made the proof is bound to no device.
    NotBound,
    /// The gateway's or the warden's signature is wrong.
    BadSignature,
    /// The command isn't signed by the owner, or is for another account or device.
    BadCommand,
    /// The delegate isn't the owner's, is over, or may not ask for this.
    NoSuchDelegate,
    /// No such thing, or not this caller's.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The verification isn't confirmed yet.
    NotConfirmed,
    /// The address belongs to an account already.
    IdentifierTaken,
    /// The account exists already.
    AccountExists,
    /// The hardware belongs to another account.
    ActivationLocked,
    /// What was signed was signed for a binding that isn't in force.
    OtherEpoch,
    /// The command's id is another command's.
    CommandExists,
    /// The change doesn't follow the present revision.
    RevisionConflict,
    /// What was forgotten since can't be told: the cursor is too old, or another database's.
    CursorTooOld,
    /// What was sealed was sealed in an older key epoch.
    KeyEpochOld,
    /// A chunk's bytes begin where others belong.
    WrongOffset,
    /// Another call writes the chunk.
    ChunkBusy,
    /// The bytes of a chunk aren't those that were announced.
    DigestMismatch,
    /// The range lies behind the end.
    RangeNotSatisfiable,
    /// A device or an accessory is bound to the account.
    DevicesStillBound,
    /// It was signed under other credentials, or takes the place of another keyring, than the present ones.
    GenerationConflict,
    /// A recovery without the code is being waited out.
    RecoveryOnHold,
    /// The order was done before.
    OrderUsed,
    /// The address is the login.
    IdentifierIsLogin,
    /// The device's queue has no place left.
    QueueFull,
    /// The command's time is over.
    CommandExpired,
    /// The code is over or spent, or the verification is.
    CodeExpired,
    /// The body is over the limit.
    TooLarge,
    /// The body isn't of the type that the contract says.
    UnsupportedMediaType,
    /// The idempotency key came before, with another body.
    IdempotencyKeyReused,
    /// This cloud has no such channel.
    ChannelUnavailable,
    /// Another code may not be sent yet.
    TooSoon,
    /// A limit or budget is used up.
    TooMany,
    /// Something in the cloud failed.
    Internal,
    /// The cloud has more to do than it can.
    Busy,
    /// The account has as much as it may.
    QuotaExceeded,
}

impl Kind {
    /// The name without [`belay_proto::wire::PROBLEM_PREFIX`], the status, and the title.
    #[must_use]
    pub const fn describe(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "The request is malformed"),
            Self::InvalidAddress => (
                "invalid-address",
                StatusCode::BAD_REQUEST,
                "The address can't be used",
            ),
            Self::IdempotencyKeyRequired => (
                "idempotency-key-required",
                StatusCode::BAD_REQUEST,
                "This call needs an Idempotency-Key",
            ),
            Self::InvalidGrant => ("invalid-grant", StatusCode::BAD_REQUEST, "The session has ended"),
            Self::UseDpopNonce => (
                "use-dpop-nonce",
                StatusCode::UNAUTHORIZED,
                "The proof needs the nonce that comes with this answer",
            ),
            Self::InvalidDpopProof => (
                "invalid-dpop-proof",
                StatusCode::UNAUTHORIZED,
                "The proof of the device key is not valid",
            ),
            Self::InvalidToken => (
                "invalid-token",
                StatusCode::UNAUTHORIZED,
                "The access token is not valid",
            ),
            Self::Removed => (
                "removed",
                StatusCode::UNAUTHORIZED,
                "The device was removed from the account",
            ),
            Self::ProofOfWorkRefused => (
                "proof-of-work-refused",
                StatusCode::FORBIDDEN,
                "The proof of work is not valid",
            ),
            Self::WrongCode => ("wrong-code", StatusCode::FORBIDDEN, "The code is wrong"),
            Self::BadTicket => ("bad-ticket", StatusCode::FORBIDDEN, "The ticket is not valid"),
            Self::BadCredentials => (
                "bad-credentials",
                StatusCode::FORBIDDEN,
                "The credentials record is not valid",
            ),
            Self::BadCertificate => (
                "bad-certificate",
                StatusCode::FORBIDDEN,
                "The device certificate is not valid",
            ),
            Self::BadOrder => (
                "bad-order",
                StatusCode::FORBIDDEN,
                "The order is not the owner's for this",
            ),
            Self::BadRelease => ("bad-release", StatusCode::FORBIDDEN, "The release is not valid"),
            Self::LoginRefused => ("login-refused", StatusCode::FORBIDDEN, "The sign-in was refused"),
            Self::NotBound => (
                "not-bound",
                StatusCode::FORBIDDEN,
                "This key is bound to no device",
            ),
            Self::BadSignature => (
                "bad-signature",
                StatusCode::FORBIDDEN,
                "The signature is not valid",
            ),
            Self::BadCommand => (
                "bad-command",
                StatusCode::FORBIDDEN,
                "The command is not the owner's for this device",
            ),
            Self::NoSuchDelegate => (
                "no-such-delegate",
                StatusCode::FORBIDDEN,
                "The delegate may not ask for this",
            ),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "No such thing"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The path knows other methods",
            ),
            Self::RequestTimeout => (
                "request-timeout",
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long",
            ),
            Self::NotConfirmed => (
                "not-confirmed",
                StatusCode::CONFLICT,
                "The address is not confirmed yet",
            ),
            Self::IdentifierTaken => (
                "identifier-taken",
                StatusCode::CONFLICT,
                "The address belongs to an account already",
            ),
            Self::AccountExists => (
                "account-exists",
                StatusCode::CONFLICT,
                "The account exists already",
            ),
            Self::ActivationLocked => (
                "activation-locked",
                StatusCode::CONFLICT,
                "The device belongs to another account",
            ),
            Self::OtherEpoch => (
                "other-epoch",
                StatusCode::CONFLICT,
                "It was signed for another binding",
            ),
            Self::CommandExists => (
                "command-exists",
                StatusCode::CONFLICT,
                "Another command has this id",
            ),
            Self::RevisionConflict => (
                "revision-conflict",
                StatusCode::CONFLICT,
                "The change doesn't follow the present revision",
            ),
            Self::CursorTooOld => (
                "cursor-too-old",
                StatusCode::GONE,
                "What happened since can't be told",
            ),
            Self::KeyEpochOld => (
                "key-epoch-old",
                StatusCode::PRECONDITION_FAILED,
                "There are newer keys",
            ),
            Self::WrongOffset => (
                "wrong-offset",
                StatusCode::CONFLICT,
                "The chunk goes on elsewhere",
            ),
            Self::ChunkBusy => (
                "chunk-busy",
                StatusCode::CONFLICT,
                "Another call brings the chunk",
            ),
            Self::DigestMismatch => (
                "digest-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The chunk isn't what was announced",
            ),
            Self::RangeNotSatisfiable => (
                "range-not-satisfiable",
                StatusCode::RANGE_NOT_SATISFIABLE,
                "The range lies behind the end",
            ),
            Self::DevicesStillBound => (
                "devices-still-bound",
                StatusCode::CONFLICT,
                "A device or accessory is bound to the account",
            ),
            Self::GenerationConflict => (
                "generation-conflict",
                StatusCode::CONFLICT,
                "It doesn't follow the present credentials and keyring",
            ),
            Self::RecoveryOnHold => (
                "recovery-on-hold",
                StatusCode::CONFLICT,
                "A recovery is being waited out",
            ),
            Self::OrderUsed => ("order-used", StatusCode::CONFLICT, "The order was done before"),
            Self::IdentifierIsLogin => (
                "identifier-is-login",
                StatusCode::CONFLICT,
                "The address is the account's login",
            ),
            Self::QueueFull => (
                "queue-full",
                StatusCode::CONFLICT,
                "Too many commands wait for the device",
            ),
            Self::CommandExpired => ("command-expired", StatusCode::GONE, "The command's time is over"),
            Self::CodeExpired => ("code-expired", StatusCode::GONE, "The code is over"),
            Self::TooLarge => (
                "too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body's type is not the contract's",
            ),
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key came before with another body",
            ),
            Self::ChannelUnavailable => (
                "channel-unavailable",
                StatusCode::UNPROCESSABLE_ENTITY,
                "This cloud has no such channel",
            ),
            Self::TooSoon => (
                "too-soon",
                StatusCode::TOO_MANY_REQUESTS,
                "Another code may not be sent yet",
            ),
            Self::TooMany => ("too-many", StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something failed in the cloud",
            ),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "The cloud is busy"),
            Self::QuotaExceeded => (
                "quota-exceeded",
                StatusCode::INSUFFICIENT_STORAGE,
                "The account has as much as it may",
            ),
        }
    }
}
