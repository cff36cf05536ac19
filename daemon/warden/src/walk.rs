//! `Use`: belayd walks the fixed steps of a ticket's purpose and receives signatures, wrapped blobs
//! and public keys, nothing else. Neither a password nor a recovery code is in any answer: of the code belayd gets the
//! claim, which is worth nothing in its hands.

mod account;
mod commands;
mod recovery;

use belay_proto::cbor::Malformed;
use belay_proto::identifier::Identifier;
use belay_proto::keys::KdfParameters;
use belay_proto::steps::{
    self, AuthorizeResetInput, AuthorizeResetOutput, BindInput, BindOutput, CertifyInput, CertifyOutput,
    Done, LoginSignatureInput, LoginSignatureOutput, NewCredentialsInput, OpenRootInput, OpenRootOutput,
    PasswordStrengthOutput, PendingBindOutput, PendingInput, Purpose, ReleaseInput, ReleaseOutput,
    SavedReleaseOutput,
};
use belay_proto::{PendingId, TicketId};

use crate::actor::Warden;
use crate::ceremony::{self, Session};
use crate::core::keyring;
use crate::core::password::Strength;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Binding, What};

impl Warden {
    /// One step. Without a live ticket only a registration under way can be named in its place.
    pub(crate) async fn use_ticket(
        &mut self,
        ticket: &str,
        step: &str,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        if self.state.binding == Binding::Uninitialised {
            self.state.bound()?;
        }
        self.apply(What::Woke)?;
        // What belongs to the owner's commands goes on while the device is lost, and so does who the owner is.
        if ticket.is_empty()
            && let Some(answer) = self
                .walk_untied(step, input)
                .or_else(|| self.walk_grants(step, input))
        {
            return answer;
        }
        self.state.not_lost()?;
        if let Some(ticket) = ticket.parse().ok().filter(|id| self.state.tickets.contains(id)) {
            return self.use_live_ticket(ticket, step, input).await;
        }
        match step {
            steps::SAVED_RELEASE => self.saved_release(input),
            steps::PASSWORD_STRENGTH if ticket.is_empty() => self.password_strength(input),
            steps::LEAVE | steps::STAY if ticket.is_empty() => self.after_the_order(step, input),
            steps::BIND | steps::DISCARD | steps::ACKNOWLEDGE => self.walk_registration(ticket, step, input),
            _ => Err(Refusal::BadTicket),
        }
    }

    async fn use_live_ticket(
        &mut self,
        ticket: TicketId,
        step: &str,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let purpose = self.state.tickets.any(&ticket).ok_or(Refusal::BadTicket)?.purpose;
        match (purpose, step) {
            (Purpose::Register, steps::NEW_CREDENTIALS) => self.new_credentials(ticket, input).await,
            (Purpose::SignIn, steps::LOGIN_SIGNATURE) => self.login_signature(ticket, purpose, input).await,
            (Purpose::Reauthenticate | Purpose::Command, steps::LOGIN_SIGNATURE) => {
                self.account_login(ticket, purpose, input).await
            }
            (Purpose::Command, steps::SIGN_COMMAND) => self.sign_command(ticket, input).await,
            (Purpose::Find, steps::SET_FIND) => self.set_find(ticket, input).await,
            (Purpose::Unpair, steps::UNPAIR) => self.unpair(ticket, input).await,
            (Purpose::Policies, steps::SET_POLICIES) => self.set_policies(ticket, input).await,
            (Purpose::SignIn | Purpose::Reauthenticate | Purpose::Command, steps::OPEN_ROOT) => {
                self.open_root(ticket, purpose, input)
            }
            (Purpose::SignIn, steps::CERTIFY) => self.certify(ticket, input),
            (Purpose::SignIn, steps::BIND) => self.bind(ticket, input),
            (Purpose::SignOut, steps::PROVE) => self.prove(ticket, input).await,
            (Purpose::SignOut, steps::RELEASE) => self.release(ticket, input).await,
            (Purpose::Reset, steps::AUTHORIZE_RESET) => self.authorize_reset(ticket, input).await,
            (
                Purpose::ChangePassword
                | Purpose::Recover
                | Purpose::RecoveryCode
                | Purpose::Identifier
                | Purpose::RemoveDevice
                | Purpose::DeleteAccount
                | Purpose::Bootloader,
                step,
            ) => self.walk_account(ticket, purpose, step, input).await,
            _ => Err(Refusal::BadTicket),
        }
    }

