//! Register, ResendCode, VerificationState, CancelVerification.

use std::time::Duration;

use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::steps::{self, NewCredentialsInput, NewCredentialsOutput};

use super::Flow;
use crate::account::error::AccountError;
use crate::account::model::{Channel, Material, Profile, Registration, Stage, Verification};
use crate::account::ports::{LookedUp, NewVerification, OpenedVerification};
use crate::account::state::Event;
use crate::cloud::{CloudError, Problem, ProblemKind};

/// What Register is given.
#[derive(Debug)]
pub struct NewRegistration {
    /// The address.
    pub identifier: Identifier,
    /// The warden's ticket, with the new password behind it.
    pub ticket: String,
    /// What the owner tells.
    pub profile: Profile,
}

impl Flow {
    /// The work is proved first, so that nothing is made for a cloud that can't be reached; then the warden
    /// judges the ticket and makes the keys, so that no message is sent for a ticket that is none.
    pub(crate) async fn register(self, asked: NewRegistration) -> Result<String, AccountError> {
        let work = self.stay(self.parts.cloud.work()).await?;
        let prepared = self.stay(self.prepare(&asked)).await?;
        let pending = prepared.pending;
        self.report(Event::Prepared(Box::new(prepared))).await?;

        let verification = NewVerification {
            channel: channel(&asked.identifier),
            address: asked.identifier.as_str().to_owned(),
            device_name: self.device_name().await?,
            language: asked.profile.language,
        };
        match self
            .stay(self.parts.cloud.open_verification(verification, work))
            .await
        {
            Ok(OpenedVerification { id, waits }) => {
                let (resend, expires) = self.deadlines(waits);
                self.report(Event::Opened {
                    pending,
                    id: id.clone(),
                    resend,
                    expires,
                })
                .await?;
                Ok(id)
            }
            Err(error) => {
                self.report(Event::Failed { pending }).await?;
                Err(too_many_are_too_soon(error))
            }
        }
    }

    async fn prepare(&self, asked: &NewRegistration) -> Result<Registration, AccountError> {
        let device_key = self.parts.cloud.device_key().await?;
        let input = NewCredentialsInput {
            device_key,
            login: asked.identifier.masked(),
        };
        let made = self
            .step(
                &asked.ticket,
                steps::NEW_CREDENTIALS,
                input.encode(),
                NewCredentialsOutput::decode,
            )
            .await?;
        Ok(Registration {
            id: String::new(),
            pending: made.pending,
            account: made.account,
            channel: channel(&asked.identifier),
            login: asked.identifier.as_str().to_owned(),
            profile: asked.profile.clone(),
            material: Material {
                credentials: made.credentials.into(),
                owner: made.owner,
                keyring: made.keyring.into(),
                certificate: made.certificate.into(),
                share: made.share.expose().to_vec().into(),
                release: made.release.map(Into::into),
            },
            verification: Verification::Pending,
            resend: self.deadline(Duration::ZERO),
            expires: self.deadline(Duration::ZERO),
            attempt: None,
            stage: Stage::Prepared,
        })
    }

    pub(crate) async fn resend(self, id: String) -> Result<(), AccountError> {
        let registration = self.registration(&id).await?;
        let (now, boot) = (self.parts.clock.boottime(), self.parts.clock.boot_id());
        if !registration.resend.is_over(now, &boot) {
            return Err(AccountError::TooSoon(registration.resend.left(now, &boot)));
        }
        let work = self.stay(self.parts.cloud.work()).await?;
        let waits = match self.stay(self.parts.cloud.resend(&id, work)).await {
            Err(AccountError::Cloud(CloudError::Problem(problem)))
                if problem.kind == ProblemKind::NotFound =>
            {
                let pending = registration.pending;
                self.report(Event::Failed { pending }).await?;
                return Err(AccountError::Expired);
            }
            waits => waits.map_err(too_many_are_too_soon)?,
        };
        let (resend, expires) = self.deadlines(waits);
        self.report(Event::Looked {
            id,
            verification: Verification::Pending,
            resend,
            expires,
        })
        .await
    }

    pub(crate) async fn look(self, id: String) -> Result<Verification, AccountError> {
        let registration = self.registration(&id).await?;
        if registration.stage != Stage::Waiting {
            return Ok(Verification::Confirmed);
        }
        let (verification, resend, expires) = match self.stay(self.parts.cloud.look(&id)).await {
            Ok(LookedUp { verification, waits }) => {
                let (resend, expires) = self.deadlines(waits);
                (verification, resend, expires)
            }
            Err(AccountError::Cloud(CloudError::Problem(problem)))
                if matches!(problem.kind, ProblemKind::NotFound | ProblemKind::CodeExpired) =>
            {
                (
                    Verification::Expired,
                    registration.resend,
                    self.deadline(Duration::ZERO),
                )
            }
            Err(error) => return Err(error),
        };
        self.report(Event::Looked {
            id,
            verification,
            resend,
            expires,
        })
        .await?;
        Ok(verification)
    }

    pub(crate) async fn cancel(self, id: String) -> Result<(), AccountError> {
        self.report(Event::Cancelled { id }).await
    }
}

/// A used-up budget of codes is a wait like any other to whoever wants one.
fn too_many_are_too_soon(error: AccountError) -> AccountError {
    match error {
        AccountError::Cloud(CloudError::Problem(problem)) if problem.kind == ProblemKind::TooMany => {
            CloudError::Problem(Problem {
                kind: ProblemKind::TooSoon,
                ..problem
            })
            .into()
        }
        other => other,
    }
}

fn channel(identifier: &Identifier) -> Channel {
    match identifier.kind() {
        IdentifierKind::Email => Channel::Email,
        IdentifierKind::Phone => Channel::Sms,
    }
}
