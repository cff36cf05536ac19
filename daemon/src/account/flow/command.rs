//! SendCommand.

use belay_proto::id::{AccountId, CommandId, DeviceId};
use belay_proto::keys::PublicKey;
use belay_proto::signed::{Action, Command, CommandEnvelope, CommandState, DeviceCertificate, Signed};
use belay_proto::steps::{self, Purpose, SignCommandInput, SignCommandOutput};
use belay_proto::text::with_causes;

use super::Flow;
use super::sign_in::lies_if_malformed;
use crate::account::command::SentCommand;
use crate::account::error::AccountError;
use crate::account::evidence::{Fate, Testimony, Witness, certificate};
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, ProblemKind, Revocation, Tokens, Vault};

/// Of how many commands before it a device's newest word is looked for besides its report.
const LIVES: usize = 3;

/// A command that is asked for.
#[derive(Clone, Debug)]
pub struct NewCommand {
    /// Whom it is for.
    pub device: DeviceId,
    /// What to do.
    pub action: Action,
    /// The warden's ticket; without one the warden signs `ring` and `stop-ring` as the owner's delegate.
    pub ticket: Option<String>,
}

/// The account in whose name a command goes out.
struct Issuer {
    owner: PublicKey,
    account: AccountId,
}

/// What a device has told of itself.
struct Told {
    testimony: Testimony,
    /// Up to which of the cloud's numbers its sealed reports are known.
    reports: u64,
}

impl Flow {
    pub(crate) async fn send_command(self, asked: NewCommand) -> Result<CommandId, AccountError> {
        let issuer = self.issuer().await?;
        let Some(ticket) = asked.ticket.as_deref() else {
            let certificates = self.listed(&issuer).await?;
            return self.order(&issuer, &asked, "", certificates).await;
        };
        let account = issuer.account.to_string();
        let login = self.log_in(&account, ticket, Purpose::Command).await?;
        let outcome = match self.open(&login, ticket).await {
            Ok(opened) if opened.account == issuer.account => {
                let certificates = login.certificates;
                self.order(&issuer, &asked, ticket, certificates).await
            }
            Ok(_) => Err(CloudError::Nonsense("the session is of another account".into()).into()),
            Err(error) => Err(error),
        };
        // The login was for the root alone; the device keeps the session it has.
        self.end_login(login.tokens).await;
        outcome
    }

    async fn issuer(&self) -> Result<Issuer, AccountError> {
        let identity = self.parts.warden.view().identity;
        let (Some(owner), Some(account)) = (identity.owner, identity.account) else {
            return Err(Refusal::NotBound.into());
        };
        let session = self.session().await?.filter(|session| session.account == account);
        session.ok_or(Refusal::ReauthenticationRequired)?;
        Ok(Issuer { owner, account })
    }

    async fn listed(&self, issuer: &Issuer) -> Result<Vec<Vec<u8>>, AccountError> {
        let listed = self
            .in_session(issuer.account, self.parts.cloud.devices())
            .await?;
        Ok(listed.into_iter().map(|device| device.certificate).collect())
    }

    /// Has the command signed for the device as it stands, and brings it. It is on disk before it leaves, so that
    /// what became of it is asked for whatever happens to the answer.
    async fn order(
        &self,
        issuer: &Issuer,
        asked: &NewCommand,
        ticket: &str,
        certificates: Vec<Vec<u8>>,
    ) -> Result<CommandId, AccountError> {
        let (signed, target) = target(&certificates, asked.device, issuer)?;
        let witness = Witness::from(&target);
        let told = self.told(issuer, &witness).await?;
        if let Some(doubt) = told.testimony.doubt {
            tracing::warn!(error = %doubt, "what the cloud gives out as the device's isn't believed");
        }
        let testimony = told.testimony.good_for(asked.action.verb())?;
        let input = SignCommandInput {
            certificate: signed,
            report: testimony.standing.map(|standing| standing.signed),
            action: asked.action.verb().as_str().to_owned(),
            arguments: asked.action.encode_arguments(),
        };
        let made = self
            .stay(self.step(
                ticket,
                steps::SIGN_COMMAND,
                input.encode(),
                SignCommandOutput::decode,
            ))
            .await
            .map_err(lies_if_malformed)?;
        let sent = SentCommand {
            id: made.id,
            device: witness.device,
            epoch: witness.epoch,
            warden_key: witness.warden_key,
            action: asked.action.verb().as_str().to_owned(),
            state: CommandState::Unknown,
            reason: String::new(),
            sequence: 0,
            reported: testimony.reported,
            reports: told.reports,
            forgotten: false,
            expires: void_after(&made.envelope),
        };
        self.report(Event::Sending(Box::new(sent))).await?;
        self.bring(issuer, &witness, &made).await?;
        Ok(made.id)
    }

