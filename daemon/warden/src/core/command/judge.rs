//! Whose command it is, and whether it may be obeyed. Reads the state, changes nothing.

use belay_proto::CommandId;
use belay_proto::clock::millis;
use belay_proto::signed::{Action, Command, CommandEnvelope, DelegateCertificate, Disposition, Signed, Verb};
use belay_proto::sms::{SmsAction, SmsCommand, low16};
use std::time::Duration;

use super::book::{Book, Fate};
use super::time::OwnTime;
use crate::core::records::Bound;
use crate::core::state::{Lock, State};
use crate::moment::Moment;

/// How an order of a delegate is called.
const DELEGATE: &str = "delegate";
const SMS: &str = "sms";
/// A delegate for more than ringing lives 12 h at most.
const LONGEST_DELEGATION: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a phone rings that was asked to by SMS, s.
const SMS_RING_SECONDS: u64 = 300;
/// An expiry by SMS is in whole minutes, rounded up.
const SMS_ROUNDING_MS: u64 = 60_000;
/// What delegates can't take of what waits for belayd.
const OWNERS_DEEDS: usize = 8;
/// The highest counter that a delegate may use. Counters are points in time in ms; the owner's may go beyond, so a
/// stolen delegate can't make each command of the owner's `superseded`.
const HIGHEST_DELEGATED: u64 = 1 << 53;
/// How many may wait for belayd.
pub const MOST_DEEDS: usize = 32;

/// A command that proved to be the owner's, for this binding of this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: CommandId,
    /// What to do.
    pub action: Action,
    /// Orders those that share the register.
    pub counter: u64,
    /// When it was made, ms since the Unix epoch; 0 by SMS, which doesn't say.
    pub issued_at: u64,
    /// The latest point in time that the owner's own key signed, ms since the Unix epoch; 0 = none.
    pub owner_time: u64,
    /// Void afterwards, ms since the Unix epoch; `None` = never.
    pub void_after: Option<u64>,
    /// What it was made for.
    pub made_for: MadeFor,
    /// Who signed it: `owner`, `delegate` or `sms`.
    pub by: &'static str,
}

/// What the issuer believed of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeFor {
    /// The numbers in full.
    Full {
        /// How often the owner had been at the device.
        presence: u64,
        /// The lost episode.
        episode: u64,
    },
    /// What an SMS has room for.
    Low16(u16),
}

impl Order {
    /// The action's name.
    #[must_use]
    pub fn verb(&self) -> Verb {
        self.action.verb()
    }

    /// Whether a delegate signed it.
    #[must_use]
    pub fn is_delegated(&self) -> bool {
        self.by == DELEGATE
    }
}

/// Whether a verb has its place in the register that a newer one takes.
#[must_use]
pub const fn shares_register(verb: Verb) -> bool {
    matches!(verb, Verb::Lock | Verb::Unlock | Verb::Message | Verb::StopRing)
}

/// Verifies an envelope. What isn't verified only picks the refusal's name.
///
/// # Errors
/// `malformed`, `wrong-device`, `wrong-epoch`, `bad-signature` or `no-such-delegate`.
pub fn open_envelope(bound: &Bound, time: &OwnTime, at: &Moment, bytes: &[u8]) -> Result<Order, Disposition> {
    let envelope = CommandEnvelope::decode(bytes).map_err(|_| Disposition::Malformed)?;
    let claimed: Command = envelope
        .command
        .peek_unverified()
        .map_err(|_| Disposition::Malformed)?;
    if claimed.account != bound.account || claimed.device != bound.device {
        return Err(Disposition::WrongDevice);
    }
    if claimed.epoch != bound.epoch {
        return Err(Disposition::WrongEpoch);
    }
    let (command, owner_time, by) = match &envelope.delegate {
        None => {
            let command: Command = verified(&envelope.command, &bound.owner)?;
            let issued_at = command.issued_at;
            (command, issued_at, "owner")
        }
        Some(certificate) => {
            let delegate: DelegateCertificate = certificate
                .open(&bound.owner)
                .map_err(|_| Disposition::NoSuchDelegate)?;
            let command: Command = verified(&envelope.command, &delegate.key)?;
            let now = time.now(at).max(delegate.issued_at);
            if !covers(&delegate, &command, bound, now) {
                return Err(Disposition::NoSuchDelegate);
            }
            (command, delegate.issued_at, DELEGATE)
        }
    };
    Ok(Order {
        id: command.id,
        counter: command.counter,
        issued_at: command.issued_at,
        owner_time,
        void_after: command.void_after(),
        made_for: MadeFor::Full {
            presence: command.presence,
            episode: command.episode,
        },
        by,
        action: command.action,
    })
}

/// Verifies a command that came by SMS.
///
/// # Errors
/// `malformed`, `wrong-device`, `wrong-epoch` or `bad-signature`.
pub fn open_sms(bound: &Bound, text: &str) -> Result<Order, Disposition> {
    let signed = SmsCommand::parse(text).map_err(|_| Disposition::Malformed)?;
    let claimed = signed.peek_unverified();
    if claimed.device_tag != SmsCommand::tag_of(&bound.device) {
        return Err(Disposition::WrongDevice);
    }
    if claimed.epoch != bound.epoch {
        return Err(Disposition::WrongEpoch);
    }
    let command = signed.open(&bound.owner).map_err(|_| Disposition::BadSignature)?;
    Ok(Order {
        id: command.id(),
        action: match command.action {
            SmsAction::Lock => Action::Lock {
                message: String::new(),
                phone: String::new(),
            },
            SmsAction::Unlock => Action::Unlock,
            SmsAction::Ring => Action::Ring {
                seconds: SMS_RING_SECONDS,
            },
            SmsAction::StopRing => Action::StopRing,
            SmsAction::Locate => Action::Locate,
        },
        counter: command.counter,
        issued_at: 0,
        owner_time: command
            .void_after()
            .zip(command.action.life())
            .map_or(0, |(end, life)| {
                end.saturating_sub(millis(life)).saturating_sub(SMS_ROUNDING_MS)
            }),
        // What may not live for ever and doesn't say how long is over.
        void_after: command.void_after().or(command.action.life().map(|_| 0)),
        made_for: MadeFor::Low16(command.presence_or_episode),
        by: SMS,
    })
}

