//! What is done about the owner's commands: decided here alone, from what happened and the boot clock.

mod event;
mod outcomes;

use std::collections::VecDeque;
use std::time::Duration;

use belay_proto::id::CommandId;
use belay_proto::signed::Disposition;

use super::conditions::Conditions;
use super::errand::Errand;
use super::inflow::{self, Inflow};
use super::link::{Link, Order};
use super::performing::{self, Performing};
use super::trouble::TroubleKind;
use crate::store::find::{FindRow, HeartbeatRow};
use event::is_suspicious;
pub use event::{Announcement, Effect, Event, Judgement, Told, WipeNews};

/// How often a state report goes out where nothing changes.
const REPORT_EACH: Duration = Duration::from_secs(24 * 3600);
/// The least time between two words to the warden that the cloud was heard from; the policies count in days.
const BEAT_EACH: Duration = Duration::from_secs(3600);
/// The same when the cloud couldn't be reached meanwhile.
const BEAT_AGAIN: Duration = Duration::from_secs(4 * 60);
/// The longest wait after an effect that couldn't begin: what the owner asks for meanwhile waits too.
const BEGIN_AGAIN: Duration = Duration::from_secs(60);
/// Everything about the present binding. There is none while the device is nobody's.
#[derive(Clone, Debug)]
pub struct State {
    link: Link,
    inflow: Inflow,
    performing: Performing,
    outcomes: Errand,
    sequence: u64,
    /// The outcome of a wipe that the warden holds back until the cloud has it.
    wipe: Option<WipeNews>,
    effects: Errand,
    /// Rests after the warden couldn't have an effect begin.
    begin: Errand,
    post: Errand,
    report: Errand,
    /// What the device is like, and what of it the last state report said.
    said: String,
    reported: String,
    report_due: Duration,
    last_beat: Option<Duration>,
    announced: VecDeque<CommandId>,
}

/// What a binding begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What the store knows of it.
    pub row: FindRow,
    /// How old the last state report is; nothing where that can't be known.
    pub report_age: Option<Duration>,
    /// What a state report would say.
    pub said: String,
    /// The surroundings.
    pub conditions: Conditions,
    /// What is remembered of the network.
    pub heartbeat: Option<HeartbeatRow>,
    /// The outcome in the outbox that says that a wipe is about to begin.
    pub wipe: Option<WipeNews>,
}

impl State {
    /// Begins.
    #[must_use]
    pub fn begin(now: Duration, beginning: Beginning) -> (Self, Vec<Effect>) {
        let left = beginning
            .report_age
            .map_or(Duration::ZERO, |age| REPORT_EACH.saturating_sub(age));
        let mut state = Self {
            link: Link::new(beginning.conditions, beginning.heartbeat),
            inflow: Inflow::new(beginning.row.cursor),
            performing: Performing::default(),
            outcomes: Errand::default(),
            sequence: beginning.row.sequence,
            wipe: beginning.wipe,
            effects: Errand::default(),
            begin: Errand::up_to(BEGIN_AGAIN),
            post: Errand::default(),
            report: Errand::default(),
            said: beginning.said,
            reported: beginning.row.reported,
            report_due: now.saturating_add(left),
            last_beat: None,
            announced: VecDeque::new(),
        };
        let orders = state.link.begin();
        let mut effects = state.carry_out(now, orders);
        effects.extend(state.listen());
        effects.extend(state.post());
        effects.extend(state.report(now));
        (state, effects)
    }

