//! The run: reads what is on disk, performs what [`progress`] decides, writes down what has happened.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use belay_proto::backoff::Backoff;

use crate::deeds;
use crate::journal::{Entry, Intent, Phase, Places, Refusal, Tombstone, entries, plan_text};
use crate::machine::{Found, Machine};
use crate::plan::{Plan, Step, Work};
use crate::preflight;
use crate::progress::{self, Effect, Event, State, Stopped};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const REFUSED: &str = "refused";
/// belayd doesn't start while this is there: it has the data open that is destroyed.
const BEGUN: &str = "begun";

/// Which run is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything that can refuse, and the tombstone `wiping`: from there on the wipe is ended, come what may, and
    /// nothing of what is wiped was touched. Before the sessions end, which a refused wipe is not to cost.
    Prepare,
    /// What the intent says; goes on where an earlier run was cut off.
    Start,
    /// Only what was begun: at each boot, before anybody may log in.
    Resume,
}

/// How a run ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There was nothing to resume.
    Nothing,
    /// Nothing refuses any more, and nothing was destroyed yet.
    Prepared,
    /// Wiped.
    Wiped,
}

/// How a run ended otherwise.
#[derive(Debug, thiserror::Error)]
pub enum WipeError {
    /// No byte was changed; the reason is in the file `refused`.
    #[error("refused: {}: {}", .0.reason, .0.detail)]
    Refused(Refusal),
    /// Keys or data are left, or the journal can't be written: run again.
    #[error("not wiped yet: {0}")]
    Unfinished(String),
    /// Wiped; the power is still on.
    #[error("wiped, and the power can't be cut")]
    PowerLeft,
}

/// Wipes, or goes on wiping.
///
/// `runtime` is a folder that a boot empties, for a second copy of a refusal.
///
/// # Errors
/// [`WipeError`].
pub fn wipe(machine: &mut dyn Machine, plan: &Plan, mode: Mode, runtime: &Path) -> Result<Ended, WipeError> {
    let places = Places::new(&plan.journal);
    let tombstone = machine
        .load(&places.tombstone)
        .map_err(|error| WipeError::Unfinished(error.to_string()))?
        .and_then(|bytes| serde_json::from_slice::<Tombstone>(&bytes).ok());
    let (begun, over) = match tombstone {
        Some(tombstone) if tombstone.state == Phase::Wiping => (Some(tombstone), None),
        other => (None, other.map(|tombstone| tombstone.intent)),
    };
    let mut run = Run {
        machine,
        plan,
        places,
        runtime,
    };
    match (mode, begun) {
        // What was begun is ended first, whatever the intent says by now.
        (Mode::Prepare, Some(_)) => Ok(run.prepared()),
        (_, Some(tombstone)) => run.go_alone(&tombstone.intent),
        (Mode::Resume, None) => Ok(Ended::Nothing),
        (Mode::Prepare | Mode::Start, None) => {
            let intent = run.intent()?;
            // The same again means that the power stayed on: only that is left to do.
            if over.as_ref() != Some(&intent) {
                // A tombstone that was lost or torn: what is half destroyed would never pass a preflight again.
                match run.has_begun(&intent)? {
                    true => run
                        .tombstone(&intent, Phase::Wiping, &[])
                        .map_err(|error| WipeError::Unfinished(format!("the tombstone: {error}")))?,
                    false => run.fresh(&intent)?,
                }
            }
            match mode {
                Mode::Prepare => Ok(run.prepared()),
                _ => run.go_alone(&intent),
            }
        }
    }
}

/// Writes a refusal down where the warden and a person look for it. Best effort: the exit code says it too.
pub fn note_refusal(machine: &mut dyn Machine, refusal: &Refusal, journal: Option<&Places>, runtime: &Path) {
    let bytes = serde_json::to_vec(refusal).unwrap_or_default();
    let file = runtime.join(REFUSED);
    for file in std::iter::once(file).chain(journal.map(|places| places.refused.clone())) {
        if let Err(error) = machine.save(&file, &bytes) {
            tracing::warn!(%error, file = %file.display(), "the refusal isn't written");
        }
    }
}

struct Run<'a> {
    machine: &'a mut dyn Machine,
    plan: &'a Plan,
    places: Places,
    runtime: &'a Path,
}

