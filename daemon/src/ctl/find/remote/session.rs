//! A session of this process with the account's cloud.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_proto::clock::{Clock, millis, system_clock, unix_millis};
use belay_proto::id::AccountId;
use belay_proto::identifier::Identifier;
use belay_proto::keys::{PublicKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{DelegateCertificate, DelegatedVerbs, Signed, Verb};
use belay_proto::wire;

use super::open::{self, Opened};
use super::remember::{self, Memory, New};
use super::vault::SessionVault;
use crate::account::{AccountError, Cloud, LoginProof, Untrue};
use crate::cloud::{Auth, Call, CloudClient, CloudError, Revocation, Vault};
use crate::ctl::error::Error;

/// What the login is for, as the cloud knows it.
const ACTION: &str = "sign-in";

/// What a delegate may do.
const DELEGATED: [Verb; 5] = [
    Verb::Ring,
    Verb::StopRing,
    Verb::Locate,
    Verb::Message,
    Verb::Lock,
];

/// A session; its parts are shared among its clones. [`Session::end`] ends it at the cloud too.
#[derive(Clone)]
pub struct Session {
    /// The calls.
    pub client: CloudClient,
    /// Its key and tokens.
    pub vault: Arc<SessionVault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    ca: Option<PathBuf>,
}

/// Who signs in this session, and what else the password opened.
pub enum Keys {
    /// The password was typed.
    Owner(Box<Opened>),
    /// A key that was remembered.
    Delegate {
        /// The owner's public key.
        owner: PublicKey,
        /// The key.
        key: SigningKey,
        /// The owner's word for it.
        certificate: Box<Signed>,
    },
}

/// A session with what it can do.
pub struct Access {
    /// The session.
    pub session: Session,
    /// The account.
    pub account: AccountId,
    /// The keys.
    pub keys: Keys,
}

impl Keys {
    /// The key that devices' certificates are signed with.
    pub fn owner(&self) -> PublicKey {
        match self {
            Self::Owner(opened) => opened.owner(),
            Self::Delegate { owner, .. } => *owner,
        }
    }
}

impl Session {
    /// A session that hasn't begun: nothing is opened or sent.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that can't be used.
    pub fn new(url: &str, ca: Option<PathBuf>, vault: SessionVault) -> Result<Self, Error> {
        crate::cloud::check_url(url).map_err(|error| match error {
            CloudError::Misconfigured(why) => Error::Usage(format!("{url} can't be a cloud: {why}.")),
            other => cloud(other),
        })?;
        let vault = Arc::new(vault);
        let clock = system_clock();
        let keeps: Arc<dyn Vault> = Arc::<SessionVault>::clone(&vault);
        Ok(Self {
            client: CloudClient::new(Some(url), ca.clone(), keeps, Arc::clone(&clock)),
            vault,
            clock,
            ca,
        })
    }

    /// The wall clock, ms since the Unix epoch.
    pub fn now(&self) -> u64 {
        wall(&*self.clock)
    }

    /// Proves the password and opens the account with it. After an error there may be a session to end.
    ///
    /// # Errors
    /// `WrongPassword`; `CloudRefused` where the cloud's answers don't fit the password; what the cloud says.
    pub async fn log_in(&self, login: &str, password: Secret<String>) -> Result<(AccountId, Opened), Error> {
        let identifier = Identifier::parse(login)
            .map_err(|error| Error::Data(format!("That is {error}, so no account is called so.")))?;
        let identifier = identifier.as_str();
        let challenge = self.client.login_challenge(identifier).await.map_err(cloud)?;
        let master = open::derive(password, challenge.salt, challenge.parameters).await?;
        let device = self.vault.key().public();
        let url = self.client.url();
        let signature = open::statement(&master, url, identifier, &challenge, &device, ACTION);
        let proof = LoginProof {
            identifier,
            nonce: &challenge.nonce,
            action: ACTION,
            signature: &signature,
        };
        let login = self.client.login(proof).await;
        let login = login.map_err(|error| cloud(error).of_login())?;
        let opened = open::open(&master, &challenge, &login);
        let account = login.account;
        self.vault.put(login.tokens);
        Ok((account, opened?))
    }

    /// Makes a key that may do the harmless part for 12 hours, and keeps it with this session in a file. Answers the
    /// session that was kept there before.
    ///
    /// # Errors
    /// As [`Memory::begin`]; what the cloud says.
    pub async fn remember(
        &self,
        path: &Path,
        account: AccountId,
        opened: &Opened,
    ) -> Result<Option<Self>, Error> {
        let key = SigningKey::generate();
        let now = self.now();
        let actions = DelegatedVerbs::new(DELEGATED.to_vec())
            .map_err(|_| Error::named("Internal", "these verbs can't be delegated"))?;
        let certificate = DelegateCertificate {
            account,
            key: key.public(),
            actions,
            generation: opened.generation,
            issued_at: now,
            expires_at: now.saturating_add(millis(remember::LIFE)),
        };
        let certificate = Signed::seal(&certificate, &opened.owner_key());
        let request = wire::DelegateRequest {
            certificate: certificate.encode().into(),
        };
        let body = serde_json::to_vec(&request)
            .map_err(|_| Error::named("Internal", "a request can't be written"))?;
        let call = Call::post("/v1/delegates", Auth::Session, body);
        self.client.done(&call).await.map_err(cloud)?;
        let tokens = self
            .vault
            .held()
            .ok_or_else(|| Error::named("Internal", "a session without tokens"))?;
        let new = New {
            cloud: self.client.url(),
            ca: self.ca.as_deref(),
            account,
            owner: opened.owner(),
            device_key: &self.vault.key(),
            tokens: &tokens,
            delegate_key: &key,
            certificate: &certificate,
        };
        let mut memory = Memory::new(path, &new);
        let before = memory.begin().await?;
        self.vault.remember(memory);
        // One whose cloud can't be reached any more ends by itself.
        Ok(before.and_then(|before| {
            let (url, ca) = (before.cloud().to_owned(), before.ca());
            Self::new(&url, ca, SessionVault::remembered(before)).ok()
        }))
    }

    /// Ends the session at the cloud. One that can't be ended ends by itself.
    pub async fn end(&self) {
        if let Some(tokens) = self.vault.held() {
            let revocation = Revocation::new(self.vault.key(), tokens.refresh);
            // Nothing is left to do about it: this process forgets the tokens in any case.
            let _ = self.client.revoke(revocation).await;
        }
    }
}

/// The wall clock, ms since the Unix epoch.
pub fn wall(clock: &dyn Clock) -> u64 {
    unix_millis(clock.wall())
}

/// What the cloud said, by the names of the bus.
pub fn cloud(error: CloudError) -> Error {
    belay_proto::dbus::Error::from(AccountError::Cloud(error)).into()
}

/// What isn't what the cloud gives it out for, by its name.
pub fn untrue(error: Untrue) -> Error {
    Error::named(error.name(), &error.to_string())
}
