//! Records that the cloud won't have without chunks that it lacks. Before their sources are told it is asked once more: another
//! device, or another record's content, may have brought them since.

use std::collections::{HashMap, HashSet};

use belay_proto::sync::{ChunkId, RecordId};
use belay_proto::wire::MISSING_CHUNKS;

use super::{Round, Trouble, no_change};
use crate::store::sync::{self as rows, Stuck};

/// Chunks that are asked after at the end of a push at most, 2 MiB of ids: records that lack others are sent again.
const MOST_CHUNKS: usize = 64 * MISSING_CHUNKS;
/// So often in a round a record is sent again whose chunks are there after all. A cloud that then still lacks them contradicts
/// itself, and nobody can bring it what it has.
const MOST_TRIES: usize = 2;

/// A record that the cloud won't have without these chunks.
pub(super) struct Lacked {
    pub(super) id: RecordId,
    /// Its revision here.
    pub(super) here: u64,
    pub(super) chunks: Vec<ChunkId>,
}

/// Those of a push.
#[derive(Default)]
pub(super) struct AllLacked {
    records: Vec<Lacked>,
    chunks: usize,
}

impl AllLacked {
    pub(super) fn add(&mut self, more: Vec<Lacked>) {
        for record in more {
            let chunks = self.chunks.saturating_add(record.chunks.len());
            if chunks <= MOST_CHUNKS {
                self.chunks = chunks;
                self.records.push(record);
            }
        }
    }
}

/// How often each record was to be sent again.
pub(super) type Tries = HashMap<RecordId, usize>;

impl Round {
    /// Asks after the chunks: a record of which some aren't there waits for its source, which is told; the others are sent again
    /// with the next pass, a few times. Whether one was refused.
    pub(super) async fn ask_again(&self, lacked: AllLacked, tries: &mut Tries) -> Result<bool, Trouble> {
        if lacked.records.is_empty() {
            return Ok(false);
        }
        let chunks = lacked.records.iter().flat_map(|record| &record.chunks);
        let missing = self.missing(chunks.copied().collect()).await?;
        let mut stuck = Vec::new();
        for Lacked { id, here, chunks } in lacked.records {
            if chunks.iter().any(|id| missing.contains(id)) {
                stuck.push((id, here, Stuck::Lacks));
                continue;
            }
            let tries = tries.entry(id).or_default();
            *tries += 1;
            if *tries > MOST_TRIES {
                stuck.push((id, here, Stuck::Refused));
            }
        }
        let is_refused = stuck.iter().any(|(.., why)| *why == Stuck::Refused);
        let collection = self.collection;
        if is_refused {
            tracing::warn!(collection, "the cloud lacks chunks of a record that it has");
        }
        if !stuck.is_empty() {
            self.take_in(move |transaction, _| {
                let mut change = no_change(collection);
                for (id, here, why) in stuck {
                    rows::stick(transaction, collection, &id, here, why)?;
                    if why == Stuck::Lacks {
                        change.ids.push(id);
                    }
                }
                Ok(((), change))
            })
            .await?;
        }
        Ok(is_refused)
    }

    /// Which of these chunks the cloud doesn't have.
    pub(super) async fn missing(&self, chunks: HashSet<ChunkId>) -> Result<HashSet<ChunkId>, Trouble> {
        let chunks: Vec<ChunkId> = chunks.into_iter().collect();
        let mut missing = HashSet::new();
        for some in chunks.chunks(MISSING_CHUNKS) {
            let answer = self.cloud.missing(some.to_vec()).await?;
            missing.extend(answer.missing.into_iter().map(|chunk| chunk.id));
        }
        Ok(missing)
    }
}
