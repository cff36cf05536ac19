//! The commands that were sent from here, in the state.

use belay_proto::id::CommandId;
use belay_proto::signed::CommandState;

use super::{Binding, Change, Job, State, Turn};
use crate::account::command::{SentCommand, forget_oldest};
use crate::account::evidence::Fate;

impl State {
    /// The commands of which more is to be heard, while there is a session to ask in. One that is only being sent is
    /// nothing to ask about yet.
    pub fn followed(&self) -> impl Iterator<Item = &SentCommand> {
        let asks = self.word.binding == Binding::Bound
            && self
                .session
                .as_ref()
                .is_some_and(|session| session.bound && !session.ended);
        let sending = self.running.contains(&Job::SendCommand);
        self.commands
            .iter()
            .filter(move |sent| asks && sent.is_open() && !(sending && sent.state == CommandState::Unknown))
    }
}

impl Turn {
    /// A command is about to be sent; not where the account was given up meanwhile.
    pub(super) fn sending(&mut self, sent: SentCommand) {
        if self.next.session.as_ref().is_none_or(|session| !session.bound) {
            return self.refuse(self.is_gone());
        }
        self.next.commands.retain(|known| known.id != sent.id);
        self.next.commands.insert(0, sent);
        forget_oldest(&mut self.next.commands);
        self.keep_commands();
    }

    /// Something was heard of a command.
    pub(super) fn heard(&mut self, id: CommandId, fate: &Fate) {
        let found = self.next.commands.iter_mut().find(|sent| sent.id == id);
        if let Some((sent, after)) = found.and_then(|sent| sent.after(fate).map(|after| (sent, after))) {
            *sent = after;
            self.keep_commands();
        }
    }

    /// The cloud doesn't know a command: it never got there, or was forgotten since.
    pub(super) fn unheard(&mut self, id: CommandId) {
        let before = self.next.commands.clone();
        self.next
            .commands
            .retain(|sent| sent.id != id || sent.state != CommandState::Unknown);
        for sent in self.next.commands.iter_mut().filter(|sent| sent.id == id) {
            sent.forgotten = true;
        }
        if before != self.next.commands {
            self.keep_commands();
        }
    }

    fn keep_commands(&mut self) {
        self.keep(Change::Commands(self.next.commands.clone()));
    }
}