    async fn new_credentials(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = NewCredentialsInput::decode(input).map_err(malformed)?;
        self.derive(ticket, belay_proto::keys::random(), self.facts.new_account_kdf)
            .await?;
        let login = self.masked_subject(&ticket)?;
        let derived = self.session(&ticket)?.derived()?;
        let (hardware, key) = (&self.facts.hardware, &self.state.key);
        let mut founded = ceremony::found_account(
            derived,
            input.device_key,
            login,
            hardware,
            key,
            self.kept_release(),
            self.now(),
        );
        if let Some(draft) = &mut founded.pending.draft {
            draft.set_strength(Some(self.typed_strength(&ticket)?));
        }
        self.apply(What::AccountFounded {
            ticket,
            pending: founded.pending,
        })?;
        Ok(founded.output.encode())
    }

    async fn login_signature(
        &mut self,
        ticket: TicketId,
        purpose: Purpose,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let input = LoginSignatureInput::decode(input).map_err(malformed)?;
        let subject = &self.state.tickets.any(&ticket).ok_or(Refusal::BadTicket)?.subject;
        let identifier =
            Identifier::parse(subject).map_err(|error| Refusal::InvalidArgument(error.to_string()))?;
        self.sign_login(ticket, purpose, identifier.as_str(), input).await
    }

    async fn sign_login(
        &mut self,
        ticket: TicketId,
        purpose: Purpose,
        identifier: &str,
        input: LoginSignatureInput,
    ) -> Result<Vec<u8>, Refusal> {
        if input.action != purpose.as_str() {
            return Err(Refusal::InvalidArgument(
                "the action isn't the ticket's purpose".to_owned(),
            ));
        }
        let mut seen = None;
        if purpose != Purpose::SignIn {
            self.check_ticket(ticket).await?;
            seen = Some(self.state.bound()?.parameters);
        }
        input
            .parameters
            .check(seen.as_ref())
            .map_err(|refused| Refusal::CloudRefused(refused.to_string()))?;
        self.derive(ticket, input.salt, input.parameters).await?;
        let derived = self.session(&ticket)?.derived()?;
        let signature = ceremony::login_signature(derived, &self.facts.origin, identifier, input);
        Ok(LoginSignatureOutput { signature }.encode())
    }

    fn open_root(&mut self, ticket: TicketId, purpose: Purpose, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = OpenRootInput::decode(input).map_err(malformed)?;
        let opened = ceremony::open_root(self.session(&ticket)?.derived()?, &input)?;
        let output = OpenRootOutput {
            owner: opened.owner(),
            generation: opened.record.generation,
            account: opened.record.account,
        };
        if purpose != Purpose::SignIn && self.state.bound()?.owner != output.owner {
            return Err(Refusal::CloudRefused("another owner's credentials".to_owned()));
        }
        if purpose == Purpose::Reauthenticate {
            let bound = self.state.bound()?;
            let delegate = opened.delegation(bound.warden_key);
            let keyring = match opened.record.generation >= bound.generation {
                true => keyring::in_place_of_kept(&self.state.key, bound, &opened.keyring),
                false => None,
            };
            self.apply(What::Reauthenticated {
                ticket,
                record: opened.bytes,
                delegate,
                keyring,
            })?;
        } else {
            self.session_mut(&ticket)?.keep_root(opened);
        }
        Ok(output.encode())
    }

    fn certify(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = CertifyInput::decode(input).map_err(malformed)?;
        let login = self.masked_subject(&ticket)?;
        let opened = self.session(&ticket)?.opened()?;
        let mut draft = ceremony::certify(
            opened,
            input.device_key,
            login,
            &self.facts.hardware,
            &self.state.key,
        );
        draft.set_strength(Some(self.typed_strength(&ticket)?));
        let output = CertifyOutput {
            certificate: draft.certificate.clone(),
            device: draft.device,
            epoch: draft.epoch,
            release: self.kept_release(),
        };
        self.session_mut(&ticket)?.draft = Some(draft);
        Ok(output.encode())
    }

    fn bind(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = BindInput::decode(input).map_err(malformed)?;
        let bound = self.session(&ticket)?.draft.clone().ok_or(Refusal::BadTicket)?;
        let output = BindOutput {
            device: bound.device,
            epoch: bound.epoch,
        };
        self.apply(What::SignedIn {
            ticket,
            bound,
            existing: input.existing,
        })?;
        Ok(output.encode())
    }

