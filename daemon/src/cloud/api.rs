//! The calls of the account, as `proto/openapi.yaml` has them.

use belay_proto::id::HardwareId;
use belay_proto::keys::PublicKey;
use belay_proto::secret::Secret;
use belay_proto::wire::{self, DeviceKind};
use futures_util::FutureExt;
use serde::Serialize;

use crate::account::{
    AccountDetails, Channel, Cloud, CreatedAccount, HardwareOwner, ListedDevice, Login, LoginChallenge,
    LoginProof, LookedUp, NewAccount, NewVerification, OpenedVerification, OwnSms, ProofOfWork, Reply,
    Verification, Waits,
};
use crate::cloud::call::{Auth, Call};
use crate::cloud::client::{CloudClient, Revocation};
use crate::cloud::error::CloudError;
use crate::cloud::heard::{LONGEST_LIST, details, id, shown, tokens, waits};
use crate::cloud::pow;

/// Bytes of the longest nonce of a login.
const LONGEST_NONCE: usize = 256;

/// Letters of the longest SMS of one part.
const LONGEST_SMS: usize = 160;

impl Cloud for CloudClient {
    fn url(&self) -> &str {
        CloudClient::url(self)
    }

    fn device_key(&self) -> Reply<'_, PublicKey> {
        CloudClient::device_key(self).boxed()
    }

    fn work(&self) -> Reply<'_, ProofOfWork> {
        async {
            let call = Call::post("/v1/challenges", Auth::Open, b"{}".to_vec());
            let answer: wire::ChallengeAnswer = self.json(&call).await?;
            let unreadable = |_| CloudError::Nonsense("the proof of work can't be read".into());
            let challenge = serde_json::from_value(answer.challenge.clone()).map_err(unreadable)?;
            let solution = serde_json::to_value(pow::solve(challenge).await?).map_err(unreadable)?;
            Ok(ProofOfWork {
                challenge: answer.challenge,
                solution,
            })
        }
        .boxed()
    }

    fn open_verification(&self, asked: NewVerification, work: ProofOfWork) -> Reply<'_, OpenedVerification> {
        async move {
            let body = verification_body(wire::VerificationPurpose::Registration, asked, work)?;
            opened(
                self.json(&Call::post("/v1/verifications", Auth::Device, body))
                    .await?,
            )
        }
        .boxed()
    }

    fn resend<'a>(&'a self, id: &'a str, work: ProofOfWork) -> Reply<'a, Waits> {
        async move {
            let body = body(&wire::ResendRequest { pow: wire_work(work) })?;
            let answer: wire::Waits = self
                .json(&Call::post(
                    format!("/v1/verifications/{id}/resend"),
                    Auth::Device,
                    body,
                ))
                .await?;
            Ok(waits(answer.resend_in_ms, answer.expires_in_ms))
        }
        .boxed()
    }

    fn look<'a>(&'a self, id: &'a str) -> Reply<'a, LookedUp> {
        async move {
            let call = Call::get(format!("/v1/verifications/{id}"), Auth::Device);
            let answer: wire::VerificationAnswer = self.json(&call).await?;
            let verification = match answer.state {
                wire::VerificationStatus::Pending => Verification::Pending,
                wire::VerificationStatus::Confirmed => Verification::Confirmed,
                wire::VerificationStatus::Expired => Verification::Expired,
            };
            Ok(LookedUp {
                verification,
                waits: waits(answer.resend_in_ms, answer.expires_in_ms),
            })
        }
        .boxed()
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Reply<'a, ()> {
        async move {
            self.done(&Call::delete(format!("/v1/verifications/{id}"), Auth::Device))
                .await
        }
        .boxed()
    }

    fn prove<'a>(&'a self, verification: &'a str, code: &'a str, key: &'a str) -> Reply<'a, String> {
        async move {
            let body = body(&wire::CodeRequest {
                code: Secret::of_text(code).into(),
            })?;
            let call = Call::post(
                format!("/v1/verifications/{verification}/code"),
                Auth::Device,
                body,
            )
            .keyed(key);
            let answer: wire::TicketAnswer = self.json(&call).await?;
            id(answer.ticket.expose().to_owned())
        }
        .boxed()
    }

    fn account_body(&self, asked: NewAccount<'_>) -> Result<String, CloudError> {
        let share = <[u8; 32]>::try_from(asked.material.share.0.as_slice())
            .map_err(|_| CloudError::Nonsense("the share isn't 32 bytes".into()))?;
        let body = body(&wire::CreateAccountRequest {
            ticket: Secret::of_text(asked.ticket).into(),
            credentials: asked.material.credentials.clone(),
            owner: asked.material.owner,
            keyring: asked.material.keyring.clone(),
            certificate: Some(asked.material.certificate.clone()),
            share: Secret::new(share).into(),
            profile: wire::Profile {
                display_name: asked.profile.display_name.clone(),
                country: asked.profile.country.clone(),
                language: asked.profile.language.clone(),
                newsletter: asked.profile.newsletter,
            },
            device_name: Some(asked.device_name.to_owned()),
            device_kind: asked.device_kind.told(),
            release: asked.material.release.clone(),
        })?;
        String::from_utf8(body).map_err(|_| CloudError::Nonsense("a request can't be written".into()))
    }

    fn create_account<'a>(&'a self, body: &'a str, key: &'a str) -> Reply<'a, CreatedAccount> {
        async move {
            let call = Call::post("/v1/accounts", Auth::Device, body.as_bytes().to_vec()).keyed(key);
            let answer: wire::CreatedAccount = self.json(&call).await?;
            let given = answer
                .tokens
                .ok_or_else(|| CloudError::Nonsense("a new account without a session".into()))?;
            Ok(CreatedAccount {
                account: answer.account,
                tokens: tokens(given)?,
            })
        }
        .boxed()
    }

    fn account(&self) -> Reply<'_, AccountDetails> {
        async {
            let answer: wire::AccountAnswer = self.json(&Call::get("/v1/account", Auth::Session)).await?;
            details(answer.identifiers, answer.profile)
        }
        .boxed()
    }

    fn login_challenge<'a>(&'a self, identifier: &'a str) -> Reply<'a, LoginChallenge> {
        async move {
            let body = body(&wire::LoginChallengeRequest {
                identifier: identifier.to_owned(),
            })?;
            let answer: wire::LoginChallengeAnswer = self
                .json(&Call::post("/v1/login/challenge", Auth::Device, body))
                .await?;
            let salt = <[u8; 16]>::try_from(answer.salt.0.as_slice())
                .map_err(|_| CloudError::Nonsense("the salt isn't 16 bytes".into()))?;
            if answer.nonce.is_empty() || answer.nonce.len() > LONGEST_NONCE {
                return Err(CloudError::Nonsense("the nonce has a strange length".into()));
            }
            Ok(LoginChallenge {
                salt,
                parameters: answer.parameters,
                nonce: answer.nonce.into(),
            })
        }
        .boxed()
    }

    fn login<'a>(&'a self, proof: LoginProof<'a>) -> Reply<'a, Login> {
        async move {
            let body = body(&wire::LoginRequest {
                identifier: proof.identifier.to_owned(),
                nonce: proof.nonce.to_vec().into(),
                action: proof.action.to_owned(),
                signature: *proof.signature,
            })?;
            let answer: wire::LoginAnswer = self.json(&Call::post("/v1/login", Auth::Device, body)).await?;
            Ok(Login {
                account: answer.account,
                owner: answer.owner,
                tokens: tokens(answer.tokens)?,
                share: answer.share.0,
                credentials: answer.credentials.into(),
                keyring: answer.keyring.into(),
                details: details(answer.identifiers, answer.profile)?,
                certificates: answer
                    .devices
                    .into_iter()
                    .take(LONGEST_LIST)
                    .map(Into::into)
                    .collect(),
                key_epoch: answer.key_epoch,
            })
        }
        .boxed()
    }

    fn add_device<'a>(
        &'a self,
        certificate: &'a [u8],
        (name, kind): (&'a str, DeviceKind),
        release: Option<&'a [u8]>,
        keyring: [u8; 32],
        key: &'a str,
    ) -> Reply<'a, ()> {
        async move {
            let body = body(&wire::AddDeviceRequest {
                certificate: certificate.to_vec().into(),
                name: name.to_owned(),
                kind: kind.told(),
                release: release.map(|release| release.to_vec().into()),
                keyring: Some(keyring.to_vec().into()),
            })?;
            let call = Call::post("/v1/devices", Auth::Session, body).keyed(key);
            self.json::<wire::AddedDevice>(&call).await.map(drop)
        }
        .boxed()
    }

    fn devices(&self) -> Reply<'_, Vec<ListedDevice>> {
        async {
            let answer: wire::DevicesAnswer = self.json(&Call::get("/v1/devices", Auth::Session)).await?;
            let listed = answer
                .devices
                .into_iter()
                .take(LONGEST_LIST)
                .map(|device| ListedDevice {
                    certificate: device.certificate.into(),
                    name: shown(&device.name),
                    kind: device.kind,
                    last_seen: device.last_seen,
                    lost: device.lost,
                    current: device.current,
                });
            Ok(listed.collect())
        }
        .boxed()
    }

    fn deliver<'a>(&'a self, release: &'a [u8]) -> Reply<'a, ()> {
        async move {
            let body = body(&wire::ReleaseRequest {
                release: release.to_vec().into(),
            })?;
            self.done(&Call::post("/v1/releases", Auth::Open, body)).await
        }
        .boxed()
    }

    fn check_hardware(
        &self,
        hardware: HardwareId,
        unprinted: bool,
        work: ProofOfWork,
    ) -> Reply<'_, HardwareOwner> {
        async move {
            let body = body(&wire::HardwareRequest {
                hardware,
                unprinted,
                pow: wire_work(work),
            })?;
            let answer: wire::HardwareAnswer = self
                .json(&Call::post("/v1/hardware/check", Auth::Open, body))
                .await?;
            Ok(HardwareOwner {
                locked: answer.locked,
                login: answer.login.as_deref().map(shown),
            })
        }
        .boxed()
    }

    fn revocation(&self) -> Reply<'_, Option<Revocation>> {
        CloudClient::revocation(self).boxed()
    }

    fn revoke(&self, revocation: Revocation) -> Reply<'_, ()> {
        async move {
            let refresh_token = Secret::of_text(revocation.refresh.expose()).into();
            let body = body(&wire::RevokeRequest { refresh_token })?;
            self.done_with(&Call::post("/v1/revoke", Auth::Device, body), &revocation.key)
                .await
        }
        .boxed()
    }
}

