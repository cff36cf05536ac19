//! A cloud made of maps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_proto::id::{AccountId, DeviceId, HardwareId};
use belay_proto::keys::{KdfParameters, PublicKey, sha256};
use belay_proto::secret::Secret;
use belay_proto::signed::{self, Signed};
use belay_proto::wire::{CommandLife, CredentialsAnswer, DeviceKind};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::warden::owner;
use super::{CODE, Fuse};
use crate::account::*;
use crate::cloud::{CloudError, Problem, Revocation, Tokens, Vault};
use crate::store::account::AccountRows;
use crate::warden::Records;

pub struct MapCloud {
    inner: Mutex<Inner>,
    rows: Mutex<Option<AccountRows>>,
    fuse: Arc<Fuse>,
    /// Rings when a life has changed.
    pub news: Notify,
}

/// What happens to a cloud.
pub type Happens = Box<dyn FnOnce(&mut Inner) + Send>;

#[derive(Default)]
pub struct Inner {
    /// Accounts by the idempotency key and body that made them.
    pub accounts: HashMap<(String, String), AccountId>,
    pub verifications: Vec<String>,
    pub cancelled: Vec<String>,
    pub codes: Vec<(String, String)>,
    /// For whom challenges were asked.
    pub challenged: Vec<String>,
    pub logins: u32,
    /// The highest key epoch of the account's records.
    pub key_epoch: u64,
    pub devices: u32,
    pub releases: Vec<Vec<u8>>,
    pub holds: Vec<Vec<u8>>,
    pub revoked: u32,
    pub credentials: Option<Vec<u8>>,
    /// What it lists as the account's devices.
    pub listed: Vec<ListedDevice>,
    /// What became of commands.
    pub lives: Vec<CommandLife>,
    /// The state report of every device.
    pub state: Option<Vec<u8>>,
    /// What the next calls of a name answer instead.
    pub refusals: HashMap<&'static str, CloudError>,
    pub offline: bool,
    pub share: Option<[u8; 32]>,
    /// Answers of calls by this name that are lost after their work was done.
    pub losses: HashMap<&'static str, u32>,
    /// Happens once, when the next answer is lost.
    pub when_lost: Option<Happens>,
    /// The calls that change the account, as they came: name and idempotency key.
    pub changes: Vec<(&'static str, String)>,
    /// The same, each that did something.
    pub done: Vec<(&'static str, String)>,
    /// The account's record, once it isn't the first any more.
    pub record: Option<Vec<u8>>,
    /// The keyring that the last removal left in the boxes.
    pub boxed: Option<Vec<u8>>,
    /// The devices of which a recovery is told that they are lost.
    pub lost: Vec<DeviceId>,
    /// The account is deleted.
    pub deleted: bool,
    /// Its sessions go with it.
    pub sessions_go: bool,
    /// The ticket of the last recovery has brought its credentials.
    pub ticket_spent: bool,
    /// Whether this device's key alone is told of credentials; the rest goes with them.
    pub tells: bool,
    pub told: Option<CredentialsAnswer>,
    /// Happens once, between what it told last and its coming there.
    pub while_telling: Option<Box<dyn FnOnce() + Send>>,
    pub locked: bool,
    pub expired: bool,
    /// The SMS that verifications ask for, and whether it has come.
    pub own_sms: Option<OwnSms>,
    pub sms_came: bool,
    /// How often somebody asked how a verification stands.
    pub looks: u32,
}

pub fn problem(status: u16, name: &str) -> CloudError {
    let body = format!(r#"{{"type":"urn:belay:problem:{name}"}}"#);
    CloudError::Problem(Problem::read(status, body.as_bytes(), None))
}

/// The same, with how long the cloud asks to wait.
pub fn waiting(status: u16, name: &str, wait: Duration) -> CloudError {
    let body = format!(r#"{{"type":"urn:belay:problem:{name}"}}"#);
    CloudError::Problem(Problem::read(status, body.as_bytes(), Some(wait)))
}

impl MapCloud {
    pub fn new(fuse: Arc<Fuse>) -> Self {
        Self {
            inner: Mutex::default(),
            rows: Mutex::default(),
            fuse,
            news: Notify::new(),
        }
    }

    /// The store whose tokens the session calls show.
    pub fn keep_in(&self, rows: AccountRows) {
        *self.rows.lock().unwrap() = Some(rows);
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.inner.lock().unwrap())
    }

    fn rows(&self) -> AccountRows {
        self.rows.lock().unwrap().clone().unwrap()
    }

    /// One call: a message there, its effect, a message back.
    pub(super) async fn call<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut Inner) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        self.fuse.burn().await;
        let outcome = self.with(|inner| {
            if inner.offline {
                return Err(CloudError::offline("no network"));
            }
            match inner.refusals.remove(name) {
                Some(refusal) => Err(refusal),
                None => effect(inner),
            }
        });
        self.fuse.burn().await;
        outcome
    }

    pub(super) async fn in_session<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut Inner) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        if self.rows().tokens().await?.is_none() {
            return Err(CloudError::SessionEnded);
        }
        if self.with(|inner| inner.deleted && inner.sessions_go) {
            return Err(CloudError::SessionEnded);
        }
        self.call(name, effect).await
    }
}

