//! How an accessory becomes the account's.
//!
//! The key that it is given is on the disk before it hears of it, and stays there until it is known whether it took it:
//! whatever ends belayd in between, no accessory holds a key that nobody knows. What is kept of a paired one stays until
//! a new key has proved itself.

use belay_drivers::{Failure, Key, KeyNeed, Kind, Opening};
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::super::model::Saved;
use super::connection::{Connection, Stage};
use super::early::Early;
use super::{Accessory, Answer, Asker, At, Effect, Paired, SessionId, State, TimerOf};

/// What has to be done before an accessory is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// BlueZ forgets its bond with it.
    Bond,
    /// The key that it is to be given is on the disk.
    Key,
}

/// What a connection that pairs has besides.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pairing {
    /// So many preparations are to be answered.
    left: u8,
    /// The key that an earlier pairing left is tried. Where it isn't the accessory's it goes on with this.
    next: Option<Opening>,
    /// What was wrong before.
    pub(super) before: Option<AccessoryError>,
}

impl State {
    pub(super) fn pair(
        &mut self,
        asker: Asker,
        id: AccessoryId,
        (brought, fresh): (Option<Key>, Key),
        replace: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        if self.account.is_none() {
            return Err(AccessoryError::NotBound);
        }
        let radio = self.radio();
        let session = self.next_session();
        let one = self.get(id)?;
        if !one.kind.is_spoken() {
            return Err(AccessoryError::NotSupported);
        }
        let is_in_need = one.stopped() || one.problem == Some(AccessoryError::Replayed);
        if one.paired.is_some() && !replace && !is_in_need {
            return Ok(Some(Answer::Done));
        }
        radio?;
        if one.kind.advertises() && one.paired.is_some() {
            return self.try_key(asker, id, brought, effects);
        }
        if one.connection.as_ref().is_some_and(Connection::is_pairing) {
            return Err(AccessoryError::Busy);
        }
        let unbonds = replace && one.is_kept_off_by_a_bond();
        // Without the bond the key that is kept is as good as before.
        let kept = one.paired.as_ref().filter(|_| unbonds).map(|it| it.key.clone());
        let asked = match kept.clone() {
            Some(key) => Opening::Resume(key),
            None => {
                let key = match one.need {
                    // A sensor that has nothing to say doesn't show that it encrypts.
                    KeyNeed::None => brought.filter(|_| one.kind == Kind::MiBeaconSensor),
                    KeyNeed::Chosen => Some(fresh),
                    KeyNeed::Issued | KeyNeed::Bind => Some(brought.ok_or(AccessoryError::KeyRequired)?),
                };
                if replace {
                    Opening::Pair(key)
                } else {
                    Opening::Claim(key)
                }
            }
        };
        one.end_connection(id, AccessoryError::Cancelled, effects);
        effects.push(Effect::Sleep(TimerOf::Leaving(id)));
        one.held = false;
        let before = one.problem.take();
        if one.kind.advertises() {
            // There is nothing to tell it: listening is all there is.
            one.adopt(id, asked.key().cloned(), vec![asker], effects);
            return Ok(None);
        }
        let (need, address) = (one.need, one.address);
        let left = self.pending.get(&address);
        let left = left
            .filter(|_| need == KeyNeed::Chosen && kept.is_none())
            .cloned();
        let (opening, next) = match left {
            Some(key) => (Opening::Resume(Some(key)), Some(asked)),
            None => (asked, None),
        };
        let pairing = Pairing {
            left: 0,
            next,
            before,
        };
        let one = self.get(id)?;
        one.prepare(id, session, opening, pairing, unbonds, effects);
        one.await_ready(asker, effects);
        Ok(None)
    }

