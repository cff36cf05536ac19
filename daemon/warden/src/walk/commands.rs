//! The steps of the owner's commands: signing one for another device, and what belayd walks without a ticket
//! to carry out what this warden accepted.

use belay_proto::clock::millis;
use belay_proto::keys::SigningKey;
use belay_proto::signed::{
    Action, Command, CommandEnvelope, DeviceCertificate, Outcome, Signed, StateReport, Verb,
};
use belay_proto::steps::{
    self, BeginInput, CollectionKeysInput, Done, EndInput, OutcomesInput, OutcomesOutput, PolicyChanges,
    SetFindInput, SignCommandInput, SignCommandOutput, SmsInput, SmsOutput, StateReportOutput, TickOutput,
    UnpairInput, command_subject,
};
use belay_proto::{CommandId, TicketId};
use std::time::SystemTime;

use super::malformed;
use crate::actor::Warden;
use crate::core::binding::warden_key;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, What};

/// A command to be signed, and what is known of its target.
struct Draft {
    action: Action,
    target: DeviceCertificate,
    presence: u64,
    counter: u64,
    episode: u64,
    time: u64,
}

impl Warden {
    /// The steps that need no ticket, since each input proves itself or tells nothing that isn't belayd's to
    /// know. `None`: another step.
    pub(super) fn walk_untied(&mut self, step: &str, input: &[u8]) -> Option<Result<Vec<u8>, Refusal>> {
        Some(match step {
            steps::OUTCOMES => self.outcomes(input),
            steps::STATE_REPORT => self.state_report(input),
            steps::EFFECTS => self.effects(input),
            steps::BEGIN => self.begin(input),
            steps::END => self.end(input),
            steps::SMS => self.sms(input),
            steps::TICK => self.tick(input),
            steps::SIGN_COMMAND => self.sign_ring(input),
            steps::COLLECTION_KEYS => self.collection_keys(input),
            _ => return None,
        })
    }

    fn outcomes(&mut self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = OutcomesInput::decode(input).map_err(malformed)?;
        match self.apply(What::OutcomesAsked(input.after))? {
            Answer::Outcomes(outcomes) => Ok(OutcomesOutput { outcomes }.encode()),
            _ => Err(Refusal::Internal("no outcomes")),
        }
    }

    fn state_report(&mut self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        match self.apply(What::ReportAsked)? {
            Answer::Signed(report) => Ok(StateReportOutput { report }.encode()),
            _ => Err(Refusal::Internal("no report")),
        }
    }

    fn effects(&self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        self.state.bound()?;
        Ok(self.state.effects(&self.now()).encode())
    }

    fn begin(&mut self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = BeginInput::decode(input).map_err(malformed)?;
        self.apply(What::Begun(input.command)).map(|_| Done {}.encode())
    }

    fn end(&mut self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = EndInput::decode(input).map_err(malformed)?;
        let ended = What::Ended {
            command: input.command,
            done: input.done,
            reason: input.reason,
        };
        self.apply(ended).map(|_| Done {}.encode())
    }

    fn sms(&mut self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = SmsInput::decode(input).map_err(malformed)?;
        self.not_leaving()?;
        match self.apply(What::Texted(input.text))? {
            Answer::Judged(disposition, command) => Ok(SmsOutput {
                disposition: disposition.as_str().to_owned(),
                command,
            }
            .encode()),
            _ => Err(Refusal::Internal("no judgement")),
        }
    }

    fn tick(&mut self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        match self.apply(What::Ticked)? {
            Answer::Next(next) => Ok(TickOutput { next }.encode()),
            _ => Err(Refusal::Internal("no time")),
        }
    }

    fn collection_keys(&self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = CollectionKeysInput::decode(input).map_err(malformed)?;
        Ok(self.state.collection_keys(&input.collection)?.encode())
    }

    pub(super) async fn set_find(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = SetFindInput::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        let enabled = input.enabled;
        self.apply(What::FindSet { ticket, enabled })
            .map(|_| Done {}.encode())
    }

    pub(super) async fn unpair(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let accessory = UnpairInput::decode(input).map_err(malformed)?.accessory;
        self.check_ticket(ticket).await?;
        self.apply(What::Unpaired { ticket, accessory })
            .map(|_| Done {}.encode())
    }

    pub(super) async fn set_policies(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let changes = PolicyChanges::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        self.apply(What::PoliciesSet { ticket, changes })
            .map(|_| Done {}.encode())
    }