/// The call that exchanges a refresh token.
pub(super) fn token_call(refresh: &Secret<String>) -> Result<Call, CloudError> {
    let body = body(&wire::TokenRequest {
        refresh_token: Secret::of_text(refresh.expose()).into(),
    })?;
    Ok(Call::post("/v1/token", Auth::Device, body))
}

/// The body that asks for a code.
pub(super) fn verification_body(
    purpose: wire::VerificationPurpose,
    asked: NewVerification,
    work: ProofOfWork,
) -> Result<Vec<u8>, CloudError> {
    body(&wire::OpenVerificationRequest {
        purpose,
        channel: match asked.channel {
            Channel::Email => wire::Channel::Email,
            Channel::Sms => wire::Channel::Sms,
            Channel::SmsOut => wire::Channel::SmsOut,
        },
        address: asked.address,
        device_name: asked.device_name,
        language: asked.language,
        pow: wire_work(work),
    })
}

/// What was said of a verification that was taken up.
pub(super) fn opened(answer: wire::OpenedVerification) -> Result<OpenedVerification, CloudError> {
    Ok(OpenedVerification {
        id: id(answer.id)?,
        waits: waits(answer.resend_in_ms, answer.expires_in_ms),
        own_sms: answer.sms_out.map(own_sms).transpose()?,
    })
}

/// What the cloud would have this device send; nothing but an SMS of one part in plain letters.
fn own_sms(asked: wire::SmsOut) -> Result<OwnSms, CloudError> {
    let digits = asked.number.strip_prefix('+').unwrap_or(&asked.number);
    let is_number = (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let is_text = (1..=LONGEST_SMS).contains(&asked.text.len())
        && asked.text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    match is_number && is_text {
        true => Ok(OwnSms {
            number: asked.number,
            text: asked.text,
        }),
        false => Err(CloudError::Nonsense("the cloud wants an SMS that is none".into())),
    }
}

pub(super) fn body<T: Serialize>(value: &T) -> Result<Vec<u8>, CloudError> {
    serde_json::to_vec(value).map_err(|_| CloudError::Nonsense("a request can't be written".into()))
}

pub(super) fn wire_work(work: ProofOfWork) -> wire::ProofOfWork {
    wire::ProofOfWork {
        challenge: work.challenge,
        solution: work.solution,
    }
}
