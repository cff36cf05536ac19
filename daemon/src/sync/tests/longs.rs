//! Whoever moves long contents, in a test.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use belay_proto::sync::{ChunkId, ChunkRef, Chunks, CollectionKeys};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use tokio::sync::watch;

use super::rig::Cloud;
use crate::sync::error::SyncError;
use crate::sync::ports::{Allowed, Fetch, LongContents, Moving};

/// Nothing is long here, but where a test says in which key epoch it has to be brought.
#[derive(Debug)]
pub struct Longs(pub Arc<Cloud>);

impl LongContents for Longs {
    fn bring(
        &self,
        keys: Arc<CollectionKeys>,
        _: OwnedFd,
        _: Allowed,
    ) -> BoxFuture<'_, Result<Chunks, SyncError>> {
        *self.0.tried_longs.lock().unwrap() += 1;
        if *self.0.is_full_of_longs.lock().unwrap() {
            return ready(Err(SyncError::QuotaExceeded)).boxed();
        }
        let key_epoch = keys.key_epoch();
        let one = ChunkRef {
            id: ChunkId::from_bytes([u8::try_from(key_epoch).unwrap(); 32]),
            length: 500_000,
            key_epoch,
        };
        ready(match *self.0.epoch_of_longs.lock().unwrap() {
            0 => Err(SyncError::TooLong),
            epoch if epoch > key_epoch => Err(SyncError::KeyEpochOld),
            _ => {
                self.0.lost.lock().unwrap().remove(&one.id);
                if let Some(whole) = &mut *self.0.whole.lock().unwrap() {
                    whole.insert(one.id);
                }
                Ok(Chunks(vec![one]))
            }
        })
        .boxed()
    }

    fn is_same(
        &self,
        _: Arc<CollectionKeys>,
        _: OwnedFd,
        _: Chunks,
    ) -> BoxFuture<'_, Result<bool, SyncError>> {
        ready(Err(SyncError::TooLong)).boxed()
    }

    fn moving(&self) -> watch::Receiver<Moving> {
        self.0.moving.subscribe()
    }

    fn fetch(&self, what: Fetch, _: Allowed) -> Result<OwnedFd, SyncError> {
        let lost = self.0.lost.lock().unwrap();
        match what.chunks.0.iter().any(|chunk| lost.contains(&chunk.id)) {
            true => {
                tokio::spawn(what.lost);
                Ok(std::io::pipe().unwrap().0.into())
            }
            false => Err(SyncError::NotFound),
        }
    }
}
