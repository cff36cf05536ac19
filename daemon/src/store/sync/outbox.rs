//! The rows of a push.

use belay_proto::Secret;
use belay_proto::sync::{Content, RecordId, Revision};
use belay_sync::record::Held;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::unopened::{are_unopened, count_in_the_way};
use super::{COLUMNS, LACKS, Listed, REFUSED, SPOILT, listed, place, unreadable};
use crate::store::{Sealer, StoreError};

/// Pending records that nothing keeps from being pushed.
pub(super) const READY: &str = "collection = ?1 AND pending = 1 AND stuck = 0";
/// Removals of what the cloud has or once had, about which the owner wasn't asked: a cloud that lists a record no more doesn't
/// answer in the owner's place. A trigger has these words too.
pub(super) const UNASKED: &str =
    "collection = ?1 AND pending = 1 AND stuck = 0 AND removed = 1 AND agreed = 0
     AND (base IS NOT NULL OR common IS NOT NULL)";
/// Removals that went without a question, after a time.
pub(super) const GONE: &str = "collection = ?1 AND removed = 1 AND gone > 0 AND gone > ?2";

/// Whether a collection has records that are stuck for this reason.
pub(super) const HAS_STUCK: &str =
    "SELECT EXISTS (SELECT 1 FROM record WHERE collection = ?1 AND stuck > 0 AND stuck = ?2)";
const COUNT_STUCK: &str = "SELECT count(*) FROM record WHERE collection = ?1 AND stuck > 0 AND stuck = ?2";

/// What `unread` says, and no keys' mark: what didn't open is looked at once more, whatever the keys are.
const UNOPENED: u64 = 1;

/// Which pending records a push takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// All of them.
    All,
    /// Not the removals about which the owner has yet to be asked.
    Unguarded,
    /// What the cloud has some state of, removals of it among them: there is no room for anything new. With those about which the
    /// owner has yet to be asked or without.
    Changes {
        /// With them.
        unasked: bool,
    },
    /// Removals alone: there is no room for anything else. With those about which the owner has yet to be asked or without.
    Removals {
        /// With them.
        unasked: bool,
    },
}

/// Why a record isn't pushed again as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// The cloud lacks chunks of it, which only its source has.
    Lacks,
    /// The cloud won't have it.
    Refused,
}

/// Why records of a collection aren't pushed again by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    /// The cloud won't have one.
    pub is_refused: bool,
    /// One can't be read here.
    pub is_spoilt: bool,
    /// The cloud lacks chunks of one.
    pub is_lacking: bool,
    /// One of the cloud that doesn't open here is in the way of another.
    pub is_in_the_way: bool,
    /// One of the cloud doesn't open here.
    pub is_unopened: bool,
}

