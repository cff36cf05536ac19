//! Lost mode: how it begins and ends, and what the operating system is owed for it.

use belay_proto::CommandId;
use belay_proto::signed::{CommandState, Verb};

use super::judge::Order;
use super::time::Span;
use super::wipe::Wipe;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Binding, Effect, Lock, State, Transition, done, note};
use crate::moment::Moment;

/// How many locks wait at most for the operating system to follow.
const MOST_WAITING: usize = 8;

/// What the operating system has to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// As ever.
    Free,
    /// The lost screen alone.
    Lost,
    /// As it is, with everything looked at that could refuse a wipe which has begun. It is owed beside what is wanted, and
    /// never wanted itself: a refusal leaves nothing to be taken back.
    Ready,
    /// Being erased.
    Wipe,
}

/// What it is owed, and whether that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it has to be like.
    pub wanted: Stand,
    /// It is so, as far as is known, in this boot.
    pub holds: bool,
    /// The boot that `holds` speaks of.
    pub boot: String,
    /// The setback that the owner was told of last.
    pub told: Option<String>,
}

/// What the operating system is owed now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// What it has to be like, where it isn't.
    pub stand: Option<Stand>,
    /// [`Stand::Ready`].
    pub ready: bool,
}

impl Owed {
    /// Nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            wanted: Stand::Free,
            holds: true,
            boot: String::new(),
            told: None,
        }
    }
}

/// Why the operating system isn't as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setback {
    /// It never will be: the wipe's preflight says no, and nothing was changed.
    Refused(String),
    /// Tried again later.
    Failed {
        /// A code.
        reason: String,
        /// When, ms from now.
        retry: u64,
    },
}

impl Lock {
    /// What the operating system has to be like. A wipe that may still be called off or refused leaves it as it is: it
    /// would cost sessions for nothing. But one that can't be prepared isn't to leave the device to whoever holds it.
    #[must_use]
    pub fn stand(&self) -> Stand {
        match self {
            Self::Unlocked => Stand::Free,
            Self::Lost { .. } => Stand::Lost,
            Self::Wiping(wipe) if wipe.prepared => Stand::Wipe,
            Self::Wiping(wipe) if wipe.setback.is_some() => Stand::Lost,
            Self::Wiping(wipe) => wipe.before.stand(),
        }
    }

    /// Whether the device is kept from whoever holds it: no session, radios on.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.stand() != Stand::Free
    }

    /// The wipe that has begun, prepared or not.
    #[must_use]
    pub fn begun_wipe(&self) -> Option<&Wipe> {
        match self {
            Self::Wiping(wipe) if wipe.started => Some(wipe),
            _ => None,
        }
    }
}

impl State {
    /// What the operating system is owed now.
    #[must_use]
    pub fn owed(&self) -> Owed {
        let is_bound = matches!(self.binding, Binding::Bound(_));
        Owed {
            stand: (!self.standing.holds).then_some(self.standing.wanted),
            ready: is_bound && self.lock.begun_wipe().is_some_and(|wipe| !wipe.prepared),
        }
    }

    /// The operating system is owed what the lock says; after a reboot, again.
    pub(in crate::core) fn restand(&mut self, at: &Moment) {
        // Missing or wrong state is lost, never free.
        let wanted = match self.binding {
            Binding::Tampered(_) => Stand::Lost,
            _ => self.lock.stand(),
        };
        let standing = &mut self.standing;
        let elsewhere = standing.boot != at.boot_id && wanted != Stand::Free;
        if standing.wanted != wanted || elsewhere {
            *standing = Standing {
                wanted,
                holds: false,
                boot: at.boot_id.clone(),
                told: None,
            };
        }
    }

    pub(super) fn lock_for(
        &mut self,
        order: &Order,
        text: &str,
        number: &str,
        at: &Moment,
    ) -> Result<(), Refusal> {
        if let Lock::Lost { message, phone, .. } = &mut self.lock {
            text.clone_into(message);
            number.clone_into(phone);
        } else {
            self.lose("owner-asked", text, number, at);
            self.give_up(Verb::Unlock)?;
        }
        if self.standing.holds && self.standing.wanted == Stand::Lost {
            return self.finish(&order.id, CommandState::Done, "");
        }
        self.tell_step(order.id, Verb::Lock, CommandState::Running, "", (1, 2), 0)?;
        self.give_up_oldest(Verb::Lock, MOST_WAITING)
    }

    pub(super) fn unlock_for(&mut self, order: &Order, at: &Moment) -> Result<Option<Effect>, Refusal> {
        self.unlocked(at)?;
        self.tell_step(order.id, Verb::Unlock, CommandState::Running, "", (1, 2), 0)?;
        Ok(Some(note("unlocked", order.by, "by command")))
    }

    pub(super) fn show_message(&mut self, order: &Order, text: &str) -> Result<(), Refusal> {
        if let Lock::Lost { message, .. } = &mut self.lock {
            text.clone_into(message);
        }
        self.finish(&order.id, CommandState::Done, "")
    }

    /// Begins a lost episode; while a wipe is under way, the one that is left should nothing come of it.
    pub(super) fn lose(&mut self, reason: &str, message: &str, phone: &str, at: &Moment) {
        self.tickets.clear();
        self.drop_hold();
        self.book.episode = self.book.episode.saturating_add(1);
        self.book.contact.lost = Span::beginning(at);
        self.book.contact.rehearsed = false;
        let lost = Lock::Lost {
            reason: reason.to_owned(),
            message: message.to_owned(),
            phone: phone.to_owned(),
            episode: self.book.episode,
        };
        match &mut self.lock {
            Lock::Wiping(wipe) => wipe.before = lost,
            lock => *lock = lost,
        }
    }

