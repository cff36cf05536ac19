//! Binding, letting go, and the owner's credentials: everything that moves the pin or the verifier.

use belay_proto::TicketId;
use belay_proto::keys::{BoxKey, SigningKey};
use belay_proto::signed::{
    CredentialsRecord, DelegateCertificate, DeviceCertificate, Release, ResetAuthorisation, Signed,
};
use belay_proto::steps::{Purpose, RESET_AND_RELEASE};

use super::records::Bound;
use super::refusal::Refusal;
use super::state::{Answer, Binding, Door, Effect, Lock, State, Transition, done, note};
use super::tickets::Proof;
use crate::disk::copies::Concern;
use crate::disk::sealing::SealingKey;
use crate::moment::Moment;

/// How the warden seed is labelled where it is sealed.
pub const WARDEN_SEED: &str = "warden-seed";
/// How the box key is labelled where it is sealed.
pub const BOX_SECRET: &str = "box-secret";
const RESET_LIFE_MS: u64 = 10 * 60 * 1000;

impl State {
    /// Commits the binding of a sign-in; on a tampered device only through its door.
    pub(super) fn sign_in(
        &mut self,
        ticket: &TicketId,
        bound: Box<Bound>,
        existing: Option<&[u8]>,
    ) -> Transition {
        self.tickets.get(ticket, &[Purpose::SignIn])?;
        let detail = format!("signed in as {}", bound.login);
        match &self.binding {
            Binding::Unbound { .. } => {
                self.adopt(bound);
                self.pending = None;
                done(vec![
                    Effect::Persist(Concern::Throttle),
                    note("bound", "belayd", detail),
                    Effect::Persist(Concern::Binding),
                    Effect::Persist(Concern::Pending),
                ])
            }
            Binding::Tampered(door) => {
                if !door.opens_for(&bound, existing) {
                    return Err(Refusal::Tampered);
                }
                self.adopt(bound);
                self.pending = None;
                self.lock = Lock::Unlocked;
                done(vec![
                    Effect::BeginAnew,
                    note("door-opened", "screen", detail),
                    Effect::Persist(Concern::Throttle),
                    Effect::Persist(Concern::Lock),
                    Effect::Persist(Concern::Binding),
                    Effect::Persist(Concern::Pending),
                ])
            }
            _ => Err(Refusal::AlreadyBound),
        }
    }

    /// The owner opened the root again: the record that came with it is taken if it is newer.
    pub(super) fn reauthenticate(
        &mut self,
        ticket: &TicketId,
        record: &[u8],
        delegate: Vec<u8>,
        keyring: Option<Vec<u8>>,
    ) -> Transition {
        self.proved(ticket, Purpose::Reauthenticate)?;
        let mut effects = self.replace_credentials(record)?.unwrap_or_default();
        effects.extend(self.leave_no_more());
        if let Binding::Bound(bound) = &mut self.binding
            && bound.delegate.as_ref() != Some(&delegate)
            && is_for(bound, &delegate)
        {
            bound.delegate = Some(delegate);
            effects.push(Effect::Persist(Concern::Binding));
        }
        if let Binding::Bound(bound) = &mut self.binding
            && keyring.is_some()
        {
            bound.keyring = keyring;
            effects.push(Effect::Persist(Concern::Binding));
        }
        self.tickets.consume(ticket);
        effects.push(Effect::Answer(Answer::Done));
        Ok(effects)
    }

    /// belayd's record: taken only if the pinned owner signed it, for this account, newer than ours.
    /// Anything else is answered `false` and changes nothing here; at most a hold leads [on](State::lead_on) to it.
    pub(super) fn credentials_brought(&mut self, record: &[u8], at: &Moment) -> Transition {
        let replaced = self.replace_credentials(record)?;
        let answer = Effect::Answer(Answer::Taken(replaced.is_some()));
        let effects = replaced.unwrap_or_else(|| self.lead_on(record, at));
        Ok(effects.into_iter().chain([answer]).collect())
    }

    /// Unbinds: one commit holds that the device is free, and its release.
    pub(super) fn sign_out(&mut self, ticket: &TicketId) -> Transition {
        self.proved(ticket, Purpose::SignOut)?;
        let (mut effects, release) = self.let_go("signed-out", "belayd", "with the password")?;
        effects.push(Effect::Answer(Answer::Released(release)));
        Ok(effects)
    }

    /// Leave for one factory reset in this boot, 10 minutes; with `release` the device is free too.
    pub(super) fn allow_reset(&mut self, ticket: &TicketId, release: bool, at: &Moment) -> Transition {
        let presenter = self.proved(ticket, Purpose::Reset)?;
        // belayd names the step's input; what the password was typed for is on the ticket.
        if release && self.tickets.get(ticket, &[Purpose::Reset])?.subject != RESET_AND_RELEASE {
            return Err(Refusal::BadTicket);
        }
        let bound = self.bound()?;
        let leave = ResetAuthorisation {
            device: bound.device,
            epoch: bound.epoch,
            boot_id: at.boot_id.clone(),
            expires_boottime_ms: at.boottime_ms().saturating_add(RESET_LIFE_MS),
            release,
        };
        let authorisation = Signed::seal(&leave, &warden_key(&self.key, bound)?).encode();
        let mut effects = vec![
            note("reset-authorised", presenter, ""),
            Effect::AuthoriseReset(authorisation.clone()),
        ];
        let release = if release {
            let (more, release) = self.let_go("signed-out", "belayd", "with the password")?;
            effects.extend(more);
            Some(release)
        } else {
            self.tickets.consume(ticket);
            None
        };
        effects.push(Effect::Answer(Answer::ResetAllowed {
            authorisation,
            release,
        }));
        Ok(effects)
    }

