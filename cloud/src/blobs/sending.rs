//! A chunk on its way out.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use axum::body::Bytes;
use belay_proto::AccountId;
use belay_proto::sync::ChunkId;
use ring::digest::Context;
use tokio::task::spawn_blocking;

use super::files::{PIECE, is_bad_place};
use super::table::{self, Row};
use crate::app::App;
use crate::store;

/// A chunk on its way out.
pub(super) struct Sending {
    pub(super) file: File,
    /// Bytes.
    pub(super) left: u64,
    /// Of what was sent, where it is all of it.
    pub(super) check: Option<Context>,
    /// Which it is.
    pub(super) spoilt: (App, AccountId, ChunkId, Row),
}

impl Sending {
    /// The next bytes of a file, as long as there are any left to tell. The last ones of a chunk that isn't any more what was
    /// brought aren't sent, nor is what lies on a bad place of the disk: it has to come again.
    pub(super) async fn piece(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let reading = move || {
            let mut bytes = vec![0; usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE))];
            let read = self.file.read_exact(&mut bytes).map(|()| {
                if let Some(check) = &mut self.check {
                    check.update(&bytes);
                }
                self.left -= bytes.len() as u64;
                Bytes::from(bytes)
            });
            (read, self)
        };
        let read = spawn_blocking(reading).await;
        let (bytes, mut sending) = match read.map_err(|_| io::Error::from(ErrorKind::Other))? {
            (Ok(bytes), sending) => (bytes, sending),
            (Err(error), sending) if is_bad_place(&error) => return Err(sending.lose().await),
            (Err(error), _) => return Err(error),
        };
        if sending.left == 0
            && let Some(check) = sending.check.take()
            && check.finish().as_ref() != sending.spoilt.3.digest
        {
            return Err(sending.lose().await);
        }
        Ok(Some((bytes, sending)))
    }

    /// Notes that it has to come again; with what the connection ends.
    async fn lose(self) -> io::Error {
        tracing::warn!("a chunk is spoilt, and has to come again");
        let (app, account, id, row) = self.spoilt;
        let (files, file) = (app.files.clone(), row.file);
        let lose = move |tx: &rusqlite::Transaction<'_>| {
            table::lose(tx, &account, &id, file)?;
            // Nothing of it is to be gone on from.
            store::after_commit(move || files.remove(vec![file]));
            Ok(())
        };
        let lost = app.store.transact(lose).await;
        lost.map_or_else(|_| ErrorKind::Other.into(), |()| ErrorKind::InvalidData.into())
    }
}
