//! What came from the cloud, beside what is here. Nothing of a record is believed but what a device sealed.

use belay_proto::sync::{CollectionKeys, Content, RecordError, RecordId, Revision};
use belay_proto::wire::SyncRecord;
use belay_sync::record::{self, CONFLICT_WITH, Edited, Held, Taken};
use rusqlite::Transaction;

use super::no_change;
use crate::store::sync::{self as rows, Arrived};
use crate::store::{Sealer, StoreError};
use crate::sync::kept::Kept;
use crate::sync::model::Change;

/// Removals that waited are in memory at once, at most.
const PAGE: usize = 256;

/// Why a record is left aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// There is no key of its epoch: it is fetched again once there is.
    NoKey,
    /// No device of the account sealed it as this record, or what is said of it isn't what is sealed.
    Forged,
}

/// Opens a record, and checks what the cloud says of it.
pub(super) fn read(keys: &CollectionKeys, record: &SyncRecord) -> Result<Content, Unread> {
    let sealed = &record.sealed.0;
    if record.collection != keys.collection_id() || record.revision != Revision::of(sealed) {
        return Err(Unread::Forged);
    }
    match Content::open(keys, &record.id, record.key_epoch, sealed) {
        // A record that only the cloud says was removed would be forgotten there.
        Ok(content) if content.removed == record.removed => Ok(content),
        Err(RecordError::NoKey(_)) => Err(Unread::NoKey),
        Ok(_) | Err(_) => Err(Unread::Forged),
    }
}