/// Hands the pending records after a position to `take`, in their order, until it answers false. One at a time is in memory. One
/// that can't be read is passed over, now and later.
///
/// # Errors
/// [`StoreError`], as in every function here.
pub fn outgoing(
    connection: &Connection,
    sealer: &Sealer,
    collection: &str,
    which: Ready,
    after: u64,
    mut take: impl FnMut(Listed) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let filter = match which {
        Ready::All => "1",
        Ready::Unguarded => "(removed = 0 OR agreed = 1 OR base IS NULL AND common IS NULL)",
        Ready::Changes { unasked: true } => "(base IS NOT NULL OR removed = 1)",
        Ready::Changes { unasked: false } => {
            "(removed = 0 AND base IS NOT NULL OR removed = 1 AND (agreed = 1 OR base IS NULL AND common IS NULL))"
        }
        Ready::Removals { unasked: true } => "removed = 1",
        Ready::Removals { unasked: false } => {
            "removed = 1 AND (agreed = 1 OR base IS NULL AND common IS NULL)"
        }
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM record WHERE {READY} AND {filter} AND position > ?2 ORDER BY position"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![collection, after])?;
    let mut spoilt: Vec<[u8; 16]> = Vec::new();
    while let Some(row) = rows.next()? {
        match listed(row, sealer, collection) {
            Ok(listed) => {
                if !take(listed)? {
                    break;
                }
            }
            Err(error) if error.is_of_a_value() => {
                unreadable(&error);
                spoilt.push(row.get(0)?);
            }
            Err(error) => return Err(error),
        }
    }
    for id in spoilt {
        connection
            .prepare_cached("UPDATE record SET stuck = ?3 WHERE collection = ?1 AND id = ?2")?
            .execute(params![collection, id, SPOILT])?;
    }
    Ok(())
}

/// Why some of a collection's records aren't pushed again by themselves.
///
/// # Errors
/// [`StoreError`].
pub fn troubles(connection: &Connection, collection: &str) -> Result<Troubles, StoreError> {
    let mut statement = connection.prepare_cached(HAS_STUCK)?;
    let mut has = |why: i64| statement.query_row(params![collection, why], |row| row.get(0));
    let in_the_way = count_in_the_way(connection, collection)?;
    let refused: u64 = connection
        .prepare_cached(COUNT_STUCK)?
        .query_row(params![collection, REFUSED], |row| row.get(0))?;
    Ok(Troubles {
        is_refused: refused > in_the_way,
        is_spoilt: has(SPOILT)?,
        is_lacking: has(LACKS)?,
        is_in_the_way: in_the_way > 0,
        is_unopened: are_unopened(connection, collection)?,
    })
}

/// How many bytes of content wait to be pushed.
///
/// # Errors
/// [`StoreError`].
pub fn waiting(connection: &Connection, collection: &str) -> Result<(u64, u64), StoreError> {
    let sql = format!("SELECT count(*), coalesce(sum(bytes), 0) FROM record WHERE {READY}");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([collection], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Notes what is about to be pushed of a record: where the answer is lost, the cloud having it is no conflict, and others may
/// know the content by this revision.
///
/// # Errors
/// [`StoreError`].
pub fn sending(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
    number: u64,
    revision: &Revision,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "UPDATE record SET sent = ?3, known = ?3, sent_number = ?4 WHERE collection = ?1 AND id = ?2",
        )?
        .execute(params![collection, id.as_bytes(), revision.as_bytes(), number])?;
    Ok(())
}

/// Keeps a content that says the same as the one that was kept of a record, in its place.
///
/// # Errors
/// [`StoreError`].
pub fn renew(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    collection: &str,
    id: &RecordId,
    content: &Content,
) -> Result<(), StoreError> {
    let bytes = Secret::new(content.encode());
    let sealed = sealer.seal(&place(collection, id, "content"), bytes.expose());
    transaction
        .prepare_cached("UPDATE record SET content = ?3 WHERE collection = ?1 AND id = ?2")?
        .execute(params![collection, id.as_bytes(), sealed])?;
    Ok(())
}

/// Whether a push of a record was never answered.
///
/// # Errors
/// [`StoreError`].
pub fn is_unanswered(connection: &Connection, collection: &str) -> Result<bool, StoreError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM record WHERE {READY} AND sent IS NOT NULL)");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([collection], |row| row.get(0))?)
}

/// The push of a record was answered: the cloud doesn't have it.
///
/// # Errors
/// [`StoreError`].
pub fn answered(transaction: &Transaction<'_>, collection: &str, id: &RecordId) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE record SET sent = NULL WHERE collection = ?1 AND id = ?2")?
        .execute(params![collection, id.as_bytes()])?;
    Ok(())
}

