//! The recovery code: another one, and what it is for.

use belay_proto::failpoint;
use belay_proto::keys::RecoveryCode;
use belay_proto::steps::{
    Done, HoldInput, LoginSignatureInput, LoginSignatureOutput, NewRecoveryCodeInput, NewRecoveryCodeOutput,
    OpenRootInput, OpenRootOutput, Purpose, RecoverInput, RecoveredOutput,
};
use belay_proto::{PendingId, TicketId};

use super::account::{fitting, new_set, with_room};
use super::malformed;
use crate::actor::Warden;
use crate::ceremony::{self, Derived, NewKeys, Opened};
use crate::core::keyring;
use crate::core::refusal::Refusal;
use crate::core::registration::Pending;
use crate::core::state::{Answer, Binding, What};

impl Warden {
    pub(super) async fn new_recovery_code(
        &mut self,
        ticket: TicketId,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let input = NewRecoveryCodeInput::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        self.go_on_from_kept(&ticket, input.key_epoch)?;
        let devices = self.own_devices(&ticket, &input.devices, input.lost)?;
        let (code, opened) = (RecoveryCode::generate(), self.owners_root(&ticket)?);
        let derived = self.session(&ticket)?.derived()?;
        let id = PendingId::random();
        let (new, output) = with_room(NewKeys::Kept, |keys| {
            let new = ceremony::change_recovery_code(opened, derived, &devices, &code, keys)?;
            let output = NewRecoveryCodeOutput {
                pending: id,
                claim: self.state.key.recovery_claim(&id),
                set: new.set.encode(),
            };
            Ok((new, fitting(output.encode())?))
        })?;
        let pending = Pending {
            id,
            device: self.state.bound()?.device,
            started: self.now(),
            code: ceremony::seal_code(&self.state.key, &code),
            draft: None,
            wrap: new.wrap,
            awaits: Some(new.generation),
            anew: None,
            wrong_claims: 0,
        };
        self.apply(What::CodeMade {
            ticket,
            pending: Box::new(pending),
        })?;
        Ok(output)
    }

    /// One try: 160 bits aren't guessed, and nobody keeps the processor busy with one ticket.
    pub(super) async fn recover(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = RecoverInput::decode(input).map_err(malformed)?;
        if self.session(&ticket)?.code().is_err() {
            let outcome = self.renew(ticket, &input).await;
            if outcome.is_err() {
                self.apply(What::RecoveryOver { ticket })?;
            }
            return outcome;
        }
        let outcome = self.recovered(ticket, &input).await;
        if outcome.is_err() {
            self.apply(What::RecoveryOver { ticket })?;
        }
        outcome
    }

    async fn recovered(&mut self, ticket: TicketId, input: &RecoverInput) -> Result<Vec<u8>, Refusal> {
        let mut opened = ceremony::recovered(self.session(&ticket)?.code()?, input)?;
        self.is_in_force(&opened)?;
        if let Binding::Bound(bound) = &self.state.binding {
            let kept = keyring::kept(&self.state.key, bound)?;
            let removed = bound.removed.as_deref().unwrap_or_default();
            opened.go_on_from(kept.as_ref(), removed, bound.device);
        }
        let (owner, account) = (opened.owner(), &opened.record.account);
        let known = self.standing(&opened, input.lost.clone());
        let devices = ceremony::certificates(&input.devices, &owner, account, &known)?;
        let chosen = self.derive_new(&ticket, &opened.record.parameters).await?;
        // The wrap goes on as it is: the code stays the same. Who needs it may have lost a device that has the keys.
        opened.begin_after(input.key_epoch);
        let output = new_set(&opened, &chosen, &devices, NewKeys::Epoch)?;
        let generation = opened.record.generation.saturating_add(1);
        let chosen = self.chosen(&ticket, &chosen)?;
        self.apply(What::Recovered {
            ticket,
            generation,
            chosen,
        })?;
        Ok(output)
    }

    /// Whether the record is under the chosen password already. One try, as above, and for whoever has the recovery code alone.
    pub(super) async fn has_recovered(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = RecoverInput::decode(input).map_err(malformed)?;
        let outcome = self.is_chosen(ticket, &input).await;
        self.apply(What::RecoveryOver { ticket })?;
        Ok(RecoveredOutput { holds: outcome? }.encode())
    }

    async fn is_chosen(&mut self, ticket: TicketId, input: &RecoverInput) -> Result<bool, Refusal> {
        let opened = ceremony::recovered(self.session(&ticket)?.code()?, input)?;
        self.is_in_force(&opened)?;
        let record = &opened.record;
        let session = self.session_mut(&ticket)?;
        session.admit_derivation()?;
        let password = session.new_password()?;
        let master = ceremony::derive(password, record.salt, record.parameters).await?;
        Ok(master.verify_digest() == record.verify_digest)
    }

