//! The owner's commands: judged, remembered, and carried out until they hold.
//!
//! | | |
//! |---|---|
//! | [`judge`] | whose command it is, and whether it may be obeyed |
//! | [`book`], [`memory`], [`stored`] | what is remembered of an epoch's commands |
//! | [`time`] | time that nobody can set |
//! | [`outcomes`], [`deeds`] | what the owner is told; what belayd does |
//! | [`lost`], [`wipe`] | lost mode, and the way to a wipe |
//! | [`policy`] | what the device does by itself |
//! | [`tally`] | how much of what others cause is audited |

pub mod book;
pub mod deeds;
pub mod judge;
pub mod lost;
pub mod memory;
pub mod outcomes;
pub mod policy;
pub mod stored;
pub mod tally;
pub mod time;
pub mod wipe;

use belay_proto::CommandId;
use belay_proto::signed::{Action, CommandState, Disposition};

use self::book::{Fate, Told};
use self::judge::{Order, open_envelope, open_sms};
use super::records::Bound;
use super::refusal::Refusal;
use super::state::{Answer, Binding, Effect, State, Transition, done, note};
use crate::disk::copies::Concern;
use crate::moment::Moment;

impl State {
    /// A command came in an envelope.
    pub(super) fn commanded(&mut self, envelope: &[u8], at: &Moment) -> Transition {
        let bound = self.bound()?.clone();
        let opened = open_envelope(&bound, &self.book.time, at, envelope);
        let (disposition, _, mut effects) = self.receive(&bound, opened, at)?;
        effects.push(Effect::Answer(Answer::Judged(disposition, None)));
        Ok(effects)
    }

    /// A text message came that may be a command.
    pub(super) fn texted(&mut self, text: &str, at: &Moment) -> Transition {
        let bound = self.bound()?.clone();
        let opened = open_sms(&bound, text);
        let (disposition, id, mut effects) = self.receive(&bound, opened, at)?;
        effects.push(Effect::Answer(Answer::Judged(disposition, id)));
        Ok(effects)
    }

    fn receive(
        &mut self,
        bound: &Bound,
        opened: Result<Order, Disposition>,
        at: &Moment,
    ) -> Result<(Disposition, Option<CommandId>, Vec<Effect>), Refusal> {
        let order = match opened {
            Ok(order) => order,
            Err(why) => return Ok((why, None, self.refuse_unproven(why, at))),
        };
        self.book.time.reach(order.owner_time, at);
        // Whoever has the owner's key, or a delegate's, hasn't lost the account. One that was held back from before, and comes
        // now for the first time, ends it too: that much a cloud can do, as it can refuse the recovery.
        let ended = !self.book.known.contains_key(&order.id) && self.drop_hold();
        let now = self.book.time.now(at);
        self.book.make_room_for_delegates(now);
        let (disposition, mut effects) = match self.judge(bound, &order, now) {
            Ok(()) => (Disposition::Accepted, self.accept(&order, at)?),
            Err(why) => (why, self.refuse(&order, why, at)?),
        };
        self.book.make_room(now);
        if ended {
            effects.insert(0, note("recovery-ended", order.by, "a command of the owner's"));
            // One that is refused may leave nothing else to be kept.
            if !effects.contains(&Effect::Persist(Concern::Lock)) {
                effects.push(self.keep(at));
            }
        }
        Ok((disposition, Some(order.id), effects))
    }

    /// Nothing it says is believed, so nothing is told of it: a stranger could write over the truth.
    fn refuse_unproven(&mut self, why: Disposition, at: &Moment) -> Vec<Effect> {
        match self.audit_refusal("belayd", why.as_str().to_owned()) {
            Some(note) => vec![note, self.keep(at)],
            None => Vec::new(),
        }
    }

    /// It is the owner's, and too late or out of place. Refused once, it is refused for good.
    fn refuse(&mut self, order: &Order, why: Disposition, at: &Moment) -> Result<Vec<Effect>, Refusal> {
        let detail = format!("{why}: {} {}", order.verb().as_str(), order.id);
        let audited = self.audit_refusal(order.by, detail);
        let is_new = match self.book.known.get(&order.id).map(|known| known.fate) {
            // Most likely it was told of before it was forgotten. Whoever brings such again and again has nothing written.
            None if self.book.is_below_floor(order) && audited.is_none() => false,
            None => self.book.has_room(order),
            Some(Fate::Marked) => true,
            Some(_) => false,
        };
        if is_new {
            self.book.remember(order, Fate::Refused(why));
            // The owner's last word all the same: one before it that was held back mustn't undo it.
            if why == Disposition::Already {
                self.book.count(order);
            }
            self.tell(order.id, order.verb(), CommandState::Refused, why.as_str())?;
        }
        let mut effects: Vec<_> = audited.into_iter().collect();
        if is_new || !effects.is_empty() {
            effects.push(self.keep(at));
        }
        Ok(effects)
    }

    fn audit_refusal(&mut self, by: &'static str, detail: String) -> Option<Effect> {
        let detail = self.book.refusals.entry(detail);
        detail.map(|detail| note("command-refused", by, detail))
    }