/// Whoever takes records into a collection.
pub(super) struct Receiver<'a> {
    transaction: &'a Transaction<'a>,
    sealer: &'a Sealer,
    keys: &'a CollectionKeys,
    collection: &'static str,
    now: u64,
    /// What has changed so far.
    pub(super) change: Change,
    /// Whether anything that came was new.
    pub(super) is_news: bool,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        sealer: &'a Sealer,
        keys: &'a CollectionKeys,
        collection: &'static str,
        now: u64,
    ) -> Self {
        Self {
            transaction,
            sealer,
            keys,
            collection,
            now,
            change: no_change(collection),
            is_news: false,
        }
    }

    /// Takes a record as the cloud has it.
    pub(super) fn take(
        &mut self,
        id: RecordId,
        revision: Revision,
        theirs: Content,
    ) -> Result<(), StoreError> {
        rows::opened(self.transaction, self.collection, &id)?;
        let Some(mut held) = self.find(&id)? else {
            return self.judge(None, id, revision, theirs);
        };
        self.is_news |= rows::seen(self.transaction, self.collection, &id)?;
        let was_waiting = rows::unstage(self.transaction, self.collection, &id)?;
        if held.base.is_some_and(|base| base.revision == revision) {
            return Ok(());
        }
        // Our own push, whose answer was lost: it arrived, and others may have gone on from there.
        if let Some((number, sent)) = rows::sent(self.transaction, self.collection, &id)?
            && (sent == revision || theirs.ancestors.has(&sent))
        {
            let is_it = sent == revision;
            if is_it && self.has_accepted(&id, held.revision, number, &revision)? {
                return Ok(());
            }
            rows::answered(self.transaction, self.collection, &id)?;
            held = record::pushed(held, number, sent);
            self.put(id, &held)?;
            if is_it {
                return Ok(());
            }
        }
        // As long as it does nothing is brought again that it is of.
        let is_to_wait = match theirs.removed && held.is_there() {
            true if held.pending => {
                record::takes_removal(&held, &theirs, &revision, self.is_beside(&id, &held)?)
            }
            is_removed_there => is_removed_there,
        };
        if is_to_wait {
            if held.pending {
                self.put(id, &record::rests(held))?;
            }
            let arrived = Arrived {
                id,
                revision,
                content: theirs,
            };
            self.is_news |= !was_waiting;
            return rows::stage(self.transaction, self.sealer, self.collection, &arrived);
        }
        self.judge(Some(held), id, revision, theirs)
    }

    /// Some of the removals that wait are taken, at most so many; whether more may wait. As many more have gone without a question then as fewer
    /// wait, so that none comes up between two parts.
    pub(super) fn apply_some(&mut self, most: usize) -> Result<bool, StoreError> {
        self.end_some(most, &mut |receiver: &mut Self, arrived| {
            let id = arrived.id;
            receiver.apply(arrived)?;
            rows::went(receiver.transaction, receiver.collection, &id, receiver.now)
        })
    }

    /// The removals that wait are taken: the owner agreed.
    pub(super) fn apply_arrived(&mut self) -> Result<(), StoreError> {
        while self.end_some(PAGE, &mut Self::apply)? {}
        Ok(())
    }

    /// The removals that wait are undone: what is here is pushed again above them.
    pub(super) fn refuse_arrived(&mut self) -> Result<(), StoreError> {
        while self.end_some(PAGE, &mut Self::refuse)? {}
        Ok(())
    }

    fn apply(&mut self, arrived: Arrived) -> Result<(), StoreError> {
        let held = self.find(&arrived.id)?;
        self.judge(held, arrived.id, arrived.revision, arrived.content)
    }

    fn refuse(&mut self, arrived: Arrived) -> Result<(), StoreError> {
        let (id, revision, removal) = (arrived.id, arrived.revision, arrived.content);
        match self.find(&id)? {
            Some(held) if held.is_there() => self.put(id, &record::insist(held, &removal, revision)),
            held => self.judge(held, id, revision, removal),
        }
    }

    /// Some of the removals that wait do so no more; whether more may. They may be all records of before.
    fn end_some(
        &mut self,
        most: usize,
        each: &mut impl FnMut(&mut Self, Arrived) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let page = rows::arrived(self.transaction, self.sealer, self.collection, most)?;
        let is_any = !page.is_empty();
        for arrived in page {
            rows::unstage(self.transaction, self.collection, &arrived.id)?;
            each(self, arrived)?;
        }
        Ok(is_any)
    }

    /// Some of what a listing didn't show is pushed again, at most so many, since it isn't at the cloud; whether there may be
    /// more. A removal that the cloud has forgotten by now isn't.
    pub(super) fn end_listing(&mut self, most: usize) -> Result<bool, StoreError> {
        let unseen = rows::unseen(self.transaction, self.collection, most)?;
        for id in &unseen {
            if !rows::let_go(self.transaction, self.collection, id, self.now)? {
                self.absent(*id)?;
            }
        }
        Ok(unseen.len() == most)
    }

    /// The cloud doesn't have a record: it gets it as a new one.
    pub(super) fn absent(&mut self, id: RecordId) -> Result<(), StoreError> {
        rows::seen(self.transaction, self.collection, &id)?;
        match self.find(&id)? {
            Some(held) => self.put(id, &record::absent(held)),
            None => Ok(()),
        }
    }

    /// What was pushed is at the cloud, `here` in the state that it was pushed in.
    pub(super) fn accepted(
        &mut self,
        id: RecordId,
        here: u64,
        number: u64,
        revision: Revision,
    ) -> Result<(), StoreError> {
        if self.has_accepted(&id, here, number, &revision)? {
            return Ok(());
        }
        rows::seen(self.transaction, self.collection, &id)?;
        match self.find(&id)? {
            Some(held) => self.put(id, &record::pushed(held, number, revision)),
            None => Ok(()),
        }
    }

    fn has_accepted(
        &self,
        id: &RecordId,
        here: u64,
        number: u64,
        revision: &Revision,
    ) -> Result<bool, StoreError> {
        let cloud = (number, revision);
        rows::accepted(self.transaction, self.collection, id, here, cloud, self.now)
    }

    fn judge(
        &mut self,
        held: Option<Held>,
        id: RecordId,
        revision: Revision,
        theirs: Content,
    ) -> Result<(), StoreError> {
        let (was_known, was_there) = (held.is_some(), held.as_ref().is_some_and(Held::is_there));
        let held = match held {
            Some(held) if self.is_alone(&held, &theirs, &revision)? => {
                self.is_news = true;
                return self.put(id, &record::insist(held, &theirs, revision));
            }
            held => held,
        };
        let is_beside = match &held {
            Some(held) if theirs.removed => self.is_beside(&id, held)?,
            _ => false,
        };
        let Some(taken) = record::take(held, &id, theirs, revision, is_beside, self.now) else {
            return Ok(());
        };
        let Taken {
            held,
            is_changed,
            sibling,
        } = taken;
        self.put(id, &held)?;
        // What was sent last lives on beside the record: what replaces the record takes no place of that.
        if let Some(sibling) = &sibling
            && let Some((_, sent)) = rows::sent(self.transaction, self.collection, &id)?
            && sibling.renews == Some(sent)
        {
            rows::answered(self.transaction, self.collection, &id)?;
        }
        self.is_news |= is_changed;
        if is_changed && held.is_sibling() && self.is_replaced(&held.content)? {
            self.goes(id, held, was_there)?;
            // What was here instead, nobody has replaced.
            return sibling.map_or(Ok(()), |sibling| self.beside(sibling));
        }
        if is_changed && was_known {
            self.twin_goes(&id, &held)?;
        }
        if is_changed {
            match (held.is_there(), was_there) {
                (true, _) => self.change.ids.push(id),
                (false, true) => self.change.removed.push(id),
                (false, false) => {}
            }
        }
        sibling.map_or(Ok(()), |sibling| self.beside(sibling))
    }

    /// Whether what is here of a record lies beside it as well: where any device would put it, or beside what was in its way there.
    fn is_beside(&self, id: &RecordId, held: &Held) -> Result<bool, StoreError> {
        let Some(mut version) = record::version_of(held, id) else {
            return Ok(false);
        };
        loop {
            let id = self.keys.record_id(&version.natural);
            let Some(beside) = self.find(&id)? else {
                return Ok(false);
            };
            let sealed = version.seal(self.keys).ok().map(|sealed| sealed.revision);
            if record::lies_beside(&version, sealed.as_ref(), &beside) {
                return Ok(true);
            }
            version = record::beside_that(version, &id);
        }
    }

    /// Whether a sibling is let go elsewhere, as its record says the same there, and that record is removed here: nobody meant
    /// both.
    fn is_alone(&self, sibling: &Held, theirs: &Content, revision: &Revision) -> Result<bool, StoreError> {
        if !sibling.is_sibling() || !record::is_let_go(theirs) {
            return Ok(false);
        }
        let with = sibling.content.attributes.0.get(CONFLICT_WITH);
        let Some(with) = with.and_then(|id| id.parse().ok()) else {
            return Ok(false);
        };
        let is_removed = self.find(&with)?.is_some_and(|held| !held.is_there());
        Ok(is_removed && record::takes_removal(sibling, theirs, revision, false))
    }

    /// Whether a sibling that came is a version that was replaced here, by somebody who saw it.
    fn is_replaced(&self, sibling: &Content) -> Result<bool, StoreError> {
        let with = sibling.attributes.0.get(CONFLICT_WITH);
        let Some(with) = with.and_then(|id| id.parse().ok()) else {
            return Ok(false);
        };
        let held = self.find(&with)?;
        Ok(held.is_some_and(|held| record::is_replaced(sibling, &held)))
    }

    /// A record that came says what a version beside it does: there is nothing to choose between the two. Not where the version comes
    /// after the record: a removal of that may be on its way, and the version is all that the others have.
    fn twin_goes(&mut self, id: &RecordId, held: &Held) -> Result<(), StoreError> {
        let Some(version) = record::version_of(held, id) else {
            return Ok(());
        };
        let twin = self.keys.record_id(&version.natural);
        match self.find(&twin)? {
            Some(found) if found.is_sibling() && record::is_twin(&found.content, held, id) => {
                let gone = record::let_go(found, self.now);
                let gone = rows::above_sent(self.transaction, self.collection, &twin, gone)?;
                self.put(twin, &gone)?;
                self.change.removed.push(twin);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A sibling goes that nobody has to choose about.
    fn goes(&mut self, id: RecordId, held: Held, was_there: bool) -> Result<(), StoreError> {
        let revision = held.revision;
        if let Edited::Stored(gone) = record::remove(Some(held), revision, self.now) {
            self.put(id, &gone)?;
        }
        match was_there {
            true => self.change.removed.push(id),
            // Of what its owner never saw here there is nothing to ask.
            false => rows::needs_no_answer(self.transaction, self.collection, &id)?,
        }
        Ok(())
    }

    fn beside(&mut self, mut sibling: Content) -> Result<(), StoreError> {
        let (id, before, sealed) = loop {
            let id = self.keys.record_id(&sibling.natural);
            let before = self.find(&id)?;
            // Where it can't be sealed it is found out with the push.
            let sealed = sibling.seal(self.keys).ok().map(|sealed| sealed.revision);
            let there = before.as_ref();
            if there.is_none_or(|held| !record::is_in_the_way(held, &sibling, sealed.as_ref())) {
                break (id, before, sealed);
            }
            sibling = record::beside_that(sibling, &id);
        };
        let kept = Kept {
            transaction: self.transaction,
            sealer: self.sealer,
            keys: self.keys,
            collection: self.collection,
        };
        if kept.of(&id, before.as_ref(), &sibling)?.is_some() {
            return Ok(());
        }
        if let Some(held) = record::beside(before, sibling, sealed) {
            let held = rows::above_sent(self.transaction, self.collection, &id, held)?;
            self.put(id, &held)?;
            self.change.ids.push(id);
        }
        Ok(())
    }

    fn find(&self, id: &RecordId) -> Result<Option<Held>, StoreError> {
        rows::find_readable(self.transaction, self.sealer, self.collection, id)
    }

    fn put(&self, id: RecordId, held: &Held) -> Result<(), StoreError> {
        rows::put(self.transaction, self.sealer, self.collection, &id, held)
    }
}
