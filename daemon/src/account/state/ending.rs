//! The end of a binding: what goes with it, and what of it stays.

use belay_proto::dbus::BootloaderUnlock;
use belay_proto::id::AccountId;

use super::{Binding, Change, Effect, Job, Refusal, State, Turn, Word};
use crate::account::model::{Release, Session};

impl State {
    /// Whether a sign-out that was to leave the owner's data here is worked on by nobody, and has freed nothing. The warden may be at
    /// it still, for whoever was killed here: it is given up only once the ticket that it began with can't be good any more.
    #[must_use]
    pub fn may_sign_out_lapse(&self) -> bool {
        let leaves_data = |session: &Session| session.bound && session.leaves_data;
        self.session.as_ref().is_some_and(leaves_data)
            && self.word.binding == Binding::Bound
            && !self.running.contains(&Job::SignOut)
    }

    /// Whether an order to delete the account may have left this device.
    #[must_use]
    pub fn has_sent_deletion(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.bound && session.deletion_sent)
    }
}

impl Turn {
    /// The warden has released the device.
    pub(super) fn released(&mut self, release: Box<Release>) {
        self.next.word = Word {
            binding: Binding::Unbound,
            account: None,
            ..self.next.word
        };
        self.next.releases.insert(release.key);
        self.keep(Change::AddRelease(release));
        self.binding_ended();
        if self
            .next
            .registration
            .as_ref()
            .is_some_and(|r| r.stage.is_committed())
        {
            self.forget_registration();
        }
        self.effects.push(Effect::Deliver);
    }

    /// Notes whether an order to delete the account may be on its way: none leaves before that is kept.
    pub(super) fn deletion_sent(&mut self, account: AccountId, is_sent: bool) {
        let own = |session: &Session| session.account == account && session.bound;
        match self.next.session.clone().filter(own) {
            Some(session) => self.keep_session(Session {
                deletion_sent: is_sent,
                ..session
            }),
            None if is_sent => self.refuse(self.is_gone()),
            None => {}
        }
    }

    /// Lets a sign-out under way end the binding: whoever asked for it gets the release, and the data is dealt with as they want.
    pub(super) fn leaving_with_account(&mut self) {
        if self.next.running.contains(&Job::SignOut) {
            self.refuse(Refusal::Busy);
        }
    }

    /// Notes whether the end of the binding leaves the owner's data here: whoever hears of it may not be who asked for it.
    pub(super) fn leaving(&mut self, leaves_data: bool) {
        if let Some(session) = self.next.session.clone().filter(|session| session.bound) {
            self.keep_session(Session {
                leaves_data,
                ..session
            });
        }
    }

    /// Forgets the account whose device this no longer is, and its owner's data.
    pub(super) fn binding_ended(&mut self) {
        let goes = |session: &Session| session.bound && !session.leaves_data;
        if self.next.session.as_ref().is_some_and(goes) {
            self.keep(Change::ForgetData);
        }
        self.forget_account();
    }

    /// Forgets the account. The device key goes with a binding, so that two owners' devices don't share one;
    /// a registration under way still needs it.
    pub(super) fn forget_account(&mut self) {
        let was_bound = self.next.session.take().is_some_and(|session| session.bound);
        self.next.commands.clear();
        self.next.unlock = BootloaderUnlock::default();
        self.forget_proving();
        self.keep(Change::ForgetAccount);
        if was_bound {
            self.keep(Change::ForgetDeviceKey);
        }
    }
}
