//! What accepted commands have belayd do: each begun at most once, in order where order matters.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use belay_proto::id::CommandId;
use belay_proto::signed::Verb;
use belay_proto::steps::{Effect, EffectsOutput, EndInput, INTERRUPTED};

use super::deeds::DeedFailed;
use super::errand::Errand;

/// Effects, as far as they are belayd's to do.
#[derive(Clone, Debug, Default)]
pub struct Performing {
    lanes: [Lane; 2],
    /// Begun, or about to be, by this belayd, until the warden knows the end.
    mine: BTreeSet<CommandId>,
    /// Ends that the warden doesn't know yet.
    ends: VecDeque<EndInput>,
    end: Errand,
}

/// Effects that are done one after the other: a `stop-ring` after the `ring` before it, whatever a `locate` takes.
#[derive(Clone, Debug, Default)]
struct Lane {
    waiting: VecDeque<Effect>,
    in_hand: Option<CommandId>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Begin this at the warden, then do it.
    Perform(Effect),
    /// Tell the warden this.
    End(EndInput),
}

impl Performing {
    /// The warden's list, which is the truth about what waits.
    pub fn read(&mut self, output: EffectsOutput) -> Vec<Next> {
        for command in output.begun {
            // Of a belayd before this one: whether it was done, nobody knows.
            if self.mine.insert(command) {
                self.over(command, Err(DeedFailed::new(INTERRUPTED)));
            }
        }
        for lane in &mut self.lanes {
            lane.waiting.clear();
        }
        for effect in output.waiting {
            if !self.mine.contains(&effect.command) {
                let lane = usize::from(effect.action == Verb::Locate.as_str());
                self.lanes[lane].waiting.push_back(effect);
            }
        }
        self.next()
    }

    /// What can be done now.
    pub fn next(&mut self) -> Vec<Next> {
        let mut all = Vec::new();
        for lane in &mut self.lanes {
            if lane.in_hand.is_none()
                && let Some(effect) = lane.waiting.pop_front()
            {
                lane.in_hand = Some(effect.command);
                self.mine.insert(effect.command);
                all.push(Next::Perform(effect));
            }
        }
        if let Some(end) = self.ends.front()
            && self.end.want()
        {
            all.push(Next::End(end.clone()));
        }
        all
    }

    /// The warden didn't let it begin, or didn't answer; then it is on the next list as what it has become.
    pub fn not_begun(&mut self, command: CommandId) {
        self.leave(command);
        self.mine.remove(&command);
    }

    /// It was done, or not.
    pub fn performed(&mut self, command: CommandId, outcome: Result<(), DeedFailed>) {
        self.leave(command);
        self.over(command, outcome);
    }

    /// The warden knows the end, or wants to know nothing of it.
    pub fn ended(&mut self, command: CommandId) {
        self.end.finish();
        self.ends.retain(|end| end.command != command);
        self.mine.remove(&command);
    }

    /// The warden couldn't be told.
    pub fn not_ended(&mut self, now: Duration) {
        self.end.failed(now, None);
    }

