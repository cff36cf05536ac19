//! What the device does by itself because its owner said so. Counted in boot time, over reboots.
//!
//! With find-device off all of it rests: an owner who has turned off that anybody locks or wipes the device from afar,
//! by password and at the device, hasn't meant that it does so unasked. Once it is on again, counting begins anew.

use std::time::Duration;

use belay_proto::clock::millis;
use belay_proto::keys::sha256;
use belay_proto::signed::{Action, Verb};
use belay_proto::steps::{PolicyChanges, Purpose, find_subject, policies_subject};
use belay_proto::{AccessoryId, CommandId, TicketId};

use super::book::{Contact, Deed};
use super::tally::Tally;
use super::time::Span;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Binding, Effect, Lock, State, Transition, done, note};
use crate::moment::Moment;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// A device is wiped for want of contact only after it was lost for so long.
const LOST_BEFORE_WIPE: Duration = Duration::from_secs(72 * 60 * 60);
/// How long the countdown to it is heard.
const COUNTDOWN: Duration = HOUR;
/// A beat is written down only so often.
const BEAT_WRITTEN: Duration = Duration::from_secs(60);
const SOONEST_TICK: Duration = Duration::from_secs(1);

impl State {
    /// The cloud was heard of just now.
    pub(in crate::core) fn beat(&mut self, at: &Moment) -> Transition {
        self.bound()?;
        let counting_down = self.book.contact.countdown.is_some();
        let written = self.book.unwritten(at) >= BEAT_WRITTEN;
        self.book.contact.offline = Span::beginning(at);
        self.book.contact.rehearsed = false;
        self.stop_countdown();
        if counting_down || (written && self.book.is_armed()) {
            return done(vec![self.keep(at)]);
        }
        done(Vec::new())
    }

    /// Time has passed: what it did is done already; when it is worth asking again.
    pub(in crate::core) fn tick(&self, at: &Moment) -> Transition {
        self.bound()?;
        // What was rehearsed, or refused, waits for the next contact: after that there is something to count again.
        // Until then, too, what is counted has to be written down.
        let policy = self
            .policy_wait(at)
            .map(|wait| match self.book.contact.rehearsed {
                true => Duration::MAX,
                false => wait,
            });
        let hold = self.book.hold.as_ref().map(|hold| hold.left(at));
        let waits = [policy, hold, self.leaves_for(at)];
        let next = waits.into_iter().flatten().min().map_or(0, |wait| {
            let wait = wait.min(self.book.write_due(at)).max(SOONEST_TICK);
            millis(at.boottime.saturating_add(wait))
        });
        Ok(vec![Effect::Answer(Answer::Next(next))])
    }

    pub(in crate::core) fn set_find(&mut self, ticket: &TicketId, enabled: bool, at: &Moment) -> Transition {
        let presenter = self.proved(ticket, Purpose::Find)?;
        if self.tickets.get(ticket, &[Purpose::Find])?.subject != find_subject(enabled) {
            return Err(Refusal::BadTicket);
        }
        self.tickets.consume(ticket);
        self.book.find = enabled;
        self.book.contact = Contact::beginning(at);
        let detail = find_subject(enabled);
        done(vec![note("find-set", presenter, detail), self.keep(at)])
    }

    /// Nothing of the warden's changes: that the owner was here is all that belayd needs to know.
    pub(in crate::core) fn unpaired(&mut self, ticket: &TicketId, accessory: AccessoryId) -> Transition {
        let presenter = self.proved(ticket, Purpose::Unpair)?;
        let accessory = accessory.to_string();
        if self.tickets.get(ticket, &[Purpose::Unpair])?.subject != accessory {
            return Err(Refusal::BadTicket);
        }
        self.tickets.consume(ticket);
        done(vec![note("unpaired", presenter, &accessory)])
    }

    pub(in crate::core) fn set_policies(
        &mut self,
        ticket: &TicketId,
        changes: &PolicyChanges,
        at: &Moment,
    ) -> Transition {
        let presenter = self.proved(ticket, Purpose::Policies)?;
        if self.tickets.get(ticket, &[Purpose::Policies])?.subject != policies_subject(changes) {
            return Err(Refusal::BadTicket);
        }
        let changed = self.book.policies.changed(changes);
        let policies = changed.map_err(|error| Refusal::InvalidArgument(error.to_string()))?;
        self.tickets.consume(ticket);
        self.book.policies = policies;
        // The owner has just been here; nothing counts from before.
        self.book.contact.offline = Span::beginning(at);
        self.book.contact.rehearsed = false;
        self.book.rehearsals = Tally::default();
        let mut effects = vec![note("policies-set", presenter, "")];
        if !self.book.policies.allow_recovery() {
            effects.extend(self.end_hold("its policy is off"));
        }
        effects.push(self.keep(at));
        done(effects)
    }

