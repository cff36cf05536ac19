//! The owner's data: sealed records in the order in which they changed. The cloud knows how many there are, how long they
//! are, and which chunks they need, and nothing else of them.

pub mod cursor;
pub mod table;

use std::collections::HashSet;

use axum::extract::{RawQuery, State};
use belay_proto::signed::EPOCHS_END;
use belay_proto::sync::{ChunkId, CollectionId, MAX_SEALED_RECORD, Revision};
use belay_proto::wire::{
    CHANGES_BYTES, CHANGES_PAGE, ChangesAnswer, Hint, MISSING_CHUNKS, PUSH_RECORDS, PushAnswer, PushRecord,
    PushRequest, PushResult, PushStatus, RECORD_CHUNKS, SyncRecord,
};
use belay_proto::{AccountId, DeviceId};
use rusqlite::Transaction;

use self::cursor::Cursor;
use self::table::Counted;
use crate::app::App;
use crate::clock::Millis;
use crate::http::Session;
use crate::http::packed::Packed;
use crate::problem::{Kind, Problem};
use crate::store::{self, Failure};
use crate::{blobs, channel, devices};

/// The longest sealed removal that is stored in a full account, bytes: a path of 4 KiB and what is counted.
const LONGEST_REMOVAL: usize = 8 * 1024;

/// So far above the highest key epoch that was pushed in may one be. The owner's devices make one after another; whoever has a
/// device's session alone mustn't shut the others out, since nobody pushes in an older one than the highest.
const FARTHEST_EPOCH: u64 = 1000;

/// `POST /v1/sync/push`: stores records in place of the revisions that their device knew, each on its own.
///
/// # Errors
/// `malformed`, `not-bound`, `too-large`, `key-epoch-old`.
pub async fn push(
    State(app): State<App>,
    session: Session,
    Packed(body): Packed<PushRequest>,
) -> Result<Packed<PushAnswer>, Problem> {
    let cursor: Option<Cursor> = body.cursor.as_deref().map(str::parse).transpose()?;
    if body.records.len() > PUSH_RECORDS {
        return Err(Problem::new(Kind::TooLarge).because("a push has at most 500 records"));
    }
    let (account, thumbprint, at) = (session.account, session.proof.thumbprint, app.clone());
    let answer = move |tx: &Transaction<'_>| {
        session.proof.still(tx)?;
        let here = devices::acting(tx, &thumbprint, &account)?;
        Push::new(&at, tx, account, here)?.all(cursor, body.records)
    };
    app.store.transact(answer).await.map(Packed)
}

/// `GET /v1/sync/changes`: what changed after a cursor.
///
/// # Errors
/// `malformed`, `cursor-too-old`.
pub async fn changes(
    State(app): State<App>,
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Packed<ChangesAnswer>, Problem> {
    let asked = Asked::parse(query.as_deref().unwrap_or_default())?;
    let (account, default, now) = (session.account, app.settings.limits.quota, app.now());
    let answer = move |tx: &Transaction<'_>| {
        let counted = table::counted(tx, &account)?;
        if let Some(cursor) = asked.cursor
            && cursor.is_ahead(tx, counted.sequence)?
        {
            // What was pushed since the copy is gone here: each device of the account has to list and bring it again, those
            // too whose cursor will have been overtaken when they come.
            let end = next(counted.sequence, now);
            let restored = Counted {
                sequence: end,
                forgotten: end,
                ..counted
            };
            table::count(tx, &account, &restored)?;
            return Err(Problem::new(Kind::CursorTooOld).into());
        }
        let after = Cursor::judge(asked.cursor, tx, counted.sequence, counted.forgotten)?;
        let of = asked.collection.as_ref();
        let (records, reached) = table::changed(tx, &account, of, after.sequence, asked.limit)?;
        let cursor = after.at(reached.unwrap_or(counted.sequence));
        // Who lists all is told how much that is, once: it is counted from an index, and not for each page.
        let left = match (asked.cursor, reached) {
            (None, Some(reached)) => table::count_after(tx, &account, of, reached)?,
            _ => 0,
        };
        Ok(ChangesAnswer {
            records,
            cursor: cursor.to_string(),
            more: reached.is_some(),
            left,
            quota: counted.quota(default),
        })
    };
    app.store.transact(answer).await.map(Packed)
}

/// What the query asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    cursor: Option<Cursor>,
    collection: Option<CollectionId>,
    limit: usize,
}

impl Asked {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut asked = Self {
            cursor: None,
            collection: None,
            limit: CHANGES_PAGE,
        };
        let mut seen = HashSet::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !seen.insert(name) {
                return Err(Problem::malformed("a name of the query comes twice"));
            }
            let bad = |_| Problem::malformed("the query is `cursor`, `collection` and `limit`");
            match name {
                "cursor" => asked.cursor = Some(value.parse()?),
                "collection" => asked.collection = Some(value.parse().map_err(bad)?),
                "limit" => {
                    let limit: u16 = value
                        .parse()
                        .map_err(|_| Problem::malformed("`limit` is a number"))?;
                    asked.limit = usize::from(limit).clamp(1, CHANGES_PAGE);
                }
                _ => {
                    return Err(Problem::malformed(
                        "the query has a name that this call doesn't know",
                    ));
                }
            }
        }
        Ok(asked)
    }
}

/// The number of a change after number `last`: the clock, ms since 1970, or the next one. So a database that was restored
/// from a copy goes on above the numbers that it has forgotten, and no cursor of before skips what comes after.
fn next(last: u64, now: Millis) -> u64 {
    last.saturating_add(1).max(store::storable(now))
}