    /// Ends the lost episode, and a wipe that hasn't begun or is over.
    pub(in crate::core) fn unlocked(&mut self, at: &Moment) -> Result<(), Refusal> {
        if let Lock::Wiping(wipe) = &self.lock
            && !wipe.started
        {
            let command = wipe.command;
            self.finish(&command, CommandState::Failed, "unlocked")?;
        }
        self.lock = Lock::Unlocked;
        self.stop_countdown();
        self.book.contact.offline = Span::beginning(at);
        self.book.contact.rehearsed = false;
        self.give_up(Verb::Lock)
    }

    /// Commands that never came to hold, because the opposite was asked for.
    pub(super) fn give_up(&mut self, verb: Verb) -> Result<(), Refusal> {
        for id in self.book.running(verb) {
            self.finish(&id, CommandState::Failed, "superseded")?;
        }
        Ok(())
    }

    /// All but the newest so many: where the operating system follows none of them, the rest ask for the same.
    fn give_up_oldest(&mut self, verb: Verb, most: usize) -> Result<(), Refusal> {
        let counter = |id: &CommandId| self.book.known.get(id).map(|known| known.counter);
        let mut running = self.book.running(verb);
        running.sort_by_key(counter);
        let excess = running.len().saturating_sub(most);
        for id in running.into_iter().take(excess) {
            self.finish(&id, CommandState::Failed, "superseded")?;
        }
        Ok(())
    }

    /// Somebody who may only lock asks for it: belayd, or the watch. With find-device off, as with the policies,
    /// nobody may.
    pub(in crate::core) fn tighten(&mut self, reason: &str, at: &Moment) -> Transition {
        self.bound()?;
        if self.lock != Lock::Unlocked || !self.book.find {
            return done(Vec::new());
        }
        let policies = &self.book.policies;
        let armed = match reason {
            "sim-change" => policies.lock_on_sim_change,
            "accessory-lost" => policies.lock_on_accessory_lost,
            _ => return self.lock_because(reason, at),
        };
        if armed && policies.dry_run {
            let mut effects = Vec::new();
            if let Some(entry) = self.rehearse(&format!("lock: {reason}")) {
                effects.extend([entry, self.keep(at)]);
            }
            return done(effects);
        }
        if armed {
            return self.lock_because(reason, at);
        }
        done(Vec::new())
    }

    fn lock_because(&mut self, reason: &str, at: &Moment) -> Transition {
        self.lose(reason, "", "", at);
        self.give_up(Verb::Unlock)?;
        done(vec![note("locked", "belayd", reason), self.keep(at)])
    }

    /// The operating system was asked to be so, and this is what came of it.
    pub(in crate::core) fn enforced(
        &mut self,
        stand: Stand,
        result: Result<(), Setback>,
        at: &Moment,
    ) -> Transition {
        let is_late = match stand {
            Stand::Ready => !self.owed().ready,
            _ => stand != self.standing.wanted,
        };
        if is_late {
            // Meanwhile something else is wanted; that is owed now.
            return done(Vec::new());
        }
        if let Binding::Tampered(_) = self.binding {
            // Nothing is written over what is left of the state.
            self.standing.holds = result.is_ok();
            return done(Vec::new());
        }
        let mut effects = Vec::new();
        match result {
            Ok(()) if stand == Stand::Ready => {
                effects.push(note("wipe-prepared", "warden", ""));
                self.wipe_prepared();
                self.restand(at);
            }
            Ok(()) => {
                self.standing.holds = true;
                self.standing.told = None;
                for id in self.book.running(verb_of(stand)) {
                    self.finish(&id, CommandState::Done, "")?;
                }
            }
            Err(Setback::Refused(reason)) if matches!(stand, Stand::Ready | Stand::Wipe) => {
                effects.push(note("wipe-refused", "warden", reason.clone()));
                self.wipe_refused(&reason)?;
            }
            Err(Setback::Refused(reason)) => return self.deferred(stand, &reason, 0, at),
            Err(Setback::Failed { reason, retry }) => {
                let deferred = self.deferred(stand, &reason, retry, at);
                self.restand(at);
                return deferred;
            }
        }
        effects.push(self.keep(at));
        effects.push(Effect::Answer(Answer::Done));
        Ok(effects)
    }

    /// Told once for each reason, however often it is tried.
    fn deferred(&mut self, stand: Stand, reason: &str, retry: u64, at: &Moment) -> Transition {
        let told = match &mut self.lock {
            Lock::Wiping(wipe) if stand == Stand::Ready => &mut wipe.setback,
            _ => &mut self.standing.told,
        };
        if told.as_deref() == Some(reason) {
            return done(Vec::new());
        }
        *told = Some(reason.to_owned());
        let verb = verb_of(stand);
        for id in self.book.running(verb) {
            self.tell_step(id, verb, CommandState::Deferred, reason, (2, 2), retry)?;
        }
        done(vec![note("enforcement-failed", "warden", reason), self.keep(at)])
    }
}

/// What a command asks for that wants the operating system so.
const fn verb_of(stand: Stand) -> Verb {
    match stand {
        Stand::Free => Verb::Unlock,
        Stand::Lost => Verb::Lock,
        Stand::Ready | Stand::Wipe => Verb::Wipe,
    }
}