    /// Whether commands would arrive now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.is_up()
    }

    /// When [`Event::Woken`] is due.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let report = (self.report.due().is_none() && !self.report.is_busy()).then_some(self.report_due);
        [
            self.link.due(),
            self.inflow.due(),
            self.performing.due(),
            self.outcomes.due(),
            self.effects.due(),
            self.begin.due(),
            self.post.due(),
            self.report.due(),
            report,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What follows from `event`.
    pub fn step(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        match event {
            Event::Opened => {
                self.link.opened(now);
                Vec::new()
            }
            Event::Sign(sign) => {
                let orders = self.link.sign(now, &sign);
                self.carry_out(now, orders)
            }
            Event::StreamEnded(trouble) => {
                let orders = self.link.ended(now, trouble);
                self.carry_out(now, orders)
            }
            Event::Surrounded {
                conditions,
                heartbeat,
            } => {
                let orders = self.link.surrounded(conditions, heartbeat);
                self.carry_out(now, orders)
            }
            Event::Fetched {
                after,
                answer,
                in_vain,
            } => {
                let next = self.inflow.fetched(after, answer.commands, answer.last);
                let is_pending = !self.inflow.is_idle();
                let orders = self.link.fetched(now, in_vain && !is_pending, is_pending);
                // The command goes first: an owner is waiting.
                let mut effects: Vec<_> = next.map(judge).into_iter().collect();
                effects.extend(self.carry_out(now, orders));
                effects
            }
            Event::NotFetched(trouble) => {
                let orders = self.link.not_fetched(now, trouble);
                self.carry_out(now, orders)
            }
            Event::Judged(judgement) => self.judged(now, judgement),
            Event::NotJudged => {
                self.inflow.not_judged(now);
                Vec::new()
            }
            Event::WardenSpoke { said } => {
                self.said = said;
                let mut effects = self.listen();
                effects.extend(self.report(now));
                effects
            }
            Event::OutcomesKept { sequence, told, wipe } => self.kept(sequence, told, wipe),
            Event::OutcomesNotKept => {
                self.outcomes.failed(now, None);
                Vec::new()
            }
            Event::EffectsListed(mut output) => {
                let again = self.effects.done();
                if self.begin.due().is_some() {
                    // Listed once more when the rest is over.
                    output.waiting.clear();
                }
                let mut effects: Vec<_> = self.performing.read(output).into_iter().map(perform).collect();
                effects.extend(again.then_some(Effect::ListEffects));
                effects
            }
            Event::EffectsNotListed => {
                self.effects.failed(now, None);
                Vec::new()
            }
            Event::NotBegun { command, is_refused } => {
                self.performing.not_begun(command);
                // Whether it has begun after all, the next list says; what was refused is the warden's to tell of.
                if !is_refused {
                    self.begin.failed(now, None);
                }
                self.perform()
            }
            Event::Performed { command, outcome } => {
                // It had begun.
                self.begin.well();
                self.performing.performed(command, outcome);
                self.perform()
            }
            Event::Ended(command) => {
                self.performing.ended(command);
                self.perform()
            }
            Event::NotEnded => {
                self.performing.not_ended(now);
                Vec::new()
            }
            Event::Reported(said) => {
                self.reported = said;
                self.report_due = now.saturating_add(REPORT_EACH);
                let again = self.report.done();
                let mut effects: Vec<_> = self.post().into_iter().collect();
                if again && self.said != self.reported {
                    effects.push(Effect::Report(self.said.clone()));
                } else if again {
                    self.report.give_up();
                }
                effects
            }
            Event::NotReported => {
                self.report.failed(now, None);
                Vec::new()
            }
            Event::Put => self.post().into_iter().collect(),
            Event::Posted { outcome } => {
                let again = Order::Heard { again: false };
                let mut effects = self.carry_out(now, vec![again]);
                self.post.finish();
                effects.extend(self.post());
                effects.extend(self.arrived(outcome));
                effects
            }
            Event::NothingToPost => self.post.done().then_some(Effect::Post).into_iter().collect(),
            Event::NotPosted(trouble) if trouble.kind == TroubleKind::Hopeless => {
                self.post.give_up();
                Vec::new()
            }
            Event::NotPosted(trouble) => {
                self.post.failed(now, trouble.asked);
                Vec::new()
            }
            Event::Woken => self.wake(now),
        }
    }

    fn judged(&mut self, now: Duration, judgement: Judgement) -> Vec<Effect> {
        if judgement.disposition == Some(Disposition::Accepted) {
            self.link.was_worth_it();
        }
        let is_news = self.inflow.judged(judgement.sequence, judgement.disposition);
        let mut effects: Vec<_> = self.inflow.next().map(judge).into_iter().collect();
        if self.inflow.is_idle() {
            let orders = self.link.go_on(now).into_iter().collect();
            effects.extend(self.carry_out(now, orders));
        }
        // Its outcome waits at the warden, whose signal is on its way too.
        effects.extend(self.listen());
        match judgement.disposition {
            Some(Disposition::Accepted) => {
                if let Some((command, action)) = judgement.command {
                    effects.extend(self.announce_received(command, action));
                }
            }
            Some(disposition) if is_news && is_suspicious(disposition) => {
                effects.push(Effect::Announce(Announcement::Refused(disposition)));
            }
            Some(_) | None => {}
        }
        effects
    }

    fn wake(&mut self, now: Duration) -> Vec<Effect> {
        let orders = self.link.wake(now);
        let mut effects = self.carry_out(now, orders);
        effects.extend(self.inflow.wake(now).map(judge));
        effects.extend(self.performing.wake(now).map(perform));
        if self.outcomes.wake(now) {
            effects.push(self.read_outcomes());
        }
        if self.effects.wake(now) {
            effects.push(Effect::ListEffects);
        }
        if self.begin.wake(now) {
            self.begin.give_up();
            effects.extend(self.effects.want().then_some(Effect::ListEffects));
        }
        if self.post.wake(now) {
            effects.push(Effect::Post);
        }
        if self.report.wake(now) {
            effects.push(Effect::Report(self.said.clone()));
        }
        effects.extend(self.report(now));
        effects
    }

    /// Asks the warden what became of commands, and what there is to do.
    fn listen(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.outcomes.want() {
            effects.push(self.read_outcomes());
        }
        if self.effects.want() {
            effects.push(Effect::ListEffects);
        }
        effects
    }

    fn report(&mut self, now: Duration) -> Option<Effect> {
        let is_due = self.said != self.reported || self.report_due <= now;
        (is_due && self.report.want()).then(|| Effect::Report(self.said.clone()))
    }

    fn post(&mut self) -> Option<Effect> {
        self.post.want().then_some(Effect::Post)
    }

    fn perform(&mut self) -> Vec<Effect> {
        self.performing.next().into_iter().map(perform).collect()
    }

    fn carry_out(&mut self, now: Duration, orders: Vec<Order>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for order in orders {
            match order {
                Order::Fetch { wait } => effects.push(Effect::Fetch {
                    after: self.inflow.cursor(),
                    wait,
                }),
                Order::Heard { again } => effects.extend(self.heard(now, again)),
                Order::Renew => {
                    effects.push(Effect::Link(Order::Renew));
                    effects.extend(self.post.hurry().then_some(Effect::Post));
                }
                order => effects.push(Effect::Link(order)),
            }
        }
        effects
    }

    /// The cloud was heard from; `again` after it couldn't be reached.
    fn heard(&mut self, now: Duration, again: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        let least = if again { BEAT_AGAIN } else { BEAT_EACH };
        if self
            .last_beat
            .is_none_or(|last| now >= last.saturating_add(least))
        {
            self.last_beat = Some(now);
            effects.push(Effect::Beat);
        }
        if again {
            effects.push(Effect::Reached);
            effects.extend(self.post.hurry().then_some(Effect::Post));
        }
        effects
    }
}

fn judge(next: inflow::Next) -> Effect {
    match next {
        inflow::Next::Judge(command) => Effect::Judge(command),
        inflow::Next::Keep(cursor) => Effect::KeepCursor(cursor),
    }
}

fn perform(next: performing::Next) -> Effect {
    match next {
        performing::Next::Perform(effect) => Effect::Perform(effect),
        performing::Next::End(end) => Effect::End(end),
    }
}
