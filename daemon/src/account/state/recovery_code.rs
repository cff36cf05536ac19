//! What is known of the account's recovery code, and of one that is to take its place.

use belay_proto::id::{AccountId, PendingId};

use super::Turn;
use crate::account::model::{Departure, Session};
use crate::account::new_code::{CodeKept, NewCode};

impl Turn {
    /// What the cloud says of a departure ends the session, and nothing else: the binding is the warden's, and the data stays.
    pub(super) fn kept_up(
        &mut self,
        account: AccountId,
        departure: Option<Departure>,
        code: Option<CodeKept>,
    ) {
        let session = self.next.session.clone();
        if let Some(session) = session.filter(|session| session.account == account && session.bound) {
            let session = match code {
                Some(code) => with_code(session, code),
                None => session,
            };
            self.keep_session(Session {
                departure,
                ended: session.ended || departure.is_some(),
                ..session
            });
        }
    }

    /// Nothing leaves before it is kept.
    pub(super) fn recovery_code_making(&mut self, account: AccountId, code: NewCode) {
        match self.session_of(account) {
            Some(session) => self.keep_session(Session {
                new_code: Some(code),
                ..session
            }),
            None => self.refuse(self.is_gone()),
        }
    }

    pub(super) fn recovery_code_made(&mut self, account: AccountId) {
        if let Some(session) = self.session_of(account) {
            let holds = Some(true);
            let new_code = session.new_code.map(|code| NewCode { holds, ..code });
            self.keep_session(Session {
                recovery_code_set: true,
                new_code,
                ..session
            });
        }
    }

    pub(super) fn recovery_code_over(&mut self, pending: PendingId) {
        let is_it = |code: &NewCode| code.pending == pending;
        let session = self.next.session.clone();
        if let Some(session) = session.filter(|session| session.new_code.as_ref().is_some_and(is_it)) {
            self.keep_session(Session {
                new_code: None,
                ..session
            });
        }
    }

    fn session_of(&self, account: AccountId) -> Option<Session> {
        let session = self.next.session.clone();
        session.filter(|session| session.account == account)
    }
}

fn with_code(session: Session, code: CodeKept) -> Session {
    let holds = |wrap| Some(code == CodeKept::Wrap(wrap));
    let new_code = session.new_code.map(|new| NewCode {
        holds: holds(new.wrap),
        ..new
    });
    Session {
        recovery_code_set: code != CodeKept::No,
        new_code,
        ..session
    }
}