    /// The owner's are audited each; a delegate's, who may be anybody that holds its key, only so many.
    fn audit_accepted(&mut self, order: &Order, at: &Moment) -> Option<Effect> {
        let detail = format!("{} {}", order.verb().as_str(), order.id);
        let now = self.book.time.now(at);
        let detail = match order.is_delegated() {
            true => self.book.delegated.entry_under(order.owner_time, now, detail),
            false => Some(detail),
        };
        detail.map(|detail| note("command-accepted", order.by, detail))
    }

    /// Remembers it and does what the warden does itself, in one commit.
    fn accept(&mut self, order: &Order, at: &Moment) -> Result<Vec<Effect>, Refusal> {
        self.book.remember(order, Fate::Running);
        self.book.count(order);
        // The account goes on, and its owner with it: a device that may be in other hands leaves by no forgotten order. In the same
        // commit as the command.
        self.book.leaving = None;
        let mut effects: Vec<_> = self.audit_accepted(order, at).into_iter().collect();
        match &order.action {
            Action::Lock { message, phone } => self.lock_for(order, message, phone, at)?,
            Action::Unlock => effects.extend(self.unlock_for(order, at)?),
            Action::Message { text } => self.show_message(order, text)?,
            Action::Wipe { external, keep_esim } => {
                self.prepare_wipe(order.id, *external, *keep_esim, true, at)?;
            }
            Action::Ring { .. } | Action::StopRing | Action::Locate => self.ask_belayd(order)?,
            Action::Cancel { id } => self.cancel(order, id)?,
            Action::SignOut => return self.sign_out_for(order, effects, at),
        }
        effects.push(self.keep(at));
        Ok(effects)
    }

    /// One commit says that it is accepted, the next that the device is free. Between them, a restart goes on.
    fn sign_out_for(
        &mut self,
        order: &Order,
        mut effects: Vec<Effect>,
        at: &Moment,
    ) -> Result<Vec<Effect>, Refusal> {
        self.tell(order.id, order.verb(), CommandState::Running, "")?;
        self.unlocked(at)?;
        let (sequence, bytes) =
            self.sign_outcome(order.id, order.verb(), CommandState::Done, "", (0, 0), 0)?;
        self.book.farewell = Some(Told {
            sequence,
            command: order.id,
            bytes,
        });
        effects.push(self.keep(at));
        effects.extend(self.let_go_for_command()?);
        Ok(effects)
    }

    /// The second half of an accepted sign-out.
    pub(super) fn let_go_for_command(&mut self) -> Result<Vec<Effect>, Refusal> {
        self.let_go("signed-out", "owner", "by command")
            .map(|(effects, _)| effects)
    }

    /// Voids another command, as long as it hasn't begun.
    fn cancel(&mut self, order: &Order, target: &CommandId) -> Result<(), Refusal> {
        let in_time = match self.book.known.get(target).map(|known| known.fate) {
            None => {
                self.book.mark(*target);
                true
            }
            Some(Fate::Marked | Fate::Refused(_)) => true,
            Some(Fate::Over) => false,
            Some(Fate::Running) => self.call_wipe_off(target) || self.withdraw_deed(target),
        };
        if self.book.runs(target) && in_time {
            self.finish(target, CommandState::Failed, "cancelled")?;
        }
        match in_time {
            true => self.finish(&order.id, CommandState::Done, ""),
            false => self.finish(&order.id, CommandState::Failed, "too-late"),
        }
    }

    /// Commits the book, the lock and what the clocks counted so far.
    pub(super) fn keep(&mut self, at: &Moment) -> Effect {
        self.book.write_down(at);
        Effect::Persist(Concern::Lock)
    }

    /// The warden is told to end: the next boot goes on from here.
    pub(super) fn stop(&mut self, at: &Moment) -> Transition {
        self.bound()?;
        done(vec![self.keep(at)])
    }

    /// The book belongs to one binding.
    pub(super) fn own_book(&mut self, at: &Moment) {
        if let Binding::Bound(bound) = &self.binding
            && self.book.epoch != Some(bound.epoch)
        {
            let time = std::mem::take(&mut self.book.time);
            self.book = book::Book::of(bound.epoch, time, at);
        }
    }

    /// What time alone does to commands: effects expire, a wipe begins, policies apply, a sign-out goes on.
    pub(super) fn age_commands(&mut self, at: &Moment) -> Result<Vec<Effect>, Refusal> {
        self.own_book(at);
        if !matches!(self.binding, Binding::Bound(_)) {
            return Ok(Vec::new());
        }
        if self.book.farewell.is_some() {
            return self.let_go_for_command();
        }
        let mut changed = self.expire_deeds(at)?;
        changed |= self.ring_on(at);
        let mut effects = self.begin_wipe_in_time(at)?;
        let rehearsed = self.book.contact.rehearsed;
        effects.extend(self.apply_policies(at)?);
        changed |= rehearsed != self.book.contact.rehearsed;
        changed |= !effects.is_empty() || self.book.write_due(at).is_zero();
        // A policy that locks wins over a hold that is over; and the book says that the pin has moved only after the binding.
        let mut all = self.age_hold(at);
        all.extend(effects);
        if changed {
            all.push(self.keep(at));
        }
        Ok(all)
    }
}
