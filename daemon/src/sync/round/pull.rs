//! Fetching what changed: a page and the cursor after it are one write.

use std::sync::Arc;

use belay_proto::sync::CollectionKeys;
use belay_proto::wire::{CHANGES_PAGE, ChangesAnswer};

use super::receive::{Receiver, Unread, read};
use super::{LONGEST_CURSOR, Report, Round, Trouble, kept};
use crate::store::sync as rows;
use crate::sync::error::SyncError;
use crate::sync::ports::SyncFailure;

/// Pages that bring nothing new, while there is said to be more: a cloud that has more of them than this, and than it takes
/// to show what is here already, is cut off.
const MOST_EMPTY: usize = 8;
/// So many records has a page at least, unless it is the last: more than 1 MiB ends it.
const FEWEST: u64 = 3;
/// Pages of a round at most; more than anybody has.
const MOST_PAGES: usize = 10_000;
/// Records of a listing that are counted at most.
const MOST_RECORDS: u64 = 10_000_000;

/// How much of a listing is still to come.
#[derive(Debug, Default)]
struct Ahead {
    /// Records and bytes that came.
    records: u64,
    bytes: u64,
    /// Records that are to come, as the first page said.
    left: u64,
    /// Bytes that they were taken for.
    told: u64,
}

impl Ahead {
    /// Bytes that are to come after this page, before and now: records are taken to be as long as those that came.
    fn after(&mut self, page: &ChangesAnswer) -> (u64, u64) {
        let count = page.records.len() as u64;
        self.left = match (page.more, self.records) {
            (false, _) => 0,
            // As many as there may be, whatever a cloud says.
            (true, 0) => page.left.min(MOST_RECORDS),
            (true, _) => self.left.saturating_sub(count),
        };
        self.records += count;
        self.bytes += bytes(page);
        let now = self.left.saturating_mul(self.bytes) / self.records.max(1);
        (std::mem::replace(&mut self.told, now), now)
    }
}

/// What a page brings.
fn bytes(page: &ChangesAnswer) -> u64 {
    let sealed = page.records.iter().map(|record| record.sealed.0.len() as u64);
    sealed.sum()
}

impl Round {
    /// So many bytes are to come, and not so many as was thought before.
    fn expect(&self, (before, now): (u64, u64)) {
        self.progress.send_modify(|(done, all)| {
            *all = all.saturating_sub(before).saturating_add(now).max(*done);
        });
    }

    pub(super) async fn pull(&self, keys: &Arc<CollectionKeys>, report: &mut Report) -> Result<(), Trouble> {
        let (mut empty, mut ahead) = (0, Ahead::default());
        let mut cursor = self.begin().await?;
        for _ in 0..MOST_PAGES {
            let page = self
                .cloud
                .changes(cursor.as_deref(), keys.collection_id(), CHANGES_PAGE)
                .await?;
            if page.records.len() > CHANGES_PAGE || page.cursor.len() > LONGEST_CURSOR {
                return Err(SyncFailure::Nonsense.into());
            }
            self.told(report, page.quota);
            let more = page.more;
            let is_moving = cursor.as_ref() != Some(&page.cursor);
            cursor = Some(page.cursor.clone());
            let coming = ahead.after(&page);
            let is_news = self.take(keys, page, report).await?;
            self.expect(coming);
            if !more {
                return Ok(());
            }
            if !(is_moving && is_news) {
                empty += 1;
            }
            if empty > MOST_EMPTY && (!is_moving || empty > MOST_EMPTY + self.shown_again().await?) {
                break;
            }
        }
        tracing::warn!(
            collection = self.collection,
            "the cloud has changes without end; leaving it alone for now"
        );
        Err(SyncFailure::Nonsense.into())
    }

    async fn take(
        &self,
        keys: &Arc<CollectionKeys>,
        page: ChangesAnswer,
        report: &mut Report,
    ) -> Result<bool, SyncError> {
        let (collection, now) = (self.collection, self.desk.now());
        let bytes = bytes(&page);
        let (is_news, lacks_keys) = self
            .take_in_by(keys, move |transaction, sealer, keys| {
                let mut receiver = Receiver::new(transaction, sealer, keys, collection, now);
                let (mut forged, mut lacks_keys, mut unopened) = (0_u64, false, Vec::new());
                for record in page.records {
                    match read(keys, &record) {
                        Ok(content) => receiver.take(record.id, record.revision, content)?,
                        // It is there all the same.
                        Err(unread) => {
                            receiver.is_news |= rows::seen(transaction, collection, &record.id)?;
                            forged += u64::from(unread == Unread::Forged);
                            lacks_keys |= unread == Unread::NoKey;
                            unopened.push(record.id);
                        }
                    }
                }
                rows::note_unopened(transaction, collection, &unopened)?;
                if forged > 0 {
                    tracing::warn!(collection, forged, "records that don't open are left aside");
                }
                if lacks_keys {
                    rows::unread(transaction, collection, keys.mark())?;
                }
                rows::reach(transaction, collection, Some(&page.cursor))?;
                Ok(((receiver.is_news, lacks_keys), receiver.change))
            })
            .await?;
        report.lacks_keys |= lacks_keys;
        self.advance(bytes, bytes);
        Ok(is_news)
    }

    /// In so many pages at most an honest cloud shows what is here.
    async fn shown_again(&self) -> Result<usize, SyncError> {
        let collection = self.collection;
        let here = self
            .write(move |transaction, _| rows::count(transaction, collection))
            .await?;
        Ok(usize::try_from(here / FEWEST).unwrap_or(usize::MAX))
    }

    /// How far was fetched. A listing from the start is to show what was pushed before, too: the answer to that may be of before
    /// the cloud was restored, and without a cursor of then nothing else tells.
    async fn begin(&self) -> Result<Option<String>, SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| {
            let cursor = kept(transaction, collection)?.and_then(|kept| kept.cursor);
            if cursor.is_none() {
                rows::list_anew(transaction, collection)?;
            }
            Ok(cursor)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use belay_proto::sync::{CollectionId, RecordId, Revision};
    use belay_proto::wire::{Quota, SyncRecord};

    use super::*;

    fn page(lengths: &[usize], left: u64, more: bool) -> ChangesAnswer {
        let record = |length: &usize| SyncRecord {
            collection: CollectionId::from_bytes([1; 16]),
            id: RecordId::from_bytes([1; 16]),
            revision: Revision::from_bytes([1; 16]),
            key_epoch: 1,
            removed: false,
            chunks: Vec::new(),
            sealed: vec![0; *length].into(),
        };
        ChangesAnswer {
            records: lengths.iter().map(record).collect(),
            cursor: String::new(),
            more,
            left,
            quota: Quota::default(),
        }
    }

    #[test]
    fn what_is_to_come_is_taken_from_what_came() {
        let mut ahead = Ahead::default();
        assert_eq!(ahead.after(&page(&[100, 300], 6, true)), (0, 1200));
        assert_eq!(ahead.after(&page(&[100, 100], 0, true)), (1200, 600));
        // More came meanwhile than was said.
        assert_eq!(ahead.after(&page(&[100; 5], 0, true)), (600, 0));
        assert_eq!(ahead.after(&page(&[100], 0, false)), (0, 0));
        // And what a cloud says of itself breaks nothing.
        let mut lied = Ahead::default();
        assert_eq!(lied.after(&page(&[], u64::MAX, true)), (0, 0));
        assert_eq!(lied.after(&page(&[100], u64::MAX, false)), (0, 0));
    }
}
