//! What is short: many in one call. A call takes all or none; what it refuses is found by halves, and the others go
//! through.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_proto::Secret;

use super::{Outcomes, Worker, blocking, failed, put_of, write};
use crate::model::{Local, Remote};
use crate::ports::{Failure, Got, Put};
use crate::state::{Outcome, Work};

type Ready = (Put, Secret<Vec<u8>>);

/// What came of comparing an item with its record.
enum Compared {
    /// It has to be put beside.
    Differs(Put, Secret<Vec<u8>>),
    /// Nothing more is to be done.
    Over(String, Outcome),
}

impl Worker {
    pub(super) async fn puts(&self, items: Vec<(String, Work)>) -> Outcomes {
        let worker = self.clone();
        let read = move |(natural, work): (String, Work)| match work {
            Work::Put { item, over } => Some((put_of(&natural, &item, over, false), worker.read(&item))),
            _ => None,
        };
        let read = blocking(move || items.into_iter().filter_map(read).collect::<Vec<_>>()).await;
        let (mut outcomes, mut ready) = (Vec::new(), Vec::new());
        for (put, content) in read.unwrap_or_default() {
            match content {
                Ok(content) => ready.push((put, content)),
                Err(outcome) => outcomes.push((put.natural, outcome)),
            }
        }
        outcomes.extend(self.put_all(ready).await);
        outcomes
    }

    async fn put_all(&self, ready: Vec<Ready>) -> Outcomes {
        let mut outcomes = Vec::new();
        let mut batches = vec![ready];
        while let Some(mut batch) = batches.pop() {
            let count = batch.len();
            if count == 0 {
                continue;
            }
            let copy = batch
                .iter()
                .map(|(put, content)| (put.clone(), Secret::new(content.expose().clone())));
            match self.records.put_many(copy.collect()).await {
                Ok(stored) if stored.len() == count => {
                    let naturals = batch.into_iter().map(|(put, _)| (put.natural, put.keep_both));
                    outcomes.extend(
                        naturals
                            .zip(stored)
                            .map(|((natural, keep_both), (id, revision))| {
                                let outcome = match keep_both {
                                    true => Outcome::Beside,
                                    false => Outcome::Stored { id, revision },
                                };
                                (natural, outcome)
                            }),
                    );
                }
                Err(Failure::Conflict | Failure::Refused) if count > 1 => {
                    let rest = batch.split_off(count / 2);
                    batches.extend([rest, batch]);
                }
                answer => {
                    let outcome = answer.map_or_else(failed, |_| Outcome::Later);
                    outcomes.extend(batch.into_iter().map(|(put, _)| (put.natural, outcome.clone())));
                }
            }
        }
        outcomes
    }

    pub(super) async fn fetches(&self, items: Vec<(String, Work)>) -> Outcomes {
        let wanted = items.into_iter().filter_map(|(natural, work)| match work {
            Work::Fetch { record, over, .. } => Some((natural, record, over)),
            _ => None,
        });
        let (mut outcomes, got) = self.get_all(wanted.collect()).await;
        let source = Arc::clone(&self.source);
        let written = blocking(move || {
            let write = |((natural, record, over), got): ((String, Remote, Option<Local>), Got)| {
                let record = Remote {
                    length: got.content.expose().len() as u64,
                    attributes: got.attributes,
                    ..record
                };
                let mut content = got.content.expose().as_slice();
                let outcome = write(
                    &*source,
                    &natural,
                    &record,
                    got.revision,
                    over.as_ref(),
                    (&mut content, None),
                );
                (natural, outcome)
            };
            got.into_iter().map(write).collect::<Outcomes>()
        });
        outcomes.extend(written.await.unwrap_or_default());
        outcomes
    }

    pub(super) async fn joins(&self, items: Vec<(String, Work)>) -> Outcomes {
        let wanted = items.into_iter().filter_map(|(natural, work)| match work {
            Work::Join { item, record } => Some((natural, record, item)),
            _ => None,
        });
        let (mut outcomes, got) = self.get_all(wanted.collect()).await;
        let worker = self.clone();
        let compare = move |((natural, _, item), got): ((String, Remote, Local), Got)| {
            let content = worker.read(&item);
            let equal = content
                .as_ref()
                .is_ok_and(|content| content.expose() == got.content.expose());
            match (content, equal) {
                (Ok(_), true) => {
                    let (id, revision) = (got.id, got.revision);
                    Compared::Over(natural, Outcome::Stored { id, revision })
                }
                (Ok(content), false) => Compared::Differs(put_of(&natural, &item, None, true), content),
                (Err(outcome), _) => Compared::Over(natural, outcome),
            }
        };
        let compared = blocking(move || got.into_iter().map(compare).collect::<Vec<_>>()).await;
        let mut ready = Vec::new();
        for result in compared.unwrap_or_default() {
            match result {
                Compared::Differs(put, content) => ready.push((put, content)),
                Compared::Over(natural, outcome) => outcomes.push((natural, outcome)),
            }
        }
        outcomes.extend(self.put_all(ready).await);
        outcomes
    }

    /// Gets the records; what became of those that there are none of.
    async fn get_all<T>(
        &self,
        wanted: Vec<(String, Remote, T)>,
    ) -> (Outcomes, Vec<((String, Remote, T), Got)>) {
        let (mut outcomes, mut all) = (Vec::new(), Vec::new());
        let mut batches = vec![wanted];
        while let Some(mut batch) = batches.pop() {
            let count = batch.len();
            if count == 0 {
                continue;
            }
            let ids = batch.iter().map(|(_, record, _)| record.id.clone()).collect();
            match self.records.get_many(ids).await {
                Ok(got) => {
                    let mut got: BTreeMap<String, Got> =
                        got.into_iter().map(|got| (got.id.clone(), got)).collect();
                    for wish in batch {
                        match got.remove(&wish.1.id) {
                            Some(found) => all.push((wish, found)),
                            None => outcomes.push((wish.0, Outcome::RecordChanged)),
                        }
                    }
                }
                // One that is gone fails them all.
                Err(Failure::Conflict | Failure::Refused) if count > 1 => {
                    let rest = batch.split_off(count / 2);
                    batches.extend([rest, batch]);
                }
                Err(failure) => outcomes.extend(batch.into_iter().map(|wish| (wish.0, failed(failure)))),
            }
        }
        (outcomes, all)
    }
}
