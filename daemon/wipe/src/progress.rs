//! What happens next: the state of a wipe and the one function that changes it. No I/O, no clock.
//!
//! Keys first: until every key step is done nothing else is begun, and a key step that fails is tried again. Once they
//! are gone the wipe is irrevocable; what fails then is recorded, and the rest goes on. Without keys a wipe is over only
//! when what was done is worth as much as the plan: the owner was shown that class before.

use crate::journal::Entry;
use crate::plan::{Plan, Work};

/// How often a key step is tried in one run; the service manager starts the next run.
pub const KEY_TRIES: u32 = 5;
/// How often another step is tried in one run where there are no keys, and so nothing is irrevocable by itself.
pub const OTHER_TRIES: u32 = 3;
/// How often the power is tried to be cut.
pub const POWER_TRIES: u32 = 3;

/// How far each step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    stages: Vec<Stage>,
    plan: Plan,
    /// [`Effect::Finish`] was given out.
    wiped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stage {
    role: Role,
    status: Status,
    tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Key,
    Other,
    Power,
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Pending,
    Done,
    GivenUp,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The run begins; the tombstone `wiping` stands.
    Begin,
    /// A step is done.
    Done {
        /// Which.
        step: usize,
        /// For the journal.
        notes: Vec<String>,
    },
    /// A step failed.
    Failed {
        /// Which.
        step: usize,
        /// Why.
        reason: String,
    },
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Into the journal, durably.
    Record(Entry),
    /// Wait a moment, longer after each try.
    Pause {
        /// How often it was tried.
        tries: u32,
    },
    /// Record that the step begins, then do it; its outcome is the next event.
    Work(usize),
    /// The entry and the tombstone `wiped`.
    Finish {
        /// The steps that were given up.
        failed: Vec<usize>,
    },
    /// The run is over.
    Stop(Stopped),
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Wiped.
    Wiped,
    /// Keys are left, or without keys the data: another run is needed.
    DataLeft,
    /// Wiped, and the power is still on.
    PowerLeft,
}

impl State {
    /// From the plan, the options of the command and what the journal tells.
    #[must_use]
    pub fn new(plan: &Plan, external: bool, keep_esim: bool, entries: &[Entry]) -> Self {
        let role = |step: &crate::plan::Step| match step.work {
            _ if step.external && !external => Role::Skipped,
            _ if step.esim && keep_esim => Role::Skipped,
            Work::PowerOff { .. } => Role::Power,
            _ if step.is_key() => Role::Key,
            _ => Role::Other,
        };
        let mut stages: Vec<Stage> = plan
            .steps
            .iter()
            .map(|step| Stage {
                role: role(step),
                status: Status::Pending,
                tries: 0,
            })
            .collect();
        for entry in entries {
            match entry {
                Entry::Done { step, .. } => set(&mut stages, *step, Status::Done),
                Entry::Failed {
                    step, given_up: true, ..
                } => set(&mut stages, *step, Status::GivenUp),
                // The tombstone is the truth, and it comes after the entry.
                Entry::Wiped | Entry::Start { .. } | Entry::Begin { .. } | Entry::Failed { .. } => {}
            }
        }
        // The power was on again, or there would be no run.
        for stage in stages.iter_mut().filter(|stage| stage.role == Role::Power) {
            stage.status = Status::Pending;
        }
        let mut state = Self {
            stages,
            plan: plan.clone(),
            wiped: false,
        };
        // What an earlier run gave up may go well in this one.
        if !state.is_worth_its_class() {
            for stage in state.stages.iter_mut().filter(|stage| stage.role == Role::Other) {
                if stage.status == Status::GivenUp {
                    stage.status = Status::Pending;
                }
            }
        }
        state
    }

    /// Whether the wipe may be called one: the keys are gone, or what was done reaches the data as the plan says.
    fn is_worth_its_class(&self) -> bool {
        let done = |step: usize| {
            let stage = self.stages.get(step);
            stage.is_some_and(|stage| stage.status == Status::Done)
        };
        self.has_keys() || self.plan.class_of(done) >= self.plan.class()
    }