    /// Signs a command with the owner key that the ticket's password opened; the ticket says which command.
    pub(super) async fn sign_command(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let draft = self.draft(input)?;
        self.check_ticket(ticket).await?;
        let subject = &self.state.tickets.any(&ticket).ok_or(Refusal::BadTicket)?.subject;
        if *subject != command_subject(&draft.target.device, &draft.action) {
            return Err(Refusal::BadTicket);
        }
        let owner = self.session(&ticket)?.opened()?.owner_key();
        if owner.public() != self.state.bound()?.owner {
            return Err(Refusal::CloudRefused("another owner's credentials".to_owned()));
        }
        // Noted before the signature is out.
        self.apply(What::CommandSigned { ticket })?;
        Ok(self.signed(draft, &owner, None))
    }

    /// Signs `ring` or `stop-ring` by the delegation of this warden's own key: no password needed.
    fn sign_ring(&self, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.state.not_lost()?;
        let draft = self.draft(input)?;
        if !matches!(draft.action.verb(), Verb::Ring | Verb::StopRing) {
            return Err(Refusal::BadTicket);
        }
        let bound = self.state.bound()?;
        let delegate = bound
            .delegate
            .as_ref()
            .and_then(|bytes| Signed::decode(bytes).ok());
        let delegate =
            delegate.ok_or_else(|| Refusal::NotSupported("ringing without the password".to_owned()))?;
        let key = warden_key(&self.state.key, bound)?;
        Ok(self.signed(draft, &key, Some(delegate)))
    }

    fn draft(&self, input: &[u8]) -> Result<Draft, Refusal> {
        let input = SignCommandInput::decode(input).map_err(malformed)?;
        let refused = |why: &str| Refusal::CloudRefused(why.to_owned());
        let verb = Verb::parse(&input.action).map_err(malformed)?;
        let action = Action::decode(verb, &input.arguments).map_err(malformed)?;
        let bound = self.state.bound()?;
        let target = Signed::decode(&input.certificate)
            .ok()
            .and_then(|signed| signed.open::<DeviceCertificate>(&bound.owner).ok())
            .filter(|certificate| certificate.account == bound.account && certificate.names_itself())
            .ok_or_else(|| refused("the target's certificate isn't the owner's"))?;
        let mut draft = Draft {
            action,
            target,
            presence: 0,
            counter: 0,
            episode: 0,
            time: 0,
        };
        if let Some(report) = &input.report {
            let signed = Signed::decode(report).map_err(|_| refused("a malformed report"))?;
            draft
                .heed(&signed)
                .ok_or_else(|| refused("the report isn't the target's"))?;
        }
        Ok(draft)
    }

    fn signed(&self, draft: Draft, key: &SigningKey, delegate: Option<Signed>) -> Vec<u8> {
        let wall = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
        let wall = millis(wall.unwrap_or_default());
        let verb = draft.action.verb();
        let issued_at = wall.max(draft.time);
        let command = Command {
            id: CommandId::new(),
            account: draft.target.account,
            device: draft.target.device,
            epoch: draft.target.epoch,
            counter: wall.max(draft.counter.saturating_add(1)),
            issued_at,
            expires_at: Command::default_expiry(verb, issued_at),
            presence: draft.presence,
            episode: if verb == Verb::Unlock { draft.episode } else { 0 },
            action: draft.action,
        };
        let id = command.id;
        let envelope = CommandEnvelope {
            command: Signed::seal(&command, key),
            delegate,
        };
        SignCommandOutput {
            envelope: envelope.encode(),
            id,
        }
        .encode()
    }
}

impl Draft {
    /// Takes over what the target's warden signed of itself.
    fn heed(&mut self, signed: &Signed) -> Option<()> {
        let key = &self.target.warden_key;
        let (device, epoch) = if let Ok(outcome) = signed.open::<Outcome>(key) {
            (self.presence, self.counter, self.episode) =
                (outcome.presence, outcome.counter, outcome.episode);
            (outcome.device, outcome.epoch)
        } else {
            let report = signed.open::<StateReport>(key).ok()?;
            (self.presence, self.counter, self.episode) = (report.presence, report.counter, report.episode);
            self.time = report.time;
            (report.device, report.epoch)
        };
        (device == self.target.device && epoch == self.target.epoch).then_some(())
    }
}
