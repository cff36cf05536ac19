//! What is wanted and what is done: the state of the watch, and the one function that changes it. No I/O, no clock.
//!
//! Each event brings the state up to date; then what is seen is compared with what should be, and the difference
//! becomes jobs, each at most once at a time.

use std::collections::{BTreeMap, BTreeSet};

use crate::before::{Before, Radio};
use crate::event::{Effect, Event, Job};

/// What USBGuard does with a device that no rule knows, while this one is lost.
pub const BLOCK: &str = "block";

/// Which try the ones against somebody who fights back stay at: well within the 2 s in which a radio is on again.
const QUICK: u32 = 2;

/// Everything the watch knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether the device is lost or wiping; `None` until the warden has said.
    guarded: Option<bool>,
    /// The former values that are still to be put back.
    before: Before,
    /// The same, as far as it is on disk.
    saved: Before,
    /// The radios as last seen; empty while nobody speaks for them.
    radios: BTreeMap<Radio, bool>,
    /// Those that a switch in the hardware holds off.
    held: BTreeSet<Radio>,
    /// USBGuard's target for unknown devices, as last seen.
    usb: Option<String>,
    /// Whether the login manager is there.
    login: bool,
    /// Whether the inhibitor is held.
    inhibited: bool,
    /// Whether the list of sessions has to be asked for.
    stale: bool,
    /// Sessions that have to end.
    strangers: BTreeSet<String>,
    /// Whether the lost screen's target is up; `None` where there is none.
    target: Option<bool>,
    /// When the warden wants to be asked again, ms of boot time; 0: never; `None`: not known.
    next: Option<u64>,
    /// Whether it is to be asked now.
    due: bool,
    running: BTreeSet<Job>,
    /// Jobs that failed, until they are tried again.
    waiting: BTreeSet<Job>,
    tries: BTreeMap<Job, u32>,
}

impl State {
    /// From the former values that an earlier run left on disk.
    #[must_use]
    pub fn new(saved: Before) -> Self {
        Self {
            before: saved.clone(),
            saved,
            due: true,
            ..Self::default()
        }
    }

    /// Whether the device has to be kept. Until the warden has said, an earlier run's traces say so.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.guarded.unwrap_or(!self.saved.is_empty())
    }

    /// Whether all is put back and let go.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.before.is_empty() && self.saved.is_empty() && !self.inhibited && self.running.is_empty()
    }

    /// Whether the warden has said anything yet.
    #[must_use]
    pub const fn knows(&self) -> bool {
        self.guarded.is_some()
    }
}

/// Takes what has happened; answers the next state and what is to be done, in this order.
#[must_use]
pub fn step(state: &State, event: Event) -> (State, Vec<Effect>) {
    let mut state = state.clone();
    let mut effects = Vec::new();
    take(&mut state, event, &mut effects);
    remember(&mut state);
    for job in wanted(&state) {
        let busy = state.running.iter().chain(&state.waiting);
        if busy.clone().any(|other| job.collides(other)) {
            continue;
        }
        effects.push(match job {
            Job::Save => Effect::Save(state.before.clone()),
            _ => Effect::Do(job.clone()),
        });
        match job {
            Job::Sessions => state.stale = false,
            Job::Tick => state.due = false,
            _ => {}
        }
        state.running.insert(job);
    }
    let is_over = state.guarded == Some(false) && state.next == Some(0) && !state.due;
    if is_over && state.is_clean() && state.waiting.is_empty() {
        effects.push(Effect::Leave);
    }
    (state, effects)
}

fn take(state: &mut State, event: Event, effects: &mut Vec<Effect>) {
    match event {
        Event::Lock { guarded, changed } => {
            let was = state.is_guarded();
            state.due |= changed || state.guarded.is_some_and(|before| before != guarded);
            state.guarded = Some(guarded);
            if guarded != was {
                // What was to be tried again was wanted for the other case.
                state.waiting.retain(|job| matches!(job, Job::Tick | Job::Save));
                state.stale = guarded;
            }
            if !guarded {
                state.strangers.clear();
            }
        }
        Event::Ticked(next) => {
            state.next = Some(next);
            effects.push(Effect::DueAt(next));
        }
        Event::Due => state.due = true,
        Event::Radios(seen) => {
            for (radio, on) in &seen {
                // Switched on meanwhile: the next time it is off is a new one.
                if *on {
                    calm(state, &Job::Radio(*radio, true));
                }
            }
            state.radios = seen;
        }
        Event::Held(radios) => state.held = radios,
        Event::Usb(seen) => {
            if seen.as_deref() == Some(BLOCK) {
                calm(state, &Job::Usb(BLOCK.to_owned()));
            }
            state.usb = seen;
        }
        Event::Login(there) => {
            state.login = there;
            // Whoever held our inhibitor is gone, and may have come back without it.
            state.inhibited = false;
            state.stale = there;
            state.strangers.clear();
            state.waiting.retain(|job| !matches!(job, Job::End(_)));
        }
        Event::SessionNew => {
            state.stale = true;
            state.waiting.remove(&Job::Sessions);
        }
        Event::Strangers(found) => {
            if found.is_empty() {
                calm(state, &Job::Sessions);
            }
            state.waiting.retain(|job| match job {
                Job::End(id) => found.contains(id),
                _ => true,
            });
            state.strangers = found;
        }
        Event::Target(up) => {
            if up == Some(true) {
                calm(state, &Job::Target);
            }
            state.target = up;
        }
        Event::Saved(before) => {
            state.saved = before;
            finish(state, &Job::Save);
        }
        Event::Done(job) => {
            state.running.remove(&job);
            done(state, &job);
            let was_end = matches!(job, Job::End(_));
            if still_off(state, &job) {
                stay_quick(state, &job);
                later(state, job, effects);
            } else if job != Job::Sessions {
                calm(state, &job);
            }
            // Whether it has really ended is seen in the next list.
            if was_end && !state.waiting.contains(&Job::Sessions) {
                later(state, Job::Sessions, effects);
            }
        }
        Event::Failed(job) => {
            state.running.remove(&job);
            later(state, job, effects);
        }
        Event::Again(job) => {
            state.waiting.remove(&job);
            match job {
                Job::Sessions => state.stale = true,
                Job::Tick => state.due = true,
                _ => {}
            }
        }
    }
}

