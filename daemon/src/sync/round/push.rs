//! Pushing what is pending. What is about to be sent is on disk before it is: where the answer is lost, the cloud having it
//! is no conflict. While the cloud stores one request the next is made; an answer that isn't noted in time is one that was lost.

mod sealed;

use std::sync::Arc;

use belay_proto::sync::{CollectionKeys, RecordId, Revision};
use belay_proto::wire::{PushAnswer, PushRecord, PushRequest, PushResult, PushStatus};
use rusqlite::Transaction;

use self::sealed::sealed;
use super::lacked::{AllLacked, Lacked, Tries};
use super::receive::{Receiver, Unread, read};
use super::{LONGEST_CURSOR, Report, Room, Round, Trouble, asking, kept, no_change};
use crate::store::sync::{self as rows, Listed, Ready, Stuck};
use crate::store::{Sealer, StoreError};
use crate::sync::error::SyncError;
use crate::sync::model::Change;
use crate::sync::ports::SyncFailure;

/// A request ends after so many bytes: the cloud takes 1 MiB (cloud contract, `GET /v1/config`), with what is around the
/// records. One record always fits.
const PUSH_BYTES: usize = 1000 * 1024;
/// What a record takes besides what is sealed, with the names of its fields, and each chunk that it names.
const AROUND_RECORD: usize = 256;
const AROUND_CHUNK: usize = 34;

/// What a push did.
pub(super) struct Pushed {
    /// Something was sent.
    pub(super) is_any: bool,
    /// Nothing lies between what was fetched and what was sent: nothing has to be fetched.
    pub(super) is_contiguous: bool,
    /// The cloud said so, and that one is in conflict with a record that it didn't show.
    pub(super) is_hidden: bool,
}

/// A record that is sent.
struct Sent {
    id: RecordId,
    /// Its revision here.
    here: u64,
    number: u64,
    revision: Revision,
    length: u64,
}

/// What is sent in one request.
#[derive(Default)]
struct Batch {
    /// How far the collection was fetched; told of the first batch.
    cursor: Option<String>,
    /// Whether the cloud was seen with nothing of it yet; told of the first batch.
    is_new: bool,
    records: Vec<PushRecord>,
    sent: Vec<Sent>,
    bytes: usize,
    /// Where to go on; none: there was nothing.
    last: Option<u64>,
    /// A record fits no record of the cloud.
    is_refused: bool,
    /// What of all there is was taken.
    room: Room,
    /// Bytes of content that wait; told of the first batch.
    waiting: u64,
    /// Of what was sent before, what the cloud won't have without its chunks.
    lacked: Vec<Lacked>,
}

/// What was answered to it.
struct Answered {
    sent: Vec<Sent>,
    answer: PushAnswer,
}

/// What came of it.
#[derive(Default)]
struct Settled {
    done: u64,
    room: Room,
    is_refused: bool,
    lacks_keys: bool,
    lacked: Vec<Lacked>,
}

impl Round {
    pub(super) async fn push(
        &self,
        keys: &Arc<CollectionKeys>,
        report: &mut Report,
        tries: &mut Tries,
    ) -> Result<Pushed, Trouble> {
        let mut pushed = Pushed {
            is_any: false,
            is_contiguous: true,
            is_hidden: false,
        };
        let mut batch = self.turn(keys, None, Some(0), report).await?;
        self.advance(0, batch.waiting);
        let (mut cursor, mut is_new) = (batch.cursor.take(), batch.is_new);
        let (mut answered, mut lacked) = (None, AllLacked::default());
        while let Some(last) = batch.last {
            let records = std::mem::take(&mut batch.records);
            if records.is_empty() {
                batch = self.turn(keys, answered.take(), Some(last), report).await?;
                lacked.add(std::mem::take(&mut batch.lacked));
                continue;
            }
            // They came while these were sealed. The cloud refuses the older ones only once somebody has pushed under the newer.
            if !self.desk.keys.are_current(keys) {
                return Err(SyncFailure::KeyEpochOld.into());
            }
            pushed.is_any = true;
            let request = PushRequest {
                cursor: cursor.clone(),
                records,
            };
            // While the cloud stores these, those before are noted and the next ones sealed.
            let (answer, next) = tokio::join!(
                self.cloud.push(request),
                self.turn(keys, answered.take(), Some(last), report)
            );
            let mut next = next?;
            lacked.add(std::mem::take(&mut next.lacked));
            let mut answer = match answer {
                Ok(answer) => answer,
                // Removals go all the same, from the start.
                Err(SyncFailure::Quota) if batch.room < Room::Removals => {
                    (report.room, pushed.is_contiguous) = (Room::Removals, false);
                    batch = self.turn(keys, None, Some(0), report).await?;
                    continue;
                }
                Err(failure) => return Err(failure.into()),
            };
            if answer.results.len() != batch.sent.len() || answer.cursor.len() > LONGEST_CURSOR {
                return Err(SyncFailure::Nonsense.into());
            }
            self.told(report, answer.quota);
            pushed.is_hidden |= answer.contiguous && answer.results.iter().any(is_hidden);
            // Then something lies between all the same, and what was fetched reaches no further than before. Where nothing was
            // fetched yet, the cloud may have been restored since it answered before: only a listing tells.
            answer.contiguous &= !pushed.is_hidden && (cursor.is_some() || is_new);
            is_new = false;
            pushed.is_contiguous &= answer.contiguous;
            if answer.contiguous {
                cursor = Some(answer.cursor.clone());
            }
            let sent = batch.sent;
            answered = Some(Answered { sent, answer });
            batch = next;
        }
        if answered.is_some() {
            lacked.add(self.turn(keys, answered, None, report).await?.lacked);
        }
        // Whatever comes of it, the answers to all that was sent are noted.
        report.is_refused |= self.ask_again(lacked, tries).await?;
        Ok(pushed)
    }

