//! Asking whether the cloud still has the chunks of what is here: it may have lost some, to its disk or to a backup that
//! hadn't all of them, and only who still has the content can bring them again.

use std::collections::HashSet;

use belay_proto::sync::ChunkId;
use belay_proto::wire::MISSING_CHUNKS;
use rusqlite::Transaction;

use super::{Round, Trouble, no_change};
use crate::store::Sealer;
use crate::store::sync::{self as rows, Chunked};
use crate::sync::error::SyncError;

/// All chunks are asked after this often, s, where nothing says that some may be lost.
const EACH: u64 = 7 * 24 * 3600;
/// Pages of a round at most, each of about as many chunks as a call asks after, and as many again of those that were lacking: the next
/// round goes on. 256 GiB.
const MOST_PAGES: usize = 64;

impl Round {
    /// Asks after chunks that were lacking, and after all of them where that is due. What lacks any is brought again by its
    /// source, which is told; what has all of them again waits for nobody any more.
    pub(super) async fn check(&self) -> Result<(), Trouble> {
        let collection = self.collection;
        let mut after = 0;
        for _ in 0..MOST_PAGES {
            let lacking = move |transaction: &Transaction<'_>, sealer: &Sealer| {
                rows::lacking_chunks(transaction, sealer, collection, after, MISSING_CHUNKS)
            };
            let page = self.write(lacking).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            self.ask_after(page).await?;
        }
        for _ in 0..MOST_PAGES {
            let Some(page) = self.next_to_check().await? else {
                return Ok(());
            };
            let last = page.last().map(|record| record.position);
            self.ask_after(page).await?;
            let now = self.desk.now();
            self.write(move |transaction, _| rows::checked(transaction, collection, last, now))
                .await?;
        }
        Ok(())
    }

    /// The next records whose chunks are to be asked after, while that is due.
    async fn next_to_check(&self) -> Result<Option<Vec<Chunked>>, SyncError> {
        let (collection, now) = (self.collection, self.desk.now());
        self.write(move |transaction, sealer| {
            let Some(after) = rows::checking(transaction, collection, EACH, now)? else {
                return Ok(None);
            };
            rows::chunked(transaction, sealer, collection, after, MISSING_CHUNKS).map(Some)
        })
        .await
    }

    /// Asks, and notes what the cloud says of each record.
    async fn ask_after(&self, records: Vec<Chunked>) -> Result<(), Trouble> {
        let all: HashSet<ChunkId> = records
            .iter()
            .flat_map(|record| record.chunks.iter().copied())
            .collect();
        let missing = self.missing(all).await?;
        let lacks = |record: &Chunked| record.chunks.iter().any(|id| missing.contains(id));
        let other: Vec<(Chunked, bool)> = records
            .into_iter()
            .map(|record| (lacks(&record), record))
            .filter(|(lacks, record)| *lacks != record.lacks)
            .map(|(lacks, record)| (record, lacks))
            .collect();
        if other.is_empty() {
            return Ok(());
        }
        let collection = self.collection;
        let lost = self
            .take_in(move |transaction, _| {
                let (mut change, mut lost) = (no_change(collection), 0_usize);
                for (record, lacks) in other {
                    let is_news = match lacks {
                        true => rows::lacks_chunks(transaction, collection, &record.id, record.revision)?,
                        false => rows::has_all_chunks(transaction, collection, &record.id, record.revision)?,
                    };
                    if is_news {
                        change.ids.push(record.id);
                        lost += usize::from(lacks);
                    }
                }
                Ok((lost, change))
            })
            .await?;
        if lost > 0 {
            tracing::warn!(
                collection,
                records = lost,
                "the cloud has lost chunks; who has the contents is asked for them again"
            );
        }
        Ok(())
    }
}