    /// Without the code: another root, and on a bound device what becomes of the binding after its hold.
    async fn renew(&mut self, ticket: TicketId, input: &RecoverInput) -> Result<Vec<u8>, Refusal> {
        if self.session(&ticket)?.renewal.is_some() {
            return Err(Refusal::BadTicket);
        }
        if matches!(self.state.binding, Binding::Bound(_)) {
            // The owner may have chosen another password elsewhere.
            self.apply(What::CredentialsBrought(input.credentials.clone()))?;
        }
        self.state.may_recover_without_code(&self.now())?;
        let account = match &self.state.binding {
            Binding::Bound(bound) => ceremony::own_account(bound, input)?,
            _ => ceremony::strange_account(input)?,
        };
        let session = self.session_mut(&ticket)?;
        session.admit_derivation()?;
        let (password, salt, parameters) = (session.new_password()?, account.salt, account.parameters);
        let derived = Derived {
            salt,
            parameters,
            master: ceremony::derive(password, salt, parameters).await?,
        };
        // Whether it is the old one isn't looked at: that would be a guess that nobody counts.
        let chosen = self.session(&ticket)?.new_password()?;
        let strength = self.strength(&chosen);
        let bound = self.state.bound().ok().map(|bound| (bound, strength));
        let (set, renewal) = ceremony::renew(&account, &derived, bound, &self.state.key)?;
        let output = fitting(set.encode())?;
        match renewal {
            Some(renewal) => self.session_mut(&ticket)?.renewal = Some(renewal),
            // The cloud waits; here the ticket is good for nothing more.
            None => self.apply(What::RecoveryOver { ticket }).map(drop)?,
        }
        Ok(output)
    }

    /// The account has had another root since, and its password is typed here: signed as at a sign-in, and compared with nothing,
    /// which would be a guess that nobody counts.
    pub(super) async fn sign_to_join(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = LoginSignatureInput::decode(input).map_err(malformed)?;
        self.may_join(&ticket)?;
        if input.action != Purpose::Recover.as_str() {
            return Err(Refusal::InvalidArgument(
                "the action isn't the ticket's purpose".to_owned(),
            ));
        }
        let bound = self.state.bound()?;
        let account = bound.account.to_string();
        let checked = input.parameters.check(Some(&bound.parameters));
        checked.map_err(|refused| Refusal::CloudRefused(refused.to_string()))?;
        let (salt, parameters) = (input.salt, input.parameters);
        let session = self.session_mut(&ticket)?;
        if !session.has_derived(&salt, &parameters) {
            session.admit_derivation()?;
            let master = ceremony::derive(session.new_password()?, salt, parameters).await?;
            self.session_mut(&ticket)?.keep(salt, parameters, master);
        }
        let derived = self.session(&ticket)?.derived()?;
        let signature = ceremony::login_signature(derived, &self.facts.origin, &account, input);
        Ok(LoginSignatureOutput { signature }.encode())
    }

    /// What the binding becomes under that root, once the hold that has yet to begin is over.
    pub(super) fn join(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = OpenRootInput::decode(input).map_err(malformed)?;
        self.may_join(&ticket)?;
        let session = self.session(&ticket)?;
        let opened = ceremony::open_root(session.derived()?, &input)?;
        let chosen = session.new_password()?;
        let strength = self.strength(&chosen);
        let renewal = ceremony::join(&opened, self.state.bound()?, strength, &self.state.key)?;
        let output = OpenRootOutput {
            owner: opened.owner(),
            generation: opened.record.generation,
            account: opened.record.account,
        };
        self.session_mut(&ticket)?.renewal = Some(renewal);
        Ok(output.encode())
    }

    fn may_join(&self, ticket: &TicketId) -> Result<(), Refusal> {
        let session = self.session(ticket)?;
        if session.code().is_ok() {
            let why = "the credentials aren't the pinned owner's, and no recovery code opens others here";
            return Err(Refusal::CloudRefused(why.to_owned()));
        }
        if session.renewal.is_some() {
            return Err(Refusal::BadTicket);
        }
        self.state.may_recover_without_code(&self.now())
    }

    /// The cloud keeps them: the hold begins, and is counted from here on.
    pub(super) fn begin_hold(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        let renewal = self.session(&ticket)?.renewal.clone().ok_or(Refusal::BadTicket)?;
        self.apply(What::HoldBegan { ticket, renewal })?;
        failpoint!("warden.hold.begun");
        Ok(Done {}.encode())
    }

    pub(super) fn hold(&mut self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let HoldInput { told, end } = HoldInput::decode(input).map_err(malformed)?;
        let end = end == Some(true);
        let answer = self.apply(What::HoldAsked { told, end })?;
        failpoint!("warden.hold.asked");
        match answer {
            Answer::Held(held) => Ok(held.encode()),
            _ => Err(Refusal::Internal("no hold's standing")),
        }
    }

    /// On a device that is somebody's the root must be theirs, and no older than what holds.
    fn is_in_force(&self, opened: &Opened) -> Result<(), Refusal> {
        let Binding::Bound(bound) = &self.state.binding else {
            return Ok(());
        };
        self.is_owners(opened)?;
        match opened.record.generation < bound.generation {
            true => Err(Refusal::CloudRefused("older credentials".to_owned())),
            false => Ok(()),
        }
    }
}
