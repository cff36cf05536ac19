//! Recovery without the code: the pin moves by nobody's word, but by a person at the device, the owner's own policy, and 72 h of
//! boot time in which the owner could have said no.
//!
//! The hold is a part of the [book](super::command::book): one commit holds it together with the lock, its time is written down
//! as often as the policies' counts, so that a reboot takes a bounded part of it, and it ends with the binding.

use std::time::Duration;

use belay_proto::TicketId;
use belay_proto::cbor::Malformed;
use belay_proto::cbor_map;
use belay_proto::clock::millis;
use belay_proto::keys::{PublicKey, sha256};
use belay_proto::signed::{CredentialsRecord, HoldEnd, Signed};
use belay_proto::steps::{HOLD_LASTS, HoldOutput, Purpose};

use super::binding::warden_key;
use super::command::time::Span;
use super::records::Bound;
use super::refusal::Refusal;
use super::state::{Answer, Binding, Effect, Lock, State, Transition, done, note};
use crate::disk::copies::Concern;
use crate::disk::sealing::SealingKey;
use crate::moment::Moment;

/// A hold under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What the binding becomes.
    pub renewal: Renewal,
    /// What was counted of it.
    pub since: Span,
}

/// What a hold leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The binding under the new owner key.
    pub bound: Box<Bound>,
    /// SHA-256 of the credentials record that waits at the cloud, signed bytes; of one that [`joins`](Self::joins), that holds there.
    pub credentials: [u8; 32],
    /// The root was made at another device, and its password typed here, at a binding of this generation.
    pub joins: Option<u64>,
}

cbor_map! {
    /// The last hold's end, until the cloud was told.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Ended {
        /// As in [`Renewal`].
        pub credentials: [u8; 32],
        /// Whether it was waited out.
        pub over: bool,
    }

    struct StoredHold {
        bound: Vec<u8>,
        credentials: [u8; 32],
        since: Span,
        joins: Option<bool>,
        joined_at: Option<u64>,
    }
}

impl Hold {
    /// The hold as stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        StoredHold {
            bound: self.renewal.bound.encode(),
            credentials: self.renewal.credentials,
            since: self.since.clone(),
            joins: self.renewal.joins.map(|_| true),
            joined_at: self.renewal.joins,
        }
        .encode()
    }

    /// The reverse of [`Hold::to_bytes`].
    ///
    /// # Errors
    /// Other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let stored = StoredHold::decode(bytes)?;
        let renewal = Renewal {
            bound: Box::new(Bound::decode(&stored.bound)?),
            credentials: stored.credentials,
            // Of one that doesn't say where it was made nobody knows that it still follows, and no binding is of generation 0.
            joins: (stored.joins == Some(true)).then(|| stored.joined_at.unwrap_or_default()),
        };
        Ok(Self {
            renewal,
            since: stored.since,
        })
    }

    /// How long until it is over.
    #[must_use]
    pub fn left(&self, at: &Moment) -> Duration {
        HOLD_LASTS.saturating_sub(self.since.elapsed(at))
    }
}

impl State {
    /// Whether a recovery without the code may begin.
    ///
    /// # Errors
    /// [`Refusal::DeviceLost`]; on a device that is somebody's [`Refusal::NotSupported`] while its owner's policy doesn't allow
    /// it, and [`Refusal::RecoveryOnHold`] while one runs; [`Refusal::Tampered`] and the like.
    pub fn may_recover_without_code(&self, at: &Moment) -> Result<(), Refusal> {
        self.not_lost()?;
        if matches!(self.binding, Binding::Unbound { .. }) {
            return Ok(());
        }
        self.bound()?;
        if let Some(hold) = &self.book.hold {
            return Err(Refusal::RecoveryOnHold(hold.left(at)));
        }
        match self.book.policies.allow_recovery() {
            true => Ok(()),
            false => Err(Refusal::NotSupported(
                "recovery without the code: its owner's policy is off".to_owned(),
            )),
        }
    }

