//! What the operating system does for lost mode and for a wipe. At the edge: the core says what is owed, one of
//! these does it, and is asked again until it holds.

pub mod exec;
pub mod refused;
pub mod systemd;
pub(crate) mod work;

use belay_proto::CommandId;
use belay_proto::clock::BoxFuture;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// The lost screen alone: no session, no shell.
    Lost,
    /// As before the device was lost.
    Unlock,
    /// Somebody looks after lost mode, and wakes the warden for its policies.
    Watch,
    /// Everything that may refuse the wipe that the intent on disk describes. Nothing of what is wiped is touched and no
    /// session ends; once it is done nothing refuses any more, and a power cut holds nothing up.
    Prepare(CommandId),
    /// That wipe: the sessions first, for which it waits, though not for ever; then the keys.
    Wipe(CommandId),
}

/// It isn't done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnforceError {
    /// The wipe's preflight says no; nothing was changed. The reason is a code.
    #[error("refused: {0}")]
    Refused(String),
    /// It may work another time.
    #[error("{reason}: {detail}")]
    Failed {
        /// A code, for the owner.
        reason: &'static str,
        /// In words, for the log.
        detail: String,
    },
}

/// Who does it.
pub trait Enforcer: Send + Sync {
    /// Does it, and answers when it holds.
    ///
    /// # Errors
    /// [`EnforceError`]; asked again it starts over.
    fn enforce(&self, job: Job) -> BoxFuture<'_, Result<(), EnforceError>>;
}

/// Nothing outside the warden changes: development, and systems that read `LockState` themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Enforcer for Nothing {
    fn enforce(&self, job: Job) -> BoxFuture<'_, Result<(), EnforceError>> {
        Box::pin(async move {
            match job {
                Job::Prepare(_) | Job::Wipe(_) => Err(EnforceError::Refused("no-wipe-plan".to_owned())),
                Job::Lost | Job::Unlock | Job::Watch => Ok(()),
            }
        })
    }
}

impl EnforceError {
    /// A failure with its cause.
    pub fn failed(reason: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Failed {
            reason,
            detail: cause.to_string(),
        }
    }
}
