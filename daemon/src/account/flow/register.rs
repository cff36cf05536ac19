//! Register.

use std::time::Duration;

use belay_proto::failpoint;
use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::steps::{self, NewCredentialsInput, NewCredentialsOutput};

use super::Flow;
use super::verifying::too_many_are_too_soon;
use crate::account::error::AccountError;
use crate::account::model::{Channel, Material, OwnSms, Profile, Registration, Stage, Verification};
use crate::account::ports::{NewVerification, OpenedVerification};
use crate::account::state::Event;
use crate::cloud::CloudError;
use crate::platform::PlatformError;

/// What Register is given.
#[derive(Debug)]
pub struct NewRegistration {
    /// The address.
    pub identifier: Identifier,
    /// The warden's ticket, with the new password behind it.
    pub ticket: String,
    /// What the owner tells.
    pub profile: Profile,
    /// Whether an SMS that this device sends proves the number.
    pub by_own_sms: bool,
}

impl NewRegistration {
    /// How the address is proved.
    fn channel(&self) -> Channel {
        match self.by_own_sms {
            true => Channel::SmsOut,
            false => channel(&self.identifier),
        }
    }
}

impl Flow {
    /// The work is proved first, so that nothing is made for a cloud that can't be reached; then the warden
    /// judges the ticket and makes the keys, so that no message is sent for a ticket that is none.
    pub(crate) async fn register(self, mut asked: NewRegistration) -> Result<String, AccountError> {
        let profile = &mut asked.profile;
        if profile.country.is_none() {
            profile.country = asked.identifier.country().map(str::to_owned);
        }
        if asked.by_own_sms {
            if asked.identifier.kind() != IdentifierKind::Phone {
                return Err(AccountError::InvalidArgument(
                    "an SMS proves a telephone number alone",
                ));
            }
            self.stay(self.parts.modem.can_text()).await?;
        }
        let work = self.stay(self.parts.cloud.work()).await?;
        let prepared = self.stay(self.prepare(&asked)).await?;
        let pending = prepared.pending;
        failpoint!("belayd.register.keys-made");
        self.report(Event::Prepared(Box::new(prepared))).await?;
        failpoint!("belayd.register.prepared");

        let verification = NewVerification {
            channel: asked.channel(),
            address: asked.identifier.as_str().to_owned(),
            device_name: self.device_name().await?,
            language: asked.profile.language,
        };
        match self
            .stay(self.parts.cloud.open_verification(verification, work))
            .await
        {
            Ok(OpenedVerification { own_sms: None, .. }) if asked.by_own_sms => {
                self.report(Event::Failed { pending }).await?;
                Err(CloudError::Nonsense("the cloud doesn't say what SMS it wants".into()).into())
            }
            Ok(OpenedVerification { id, waits, own_sms }) => {
                failpoint!("belayd.register.code-sent");
                let (resend, expires) = self.deadlines(waits);
                let own_sms = own_sms.filter(|_| asked.by_own_sms);
                self.report(Event::Opened {
                    pending,
                    id: id.clone(),
                    own_sms: own_sms.clone(),
                    resend,
                    expires,
                })
                .await?;
                failpoint!("belayd.register.opened");
                let Some(sms) = own_sms else { return Ok(id) };
                if let Err(error) = self.send_own(&sms).await {
                    self.report(Event::Cancelled { id }).await?;
                    return Err(error);
                }
                Ok(id)
            }
            Err(error) => {
                self.report(Event::Failed { pending }).await?;
                Err(too_many_are_too_soon(error))
            }
        }
    }

    /// Sends the SMS that proves the number. Not to be left halfway: what was made at the modem is deleted there.
    /// Where no answer comes, it may be on its way; the cloud will know.
    pub(super) async fn send_own(&self, sms: &OwnSms) -> Result<(), AccountError> {
        match self.parts.modem.send_text(&sms.number, &sms.text).await {
            Ok(()) => Ok(()),
            Err(error @ PlatformError::TimedOut) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the SMS that proves a number"
                );
                Ok(())
            }
            Err(error) => Err(error.into()),
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
            channel: asked.channel(),
            own_sms: None,
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