/// One push on its way into the database.
struct Push<'a> {
    app: &'a App,
    tx: &'a Transaction<'a>,
    account: AccountId,
    /// The device that pushes.
    here: DeviceId,
    counted: Counted,
    /// The highest key epoch that may be pushed in.
    highest_epoch: u64,
    now: Millis,
    /// Bytes of records in the answer.
    told: usize,
    /// Missing chunks in the answer.
    lacking: usize,
    /// Nothing more made room: what is over the quota is refused without looking again.
    is_full: bool,
}

impl<'a> Push<'a> {
    fn new(
        app: &'a App,
        tx: &'a Transaction<'a>,
        account: AccountId,
        here: DeviceId,
    ) -> Result<Self, Failure> {
        let counted = table::counted(tx, &account)?;
        let farthest = counted.key_epoch.saturating_add(FARTHEST_EPOCH);
        Ok(Self {
            app,
            tx,
            account,
            here,
            counted,
            highest_epoch: farthest.min(EPOCHS_END - 1),
            now: app.now(),
            told: 0,
            lacking: 0,
            is_full: false,
        })
    }

    fn all(mut self, cursor: Option<Cursor>, records: Vec<PushRecord>) -> Result<PushAnswer, Failure> {
        if records
            .iter()
            .any(|push| push.record.key_epoch < self.counted.key_epoch)
        {
            return Err(Problem::new(Kind::KeyEpochOld).into());
        }
        // What is named stays, whatever becomes of its record, which is pushed again soon: no other record of this push has it make
        // room.
        for push in &records {
            blobs::table::keep(self.tx, &self.account, &push.record.chunks, self.now)?;
        }
        let before = self.counted.sequence;
        let start = Cursor::here(self.tx, before)?;
        let mut seen = HashSet::new();
        let mut results = Vec::with_capacity(records.len());
        for push in records {
            let first = seen.insert((push.record.collection, push.record.id));
            results.push(match first {
                true => self.one(push)?,
                false => PushStatus::Bad.into(),
            });
        }
        if self.counted.sequence > before {
            table::count(self.tx, &self.account, &self.counted)?;
            channel::tell_others(self.app, self.tx, &self.account, Some(&self.here), Hint::Sync)?;
        }
        Ok(PushAnswer {
            results,
            cursor: Cursor::here(self.tx, self.counted.sequence)?.to_string(),
            contiguous: cursor.map_or(before == 0, |cursor| cursor == start),
            quota: self.counted.quota(self.app.settings.limits.quota),
        })
    }

    fn one(&mut self, push: PushRecord) -> Result<PushResult, Failure> {
        let record = &push.record;
        if record.sealed.len() > MAX_SEALED_RECORD || record.chunks.len() > RECORD_CHUNKS {
            return Ok(PushStatus::TooLarge.into());
        }
        let impossible = record.sealed.is_empty()
            || record.key_epoch > self.highest_epoch
            || record.removed && !record.chunks.is_empty();
        if impossible || Revision::of(&record.sealed) != record.revision {
            return Ok(PushStatus::Bad.into());
        }
        let before = table::find(self.tx, &self.account, &record.collection, &record.id)?;
        let present = before.as_ref().map(|before| before.revision);
        if present == Some(record.revision) {
            return Ok(PushStatus::Ok.into());
        }
        if present != push.base {
            return Ok(self.conflict(before));
        }
        let lacking = blobs::table::lacking(self.tx, &self.account, &record.chunks)?;
        if !lacking.is_empty() {
            return Ok(self.missing(lacking));
        }
        let replaced = before.as_ref().map_or(0, |before| table::length(before) as u64);
        let used = self
            .counted
            .used
            .saturating_sub(replaced)
            .saturating_add(table::length(record) as u64);
        // What makes room, or says that something is gone, always has room; but nobody fills the disk with removals.
        let removal = record.removed && push.base.is_some() && record.sealed.len() <= LONGEST_REMOVAL;
        let grows = used > self.counted.used && !removal;
        let used = match grows {
            false => used,
            true if self.is_full && used > self.counted.quota(self.app.settings.limits.quota).total => {
                return Ok(PushStatus::Quota.into());
            }
            true => match blobs::fit(self.app, self.tx, &self.account, &self.counted, used)? {
                Some(used) => used,
                None => {
                    self.is_full = true;
                    return Ok(PushStatus::Quota.into());
                }
            },
        };
        let sequence = next(self.counted.sequence, self.now);
        table::put(self.tx, &self.account, record, sequence, self.now)?;
        let needed = before.map_or_else(Vec::new, |before| before.chunks);
        blobs::table::need(self.tx, &self.account, &needed, &record.chunks, self.now)?;
        self.counted = Counted {
            sequence,
            used,
            key_epoch: self.counted.key_epoch.max(record.key_epoch),
            ..self.counted
        };
        Ok(PushStatus::Ok.into())
    }

    /// The record that is there instead, as long as the answer has room; who doesn't get it fetches it.
    fn conflict(&mut self, before: Option<SyncRecord>) -> PushResult {
        let Some(before) = before else {
            return PushStatus::Absent.into();
        };
        self.told += table::length(&before);
        PushResult {
            current: (self.told <= CHANGES_BYTES).then_some(before),
            ..PushStatus::Conflict.into()
        }
    }
    /// The chunks that have to come first, as long as the answer has room.
    fn missing(&mut self, mut lacking: Vec<ChunkId>) -> PushResult {
        lacking.truncate(MISSING_CHUNKS.saturating_sub(self.lacking));
        self.lacking += lacking.len();
        PushResult {
            missing: lacking,
            ..PushStatus::MissingChunks.into()
        }
    }
}