    /// Whether what was wiped can't be had back: the keys are gone, or, without keys, something was begun.
    #[must_use]
    pub fn irrevocable(&self) -> bool {
        let mut keys = self.of(Role::Key).peekable();
        if keys.peek().is_some() {
            keys.all(|(_, stage)| stage.status == Status::Done)
        } else {
            self.of(Role::Other)
                .any(|(_, stage)| stage.status != Status::Pending || stage.tries > 0)
        }
    }

    /// The steps that this command means.
    pub fn applied(&self) -> impl Iterator<Item = usize> {
        let stages = self.stages.iter().enumerate();
        stages
            .filter(|(_, stage)| stage.role != Role::Skipped)
            .map(|(step, _)| step)
    }

    fn of(&self, role: Role) -> impl Iterator<Item = (usize, &Stage)> {
        self.stages
            .iter()
            .enumerate()
            .filter(move |(_, stage)| stage.role == role)
    }

    fn has_keys(&self) -> bool {
        self.of(Role::Key).next().is_some()
    }

    fn given_up(&self) -> Vec<usize> {
        self.of(Role::Other)
            .filter(|(_, stage)| stage.status == Status::GivenUp)
            .map(|(step, _)| step)
            .collect()
    }

    /// How often a step may fail before it is given up; keys are never.
    fn most_tries(&self, role: Role) -> u32 {
        match role {
            Role::Power => POWER_TRIES,
            Role::Other if !self.has_keys() => OTHER_TRIES,
            Role::Other | Role::Skipped => 1,
            Role::Key => u32::MAX,
        }
    }
}

fn set(stages: &mut [Stage], step: usize, status: Status) {
    if let Some(stage) = stages.get_mut(step) {
        stage.status = status;
    }
}

/// Takes what has happened; answers the next state and what is to be done.
#[must_use]
pub fn step(state: &State, event: Event) -> (State, Vec<Effect>) {
    let mut state = state.clone();
    let mut effects = Vec::new();
    match event {
        Event::Begin => {}
        Event::Done { step, notes } => {
            set(&mut state.stages, step, Status::Done);
            effects.push(Effect::Record(Entry::Done { step, notes }));
        }
        Event::Failed { step, reason } => {
            let most = state
                .stages
                .get(step)
                .map_or(0, |stage| state.most_tries(stage.role));
            if let Some(stage) = state.stages.get_mut(step) {
                stage.tries += 1;
                let given_up = stage.tries >= most;
                if given_up {
                    stage.status = Status::GivenUp;
                }
                effects.push(Effect::Record(Entry::Failed {
                    step,
                    reason,
                    given_up,
                }));
            }
        }
    }
    proceed(&mut state, &mut effects);
    (state, effects)
}

fn proceed(state: &mut State, effects: &mut Vec<Effect>) {
    let pending = |(_, stage): &(usize, &Stage)| stage.status == Status::Pending;
    // The key step tried least comes first: one that fails doesn't keep the others waiting.
    if let Some((step, stage)) = state.of(Role::Key).filter(pending).min_by_key(|(_, s)| s.tries) {
        let tries = stage.tries;
        if tries >= KEY_TRIES {
            effects.push(Effect::Stop(Stopped::DataLeft));
        } else {
            again(effects, step, tries);
        }
        return;
    }
    if let Some((step, stage)) = state.of(Role::Other).find(pending) {
        again(effects, step, stage.tries);
        return;
    }
    if !state.wiped && !state.is_worth_its_class() {
        effects.push(Effect::Stop(Stopped::DataLeft));
        return;
    }
    if !state.wiped {
        state.wiped = true;
        effects.push(Effect::Finish {
            failed: state.given_up(),
        });
    }
    match state.of(Role::Power).next() {
        Some((step, stage)) if stage.status == Status::Pending => again(effects, step, stage.tries),
        Some((_, stage)) if stage.status == Status::GivenUp => effects.push(Effect::Stop(Stopped::PowerLeft)),
        _ => effects.push(Effect::Stop(Stopped::Wiped)),
    }
}

fn again(effects: &mut Vec<Effect>, step: usize, tries: u32) {
    if tries > 0 {
        effects.push(Effect::Pause { tries });
    }
    effects.push(Effect::Work(step));
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