    /// Locks, counts down and wipes when it is time.
    pub(super) fn apply_policies(&mut self, at: &Moment) -> Result<Vec<Effect>, Refusal> {
        if self.policy_wait(at) != Some(Duration::ZERO) || self.book.contact.rehearsed {
            return Ok(Vec::new());
        }
        let is_lost = self.lock != Lock::Unlocked;
        if self.book.policies.dry_run {
            self.book.contact.rehearsed = true;
            let detail = if is_lost { "wipe: offline" } else { "lock: offline" };
            return Ok(self.rehearse(detail).into_iter().collect());
        }
        if !is_lost {
            self.lose("offline", "", "", at);
            self.give_up(Verb::Unlock)?;
            return Ok(vec![note("locked", "policy", "offline")]);
        }
        if self.book.contact.countdown.is_none() {
            self.book.contact.countdown = Some(Span::beginning(at));
            self.book.deeds.push(self.countdown_deed(Verb::Ring, COUNTDOWN));
            return Ok(vec![note("wipe-countdown", "policy", "offline")]);
        }
        let command = self.stand_in("wipe");
        self.prepare_wipe(command, false, false, false, at)?;
        self.book.contact.countdown = None;
        Ok(vec![note("wipe-accepted", "policy", "offline")])
    }

    /// Only says what would have happened, and that only so often: who may cause it isn't the owner.
    pub(super) fn rehearse(&mut self, detail: &str) -> Option<Effect> {
        let detail = self.book.rehearsals.entry(detail.to_owned());
        detail.map(|detail| note("policy-rehearsed", "policy", detail))
    }

    /// Whoever counted down has been heard, or is home again.
    pub(super) fn stop_countdown(&mut self) {
        if self.book.contact.countdown.take().is_none() {
            return;
        }
        let ring = self.stand_in(Verb::Ring.as_str());
        if !self.withdraw_deed(&ring) {
            self.book
                .deeds
                .push(self.countdown_deed(Verb::StopRing, Duration::ZERO));
        }
    }

    /// A reboot silences the countdown: what is left of it is heard again.
    pub(super) fn ring_on(&mut self, at: &Moment) -> bool {
        let elsewhere = |span: &&mut Span| {
            span.since
                .as_ref()
                .is_none_or(|since| since.boot_id != at.boot_id)
        };
        let Some(countdown) = self.book.contact.countdown.as_mut().filter(elsewhere) else {
            return false;
        };
        *countdown = countdown.at(at);
        let left = COUNTDOWN.saturating_sub(countdown.counted);
        let ring = self.stand_in(Verb::Ring.as_str());
        self.book.deeds.retain(|deed| deed.command != ring);
        if !left.is_zero() {
            self.book.deeds.push(self.countdown_deed(Verb::Ring, left));
        }
        true
    }

    /// Whether somebody has to look after lost mode, or to wake the warden for a policy.
    #[must_use]
    pub fn wants_watch(&self) -> bool {
        match self.binding {
            Binding::Bound(_) => self.lock.is_kept() || self.book.is_armed(),
            Binding::Tampered(_) => true,
            Binding::Unbound { .. } | Binding::Uninitialised => false,
        }
    }

    /// How long until a policy applies; `None`: none is armed, or they rest.
    fn policy_wait(&self, at: &Moment) -> Option<Duration> {
        if !self.book.find {
            return None;
        }
        let (policies, contact) = (&self.book.policies, &self.book.contact);
        let offline = contact.offline.elapsed(at);
        let armed = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        match &self.lock {
            Lock::Unlocked => {
                let after = armed(policies.lock_after_offline)?;
                Some(after.saturating_sub(offline))
            }
            Lock::Lost { .. } => {
                let after = armed(policies.wipe_after_offline).filter(|_| self.abilities.wipe)?;
                if let Some(countdown) = &contact.countdown {
                    return Some(COUNTDOWN.saturating_sub(countdown.elapsed(at)));
                }
                let lost = LOST_BEFORE_WIPE
                    .saturating_add(after)
                    .saturating_sub(contact.lost.elapsed(at));
                Some(lost.max(after.saturating_sub(offline)))
            }
            Lock::Wiping(_) => None,
        }
    }

    fn countdown_deed(&self, verb: Verb, long: Duration) -> Deed {
        let action = match verb {
            Verb::Ring => Action::Ring {
                seconds: long.as_secs().max(1),
            },
            _ => Action::StopRing,
        };
        Deed {
            command: self.stand_in(verb.as_str()),
            verb,
            arguments: action.encode_arguments(),
            issued_at: 0,
            void_after: None,
            begun: false,
        }
    }

    /// An id for what no command asked for; of this episode alone.
    fn stand_in(&self, what: &str) -> CommandId {
        let epoch = self.book.epoch.map(|epoch| *epoch.as_bytes()).unwrap_or_default();
        let digest = sha256(
            &[
                b"belay-policy/1\0".as_slice(),
                &epoch,
                &self.book.episode.to_be_bytes(),
                what.as_bytes(),
            ]
            .concat(),
        );
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        CommandId::from_bytes(id)
    }
}