    /// Whether anything is left that may be pushed.
    pub(super) async fn is_left(&self, room: Room) -> Result<bool, SyncError> {
        let (collection, now) = (self.collection, self.desk.now());
        self.write(move |transaction, sealer| {
            let which = ready(transaction, collection, room, now)?;
            let mut is_any = false;
            rows::outgoing(transaction, sealer, collection, which, 0, |_| {
                is_any = true;
                Ok(false)
            })?;
            Ok(is_any)
        })
        .await
    }

    /// Notes what came of a request, and seals what a next one takes after a position, where there is to be one: both are one
    /// write of the disk.
    async fn turn(
        &self,
        keys: &Arc<CollectionKeys>,
        answered: Option<Answered>,
        after: Option<u64>,
        report: &mut Report,
    ) -> Result<Batch, SyncError> {
        let (collection, now) = (self.collection, self.desk.now());
        let (had, most) = (report.room, self.records);
        let (settled, mut batch) = self
            .take_in_by(keys, move |transaction, sealer, keys| {
                let (mut settled, mut change) = (Settled::default(), no_change(collection));
                if let Some(Answered { sent, answer }) = answered {
                    let receiver = Receiver::new(transaction, sealer, keys, collection, now);
                    (settled, change) = settle(transaction, keys, receiver, sent, answer.results)?;
                    if answer.contiguous {
                        rows::reach(transaction, collection, Some(&answer.cursor))?;
                    }
                }
                let how = (had.max(settled.room), most, now);
                let batch = match after {
                    Some(after) => gather(transaction, sealer, keys, collection, after, how)?,
                    None => Batch::default(),
                };
                Ok(((settled, batch), change))
            })
            .await?;
        report.room = report.room.max(settled.room);
        report.is_refused |= settled.is_refused || batch.is_refused;
        report.lacks_keys |= settled.lacks_keys;
        batch.lacked = settled.lacked;
        self.advance(settled.done, 0);
        Ok(batch)
    }
}

/// Whether it names a conflict without the record that it is with.
fn is_hidden(result: &PushResult) -> bool {
    result.status == PushStatus::Conflict && result.current.is_none()
}

/// What may be pushed now.
fn ready(
    transaction: &Transaction<'_>,
    collection: &'static str,
    room: Room,
    now: u64,
) -> Result<Ready, StoreError> {
    let is_asked = asking::from_here(transaction, collection, now)?.is_some();
    Ok(match (room, is_asked) {
        (Room::Removals, _) => Ready::Removals { unasked: !is_asked },
        (Room::Changes, _) => Ready::Changes { unasked: !is_asked },
        (Room::Any, true) => Ready::Unguarded,
        (Room::Any, false) => Ready::All,
    })
}