/// What was last about to be pushed of a record, as number and revision.
///
/// # Errors
/// [`StoreError`].
pub fn sent(
    connection: &Connection,
    collection: &str,
    id: &RecordId,
) -> Result<Option<(u64, Revision)>, StoreError> {
    let found: Option<(Option<[u8; 16]>, u64)> = connection
        .prepare_cached("SELECT sent, sent_number FROM record WHERE collection = ?1 AND id = ?2")?
        .query_row(params![collection, id.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(found.and_then(|(sent, number)| Some((number, Revision::from_bytes(sent?)))))
}

/// What takes the place of a record, as made of what was sent of it, which may arrive at any time.
///
/// # Errors
/// [`StoreError`].
pub fn above_sent(
    connection: &Connection,
    collection: &str,
    id: &RecordId,
    mut held: Held,
) -> Result<Held, StoreError> {
    if let Some((_, sent)) = self::sent(connection, collection, id)? {
        held.content.ancestors = held.content.ancestors.with(&sent);
    }
    Ok(held)
}

/// Notes that the cloud has what was pushed of a record, as number and revision, unless that was changed meanwhile: then
/// false, and nothing. `now`, seconds since the epoch, is when a removal went that the owner wasn't asked about.
///
/// # Errors
/// [`StoreError`].
pub fn accepted(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
    here: u64,
    (number, revision): (u64, &Revision),
    now: u64,
) -> Result<bool, StoreError> {
    let changed = transaction
        .prepare_cached(
            "UPDATE record SET pending = 0, base = ?4, base_number = ?5, common = NULL, last = NULL, sent = NULL, agreed = 0,
                 origin = NULL, offered = NULL, offer = NULL, unseen = 0,
                 gone = CASE WHEN removed = 1 AND agreed = 0 AND (base IS NOT NULL OR common IS NOT NULL)
                     THEN ?6 ELSE 0 END
             WHERE collection = ?1 AND id = ?2 AND revision = ?3 AND known = ?4",
        )?
        .execute(params![
            collection,
            id.as_bytes(),
            here,
            revision.as_bytes(),
            number,
            now
        ])?;
    Ok(changed > 0)
}

/// Keeps a record from being pushed again until it is put again; not where it was changed meanwhile.
///
/// # Errors
/// [`StoreError`].
pub fn stick(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
    here: u64,
    why: Stuck,
) -> Result<(), StoreError> {
    let why = match why {
        Stuck::Lacks => LACKS,
        Stuck::Refused => REFUSED,
    };
    transaction
        .prepare_cached("UPDATE record SET stuck = ?4 WHERE collection = ?1 AND id = ?2 AND revision = ?3")?
        .execute(params![collection, id.as_bytes(), here, why])?;
    Ok(())
}

/// What the cloud wouldn't have, and what couldn't be read, is tried again.
///
/// # Errors
/// [`StoreError`].
pub fn try_again(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    let sql = "UPDATE record SET stuck = 0 WHERE collection = ?1 AND stuck > 0 AND stuck IN (?2, ?3)";
    transaction
        .prepare_cached(sql)?
        .execute(params![collection, REFUSED, SPOILT])?;
    transaction
        .prepare_cached(
            "UPDATE collection SET unread = ?2
             WHERE name = ?1 AND EXISTS (SELECT 1 FROM unopened WHERE collection = ?1)",
        )?
        .execute(params![collection, UNOPENED])?;
    Ok(())
}

/// The removals that the cloud has yet to get, and about which the owner wasn't asked.
///
/// # Errors
/// [`StoreError`].
pub fn unasked(connection: &Connection, collection: &str) -> Result<Vec<RecordId>, StoreError> {
    let sql = format!("SELECT id FROM record WHERE {UNASKED} ORDER BY position");
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map([collection], |row| Ok(RecordId::from_bytes(row.get(0)?)))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// A removal from the cloud was taken without a question, at `now`, seconds since the epoch.
///
/// # Errors
/// [`StoreError`].
pub fn went(
    transaction: &Transaction<'_>,
    collection: &str,
    id: &RecordId,
    now: u64,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "UPDATE record SET gone = ?3 WHERE collection = ?1 AND id = ?2 AND removed = 1 AND pending = 0",
        )?
        .execute(params![collection, id.as_bytes(), now])?;
    Ok(())
}

/// How many records went without a question after `since`, seconds since the epoch, and are still gone.
///
/// # Errors
/// [`StoreError`].
pub fn count_gone(connection: &Connection, collection: &str, since: u64) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT count(*) FROM record WHERE {GONE}"))?;
    Ok(statement.query_row(params![collection, since], |row| row.get(0))?)
}

/// The owner was asked: what went before doesn't count any more.
///
/// # Errors
/// [`StoreError`].
pub fn forgive(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    transaction.execute(
        &format!("UPDATE record SET gone = 0 WHERE {GONE}"),
        params![collection, 0],
    )?;
    // What more is asked is asked anew.
    transaction.execute(
        "UPDATE collection SET asked_here = NULL, asked_cloud = NULL WHERE name = ?1",
        [collection],
    )?;
    Ok(())
}

/// The owner agrees to them.
///
/// # Errors
/// [`StoreError`].
pub fn agree(transaction: &Transaction<'_>, collection: &str) -> Result<(), StoreError> {
    transaction.execute(
        &format!("UPDATE record SET agreed = 1 WHERE {UNASKED}"),
        [collection],
    )?;
    Ok(())
}