fn verified(signed: &Signed, key: &belay_proto::keys::PublicKey) -> Result<Command, Disposition> {
    signed.open(key).map_err(|_| Disposition::BadSignature)
}

/// A delegate speaks for the owner within its verbs, its generation and its time.
fn covers(delegate: &DelegateCertificate, command: &Command, bound: &Bound, now: u64) -> bool {
    let verb = command.action.verb();
    let rings_only = delegate
        .actions
        .iter()
        .all(|verb| matches!(verb, Verb::Ring | Verb::StopRing));
    let latest = delegate.issued_at.saturating_add(millis(LONGEST_DELEGATION));
    let lives = match delegate.expires_at {
        0 => rings_only,
        expires_at => {
            (rings_only || expires_at <= latest) && now <= expires_at && command.issued_at <= expires_at
        }
    };
    delegate.account == bound.account
        && delegate.generation == bound.generation
        && delegate.actions.contains(verb)
        && verb.may_be_delegated()
        && command.counter <= HIGHEST_DELEGATED
        && lives
}

impl State {
    /// Judges a command that proved itself. `now` is the warden's own time, which the command's may have moved.
    pub(super) fn judge(&self, bound: &Bound, order: &Order, now: u64) -> Result<(), Disposition> {
        self.book.unseen(order)?;
        if order.void_after.is_some_and(|end| now > end) {
            return Err(Disposition::Expired);
        }
        self.still_fits(bound, order)?;
        if shares_register(order.verb()) && order.counter <= self.book.register {
            return Err(Disposition::Superseded);
        }
        if !self.can(order) {
            return Err(Disposition::Unsupported);
        }
        if self.is_so_already(order) {
            return Err(Disposition::Already);
        }
        Ok(())
    }

    /// Whether the device is still as the issuer saw it, as far as the verb depends on it.
    fn still_fits(&self, bound: &Bound, order: &Order) -> Result<(), Disposition> {
        let fits = match (order.verb(), order.made_for) {
            (Verb::Wipe | Verb::SignOut, MadeFor::Full { presence, .. }) => presence == bound.presence,
            (Verb::Unlock, MadeFor::Full { episode, .. }) => episode == self.book.episode,
            (Verb::Unlock, MadeFor::Low16(episode)) => episode == low16(self.book.episode),
            _ => true,
        };
        if fits { Ok(()) } else { Err(Disposition::Stale) }
    }

    fn can(&self, order: &Order) -> bool {
        let wanted = match order.verb() {
            Verb::Lock => self.book.find,
            Verb::Ring | Verb::Locate => self.book.find && self.book.can_ask(order),
            Verb::StopRing => self.book.can_ask(order),
            Verb::Wipe => self.book.find && self.abilities.wipe,
            // There is a place for it on the lost screen alone.
            Verb::Message => matches!(self.lock, Lock::Lost { .. }),
            // What ends something is always possible.
            Verb::Unlock | Verb::SignOut | Verb::Cancel => true,
        };
        wanted && self.book.has_room(order)
    }

    fn is_so_already(&self, order: &Order) -> bool {
        match (&order.action, &self.lock) {
            (Action::Unlock, Lock::Unlocked) => true,
            // Should the wipe be refused or called off, the device is to be lost.
            (Action::Lock { .. }, Lock::Wiping(wipe)) => wipe.before != Lock::Unlocked,
            // A wipe under way has the last word; only `cancel` stops it.
            (Action::Unlock | Action::Wipe { .. }, Lock::Wiping(_)) => true,
            (Action::SignOut, Lock::Wiping(_)) => self.is_being_wiped(),
            // A text has no room for a message, and takes none away.
            (Action::Lock { .. }, Lock::Lost { .. }) if order.by == SMS => true,
            (
                Action::Lock { message, phone },
                Lock::Lost {
                    message: shown,
                    phone: called,
                    ..
                },
            ) => message == shown && phone == called,
            _ => false,
        }
    }
}

impl Book {
    /// What is remembered of an id decides first: a command is accepted once.
    fn unseen(&self, order: &Order) -> Result<(), Disposition> {
        match self.known.get(&order.id).map(|known| known.fate) {
            None if self.is_below_floor(order) => Err(Disposition::Superseded),
            None => Ok(()),
            Some(Fate::Marked) => Err(Disposition::Cancelled),
            Some(Fate::Refused(why)) => Err(why),
            Some(Fate::Running | Fate::Over) => Err(Disposition::Replayed),
        }
    }

    /// Whether belayd can be asked for one thing more.
    fn can_ask(&self, order: &Order) -> bool {
        let reserved = if order.is_delegated() { OWNERS_DEEDS } else { 0 };
        self.deeds.len() + reserved < MOST_DEEDS
    }
}