    /// The cloud keeps the new credentials: from now on it is counted.
    pub(super) fn begin_hold(&mut self, ticket: &TicketId, renewal: Renewal, at: &Moment) -> Transition {
        let presenter = self.tickets.get(ticket, &[Purpose::Recover])?.presenter.name();
        self.may_recover_without_code(at)?;
        if !renewal.follows(self.bound()?) {
            return Err(Refusal::BadTicket);
        }
        self.tickets.consume(ticket);
        self.book.hold = Some(Hold {
            renewal,
            since: Span::beginning(at),
        });
        self.book.hold_ended = None;
        done(vec![
            note("recovery-begun", presenter, "without the code"),
            self.keep(at),
        ])
    }

    /// A hold that joins leads on to a later record of the same root, where what was typed here opens that one too: its owner has made
    /// another recovery code meanwhile. Of any other record nothing comes here, and the hold leads to where it did.
    pub(super) fn lead_on(&mut self, bytes: &[u8], at: &Moment) -> Vec<Effect> {
        let Some(hold) = self
            .book
            .hold
            .as_mut()
            .filter(|hold| hold.renewal.joins.is_some())
        else {
            return Vec::new();
        };
        let Some(record) = hold.renewal.later(&self.key, bytes) else {
            return Vec::new();
        };
        let next = &mut hold.renewal.bound;
        next.generation = record.generation;
        // It was of the generation before; the one that holds comes with the next proof of the password.
        next.delegate = None;
        hold.renewal.credentials = sha256(bytes);
        let detail = format!("generation {}", record.generation);
        vec![note("recovery-led-on", "belayd", detail), self.keep(at)]
    }

    /// The owner is there, or the device is no longer in their hands: nothing comes of a hold. Empty where none runs.
    pub(super) fn end_hold(&mut self, why: &'static str) -> Vec<Effect> {
        match self.drop_hold() {
            true => vec![
                note("recovery-ended", "owner", why),
                Effect::Persist(Concern::Lock),
            ],
            false => Vec::new(),
        }
    }

    /// As [`State::end_hold`] for whoever commits the book and tells why by itself; whether one ran.
    pub(super) fn drop_hold(&mut self) -> bool {
        let Some(hold) = self.book.hold.take() else {
            return false;
        };
        self.book.hold_ended = Some(Ended {
            credentials: hold.renewal.credentials,
            over: false,
        });
        true
    }

    /// The boot time at which the hold is over.
    #[must_use]
    pub fn hold_ends(&self, at: &Moment) -> Option<Duration> {
        let hold = self.book.hold.as_ref().filter(|_| self.checking.is_none())?;
        Some(at.boottime.saturating_add(hold.left(at)))
    }

    /// Moves the pin once the hold was waited out. The binding comes first: after a power cut between it and the book, what is
    /// left of the hold says that the pin has moved, and nothing else can have moved it there.
    pub(super) fn age_hold(&mut self, at: &Moment) -> Vec<Effect> {
        let Some(hold) = &self.book.hold else {
            return Vec::new();
        };
        let Binding::Bound(bound) = &self.binding else {
            return Vec::new();
        };
        let has_moved = bound.owner == hold.renewal.bound.owner;
        // A password that is being compared may be the owner's.
        if !has_moved && (self.checking.is_some() || !hold.left(at).is_zero()) {
            return Vec::new();
        }
        let stands = self.lock == Lock::Unlocked && self.book.policies.allow_recovery();
        if !(has_moved || stands && hold.renewal.follows(bound)) {
            return self.end_hold("it no longer may");
        }
        let Renewal {
            bound: next,
            credentials,
            joins,
        } = hold.renewal.clone();
        let mut effects = Vec::new();
        if !has_moved {
            let presence = bound.presence;
            effects.push(note(
                "recovered-without-code",
                "person",
                format!("generation {}", next.generation),
            ));
            // Known now, and not from what was stored when it began: a hold may have begun before that was kept.
            let left = joins.is_none().then_some((bound.owner, bound.generation));
            self.binding = Binding::Bound(Box::new(Bound {
                presence,
                left_owner: left.map(|(owner, _)| owner),
                left_generation: left.map(|(_, generation)| generation),
                ..*next
            }));
            self.wrong.clear();
            self.tickets.clear();
        }
        // The new root is under no recovery code: one that waits to be told would open nothing. Before the binding, so that it
        // isn't told after a power cut between them.
        if self.pending.take().is_some() {
            effects.push(Effect::Persist(Concern::Pending));
        }
        if !has_moved {
            effects.extend([
                Effect::Persist(Concern::Binding),
                Effect::Persist(Concern::Throttle),
            ]);
        }
        self.book.hold = None;
        self.book.leaving = None;
        self.book.hold_ended = Some(Ended {
            credentials,
            over: true,
        });
        effects.push(self.keep(at));
        effects
    }

