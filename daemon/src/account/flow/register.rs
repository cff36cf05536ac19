//! Register.

use std::time::Duration;

use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::steps::{self, NewCredentialsInput, NewCredentialsOutput};

use super::Flow;
use super::verifying::too_many_are_too_soon;
use crate::account::error::AccountError;
use crate::account::model::{Channel, Material, Profile, Registration, Stage, Verification};
use crate::account::ports::{NewVerification, OpenedVerification};
use crate::account::state::Event;

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
}

pub(super) fn channel(identifier: &Identifier) -> Channel {
    match identifier.kind() {
        IdentifierKind::Email => Channel::Email,
        IdentifierKind::Phone => Channel::Sms,
    }
}