pub(super) fn tokens() -> Tokens {
    Tokens {
        access: Secret::of_text("access"),
        refresh: Secret::of_text("refresh"),
    }
}

pub(super) fn waits() -> Waits {
    Waits {
        resend_in: Duration::from_secs(900),
        expires_in: Duration::from_secs(86_400),
    }
}

impl Records for MapCloud {
    fn newest(&self) -> BoxFuture<'_, Option<Vec<u8>>> {
        let asked = self.call("credentials", |inner| Ok(inner.credentials.clone()));
        async { asked.await.ok().flatten() }.boxed()
    }
}

impl Cloud for MapCloud {
    fn url(&self) -> &str {
        "https://cloud.example.org"
    }

    fn device_key(&self) -> Reply<'_, PublicKey> {
        async { Ok(self.rows().device_key().await?.public()) }.boxed()
    }

    fn work(&self) -> Reply<'_, ProofOfWork> {
        let work = ProofOfWork {
            challenge: serde_json::Value::Null,
            solution: serde_json::Value::Null,
        };
        self.call("work", move |_| Ok(work)).boxed()
    }

    fn open_verification(&self, asked: NewVerification, _: ProofOfWork) -> Reply<'_, OpenedVerification> {
        self.call("open", move |inner| {
            let id = format!("verification-{}", inner.verifications.len());
            inner.verifications.push(id.clone());
            Ok(OpenedVerification {
                id,
                waits: waits(),
                own_sms: inner.own_sms.clone().filter(|_| asked.channel == Channel::SmsOut),
            })
        })
        .boxed()
    }

    fn resend<'a>(&'a self, _: &'a str, _: ProofOfWork) -> Reply<'a, Waits> {
        self.call("resend", |_| Ok(waits())).boxed()
    }

    fn look<'a>(&'a self, _: &'a str) -> Reply<'a, LookedUp> {
        self.call("look", |inner| {
            inner.looks += 1;
            let verification = match (inner.expired, inner.sms_came) {
                (true, _) => Verification::Expired,
                (false, true) => Verification::Confirmed,
                (false, false) => Verification::Pending,
            };
            Ok(LookedUp {
                verification,
                waits: waits(),
            })
        })
        .boxed()
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Reply<'a, ()> {
        self.call("cancel", |inner| {
            inner.cancelled.push(id.to_owned());
            Ok(())
        })
        .boxed()
    }

    fn prove<'a>(&'a self, id: &'a str, code: &'a str, key: &'a str) -> Reply<'a, String> {
        self.call("prove", move |inner| {
            inner.codes.push((code.to_owned(), key.to_owned()));
            if code == CODE || (code.is_empty() && inner.sms_came) {
                Ok(format!("ticket-{id}"))
            } else {
                Err(problem(403, "wrong-code"))
            }
        })
        .boxed()
    }

    fn account_body(&self, asked: NewAccount<'_>) -> Result<String, CloudError> {
        let account = AccountId::from_bytes(asked.material.credentials.0.as_slice().try_into().unwrap());
        let country = asked.profile.country.as_deref().unwrap_or_default();
        Ok(format!(
            "{account} {} {} {country}",
            asked.ticket, asked.device_name
        ))
    }

    fn create_account<'a>(&'a self, body: &'a str, key: &'a str) -> Reply<'a, CreatedAccount> {
        self.call("accounts", move |inner| {
            let account = body.split(' ').next().unwrap().parse().unwrap();
            inner.accounts.insert((key.to_owned(), body.to_owned()), account);
            Ok(CreatedAccount {
                account,
                tokens: tokens(),
            })
        })
        .boxed()
    }

    fn account(&self) -> Reply<'_, AccountDetails> {
        self.in_session("account", |_| Ok(AccountDetails::default()))
            .boxed()
    }

    fn login_challenge<'a>(&'a self, who: &'a str) -> Reply<'a, LoginChallenge> {
        self.call("challenge", |inner| {
            inner.challenged.push(who.to_owned());
            Ok(LoginChallenge {
                salt: [2; 16],
                parameters: KdfParameters::FLOOR,
                nonce: vec![3; 32],
            })
        })
        .boxed()
    }

    fn login<'a>(&'a self, _: LoginProof<'a>) -> Reply<'a, Login> {
        self.call("login", |inner| {
            if inner.deleted {
                return Err(problem(401, "login-refused"));
            }
            inner.logins += 1;
            let account = inner
                .accounts
                .values()
                .next()
                .copied()
                .unwrap_or(AccountId::from_bytes([4; 16]));
            Ok(Login {
                account,
                owner: owner(),
                tokens: tokens(),
                share: Secret::new(inner.share.unwrap_or([1; 32])),
                credentials: inner
                    .record
                    .clone()
                    .unwrap_or_else(|| account.as_bytes().to_vec()),
                keyring: b"keyring".to_vec(),
                details: AccountDetails::default(),
                certificates: inner
                    .listed
                    .iter()
                    .map(|device| device.certificate.clone())
                    .collect(),
                key_epoch: inner.key_epoch,
            })
        })
        .boxed()
    }

    fn add_device<'a>(
        &'a self,
        _: &'a [u8],
        _: (&'a str, DeviceKind),
        release: Option<&'a [u8]>,
        keyring: [u8; 32],
        _: &'a str,
    ) -> Reply<'a, ()> {
        self.in_session("devices", move |inner| {
            assert_eq!(keyring, sha256(b"keyring"));
            inner.devices += 1;
            inner.releases.extend(release.map(<[u8]>::to_vec));
            Ok(())
        })
        .boxed()
    }

    fn devices(&self) -> Reply<'_, Vec<ListedDevice>> {
        self.in_session("list", |inner| Ok(inner.listed.clone())).boxed()
    }

    fn deliver<'a>(&'a self, release: &'a [u8]) -> Reply<'a, ()> {
        self.call("deliver", move |inner| {
            let read: signed::Release = Signed::decode(release).unwrap().peek_unverified().unwrap();
            let _ = read;
            inner.releases.push(release.to_vec());
            Ok(())
        })
        .boxed()
    }

    fn check_hardware(&self, _: HardwareId, _: bool, _: ProofOfWork) -> Reply<'_, HardwareOwner> {
        self.call("hardware", |inner| {
            Ok(HardwareOwner {
                locked: inner.locked,
                login: inner.locked.then(|| "a•••@e•••.org".into()),
            })
        })
        .boxed()
    }

    fn revocation(&self) -> Reply<'_, Option<Revocation>> {
        async {
            let Some(tokens) = self.rows().tokens().await? else {
                return Ok(None);
            };
            Ok(Some(Revocation::new(
                self.rows().device_key().await?,
                tokens.refresh,
            )))
        }
        .boxed()
    }

    fn revoke(&self, _: Revocation) -> Reply<'_, ()> {
        self.call("revoke", |inner| {
            inner.revoked += 1;
            Ok(())
        })
        .boxed()
    }
}