    /// How the hold stands; with `told`, the cloud has the end of that one; with `end` nothing waits there for one that runs.
    pub(super) fn hold_asked(&mut self, told: Option<[u8; 32]>, end: bool, at: &Moment) -> Transition {
        let mut effects = match end {
            true => self.end_hold("nothing waits for it"),
            false => Vec::new(),
        };
        if told.is_some() && self.book.hold_ended.map(|ended| ended.credentials) == told {
            self.book.hold_ended = None;
            effects.push(self.keep(at));
        }
        let bound = self.bound()?;
        let ended = match &self.book.hold_ended {
            Some(ended) => {
                let end = HoldEnd {
                    account: bound.account,
                    device: bound.device,
                    epoch: bound.epoch,
                    credentials: ended.credentials,
                    over: ended.over,
                };
                Some(Signed::seal(&end, &warden_key(&self.key, bound)?).encode())
            }
            None => None,
        };
        let runs = self.book.hold.as_ref();
        let answer = HoldOutput {
            left: runs.map(|hold| millis(hold.left(at))),
            ended,
            towards: runs
                .filter(|hold| hold.renewal.joins.is_some())
                .map(|hold| hold.renewal.credentials),
        };
        effects.push(Effect::Answer(Answer::Held(answer)));
        Ok(effects)
    }
}

impl Bound {
    /// Whether the account's root may be this other owner's, of credentials of this generation: of a later one, since what the pinned
    /// owner has left behind, or has been robbed of, is older. Each root counts by itself, and a recovery that was waited out here has
    /// counted on without the account where that has kept its root, or has got another one meanwhile: until the account has gone on
    /// from here, to the owner of before the way back is open, no further back than it was left, and to any other what is later than
    /// that.
    #[must_use]
    pub fn may_follow(&self, owner: &PublicKey, generation: u64) -> bool {
        let is_left = self.left_owner.as_ref() == Some(owner)
            && self.left_generation.is_some_and(|left| generation >= left);
        let past = self
            .left_generation
            .unwrap_or(self.generation)
            .min(self.generation);
        *owner != self.owner && (generation > past || is_left)
    }
}

impl Renewal {
    /// The later record in `bytes`: of this owner and account, and under the same password, salt and price.
    fn later(&self, key: &SealingKey, bytes: &[u8]) -> Option<CredentialsRecord> {
        let next = &self.bound;
        let record = Signed::decode(bytes)
            .ok()?
            .open::<CredentialsRecord>(&next.owner)
            .ok()?;
        let is_opened = record.account == next.account
            && record.generation > next.generation
            && (record.salt, record.parameters) == (next.salt, next.parameters)
            && key.verifies(&record.verify_digest, &next.verifier);
        is_opened.then_some(record)
    }

    /// Whether this is what `bound` may become: the same binding, with the credentials that it had when this was made, and one
    /// generation on, or under the root that the account has without it and that may follow.
    fn follows(&self, bound: &Bound) -> bool {
        let made_at = self.joins.or_else(|| self.bound.generation.checked_sub(1));
        self.bound.account == bound.account
            && self.bound.epoch == bound.epoch
            && self.bound.device == bound.device
            && bound.may_follow(&self.bound.owner, self.bound.generation)
            && made_at == Some(bound.generation)
    }
}
