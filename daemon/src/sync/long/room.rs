//! The memory that contents on their way up have between them.

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::{MEMORY, WHOLE};
use crate::sync::error::SyncError;

/// What is left of it.
#[derive(Debug)]
pub(super) struct Room {
    /// Chunks, of all of them.
    pub(super) chunks: Semaphore,
    /// KiB, of those that may be in memory as a whole.
    pub(super) whole: Semaphore,
}

/// What one has of it, until this is dropped.
pub(super) struct Taken<'a> {
    _whole: Option<SemaphorePermit<'a>>,
    _chunks: SemaphorePermit<'a>,
}

impl Room {
    /// All of it.
    pub(super) fn new() -> Self {
        Self {
            chunks: Semaphore::new(MEMORY),
            whole: Semaphore::new(WHOLE),
        }
    }

    /// Memory for a content that needs so many chunks' at once, and may be in memory as a whole, of this many bytes then. In the order
    /// in which they came, so that a long one isn't passed by short ones for ever.
    ///
    /// # Errors
    /// [`SyncError::Gone`], which never comes.
    pub(super) async fn take(&self, chunks: usize, whole: Option<u64>) -> Result<Taken<'_>, SyncError> {
        let gone = |_: AcquireError| SyncError::Gone;
        // Before the chunks: those that wait for this keep none from others.
        let whole = match whole {
            Some(length) => Some(self.whole.acquire_many(share(length)).await.map_err(gone)?),
            None => None,
        };
        let chunks = u32::try_from(chunks).unwrap_or(u32::MAX);
        Ok(Taken {
            _whole: whole,
            _chunks: self.chunks.acquire_many(chunks).await.map_err(gone)?,
        })
    }
}

/// So many bytes in KiB, but no more than there are: what is longer goes alone.
fn share(length: u64) -> u32 {
    let most = u32::try_from(WHOLE).unwrap_or(u32::MAX);
    u32::try_from(length.div_ceil(1024)).map_or(most, |kibibytes| kibibytes.min(most))
}