/// Seals what the next request takes, and notes it.
fn gather(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    keys: &CollectionKeys,
    collection: &'static str,
    after: u64,
    (room, most, now): (Room, usize, u64),
) -> Result<Batch, StoreError> {
    let which = ready(transaction, collection, room, now)?;
    let mut batch = Batch {
        room,
        ..Batch::default()
    };
    if after == 0 {
        let (count, bytes) = rows::waiting(transaction, collection)?;
        batch.cursor = kept(transaction, collection)?.and_then(|kept| kept.cursor);
        batch.is_new = batch.cursor.is_none() && rows::count(transaction, collection)? == count;
        batch.waiting = bytes;
    }
    let (mut refused, mut renewed) = (Vec::new(), Vec::new());
    rows::outgoing(transaction, sealer, collection, which, after, |listed| {
        let Listed {
            position, id, held, ..
        } = listed;
        let here = held.revision;
        match sealed(keys, id, held) {
            Ok((record, sent, again)) => {
                let chunks = record.record.chunks.len().saturating_mul(AROUND_CHUNK);
                let length = record.record.sealed.0.len() + chunks + AROUND_RECORD;
                let is_over = batch.bytes.saturating_add(length) > PUSH_BYTES;
                if is_over && !batch.records.is_empty() {
                    return Ok(false);
                }
                batch.bytes += length;
                batch.records.push(record);
                batch.sent.push(sent);
                renewed.extend(again.map(|content| (id, content)));
            }
            Err(error) => {
                tracing::warn!(collection, %error, "a record can't be sealed");
                refused.push((id, here));
            }
        }
        batch.last = Some(position);
        Ok(batch.records.len() < most)
    })?;
    for (id, here) in refused {
        batch.is_refused = true;
        rows::stick(transaction, collection, &id, here, Stuck::Refused)?;
    }
    for (id, content) in renewed {
        rows::renew(transaction, sealer, collection, &id, &content)?;
    }
    for sent in &batch.sent {
        rows::sending(transaction, collection, &sent.id, sent.number, &sent.revision)?;
    }
    Ok(batch)
}

/// Notes what became of each record.
fn settle(
    transaction: &Transaction<'_>,
    keys: &CollectionKeys,
    mut receiver: Receiver<'_>,
    sent: Vec<Sent>,
    results: Vec<PushResult>,
) -> Result<(Settled, Change), StoreError> {
    let collection = receiver.change.collection;
    let mut settled = Settled::default();
    for (sent, result) in sent.into_iter().zip(results) {
        settled.done = settled.done.saturating_add(sent.length);
        match result.status {
            PushStatus::Ok => {
                rows::opened(transaction, collection, &sent.id)?;
                receiver.accepted(sent.id, sent.here, sent.number, sent.revision)?;
            }
            PushStatus::Absent => {
                rows::opened(transaction, collection, &sent.id)?;
                rows::answered(transaction, collection, &sent.id)?;
                receiver.absent(sent.id)?;
            }
            PushStatus::MissingChunks if !result.missing.is_empty() => settled.lacked.push(Lacked {
                id: sent.id,
                here: sent.here,
                chunks: result.missing,
            }),
            PushStatus::MissingChunks => {
                rows::stick(transaction, collection, &sent.id, sent.here, Stuck::Lacks)?;
                // Its source is to hear of it.
                receiver.change.ids.push(sent.id);
            }
            PushStatus::TooLarge | PushStatus::Bad => {
                tracing::warn!(collection, status = ?result.status, "the cloud won't have a record");
                rows::stick(transaction, collection, &sent.id, sent.here, Stuck::Refused)?;
                settled.is_refused = true;
            }
            PushStatus::Quota => settled.room = Room::Removals,
            PushStatus::Conflict => {
                let Some(current) = result.current.filter(|current| current.id == sent.id) else {
                    // Without the record it comes with the next page, unless that has shown before that it doesn't open.
                    if rows::is_unopened(transaction, collection, &sent.id)? {
                        keep_from(transaction, collection, &sent)?;
                    }
                    continue;
                };
                match read(keys, &current) {
                    Ok(content) => {
                        receiver.take(current.id, current.revision, content)?;
                        // What of it is still under way comes too late: the cloud has gone on from what it was made above.
                        rows::answered(transaction, collection, &sent.id)?;
                    }
                    Err(unread) => {
                        keep_from(transaction, collection, &sent)?;
                        if unread == Unread::NoKey {
                            settled.lacks_keys = true;
                            rows::unread(transaction, collection, keys.mark())?;
                        }
                    }
                }
            }
        }
    }
    Ok((settled, receiver.change))
}

/// A record of the cloud that doesn't open is in the way of this one, and would be for ever: it waits until that opens, is
/// tried again after a while, and keeps no other from being pushed.
fn keep_from(transaction: &Transaction<'_>, collection: &'static str, sent: &Sent) -> Result<(), StoreError> {
    tracing::warn!(collection, "a record that doesn't open is in the way of another");
    rows::note_unopened(transaction, collection, &[sent.id])?;
    rows::stick(transaction, collection, &sent.id, sent.here, Stuck::Refused)
}
