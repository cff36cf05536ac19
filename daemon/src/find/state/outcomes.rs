//! What became of commands: from the warden to the outbox, to the cloud and to the bus.

use belay_proto::id::CommandId;
use belay_proto::signed::CommandState;

use super::{Announcement, Effect, State, Told, WipeNews};

/// Commands that are remembered so that each is announced once.
const ANNOUNCED: usize = 64;

impl State {
    /// They are in the outbox.
    pub(super) fn kept(&mut self, sequence: u64, told: Vec<Told>, wipe: Option<WipeNews>) -> Vec<Effect> {
        self.sequence = self.sequence.max(sequence);
        let again = self.outcomes.done();
        let mut effects = Vec::new();
        // One that was called off, or has failed, waits for nothing.
        let is_over = |wipe: &WipeNews| {
            told.iter()
                .any(|told| told.command == wipe.command && told.state.is_final())
        };
        self.wipe = self.wipe.filter(|wipe| !is_over(wipe));
        if let Some(wipe) = wipe {
            self.wipe = Some(wipe);
            // There is little time: what rests after a failure is tried now.
            self.post.well();
            effects.extend(self.post.urge().then_some(Effect::Post));
        }
        if !told.is_empty() {
            effects.extend(self.post());
            // There may be more, and the warden learns that these needn't be kept.
            if again || self.outcomes.urge() {
                effects.push(self.read_outcomes());
            }
        } else if again {
            effects.push(self.read_outcomes());
        }
        for told in told {
            if told.state != CommandState::Refused {
                effects.extend(self.announce_received(told.command, told.action.clone()));
            }
            if told.state.is_final() {
                effects.push(Effect::Announce(Announcement::Finished(told)));
            }
        }
        effects
    }

    /// The cloud has the outcome with this number. A wipe that waited for that may begin.
    pub(super) fn arrived(&mut self, outcome: Option<u64>) -> Option<Effect> {
        let wipe = self.wipe?;
        if outcome? < wipe.sequence {
            return None;
        }
        self.wipe = None;
        self.outcomes.urge().then(|| self.read_outcomes())
    }

    pub(super) fn read_outcomes(&self) -> Effect {
        Effect::ReadOutcomes {
            after: self.sequence,
            acknowledge: self.wipe.map_or(self.sequence, |wipe| {
                self.sequence.min(wipe.sequence.saturating_sub(1))
            }),
        }
    }

    pub(super) fn announce_received(&mut self, command: CommandId, action: String) -> Option<Effect> {
        if self.announced.contains(&command) {
            return None;
        }
        self.announced.truncate(ANNOUNCED - 1);
        self.announced.push_front(command);
        Some(Effect::Announce(Announcement::Received { command, action }))
    }
}