    /// The ticket lives on, with its proof.
    async fn prove(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        Ok(Done {}.encode())
    }

    async fn release(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        ReleaseInput::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        match self.apply(What::SignedOut { ticket })? {
            Answer::Released(release) => Ok(ReleaseOutput { release }.encode()),
            _ => Err(Refusal::Internal("a sign-out without a release")),
        }
    }

    async fn authorize_reset(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = AuthorizeResetInput::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        match self.apply(What::ResetAllowed {
            ticket,
            release: input.release,
        })? {
            Answer::ResetAllowed {
                authorisation,
                release,
            } => Ok(AuthorizeResetOutput {
                authorisation,
                release,
            }
            .encode()),
            _ => Err(Refusal::Internal("a reset without an authorisation")),
        }
    }

    fn walk_registration(&mut self, ticket: &str, step: &str, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let id: PendingId = ticket.parse().map_err(|_| Refusal::BadTicket)?;
        let input = PendingInput::decode(input).map_err(|error| match BindInput::decode(input) {
            // A sign-in's, which took longer than its ticket lives.
            Ok(_) if step == steps::BIND => Refusal::BadTicket,
            _ => malformed(error),
        })?;
        if input.pending != id {
            return Err(Refusal::BadTicket);
        }
        match step {
            steps::BIND => {
                self.apply(What::PendingBound(id))?;
                let bound = self.state.bound()?;
                Ok(PendingBindOutput {
                    device: bound.device,
                    epoch: bound.epoch,
                    claim: self.state.key.recovery_claim(&id),
                }
                .encode())
            }
            steps::DISCARD => self.apply(What::PendingDiscarded(id)).map(|_| Done {}.encode()),
            _ => self.apply(What::CodeAcknowledged(id)).map(|_| Done {}.encode()),
        }
    }

    /// The release that waits here until the next binding: the answer to sign-out may have been lost.
    fn saved_release(&self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        Ok(SavedReleaseOutput {
            release: self.kept_release(),
        }
        .encode())
    }

    /// How good the password of a ticket is whose subject is the owner's login.
    fn typed_strength(&self, id: &TicketId) -> Result<Strength, Refusal> {
        let password = self.session(id)?.password()?;
        Ok(self.strength_of(&password, self.subject(id)?))
    }

    /// What the owner's security check says of the password.
    fn password_strength(&self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        let strength = self.state.bound()?.strength();
        Ok(PasswordStrengthOutput {
            score: strength.map(|strength| strength.score),
            since: strength.map(|strength| strength.since),
        }
        .encode())
    }

    async fn check_ticket(&mut self, id: TicketId) -> Result<(), Refusal> {
        let presenter = self.state.tickets.any(&id).ok_or(Refusal::BadTicket)?.presenter;
        let password = self.session(&id)?.password()?;
        self.check(presenter, Some(id), password).await
    }

    async fn derive(
        &mut self,
        id: TicketId,
        salt: [u8; 16],
        parameters: KdfParameters,
    ) -> Result<(), Refusal> {
        let session = self.session_mut(&id)?;
        if session.has_derived(&salt, &parameters) {
            return Ok(());
        }
        session.admit_derivation()?;
        let master = ceremony::derive(session.password()?, salt, parameters).await?;
        self.session_mut(&id)?.keep(salt, parameters, master);
        Ok(())
    }

    fn masked_subject(&self, id: &TicketId) -> Result<String, Refusal> {
        let subject = &self.state.tickets.any(id).ok_or(Refusal::BadTicket)?.subject;
        Identifier::parse(subject)
            .map(|identifier| identifier.masked())
            .map_err(|error| Refusal::InvalidArgument(error.to_string()))
    }

    fn kept_release(&self) -> Option<Vec<u8>> {
        match &self.state.binding {
            Binding::Unbound { release } => release.clone(),
            _ => None,
        }
    }

    fn session(&self, id: &TicketId) -> Result<&Session, Refusal> {
        self.sessions.get(id).ok_or(Refusal::BadTicket)
    }

    fn session_mut(&mut self, id: &TicketId) -> Result<&mut Session, Refusal> {
        self.sessions.get_mut(id).ok_or(Refusal::BadTicket)
    }
}

fn malformed(error: Malformed) -> Refusal {
    Refusal::InvalidArgument(error.to_string())
}
