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

impl Round {
    pub(super) async fn pull(&self, keys: &Arc<CollectionKeys>, report: &mut Report) -> Result<(), Trouble> {
        let mut empty = 0;
        let mut cursor = self.cursor().await?;
        for _ in 0..MOST_PAGES {
            let page = self
                .cloud
                .changes(cursor.as_deref(), keys.collection_id(), CHANGES_PAGE)
                .await?;
            if page.records.len() > CHANGES_PAGE || page.cursor.len() > LONGEST_CURSOR {
                return Err(SyncFailure::Nonsense.into());
            }
            report.quota = Some(page.quota);
            let more = page.more;
            let is_moving = cursor.as_ref() != Some(&page.cursor);
            cursor = Some(page.cursor.clone());
            let is_news = self.take(keys, page, report).await?;
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
        let (collection, keys, now) = (self.collection, Arc::clone(keys), self.desk.now());
        let bytes = page
            .records
            .iter()
            .map(|record| record.sealed.0.len() as u64)
            .sum();
        let (is_news, lacks_keys) = self
            .take_in(move |transaction, sealer| {
                let mut receiver = Receiver::new(transaction, sealer, &keys, collection, now);
                let (mut forged, mut lacks_keys) = (0_u64, false);
                for record in page.records {
                    match read(&keys, &record) {
                        Ok(content) => receiver.take(record.id, record.revision, content)?,
                        // It is there all the same.
                        Err(unread) => {
                            receiver.is_news |= rows::seen(transaction, collection, &record.id)?;
                            forged += u64::from(unread == Unread::Forged);
                            lacks_keys |= unread == Unread::NoKey;
                        }
                    }
                }
                if forged > 0 {
                    tracing::warn!(collection, forged, "records that don't open are left aside");
                }
                if lacks_keys {
                    rows::unread(transaction, collection, keys.key_epoch().saturating_add(1))?;
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

    async fn cursor(&self) -> Result<Option<String>, SyncError> {
        let collection = self.collection;
        self.write(move |transaction, _| Ok(kept(transaction, collection)?.and_then(|kept| kept.cursor)))
            .await
    }
}
