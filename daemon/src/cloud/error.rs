//! What can go wrong between this device and the cloud.

use std::time::Duration;

use crate::cloud::problem::{Problem, ProblemKind};
use crate::cloud::retry;

/// Why a call to the cloud gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// `[cloud] url` is not set.
    #[error("no cloud is configured")]
    NotConfigured,
    /// The configured address or certificate authority can't be used.
    #[error("the cloud can't be used as configured: {0}")]
    Misconfigured(String),
    /// No answer: no network, no name, no connection, a time-out, or a server that is down for a while.
    #[error("the cloud can't be reached: {what}")]
    Offline {
        /// Which part failed.
        what: String,
        /// How long the cloud asked to be left alone, when it said so.
        retry_after: Option<Duration>,
        /// Whether nothing of the call has left this device.
        unsent: bool,
        /// The transport's error, when there was one.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// An answer that the contract doesn't allow: nonsense, too large, a wrong type, a forged object.
    #[error("the cloud answered something unusable: {0}")]
    Nonsense(String),
    /// A refusal with a name (RFC 9457).
    #[error(transparent)]
    Problem(#[from] Problem),
    /// There is no session, or the cloud ended it (`invalid-grant`).
    #[error("the session has ended; the password is needed again")]
    SessionEnded,
    /// The tokens or the device key could not be read or kept.
    #[error("the vault failed")]
    Vault(#[from] VaultError),
}

impl CloudError {
    /// An outage without a transport error, after which the call may have arrived.
    #[must_use]
    pub fn offline(what: impl Into<String>) -> Self {
        Self::Offline {
            what: what.into(),
            retry_after: None,
            unsent: false,
            source: None,
        }
    }

    /// Whether the same call may succeed later without anything else changing.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Offline { .. } | Self::NotConfigured)
    }

    /// How long to wait before the same is asked again unasked, from `Retry-After`, a day at most. What a person is told is the
    /// whole of it: [`Problem::retry_after`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry::kept(match self {
            Self::Offline { retry_after, .. } => *retry_after,
            Self::Problem(problem) => problem.retry_after,
            _ => None,
        })
    }

    /// Whether the cloud can't have heard of the call. After any other outage it may have carried it out, and only the
    /// answer was lost.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Offline { unsent, .. } => *unsent,
            Self::NotConfigured | Self::Misconfigured(_) | Self::SessionEnded | Self::Vault(_) => true,
            Self::Nonsense(_) | Self::Problem(_) => false,
        }
    }

    /// The same error of a call that was sent before, though not this time.
    pub(super) fn after_sending(self, sent: bool) -> Self {
        match self {
            Self::Offline {
                what,
                retry_after,
                unsent,
                source,
            } => Self::Offline {
                what,
                retry_after,
                unsent: unsent && !sent,
                source,
            },
            other => other,
        }
    }

    /// The same of a call of which another copy may have been carried out before: this refusal says nothing of that one, whose answer
    /// is lost.
    #[must_use]
    pub fn after_another(self) -> Self {
        match self {
            Self::Problem(problem) => Self::Offline {
                what: format!(
                    "an answer was lost, and the same call again was refused ({} {})",
                    problem.status, problem.name
                ),
                retry_after: problem.retry_after,
                unsent: false,
                source: None,
            },
            other => other,
        }
    }

    /// The same where something in the cloud's place may have refused: a refusal without [a name](Problem::is_named) says nothing of
    /// whether the call was passed on before, and carried out.
    #[must_use]
    pub fn in_its_place(self) -> Self {
        match self {
            Self::Problem(problem) if !problem.is_named => Self::Offline {
                what: format!("what refused isn't the cloud ({})", problem.status),
                retry_after: problem.retry_after,
                unsent: false,
                source: None,
            },
            other => other,
        }
    }

    /// Whether the cloud has decided, so that asking the same again gives the same.
    ///
    /// A call that ended otherwise may or may not have been carried out. So may one whose proof alone was refused: another copy
    /// of it, which the network delivered before, may have used that proof. So may one that was refused without a
    /// [name](Problem::is_named): that is the word of something that stands before the cloud, and the cloud may have said another one.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        let Self::Problem(problem) = self else {
            return false;
        };
        problem.is_named
            && (400..500).contains(&problem.status)
            && problem.status != 429
            && problem.kind != ProblemKind::InvalidDpopProof
    }
}

/// What an answer that is none of success means.
pub(super) fn refusal(problem: Problem) -> CloudError {
    match problem.status {
        502..=504 => CloudError::Offline {
            what: "the cloud is out of order".into(),
            retry_after: problem.retry_after,
            unsent: false,
            source: None,
        },
        400.. => CloudError::Problem(problem),
        status => CloudError::Nonsense(format!("status {status}")),
    }
}

/// Why the tokens or the device key could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct VaultError {
    /// What was tried.
    pub what: String,
    /// Why it failed.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl VaultError {
    /// An error with its cause.
    pub fn new(what: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            what: what.into(),
            source: Some(Box::new(source)),
        }
    }
}