/// What a job that went well has changed, as far as nobody tells.
fn done(state: &mut State, job: &Job) {
    match job {
        Job::Inhibit => state.inhibited = state.login,
        Job::Release => state.inhibited = false,
        Job::End(id) => {
            state.strangers.remove(id);
        }
        // Put back, whatever the hardware makes of it.
        Job::Radio(radio, on) if !state.is_guarded() && state.before.radios.get(radio) == Some(on) => {
            state.before.radios.remove(radio);
        }
        Job::Usb(target) if !state.is_guarded() && state.before.usb.as_ref() == Some(target) => {
            state.before.usb = None;
        }
        _ => {}
    }
}

/// Whether a job went well and what it was for isn't so: a radio that a switch in the hardware, or somebody, holds off.
fn still_off(state: &State, job: &Job) -> bool {
    state.is_guarded()
        && match job {
            Job::Radio(radio, on) => state.radios.get(radio).is_some_and(|seen| seen != on),
            Job::Usb(target) => state.usb.as_ref().is_some_and(|seen| seen != target),
            Job::Target => state.target == Some(false),
            _ => false,
        }
}

/// A radio that nothing in the hardware holds off, and that is off again at once, is switched off by somebody: the next
/// try mustn't come later for that.
fn stay_quick(state: &mut State, job: &Job) {
    if let Job::Radio(radio, true) = job
        && !state.held.contains(radio)
        && let Some(tries) = state.tries.get_mut(job)
    {
        *tries = (*tries).min(QUICK - 1);
    }
}

fn finish(state: &mut State, job: &Job) {
    state.running.remove(job);
    calm(state, job);
}

/// It is as it should be: the next try is the first one.
fn calm(state: &mut State, job: &Job) {
    state.waiting.remove(job);
    state.tries.remove(job);
}

fn later(state: &mut State, job: Job, effects: &mut Vec<Effect>) {
    let tries = state.tries.entry(job.clone()).or_default();
    *tries = tries.saturating_add(1);
    effects.push(Effect::Later(job.clone(), *tries));
    state.waiting.insert(job);
}

/// While guarded, what is seen for the first time is how it was before. Afterwards, what is as it was needs no putting
/// back.
fn remember(state: &mut State) {
    if state.is_guarded() {
        for (radio, on) in &state.radios {
            state.before.radios.entry(*radio).or_insert(*on);
        }
        if state.before.usb.is_none() {
            state.before.usb.clone_from(&state.usb);
        }
        return;
    }
    let (radios, running) = (&state.radios, &state.running);
    let at_rest = |radio: Radio| !running.iter().any(|job| job.collides(&Job::Radio(radio, true)));
    state
        .before
        .radios
        .retain(|radio, on| radios.get(radio) != Some(on) || !at_rest(*radio));
    let usb_at_rest = !running.iter().any(|job| matches!(job, Job::Usb(_)));
    if usb_at_rest && state.before.usb == state.usb {
        state.before.usb = None;
    }
}

fn wanted(state: &State) -> Vec<Job> {
    let mut jobs = Vec::new();
    if state.before != state.saved {
        jobs.push(Job::Save);
    }
    if state.due {
        jobs.push(Job::Tick);
    }
    if state.is_guarded() {
        keep(state, &mut jobs);
    } else if state.guarded.is_some() {
        put_back(state, &mut jobs);
    }
    jobs
}

/// Only what is on disk may be changed.
fn keep(state: &State, jobs: &mut Vec<Job>) {
    let off = state
        .radios
        .iter()
        .filter(|(_, on)| !**on)
        .map(|(radio, _)| *radio);
    jobs.extend(
        off.filter(|radio| state.saved.radios.contains_key(radio))
            .map(|radio| Job::Radio(radio, true)),
    );
    if state.usb.as_deref().is_some_and(|target| target != BLOCK) && state.saved.usb.is_some() {
        jobs.push(Job::Usb(BLOCK.to_owned()));
    }
    if state.login {
        if !state.inhibited {
            jobs.push(Job::Inhibit);
        }
        if state.stale {
            jobs.push(Job::Sessions);
        }
        jobs.extend(state.strangers.iter().cloned().map(Job::End));
    }
    if state.target == Some(false) {
        jobs.push(Job::Target);
    }
}

fn put_back(state: &State, jobs: &mut Vec<Job>) {
    let there = state
        .before
        .radios
        .iter()
        .filter(|(radio, _)| state.radios.contains_key(radio));
    jobs.extend(there.map(|(radio, on)| Job::Radio(*radio, *on)));
    if let (Some(target), Some(_)) = (&state.before.usb, &state.usb) {
        jobs.push(Job::Usb(target.clone()));
    }
    if state.inhibited {
        jobs.push(Job::Release);
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
