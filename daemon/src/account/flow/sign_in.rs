//! SignIn and Reauthenticate.

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::Error as BusError;
use belay_proto::failpoint;
use belay_proto::id::{AccountId, HardwareId};
use belay_proto::keys::sha256;
use belay_proto::signed::{CredentialsRecord, DeviceCertificate, Signed};
use belay_proto::steps::{
    self, BindInput, BindOutput, CertifyInput, CertifyOutput, LoginSignatureInput, LoginSignatureOutput,
    OpenRootInput, OpenRootOutput, Purpose,
};

use super::Flow;
use crate::account::error::AccountError;
use crate::account::model::{Locked, Session};
use crate::account::ports::{Login, LoginProof};
use crate::account::state::{Event, Refusal};
use crate::account::view::masked;
use crate::cloud::{CloudError, ProblemKind, idempotency_key};
use crate::warden::WardenError;

/// So often a sign-in begins anew where the account's keys change in the middle of it.
const TRIES: usize = 3;

impl Flow {
    pub(crate) async fn sign_in(self, identifier: String, ticket: String) -> Result<(), AccountError> {
        let mut tries = 1;
        loop {
            match self.try_to_sign_in(&identifier, &ticket).await {
                // The owner has changed the keys elsewhere since the login gave them, and for no device but those of then.
                Err(AccountError::Cloud(CloudError::Problem(problem)))
                    if problem.kind == ProblemKind::GenerationConflict && tries < TRIES =>
                {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_to_sign_in(&self, identifier: &str, ticket: &str) -> Result<(), AccountError> {
        let login = self.log_in(identifier, ticket, Purpose::SignIn).await?;
        let session = match self.open(&login, ticket).await {
            Ok(session) => session,
            Err(error) => {
                self.end_login(login.tokens).await;
                return Err(error);
            }
        };
        let existing = self.certificate_of_this_hardware(&login.certificates);
        let keyring = sha256(&login.keyring);

        // The tokens are durable before they are used; without a binding they go when this work ends. The session
        // comes first, so that no kill leaves them to another account's.
        let account = session.account;
        failpoint!("belayd.sign-in.opened");
        let session = Box::new(session);
        self.report(Event::SigningIn(session.clone())).await?;
        failpoint!("belayd.sign-in.session-kept");
        self.parts.rows.put_tokens(login.tokens).await?;
        failpoint!("belayd.sign-in.tokens-kept");
        let release = match self.join(account, ticket, identifier, existing, keyring).await {
            Ok(release) => release,
            Err(error) => {
                self.end_session().await;
                return Err(error);
            }
        };
        // Bound: whatever fails from here on, the session is the device's.
        failpoint!("belayd.sign-in.bound");
        self.refresh_view().await;
        self.report(Event::SignedIn(session)).await?;
        failpoint!("belayd.sign-in.kept");
        self.release_arrived(release.as_deref()).await;
        Ok(())
    }

    /// Brings this device into the account that was opened, with the keyring of this SHA-256, and binds it; answers the release that
    /// went along.
    async fn join(
        &self,
        account: AccountId,
        ticket: &str,
        identifier: &str,
        existing: Option<Vec<u8>>,
        keyring: [u8; 32],
    ) -> Result<Option<Vec<u8>>, AccountError> {
        let input = CertifyInput {
            device_key: self.parts.cloud.device_key().await?,
            login: masked(identifier),
        };
        let made = self
            .stay(self.step(ticket, steps::CERTIFY, input.encode(), CertifyOutput::decode))
            .await?;
        let (name, key) = (self.device_name().await?, idempotency_key());
        let added = self
            .parts
            .cloud
            .add_device(
                &made.certificate,
                (&name, self.parts.device_kind),
                made.release.as_deref(),
                keyring,
                &key,
            )
            .await;
        match added {
            Ok(()) => {}
            Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::ActivationLocked => {
                self.report(Event::HardwareLocked(Locked {
                    login: problem.login.clone(),
                }))
                .await?;
                return Err(CloudError::Problem(problem).into());
            }
            Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::QuotaExceeded => {
                return Err(AccountError::TooManyDevices);
            }
            Err(error) => return Err(error.into()),
        }
        failpoint!("belayd.sign-in.device-added");
        let input = BindInput { existing }.encode();
        let bound = self.step(ticket, steps::BIND, input, BindOutput::decode).await;
        if let Err(error) = bound
            && !self.is_bound_to(account).await
        {
            return Err(error);
        }
        Ok(made.release)
    }

    pub(crate) async fn reauthenticate(self, ticket: String) -> Result<(), AccountError> {
        let old = self.session().await?;
        let account = self.parts.warden.view().identity.account;
        let account = account.ok_or(Refusal::NotBound)?;
        let purpose = Purpose::Reauthenticate;
        let login = match self.log_in(&account.to_string(), &ticket, purpose).await {
            Ok(login) => login,
            Err(error) => return Err(self.or_apart(error).await),
        };
        let opened = match self.open(&login, &ticket).await {
            Ok(session) if session.account == account => Ok(session),
            Ok(_) => Err(Refusal::NotBound.into()),
            Err(error) => Err(error),
        };
        let session = match opened {
            Ok(session) => session,
            Err(error) => {
                self.end_login(login.tokens).await;
                return Err(error);
            }
        };
        failpoint!("belayd.reauthenticate.opened");
        self.parts.rows.put_tokens(login.tokens).await?;
        failpoint!("belayd.reauthenticate.tokens-kept");
        let session = match old {
            Some(old) => Session {
                since: old.since,
                new_code: old.new_code,
                ..session
            },
            None => session,
        };
        self.report(Event::Reauthenticated(Box::new(session))).await?;
        failpoint!("belayd.reauthenticate.kept");
        Ok(())
    }

    /// Proves the password to the cloud. On a bound device `identifier` is the account's id, for that is what the warden signs
    /// there: no address has to be known, and none that was changed elsewhere is in the way.
    pub(super) async fn log_in(
        &self,
        identifier: &str,
        ticket: &str,
        purpose: Purpose,
    ) -> Result<Login, AccountError> {
        // For a command the login is a step among others: its limit is a wait, and no count of passwords.
        let of_it = |error: AccountError| match purpose {
            Purpose::Command => error,
            _ => error.of_tries(),
        };
        let challenge = self.stay(self.parts.cloud.login_challenge(identifier)).await;
        let challenge = challenge.map_err(of_it)?;
        let thumbprint = self.parts.cloud.device_key().await?.thumbprint();
        let input = LoginSignatureInput {
            salt: challenge.salt,
            parameters: challenge.parameters,
            nonce: challenge.nonce.clone(),
            thumbprint,
            action: purpose.as_str().to_owned(),
        }
        .encode();
        let read = LoginSignatureOutput::decode;
        let is_compared = !matches!(purpose, Purpose::SignIn | Purpose::Recover);
        let signed = if is_compared {
            self.stay(self.checked_step(ticket, steps::LOGIN_SIGNATURE, input, read))
                .await
        } else {
            self.stay(self.step(ticket, steps::LOGIN_SIGNATURE, input, read))
                .await
        };
        let signature = signed.map_err(lies_if_malformed)?.signature;
        let proof = LoginProof {
            identifier,
            nonce: &challenge.nonce,
            action: purpose.as_str(),
            signature: &signature,
        };
        let login = self.stay(self.parts.cloud.login(proof)).await;
        login.map_err(of_it)
    }

    /// Has the warden open and judge what the cloud keeps for the account.
    pub(super) async fn open(&self, login: &Login, ticket: &str) -> Result<Session, AccountError> {
        let input = OpenRootInput {
            share: login.share.duplicate(),
            credentials: login.credentials.clone(),
            keyring: login.keyring.clone(),
        };
        let opened = self
            .stay(self.step(ticket, steps::OPEN_ROOT, input.encode(), OpenRootOutput::decode))
            .await
            .map_err(lies_if_unopened)?;
        if opened.account != login.account || opened.owner != login.owner {
            return Err(CloudError::Nonsense("the session is of another account".into()).into());
        }
        let record = Signed::decode(&login.credentials)
            .and_then(|record| record.peek_unverified::<CredentialsRecord>());
        Ok(Session {
            account: opened.account,
            identifiers: login.details.identifiers.clone(),
            profile: login.details.profile.clone(),
            since: unix_seconds(self.parts.clock.wall()),
            // The warden has judged the record; this only reads it.
            recovery_code_set: record.is_ok_and(|record| !record.recovery_wrap.is_empty()),
            bound: false,
            ended: false,
            departure: None,
            new_code: None,
            leaves_data: false,
            deletion_sent: false,
        })
    }

    /// The account's certificate for this hardware, for the door of a tampered device. The warden verifies it.
    fn certificate_of_this_hardware(&self, certificates: &[Vec<u8>]) -> Option<Vec<u8>> {
        let hardware = self.parts.warden.view().identity.hardware?;
        certificates
            .iter()
            .find(|certificate| names_hardware(certificate, &hardware))
            .cloned()
    }

    /// Ends a session that led nowhere; it would end by itself.
    async fn end_session(&self) {
        if let Ok(Some(revocation)) = self.parts.cloud.revocation().await {
            self.revoke(revocation);
        }
    }
}

fn names_hardware(certificate: &[u8], hardware: &HardwareId) -> bool {
    Signed::decode(certificate)
        .and_then(|signed| signed.peek_unverified::<DeviceCertificate>())
        .is_ok_and(|certificate| certificate.hardware == *hardware)
}

/// The warden refuses salt, parameters or nonce: the cloud sent them.
pub(super) fn lies_if_malformed(error: AccountError) -> AccountError {
    match error {
        AccountError::Warden(
            error @ WardenError::Refused(BusError::InvalidArgument(_) | BusError::CloudRefused(_)),
        ) => AccountError::CloudLies(error),
        other => other,
    }
}

/// The cloud took the password for right, so what it keeps has to open with it.
fn lies_if_unopened(error: AccountError) -> AccountError {
    match error {
        AccountError::Warden(
            error @ WardenError::Refused(
                BusError::InvalidArgument(_) | BusError::CloudRefused(_) | BusError::WrongPassword(_),
            ),
        ) => AccountError::CloudLies(error),
        other => other,
    }
}