    pub(super) fn cancel_pairing(
        &mut self,
        id: AccessoryId,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, AccessoryError> {
        let one = self.get(id)?;
        one.end_trial(id, Err(AccessoryError::Cancelled), effects);
        if one.connection.as_ref().is_some_and(Connection::is_pairing) {
            one.end_connection(id, AccessoryError::Cancelled, effects);
        }
        Ok(Some(Answer::Done))
    }

    /// A preparation is done, or can't be.
    pub(super) fn prepared(
        &mut self,
        id: AccessoryId,
        session: SessionId,
        what: Preparation,
        outcome: Result<(), AccessoryError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(one) = self.accessories.get_mut(&id) else {
            return;
        };
        let Some(connection) = one.connection.as_mut().filter(|it| it.session == session) else {
            return;
        };
        match (outcome, what) {
            (Ok(()), Preparation::Bond) => one.bonded = false,
            (Ok(()), Preparation::Key) => {
                if let Some(key) = connection.opening.key() {
                    self.pending.insert(one.address, key.clone());
                }
            }
            (Err(error), _) => {
                one.end_connection(id, error, effects);
                return;
            }
        }
        if let Some(pairing) = &mut connection.pairing {
            pairing.left = pairing.left.saturating_sub(1);
        }
        one.go_on(id, effects);
    }

    /// The accessory knows us, or doesn't.
    pub(super) fn opening_ended(
        &mut self,
        id: AccessoryId,
        outcome: Result<(), Failure>,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let session = self.next_session();
        let Some(one) = self.accessories.get_mut(&id) else {
            return;
        };
        let Some(connection) = &mut one.connection else {
            return;
        };
        let left = self.pending.get(&one.address).cloned();
        let is_left = left.is_some() && left.as_ref() == connection.opening.key();
        let (is_pairing, address) = (connection.pairing.is_some(), one.address);
        let failure = match outcome {
            Ok(()) => {
                one.opened(id, at, effects);
                // It holds the key that is kept, so it never took the other.
                if !is_pairing && left.is_some() {
                    self.end_pending(address, effects);
                }
                return;
            }
            Err(failure) => failure,
        };
        let is_anothers = matches!(failure, Failure::KeyMismatch | Failure::NoKey);
        let next = connection.pairing.as_mut().and_then(|it| it.next.take());
        match (next, left) {
            (Some(next), _) if is_anothers => one.turn_to(id, session, next, effects),
            // What an earlier pairing gave it may be what it holds.
            (None, Some(left)) if is_anothers && !is_pairing && !is_left => {
                connection.pairing = Some(Pairing {
                    before: Some(failure.into()),
                    ..Pairing::default()
                });
                one.turn_to(id, session, Opening::Resume(Some(left)), effects);
            }
            _ => one.refused(id, failure.into(), at, effects),
        }
        if is_left && (is_anothers || failure == Failure::NotConfirmed) {
            self.end_pending(address, effects);
        }
    }

    /// The key that was drawn for `address` isn't the accessory's.
    pub(super) fn end_pending(&mut self, address: belay_drivers::Address, effects: &mut Vec<Effect>) {
        if self.pending.remove(&address).is_some() {
            // Before anything that is to take its place.
            effects.insert(0, Effect::EndPending(address));
        }
    }

    /// A paired accessory is on disk, or not.
    pub(super) fn saved(
        &mut self,
        id: AccessoryId,
        outcome: Result<(), AccessoryError>,
        at: &At,
        effects: &mut Vec<Effect>,
    ) {
        let Ok(one) = self.get(id) else { return };
        let before = one.before.take();
        let answer = outcome.map(|()| Answer::Done);
        for asker in std::mem::take(&mut one.adopting) {
            effects.push(Effect::Answer(asker, answer));
        }
        let (address, advertises) = (one.address, one.kind.advertises());
        match (outcome, &mut one.connection) {
            (Ok(()), Some(connection)) if connection.stage == Stage::Saving => {
                (connection.stage, connection.pairing) = (Stage::Ready, None);
                for asker in std::mem::take(&mut connection.waiting) {
                    effects.push(Effect::Answer(asker, Ok(Answer::Done)));
                }
                one.begin(id, at, effects);
            }
            (Err(error), _) => {
                // The disk has what it had.
                one.paired = before;
                one.early = Early::default();
                one.end_connection(id, error, effects);
            }
            (Ok(()), _) => one.store_early(id, effects),
        }
        if outcome.is_ok() {
            // Gone from the disk with the same transaction.
            self.pending.remove(&address);
        } else if advertises {
            self.listen_anew(id, effects);
        }
    }
}

impl Accessory {
    /// Begins a connection that pairs, once all that has to come first is done.
    fn prepare(
        &mut self,
        id: AccessoryId,
        session: SessionId,
        opening: Opening,
        mut pairing: Pairing,
        unbonds: bool,
        effects: &mut Vec<Effect>,
    ) {
        let given = match &opening {
            Opening::Pair(key) | Opening::Claim(key) => key.clone().filter(|_| self.need == KeyNeed::Chosen),
            Opening::Resume(_) => None,
        };
        pairing.left = u8::from(unbonds) + u8::from(given.is_some());
        self.connection = Some(Connection::new(session, opening, Some(pairing)));
        if unbonds {
            effects.push(Effect::Unbond(id, Some(session), self.address));
        }
        if let Some(key) = given {
            effects.push(Effect::BeginPending(id, session, self.address, key));
        }
        self.go_on(id, effects);
    }