impl Run<'_> {
    fn intent(&mut self) -> Result<Intent, WipeError> {
        // An earlier refusal says nothing about this wipe.
        self.forget(&self.runtime.join(REFUSED));
        let bytes = match self.machine.load(&self.plan.intent) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.refuse("", "no-intent", self.plan.intent.display().to_string()),
            Err(error) => return self.refuse("", "no-intent", error.to_string()),
        };
        match Intent::parse(&bytes) {
            Ok(intent) => Ok(intent),
            Err(why) => self.refuse("", "intent-malformed", why),
        }
    }

    /// Whether the journal says that a step of this wipe was begun.
    fn has_begun(&self, intent: &Intent) -> Result<bool, WipeError> {
        let bytes = self
            .machine
            .load(&self.places.journal)
            .map_err(|error| WipeError::Unfinished(error.to_string()))?;
        let known = entries(&bytes.unwrap_or_default(), &intent.command, self.plan);
        Ok(known.iter().any(|entry| matches!(entry, Entry::Begin { .. })))
    }

    /// A new wipe: preflight, the journal's first entry, tombstone.
    fn fresh(&mut self, intent: &Intent) -> Result<(), WipeError> {
        let applied = Plan {
            steps: self
                .plan
                .steps
                .iter()
                .filter(|step| applies(step, intent))
                .cloned()
                .collect(),
            ..self.plan.clone()
        };
        if let Err(unfit) = preflight::check(self.machine, &applied) {
            return self.refuse(&intent.command, unfit.reason, unfit.detail);
        }
        self.forget(&self.places.refused.clone());
        // The tombstone comes last: until it stands nothing was begun.
        let start = Entry::Start {
            command: intent.command.clone(),
            plan: plan_text(self.plan),
        };
        let written = self
            .machine
            .save(&self.places.journal, &line(&start))
            .and_then(|()| self.tombstone(intent, Phase::Wiping, &[]));
        if let Err(error) = written {
            return self.refuse(&intent.command, "journal-not-writable", error.to_string());
        }
        Ok(())
    }

    fn forget(&mut self, file: &Path) {
        if let Err(error) = self.machine.remove(file) {
            tracing::warn!(%error, file = %file.display(), "stays");
        }
    }

    fn refuse<T>(&mut self, command: &str, reason: &str, detail: String) -> Result<T, WipeError> {
        let refusal = Refusal {
            command: command.to_owned(),
            reason: reason.to_owned(),
            detail,
        };
        // Not into a journal that may lie in what somebody wants to keep.
        let journal = (reason != "journal-in-area").then_some(&self.places);
        note_refusal(self.machine, &refusal, journal, self.runtime);
        Err(WipeError::Refused(refusal))
    }

    /// From here on belayd may end, and not be started: whoever calls it on the bus would have it started between its end and
    /// the wipe.
    fn prepared(&mut self) -> Ended {
        self.shut_out();
        Ended::Prepared
    }

    /// With nothing else of Belay at the data; where it isn't done the owner has to be told so.
    fn go_alone(&mut self, intent: &Intent) -> Result<Ended, WipeError> {
        self.shut_out();
        let ended = self.go(intent);
        if let Err(WipeError::Unfinished(_)) = ended {
            self.forget(&self.runtime.join(BEGUN));
        }
        ended
    }

    fn shut_out(&mut self) {
        if let Err(error) = self.machine.save(&self.runtime.join(BEGUN), b"") {
            tracing::warn!(%error, "belayd may start meanwhile");
        }
    }

    fn go(&mut self, intent: &Intent) -> Result<Ended, WipeError> {
        let bytes = self
            .machine
            .load(&self.places.journal)
            .map_err(|error| WipeError::Unfinished(error.to_string()))?
            .unwrap_or_default();
        let known = entries(&bytes, &intent.command, self.plan);
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            // The next line must not become part of the torn one.
            let ended = self.machine.append(&self.places.journal, b"\n");
            ended.map_err(|error| WipeError::Unfinished(error.to_string()))?;
        }
        let ends: Vec<(usize, Option<u64>)> = known
            .iter()
            .filter_map(|entry| match entry {
                Entry::Begin { step, end } => Some((*step, *end)),
                _ => None,
            })
            .collect();
        let mut state = State::new(self.plan, intent.external, intent.keep_esim, &known);
        let mut events = VecDeque::from([Event::Begin]);
        while let Some(event) = events.pop_front() {
            let (next, effects) = progress::step(&state, event);
            state = next;
            for effect in effects {
                match effect {
                    Effect::Record(entry) => self.record(&state, &entry)?,
                    Effect::Pause { tries } => self.pause(tries),
                    Effect::Work(step) => {
                        if self.remakes(step) {
                            self.keep_gone(&ends)?;
                        }
                        let earlier = ends.iter().rfind(|(begun, _)| *begun == step);
                        events.push_back(self.work(&state, step, earlier.and_then(|(_, end)| *end))?);
                    }
                    Effect::Finish { failed } => {
                        if !state.applied().any(|step| self.remakes(step)) {
                            self.keep_gone(&ends)?;
                        }
                        self.record(&state, &Entry::Wiped)?;
                        if let Err(error) = self.tombstone(intent, Phase::Wiped, &failed) {
                            return Err(WipeError::Unfinished(format!("the tombstone: {error}")));
                        }
                    }
                    Effect::Stop(Stopped::Wiped) => return Ok(Ended::Wiped),
                    Effect::Stop(Stopped::PowerLeft) => return Err(WipeError::PowerLeft),
                    Effect::Stop(Stopped::DataLeft) => {
                        return Err(WipeError::Unfinished(
                            "keys, or the data itself, are left".to_owned(),
                        ));
                    }
                }
            }
        }
        Ok(Ended::Wiped)
    }

    /// One step: the entry before it, then the deed.
    fn work(&mut self, state: &State, index: usize, earlier: Option<u64>) -> Result<Event, WipeError> {
        let Some(step) = self.plan.steps.get(index) else {
            return Err(WipeError::Unfinished(format!("there is no step {index}")));
        };
        if self.pulled_out(step) {
            return Ok(Event::Done {
                step: index,
                notes: vec!["not there".to_owned()],
            });
        }
        let failed = |error: io::Error| Event::Failed {
            step: index,
            reason: error.to_string(),
        };
        let end = match (&step.work, earlier) {
            (Work::LuksKeyslots { device }, None) => match deeds::end_of_keys(self.machine, device) {
                Ok(end) => Some(end),
                Err(error) => return Ok(failed(error)),
            },
            _ => earlier,
        };
        self.record(state, &Entry::Begin { step: index, end })?;
        tracing::info!(step = index, kind = step.work.kind(), "begins");
        Ok(match deeds::perform(self.machine, &step.work, end) {
            Ok(notes) => Event::Done { step: index, notes },
            Err(error) => {
                tracing::warn!(step = index, %error, "failed");
                failed(error)
            }
        })
    }

    /// Whether a step leaves new devices in the places of the old ones: a header there is nobody's who wrote it back.
    fn remakes(&self, step: usize) -> bool {
        let step = self.plan.steps.get(step);
        step.is_some_and(|step| matches!(step.work, Work::FactoryReset { .. }))
    }

    /// Before it is called wiped, or made anew: no key came back meanwhile. One that did is destroyed once more, now or by
    /// the next run.
    fn keep_gone(&mut self, ends: &[(usize, Option<u64>)]) -> Result<(), WipeError> {
        for (index, step) in self.plan.steps.iter().enumerate() {
            let Work::LuksKeyslots { device } = &step.work else {
                continue;
            };
            // What can't be read any more opens nothing.
            if !step.is_key() || !deeds::is_written_back(self.machine, device).unwrap_or_default() {
                continue;
            }
            tracing::warn!(device = %device.display(), "a header was written back: destroyed once more");
            let end = ends.iter().rfind(|(begun, _)| *begun == index);
            let again = deeds::perform(self.machine, &step.work, end.and_then(|(_, end)| *end));
            again.map_err(|error| WipeError::Unfinished(format!("a header was written back: {error}")))?;
        }
        Ok(())
    }

    fn pulled_out(&self, step: &Step) -> bool {
        let target = match &step.work {
            Work::LuksKeyslots { device } | Work::Discard { device, .. } => device,
            Work::Overwrite { target, .. } => target,
            _ => return false,
        };
        step.external && matches!(self.machine.look(target), Ok(Found::Missing))
    }

    /// Once the keys are gone a journal that can't be written stops nothing.
    fn record(&mut self, state: &State, entry: &Entry) -> Result<(), WipeError> {
        match self.machine.append(&self.places.journal, &line(entry)) {
            Ok(()) => Ok(()),
            Err(error) if state.irrevocable() => {
                tracing::error!(%error, "the journal can't be written");
                Ok(())
            }
            Err(error) => Err(WipeError::Unfinished(format!("the journal: {error}"))),
        }
    }

    fn tombstone(&mut self, intent: &Intent, state: Phase, failed: &[usize]) -> io::Result<()> {
        let kind = |step: &usize| self.plan.steps.get(*step).map(|step| step.work.kind().to_owned());
        let tombstone = Tombstone {
            state,
            intent: intent.clone(),
            class: self.plan.class().to_string(),
            failed: failed.iter().filter_map(kind).collect(),
        };
        let bytes = serde_json::to_vec(&tombstone)?;
        self.machine.save(&self.places.tombstone, &bytes)
    }

    fn pause(&mut self, tries: u32) {
        let mut waits = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let wait = waits.nth(usize::try_from(tries).unwrap_or(usize::MAX).min(8));
        self.machine.pause(wait.unwrap_or(LONGEST_PAUSE));
    }
}

/// Whether a step is meant by this command.
#[must_use]
pub fn applies(step: &Step, intent: &Intent) -> bool {
    !(step.external && !intent.external || step.esim && intent.keep_esim)
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
#[path = "wipe_tests.rs"]
mod tests;
