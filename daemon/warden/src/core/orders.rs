//! What the owner's key has signed with a ticket: noted, and the ticket used up, before a signature is out.

use belay_proto::TicketId;
use belay_proto::identifier::Identifier;
use belay_proto::signed::Deed;
use belay_proto::steps::{NEW_ROOT, Purpose, purpose_of};

use super::refusal::Refusal;
use super::registration::Pending;
use super::state::{Effect, State, Transition, done, note};
use crate::disk::copies::Concern;

impl State {
    /// Credentials with another password were made; nothing changes here before the cloud has them.
    pub(super) fn password_chosen(&mut self, ticket: &TicketId, generation: u64) -> Transition {
        let presenter = self.proved(ticket, Purpose::ChangePassword)?;
        let root = match self.tickets.get(ticket, &[Purpose::ChangePassword])?.subject == NEW_ROOT {
            true => ", a new root",
            false => "",
        };
        self.tickets.consume(ticket);
        let detail = format!("generation {generation}{root}");
        done(vec![note("password-changed", presenter, detail)])
    }

    /// Credentials with another recovery code were made. It waits here, sealed, and is told once they hold.
    pub(super) fn code_made(&mut self, ticket: &TicketId, pending: Pending) -> Transition {
        let presenter = self.proved(ticket, Purpose::RecoveryCode)?;
        self.tickets.consume(ticket);
        self.pending = Some(pending);
        done(vec![
            note("recovery-code-made", presenter, ""),
            Effect::Persist(Concern::Pending),
        ])
    }

    /// The recovery code has opened the root, and credentials with another password were made.
    pub(super) fn recovered(&mut self, ticket: &TicketId, generation: u64) -> Transition {
        let presenter = self.tickets.get(ticket, &[Purpose::Recover])?.presenter.name();
        self.tickets.consume(ticket);
        let detail = format!("generation {generation}");
        done(vec![note("recovery-code-used", presenter, detail)])
    }

    /// One try came to nothing.
    pub(super) fn recovery_failed(&mut self, ticket: &TicketId) -> Transition {
        self.tickets.get(ticket, &[Purpose::Recover])?;
        self.tickets.consume(ticket);
        done(Vec::new())
    }

    /// An order was signed: of the deed that the ticket is for, once.
    pub(super) fn order_signed(&mut self, ticket: &TicketId, deed: &Deed) -> Transition {
        let purpose = purpose_of(deed);
        let presenter = self.proved(ticket, purpose)?;
        let known = self.tickets.get(ticket, &[purpose])?;
        if known.ordered || known.subject != deed.to_string() {
            return Err(Refusal::BadTicket);
        }
        // The device is let go with the same ticket, once the cloud has forgotten the account.
        if *deed == Deed::DeleteAccount {
            self.tickets.order(ticket);
        } else {
            self.tickets.consume(ticket);
        }
        done(vec![note("order-signed", presenter, told(deed))])
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
