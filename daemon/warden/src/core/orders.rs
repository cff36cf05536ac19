//! What the owner's key has signed with a ticket: noted, and the ticket used up, before a signature is out.

use std::time::Duration;

use belay_proto::identifier::Identifier;
use belay_proto::signed::{Deed, MOST_REMOVED};
use belay_proto::steps::{NEW_ROOT, Purpose, purpose_of};
use belay_proto::{DeviceId, TicketId};

use super::command::time::Span;
use super::password::Chosen;
use super::records::Bound;
use super::refusal::Refusal;
use super::registration::{Anew, Pending};
use super::state::{Answer, Binding, Effect, State, Transition, done, note};
use crate::disk::copies::Concern;
use crate::moment::Moment;

/// How long a device is ready to leave with its account: as long as an owner's `sign-out` by command lives.
const LEAVING: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Bound {
    /// Remembers that the owner had a device removed.
    fn note_removed(&mut self, device: DeviceId) {
        let removed = self.removed.get_or_insert_default();
        removed.retain(|other| *other != device);
        removed.push(device);
        removed.drain(..removed.len().saturating_sub(MOST_REMOVED));
    }
}

impl State {
    /// Credentials with another password were made; nothing changes here before the cloud has them.
    pub(super) fn password_chosen(
        &mut self,
        ticket: &TicketId,
        generation: u64,
        chosen: Chosen,
    ) -> Transition {
        let presenter = self.proved(ticket, Purpose::ChangePassword)?;
        let root = match self.tickets.get(ticket, &[Purpose::ChangePassword])?.subject == NEW_ROOT {
            true => ", a new root",
            false => "",
        };
        self.tickets.consume(ticket);
        self.chosen = Some(chosen);
        let detail = format!("generation {generation}{root}");
        let mut effects = vec![note("password-changed", presenter, detail)];
        effects.extend(self.leave_no_more());
        done(effects)
    }

    /// Credentials with another recovery code were made. It waits here, sealed, and is told once they hold.
    pub(super) fn code_made(&mut self, ticket: &TicketId, mut pending: Pending) -> Transition {
        let presenter = self.proved(ticket, Purpose::RecoveryCode)?;
        self.tickets.consume(ticket);
        pending.anew = Some(Anew {
            told: None,
            before: self.pending.take().and_then(Pending::replaced),
        });
        self.pending = Some(pending);
        let mut effects = vec![
            note("recovery-code-made", presenter, ""),
            Effect::Persist(Concern::Pending),
        ];
        effects.extend(self.leave_no_more());
        done(effects)
    }

    /// The recovery code has opened the root, and credentials with another password were made.
    pub(super) fn recovered(&mut self, ticket: &TicketId, generation: u64, chosen: Chosen) -> Transition {
        let presenter = self.tickets.get(ticket, &[Purpose::Recover])?.presenter.name();
        self.tickets.consume(ticket);
        self.chosen = Some(chosen);
        let detail = format!("generation {generation}");
        done(vec![note("recovery-code-used", presenter, detail)])
    }

    /// One try, of which nothing is kept.
    pub(super) fn recovery_over(&mut self, ticket: &TicketId) -> Transition {
        self.tickets.get(ticket, &[Purpose::Recover])?;
        self.tickets.consume(ticket);
        done(Vec::new())
    }

    /// An order was signed: of the deed that the ticket is for, once.
    pub(super) fn order_signed(&mut self, ticket: &TicketId, deed: &Deed, at: &Moment) -> Transition {
        let purpose = purpose_of(deed);
        let presenter = self.proved(ticket, purpose)?;
        let known = self.tickets.get(ticket, &[purpose])?;
        if known.subject != deed.to_string() {
            return Err(Refusal::BadTicket);
        }
        self.tickets.consume(ticket);
        let mut effects = vec![note("order-signed", presenter, told(deed))];
        if let (Deed::RemoveDevice(device), Binding::Bound(bound)) = (deed, &mut self.binding) {
            // Before anybody has the order: whether it is carried out only the cloud says.
            bound.note_removed(*device);
            effects.push(Effect::Persist(Concern::Binding));
        }
        if *deed == Deed::DeleteAccount {
            // Before anybody has the order: when the cloud has carried it out, nobody may be left who knows of it.
            self.book.leaving = Some(Span::beginning(at));
            effects.push(self.keep(at));
        } else {
            effects.extend(self.leave_no_more());
        }
        done(effects)
    }

    /// The account that the owner had deleted is no more, so belayd says, and the device goes with it. belayd alone can't have
    /// that done: the owner's password was typed for it, at this device and a while ago at most.
    pub(super) fn leave(&mut self) -> Transition {
        self.bound()?;
        if self.book.leaving.is_none() {
            return Err(Refusal::BadTicket);
        }
        let (mut effects, release) = self.let_go("signed-out", "belayd", "with the account")?;
        effects.push(Effect::Answer(Answer::Released(release)));
        Ok(effects)
    }

    /// The account stays, and the device with it.
    pub(super) fn stay(&mut self) -> Transition {
        self.bound()?;
        done(self.leave_no_more().into_iter().collect())
    }

    /// Ends the readiness to leave once its time is over, counted as a hold's is.
    pub(super) fn age_leaving(&mut self, at: &Moment) -> Option<Effect> {
        match self.leaves_for(at)?.is_zero() {
            true => self.leave_no_more(),
            false => None,
        }
    }

    /// How long the device is ready to leave still.
    pub(super) fn leaves_for(&self, at: &Moment) -> Option<Duration> {
        let since = self.book.leaving.as_ref()?;
        Some(LEAVING.saturating_sub(since.elapsed(at)))
    }

    /// The account is there after all: its owner has just opened its root, or it has other credentials.
    pub(super) fn leave_no_more(&mut self) -> Option<Effect> {
        self.book.leaving.take().map(|_| Effect::Persist(Concern::Lock))
    }
}

/// The deed as the audit log tells it: an address masked.
fn told(deed: &Deed) -> String {
    match deed {
        Deed::AddIdentifier(address) => match Identifier::parse(address) {
            Ok(address) => format!("add-identifier {}", address.masked()),
            Err(_) => "add-identifier".to_owned(),
        },
        deed => deed.to_string(),
    }
}