    /// When to look again.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.end.due()
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Duration) -> Option<Next> {
        let end = self.ends.front()?;
        self.end.wake(now).then(|| Next::End(end.clone()))
    }

    fn leave(&mut self, command: CommandId) {
        for lane in &mut self.lanes {
            lane.in_hand = lane.in_hand.filter(|in_hand| *in_hand != command);
        }
    }

    fn over(&mut self, command: CommandId, outcome: Result<(), DeedFailed>) {
        self.ends.push_back(EndInput {
            command,
            done: outcome.is_ok(),
            reason: outcome
                .err()
                .map(|failed| failed.reason.into_owned())
                .unwrap_or_default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(verb: Verb) -> Effect {
        Effect {
            command: CommandId::new(),
            action: verb.as_str().into(),
            arguments: Vec::new(),
            issued_at: 0,
            deadline: 0,
        }
    }

    fn list(waiting: &[&Effect], begun: &[CommandId]) -> EffectsOutput {
        EffectsOutput {
            waiting: waiting.iter().map(|effect| (*effect).clone()).collect(),
            begun: begun.to_vec(),
        }
    }

    fn end(command: CommandId, reason: &str) -> EndInput {
        EndInput {
            command,
            done: reason.is_empty(),
            reason: reason.into(),
        }
    }

    #[test]
    fn an_effect_is_performed_once_however_often_it_is_listed() {
        let mut performing = Performing::default();
        let ring = effect(Verb::Ring);
        let all = list(&[&ring], &[]);
        assert_eq!(performing.read(all.clone()), [Next::Perform(ring.clone())]);
        assert_eq!(performing.read(all.clone()), []);
        performing.performed(ring.command, Ok(()));
        assert_eq!(performing.next(), [Next::End(end(ring.command, ""))]);
        assert_eq!(performing.read(all), [], "nor before the warden knows its end");
        performing.ended(ring.command);
        assert_eq!(performing.read(list(&[], &[])), []);
    }

    #[test]
    fn what_a_belayd_before_this_one_began_ends_as_interrupted_and_what_this_one_began_does_not() {
        let mut performing = Performing::default();
        let (old, ring) = (CommandId::new(), effect(Verb::Ring));
        let next = performing.read(list(&[&ring], &[old]));
        assert_eq!(
            next,
            [Next::Perform(ring.clone()), Next::End(end(old, INTERRUPTED))]
        );
        assert_eq!(performing.read(list(&[], &[old, ring.command])), []);
    }

    #[test]
    fn a_stop_waits_for_the_ring_before_it_and_a_locate_holds_up_neither() {
        let mut performing = Performing::default();
        let (locate, ring, stop) = (effect(Verb::Locate), effect(Verb::Ring), effect(Verb::StopRing));
        let next = performing.read(list(&[&locate, &ring, &stop], &[]));
        assert_eq!(next, [Next::Perform(ring.clone()), Next::Perform(locate)]);
        performing.performed(ring.command, Err(DeedFailed::new("no-sound")));
        let next = performing.next();
        assert_eq!(
            next,
            [Next::Perform(stop), Next::End(end(ring.command, "no-sound"))]
        );
    }

    #[test]
    fn what_is_no_longer_listed_is_not_begun() {
        let mut performing = Performing::default();
        let (ring, stop) = (effect(Verb::Ring), effect(Verb::StopRing));
        performing.read(list(&[&ring, &stop], &[]));
        assert_eq!(performing.read(list(&[], &[ring.command])), []);
        performing.performed(ring.command, Ok(()));
        assert_eq!(performing.next(), [Next::End(end(ring.command, ""))]);
    }

    #[test]
    fn a_begin_without_an_answer_leaves_the_truth_to_the_next_list() {
        let mut performing = Performing::default();
        let ring = effect(Verb::Ring);
        performing.read(list(&[&ring], &[]));
        performing.not_begun(ring.command);
        assert_eq!(performing.next(), []);
        // It had begun after all: whether belayd did anything, it didn't.
        let next = performing.read(list(&[], &[ring.command]));
        assert_eq!(next, [Next::End(end(ring.command, INTERRUPTED))]);
    }

    #[test]
    fn an_end_is_told_until_the_warden_knows_it() {
        let mut performing = Performing::default();
        let ring = effect(Verb::Ring);
        performing.read(list(&[&ring], &[]));
        performing.performed(ring.command, Ok(()));
        performing.next();
        performing.not_ended(Duration::from_secs(1));
        assert_eq!(performing.next(), []);
        let due = performing.due().unwrap();
        assert_eq!(performing.wake(due), Some(Next::End(end(ring.command, ""))));
        performing.ended(ring.command);
        assert_eq!((performing.next(), performing.due()), (Vec::new(), None));
    }
}