    async fn bring(
        &self,
        issuer: &Issuer,
        witness: &Witness,
        made: &SignCommandOutput,
    ) -> Result<(), AccountError> {
        let id = made.id;
        let brought = self
            .in_session(
                issuer.account,
                self.parts.cloud.send(witness.device, &made.envelope),
            )
            .await;
        match brought {
            Ok(life) => {
                // A cloud that answers with another's life has the command nonetheless; what became of it is asked
                // for, and believed, later.
                let fate = witness.fate(id, &life, false).unwrap_or_else(|error| {
                    tracing::warn!(%error, "what the cloud says about a command isn't believed");
                    Fate {
                        state: CommandState::Queued,
                        ..Fate::default()
                    }
                });
                self.report(Event::Heard { id, fate }).await
            }
            Err(AccountError::Cloud(error))
                if error.is_decided() || error.is_unsent() || is_too_many(&error) =>
            {
                self.report(Event::Unheard { id }).await?;
                Err(refused(error))
            }
            Err(error) => Err(error),
        }
    }

    /// What the device has told of itself. The cloud keeps the newest state report alone, so one that is older than
    /// what was seen here before is held back.
    async fn told(&self, issuer: &Issuer, witness: &Witness) -> Result<Told, AccountError> {
        let saved = self.parts.rows.load().await?;
        let before = saved
            .commands
            .iter()
            .filter(|sent| sent.device == witness.device && sent.epoch == witness.epoch);
        let (seen, after) = before.fold((0, 0), |(seen, after), sent| {
            (sent.reported.max(seen), sent.reports.max(after))
        });
        let asked = async {
            let reports = self.parts.cloud.reports(witness.device, after).await?;
            Ok((reports, self.parts.cloud.lives(witness.device, LIVES).await?))
        };
        let (reports, lives) = self.in_session(issuer.account, asked).await?;
        Ok(Told {
            testimony: witness.testimony(reports.state.as_deref(), &lives, seen),
            reports: reports.last,
        })
    }

    pub(super) async fn end_login(&self, tokens: Tokens) {
        match self.parts.rows.device_key().await {
            Ok(key) => self.revoke(Revocation::new(key, tokens.refresh)),
            Err(error) => tracing::debug!(error = %with_causes(&error), "the login's session ends by itself"),
        }
    }
}

/// The certificate of `device`: signed bytes and what they say.
fn target(
    certificates: &[Vec<u8>],
    device: DeviceId,
    issuer: &Issuer,
) -> Result<(Vec<u8>, DeviceCertificate), AccountError> {
    let claims = |signed: &&Vec<u8>| {
        Signed::decode(signed)
            .and_then(|signed| signed.peek_unverified::<DeviceCertificate>())
            .is_ok_and(|certificate| certificate.device == device)
    };
    let mut found = Err(AccountError::NoSuchDevice);
    for signed in certificates.iter().filter(claims) {
        match certificate(signed, &issuer.owner, &issuer.account) {
            Ok(opened) => return Ok((signed.clone(), opened)),
            Err(error) => found = Err(error.into()),
        }
    }
    found
}

/// Until when a command is good, by its own word: ms since the Unix epoch, 0 = for ever. The warden made it.
fn void_after(envelope: &[u8]) -> u64 {
    CommandEnvelope::decode(envelope)
        .and_then(|envelope| envelope.command.peek_unverified::<Command>())
        .ok()
        .and_then(|command| command.void_after())
        .unwrap_or_default()
}

/// Whether the cloud's own limit kept it from taking the command; asked later it may.
fn is_too_many(error: &CloudError) -> bool {
    matches!(error, CloudError::Problem(problem) if problem.kind == ProblemKind::TooMany)
}

/// A device that was the account's and isn't any more is no device of it.
fn refused(error: CloudError) -> AccountError {
    match error {
        CloudError::Problem(problem) if problem.kind == ProblemKind::NotFound => AccountError::NoSuchDevice,
        other => other.into(),
    }
}