    pub(super) fn let_go(
        &mut self,
        event: &'static str,
        actor: &'static str,
        how: &str,
    ) -> Result<(Vec<Effect>, Vec<u8>), Refusal> {
        let bound = self.bound()?;
        let free = Release {
            account: bound.account,
            device: bound.device,
            epoch: bound.epoch,
            hardware: bound.hardware,
        };
        let release = Signed::seal(&free, &warden_key(&self.key, bound)?).encode();
        self.binding = Binding::Unbound {
            release: Some(release.clone()),
        };
        self.tickets.clear();
        self.wrong.clear();
        self.pending = None;
        let effects = vec![
            note(event, actor, how),
            Effect::Persist(Concern::Binding),
            Effect::Persist(Concern::Pending),
        ];
        Ok((effects, release))
    }

    /// `None`: the record isn't one to take.
    fn replace_credentials(&mut self, bytes: &[u8]) -> Result<Option<Vec<Effect>>, Refusal> {
        let bound = self.bound()?;
        let Some(record) = newer_record(bound, bytes) else {
            return Ok(None);
        };
        self.take_record(bound.clone(), &record);
        let detail = format!("generation {}", record.generation);
        let mut effects = vec![note("credentials-replaced", "belayd", detail)];
        // Before the binding: a code that is told though its record isn't taken yet holds all the same.
        effects.extend(self.settle_code(&record));
        effects.extend(self.end_hold("the owner has other credentials"));
        effects.extend(self.leave_no_more());
        effects.extend([
            Effect::Persist(Concern::Binding),
            // A neighbour written after it remembers that the old verifier is the older one.
            Effect::Persist(Concern::Throttle),
        ]);
        Ok(Some(effects))
    }

    /// The owner's key has signed with a root that the ticket's password opened.
    pub(super) fn command_signed(&mut self, ticket: &TicketId) -> Transition {
        let presenter = self.proved(ticket, Purpose::Command)?;
        let subject = self.tickets.get(ticket, &[Purpose::Command])?.subject.clone();
        self.tickets.consume(ticket);
        let mut effects = vec![note("command-signed", presenter, subject)];
        effects.extend(self.leave_no_more());
        done(effects)
    }

    pub(super) fn proved(&self, ticket: &TicketId, purpose: Purpose) -> Result<&'static str, Refusal> {
        let ticket = self.tickets.get(ticket, &[purpose])?;
        match ticket.proof {
            Proof::Right => Ok(ticket.presenter.name()),
            Proof::Unchecked | Proof::Wrong { .. } => Err(Refusal::WrongPassword),
        }
    }
}

impl Door {
    /// Whether the root behind `bound` is the owner's: the newest surviving copy says so, or, when
    /// none survives, the certificate that the owner once signed for this hardware.
    #[must_use]
    pub fn opens_for(&self, bound: &Bound, existing: Option<&[u8]>) -> bool {
        if let Some(owner) = self.owner {
            return owner == bound.owner;
        }
        let certificate = existing
            .and_then(|bytes| Signed::decode(bytes).ok())
            .and_then(|signed| signed.open::<DeviceCertificate>(&bound.owner).ok());
        certificate.is_some_and(|certificate| {
            certificate.hardware == bound.hardware
                && certificate.account == bound.account
                && certificate.names_itself()
        })
    }
}

/// The warden key of a binding, for the one signature that needs it.
///
/// # Errors
/// The seed isn't sealed with this device's key.
pub fn warden_key(key: &SealingKey, bound: &Bound) -> Result<SigningKey, Refusal> {
    let broken = Refusal::Internal("the warden key doesn't open");
    let seed = key
        .open(WARDEN_SEED, &bound.warden_seed)
        .map_err(|_| broken.clone())?;
    let seed = <[u8; 32]>::try_from(seed.expose().as_slice()).map_err(|_| broken)?;
    Ok(SigningKey::from_seed(&belay_proto::Secret::new(seed)))
}

/// The box key of a binding, to read what the owner's other devices sealed to it.
///
/// # Errors
/// It isn't sealed with this device's key.
pub fn box_key(key: &SealingKey, bound: &Bound) -> Result<BoxKey, Refusal> {
    let broken = Refusal::Internal("the box key doesn't open");
    let secret = key
        .open(BOX_SECRET, &bound.box_secret)
        .map_err(|_| broken.clone())?;
    let secret = <[u8; 32]>::try_from(secret.expose().as_slice()).map_err(|_| broken)?;
    Ok(BoxKey::from_secret(&belay_proto::Secret::new(secret)))
}

/// Whether the owner lets this warden's key ring under the generation that holds.
pub(super) fn is_for(bound: &Bound, delegate: &[u8]) -> bool {
    let opened = Signed::decode(delegate)
        .ok()
        .and_then(|signed| signed.open::<DelegateCertificate>(&bound.owner).ok());
    opened.is_some_and(|certificate| {
        certificate.account == bound.account
            && certificate.generation == bound.generation
            && certificate.key == bound.warden_key
    })
}

fn newer_record(bound: &Bound, bytes: &[u8]) -> Option<CredentialsRecord> {
    let record = Signed::decode(bytes)
        .ok()?
        .open::<CredentialsRecord>(&bound.owner)
        .ok()?;
    let ours = record.account == bound.account && record.generation > bound.generation;
    (ours && record.parameters.check(Some(&bound.parameters)).is_ok()).then_some(record)
}