    /// Connects, where nothing has to come first any more.
    pub(super) fn go_on(&mut self, id: AccessoryId, effects: &mut Vec<Effect>) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let left = connection.pairing.as_ref().map_or(0, |pairing| pairing.left);
        if connection.stage != Stage::Preparing || left > 0 {
            return;
        }
        connection.stage = Stage::Connecting;
        if std::mem::take(&mut self.waiting) {
            effects.push(Effect::Sleep(TimerOf::Retry(id)));
        }
        effects.push(Effect::Connect {
            id,
            session: connection.session,
            address: self.address,
            kind: self.kind,
            opening: connection.opening.clone(),
        });
    }

    /// The same pairing goes on with another connection: this one has shown that the key that was tried is nobody's.
    fn turn_to(&mut self, id: AccessoryId, session: SessionId, opening: Opening, effects: &mut Vec<Effect>) {
        let Some(ended) = self.connection.take() else {
            return;
        };
        effects.push(Effect::Close(id));
        self.prepare(
            id,
            session,
            opening,
            ended.pairing.unwrap_or_default(),
            false,
            effects,
        );
        if let Some(connection) = &mut self.connection {
            connection.waiting = ended.waiting;
        }
    }

    /// Takes an accessory that only advertises, or a key for it that has proved itself.
    pub(super) fn adopt(
        &mut self,
        id: AccessoryId,
        key: Option<Key>,
        askers: Vec<Asker>,
        effects: &mut Vec<Effect>,
    ) {
        self.keep(id, key, effects);
        self.adopting.extend(askers);
    }

    /// Authenticated: a new one is kept before anybody hears of it.
    fn opened(&mut self, id: AccessoryId, at: &At, effects: &mut Vec<Effect>) {
        self.problem = None;
        let Some(connection) = &mut self.connection else {
            return;
        };
        if connection.pairing.is_some() {
            connection.stage = Stage::Saving;
            let key = connection.opening.key().cloned();
            effects.push(Effect::Sleep(TimerOf::Leaving(id)));
            self.keep(id, key, effects);
        } else {
            connection.stage = Stage::Ready;
            for asker in std::mem::take(&mut connection.waiting) {
                effects.push(Effect::Answer(asker, Ok(Answer::Done)));
            }
            self.begin(id, at, effects);
        }
    }

    /// Has it kept with this key; what else was kept of it stays.
    fn keep(&mut self, id: AccessoryId, key: Option<Key>, effects: &mut Vec<Effect>) {
        self.before = self.paired.take();
        let before = self.before.as_ref();
        let serial = Some(self.serial.clone()).filter(|serial| !serial.is_empty());
        let paired = Paired {
            key,
            serial: serial.unwrap_or_else(|| before.map(|it| it.serial.clone()).unwrap_or_default()),
            synced_to: before.map_or(0, |it| it.synced_to),
            synced_at: before.map_or(0, |it| it.synced_at),
        };
        effects.push(Effect::Save(Saved {
            id,
            kind: self.kind,
            address: self.address,
            name: self.name.clone(),
            serial: paired.serial.clone(),
            key: paired.key.clone(),
            synced_to: paired.synced_to,
            synced_at: paired.synced_at,
        }));
        self.paired = Some(paired);
    }

    /// The opening failed.
    fn refused(&mut self, id: AccessoryId, error: AccessoryError, at: &At, effects: &mut Vec<Effect>) {
        let given = self.connection.as_ref().and_then(|it| it.opening.key().cloned());
        let is_kept = self.paired.as_ref().is_none_or(|paired| paired.key == given);
        self.bonded = self.connection.as_ref().is_some_and(|it| it.bonded);
        self.end_connection(id, error, effects);
        // Another key that failed says nothing of the one that is kept.
        if is_kept {
            self.problem = Some(error);
        }
        self.failures = self.failures.saturating_add(1);
        self.retry(id, at.dice, effects);
    }

    /// A bond that only BlueZ still has may be what keeps it from connecting.
    pub(super) fn is_kept_off_by_a_bond(&self) -> bool {
        let advice = self.problem.map(|problem| problem.advice(self.need, self.bonded));
        advice == Some(AccessoryError::REMOVE_THE_BOND)
    }
}
