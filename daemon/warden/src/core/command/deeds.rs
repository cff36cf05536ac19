//! What belayd does for the owner: ring, stop ringing, locate. Begun at most once.

use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::clock::millis;
use belay_proto::signed::CommandState;
use belay_proto::steps;

use super::book::Deed;
use super::judge::Order;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Effect, State, Transition};
use crate::moment::Moment;

impl State {
    pub(super) fn ask_belayd(&mut self, order: &Order) -> Result<(), Refusal> {
        self.book.deeds.push(Deed {
            command: order.id,
            verb: order.verb(),
            arguments: order.action.encode_arguments(),
            issued_at: order.issued_at,
            void_after: order.void_after,
            begun: false,
        });
        self.tell(order.id, order.verb(), CommandState::Accepted, "")
    }

    /// Takes back what hasn't begun.
    pub(super) fn withdraw_deed(&mut self, id: &CommandId) -> bool {
        let before = self.book.deeds.len();
        self.book.deeds.retain(|deed| deed.command != *id || deed.begun);
        self.book.deeds.len() != before
    }

    pub(super) fn expire_deeds(&mut self, at: &Moment) -> Result<bool, Refusal> {
        let now = self.book.time.now(at);
        let late = |deed: &Deed| !deed.begun && deed.void_after.is_some_and(|end| now > end);
        let late: Vec<_> = self
            .book
            .deeds
            .iter()
            .filter(|deed| late(deed))
            .cloned()
            .collect();
        for deed in &late {
            self.withdraw_deed(&deed.command);
            self.finish(&deed.command, CommandState::Failed, "expired")?;
        }
        Ok(!late.is_empty())
    }

    /// belayd is about to do it. Asked twice it is refused: the first may have done it.
    pub(in crate::core) fn begin_deed(&mut self, id: &CommandId, at: &Moment) -> Transition {
        self.bound()?;
        let waiting = |deed: &&mut Deed| deed.command == *id && !deed.begun;
        let deed = self
            .book
            .deeds
            .iter_mut()
            .find(waiting)
            .ok_or(Refusal::NotFound)?;
        deed.begun = true;
        let verb = deed.verb;
        if self.book.runs(id) {
            self.tell(*id, verb, CommandState::Running, "")?;
        }
        Ok(vec![self.keep(at), Effect::Answer(Answer::Done)])
    }

    /// belayd has done it, or given up. What wasn't begun wasn't done.
    pub(in crate::core) fn end_deed(
        &mut self,
        id: &CommandId,
        done: bool,
        reason: &str,
        at: &Moment,
    ) -> Transition {
        self.bound()?;
        let deeds = &mut self.book.deeds;
        let ends = |deed: &Deed| deed.command == *id && (deed.begun || !done);
        let place = deeds.iter().position(ends).ok_or(Refusal::NotFound)?;
        deeds.remove(place);
        let state = if done {
            CommandState::Done
        } else {
            CommandState::Failed
        };
        self.finish(id, state, if done { "" } else { reason })?;
        Ok(vec![self.keep(at), Effect::Answer(Answer::Done)])
    }

    /// What belayd has to do, and what it has begun.
    #[must_use]
    pub fn effects(&self, at: &Moment) -> steps::EffectsOutput {
        let now = self.book.time.now(at);
        let deadline = |end: u64| {
            let left = Duration::from_millis(end.saturating_sub(now));
            millis(at.boottime.saturating_add(left)).max(1)
        };
        let (begun, waiting): (Vec<_>, Vec<_>) = self.book.deeds.iter().partition(|deed| deed.begun);
        let waiting = waiting.into_iter().map(|deed| steps::Effect {
            command: deed.command,
            action: deed.verb.as_str().to_owned(),
            arguments: deed.arguments.clone(),
            issued_at: deed.issued_at,
            deadline: deed.void_after.map_or(0, deadline),
        });
        steps::EffectsOutput {
            waiting: waiting.collect(),
            begun: begun.into_iter().map(|deed| deed.command).collect(),
        }
    }
}
