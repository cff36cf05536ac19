//! Tickets: the proof that somebody handed their password to the warden, for one purpose, for 60
//! seconds. The password itself stays outside the core.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_proto::TicketId;
use belay_proto::steps::Purpose;

use super::refusal::Refusal;
use super::throttle::Presenter;
use crate::moment::Moment;

const LIFE: Duration = Duration::from_secs(60);
/// For each kind of presenter: an app in the session never takes the lost screen's and root's room.
const MOST: usize = 256;

/// Reads the purpose that `Present` names.
///
/// # Errors
/// [`Refusal::InvalidArgument`] for any other text.
pub fn parse_purpose(text: &str) -> Result<Purpose, Refusal> {
    text.parse()
        .map_err(|_| Refusal::InvalidArgument("unknown purpose".to_owned()))
}

/// Whether a purpose only makes sense on a device that belongs to somebody.
#[must_use]
pub const fn needs_owner(purpose: Purpose) -> bool {
    !matches!(purpose, Purpose::Register | Purpose::SignIn | Purpose::Recover)
}

/// What the local check said about a ticket's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing yet.
    Unchecked,
    /// Wrong, compared with this verifier. A newer credentials record may prove it right.
    Wrong {
        /// The verifier it was compared with.
        verifier: [u8; 32],
    },
    /// It is the owner's.
    Right,
}

/// A live ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What for.
    pub purpose: Purpose,
    /// What it is about, as `Present` was told.
    pub subject: String,
    /// Who presented it.
    pub presenter: Presenter,
    /// When.
    pub issued: Moment,
    /// The local check.
    pub proof: Proof,
}

/// The live tickets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tickets(BTreeMap<TicketId, Ticket>);

impl Tickets {
    /// Adds one.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when too many are alive.
    pub fn issue(&mut self, id: TicketId, ticket: Ticket) -> Result<(), Refusal> {
        let others = self
            .0
            .values()
            .filter(|other| other.presenter == ticket.presenter);
        if others.count() >= MOST {
            return Err(Refusal::Busy);
        }
        self.0.insert(id, ticket);
        Ok(())
    }

    /// A ticket that is alive and for one of `purposes`.
    ///
    /// # Errors
    /// [`Refusal::BadTicket`]: unknown, used, expired or for something else.
    pub fn get(&self, id: &TicketId, purposes: &[Purpose]) -> Result<&Ticket, Refusal> {
        self.0
            .get(id)
            .filter(|ticket| purposes.contains(&ticket.purpose))
            .ok_or(Refusal::BadTicket)
    }

    /// A ticket of any purpose.
    #[must_use]
    pub fn any(&self, id: &TicketId) -> Option<&Ticket> {
        self.0.get(id)
    }

    /// Records what the local check said.
    pub fn prove(&mut self, id: &TicketId, proof: Proof) {
        if let Some(ticket) = self.0.get_mut(id) {
            ticket.proof = proof;
        }
    }

    /// The verifier changed: a password that was right before has to be compared again.
    pub fn doubt(&mut self) {
        for ticket in self.0.values_mut().filter(|ticket| ticket.proof == Proof::Right) {
            ticket.proof = Proof::Unchecked;
        }
    }

    /// Ends a ticket.
    pub fn consume(&mut self, id: &TicketId) {
        self.0.remove(id);
    }

    /// Ends each of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Ends those whose 60 s are over.
    pub fn expire(&mut self, now: &Moment) {
        self.0.retain(|_, ticket| {
            ticket.issued.boot_id == now.boot_id && !ticket.issued.left_of(LIFE, now).is_zero()
        });
    }

    /// The boot time at which the next one ends.
    #[must_use]
    pub fn next_end(&self) -> Option<Duration> {
        self.0
            .values()
            .map(|ticket| ticket.issued.boottime.saturating_add(LIFE))
            .min()
    }

    /// Whether none is alive.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is alive.
    #[must_use]
    pub fn contains(&self, id: &TicketId) -> bool {
        self.0.contains_key(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: &str, seconds: u64) -> Moment {
        Moment {
            boottime: Duration::from_secs(seconds),
            boot_id: boot.to_owned(),
        }
    }

    fn one() -> (Tickets, TicketId) {
        let (mut tickets, id) = (Tickets::default(), TicketId::random());
        let ticket = Ticket {
            purpose: Purpose::SignOut,
            subject: String::new(),
            presenter: Presenter::Session,
            issued: at("a", 100),
            proof: Proof::Unchecked,
        };
        assert_eq!(tickets.issue(id, ticket), Ok(()));
        (tickets, id)
    }

    #[test]
    fn a_ticket_lives_sixty_seconds_of_boot_time() {
        let (mut tickets, id) = one();
        tickets.expire(&at("a", 159));
        assert!(tickets.contains(&id));
        tickets.expire(&at("a", 160));
        assert!(!tickets.contains(&id));
    }

    #[test]
    fn a_ticket_never_outlives_its_boot() {
        let (mut tickets, id) = one();
        tickets.expire(&at("b", 101));
        assert!(!tickets.contains(&id));
    }

    #[test]
    fn a_ticket_for_something_else_a_foreign_and_a_used_one_are_bad() {
        let (mut tickets, id) = one();
        assert_eq!(tickets.get(&id, &[Purpose::SignIn]), Err(Refusal::BadTicket));
        assert_eq!(
            tickets.get(&TicketId::random(), &[Purpose::SignOut]),
            Err(Refusal::BadTicket)
        );
        assert!(tickets.get(&id, &[Purpose::SignOut]).is_ok());
        tickets.consume(&id);
        assert_eq!(tickets.get(&id, &[Purpose::SignOut]), Err(Refusal::BadTicket));
    }

    #[test]
    fn the_session_cannot_take_the_lost_screens_room() {
        let (mut tickets, id) = one();
        let ticket = tickets.any(&id).unwrap().clone();
        while tickets.issue(TicketId::random(), ticket.clone()).is_ok() {}
        assert_eq!(tickets.0.len(), MOST);
        let ticket = Ticket {
            presenter: Presenter::Screen,
            ..ticket
        };
        assert_eq!(tickets.issue(TicketId::random(), ticket), Ok(()));
    }

    #[test]
    fn each_purpose_of_the_contract_is_known_and_nonsense_is_told() {
        for purpose in Purpose::ALL {
            assert_eq!(parse_purpose(purpose.as_str()), Ok(purpose));
        }
        for nonsense in ["Sign-In", "", "tighten"] {
            assert!(matches!(
                parse_purpose(nonsense),
                Err(Refusal::InvalidArgument(_))
            ));
        }
    }
}
