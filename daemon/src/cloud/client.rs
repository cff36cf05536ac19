//! A call to the cloud: proofs, nonces, tokens and second attempts.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use belay_proto::dpop;
use belay_proto::keys::{PublicKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::wire;
use serde::de::DeserializeOwned;

use crate::cloud::anew::Anew;
use crate::cloud::call::{Auth, Call};
use crate::cloud::error::{CloudError, refusal};
use crate::cloud::hold::Hold;
use crate::cloud::problem::{Problem, ProblemKind};
use crate::cloud::transport::{Answer, Exchange, Transport};
use crate::cloud::vault::{Tokens, Vault};
use crate::cloud::{heard, retry, tls};

/// The client of one cloud; cheap to clone.
#[derive(Clone)]
pub struct CloudClient {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    url: String,
    transport: Result<Transport, String>,
    configured: bool,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) clock: Arc<dyn Clock>,
    /// The newest nonce the cloud gave; a cache that every answer may renew, never held across an await.
    nonce: Mutex<Option<String>>,
    /// Until when the cloud wants no calls.
    pub(super) hold: Hold,
    /// By how much the cloud's clock was ahead of this device's when it last answered, ms.
    ahead: Mutex<Option<i64>>,
    /// Held while the tokens are exchanged, so that two calls that find them over don't both do it.
    rotating: tokio::sync::Mutex<()>,
}

impl fmt::Debug for CloudClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudClient")
            .field("url", &self.inner.url)
            .finish_non_exhaustive()
    }
}

/// What ends a session after its tokens and device key were forgotten.
#[derive(Debug)]
pub struct Revocation {
    pub(super) key: SigningKey,
    pub(super) refresh: Secret<String>,
}

impl Revocation {
    /// Ends the session of `refresh`, which `key` began.
    #[must_use]
    pub fn new(key: SigningKey, refresh: Secret<String>) -> Self {
        Self { key, refresh }
    }
}

impl CloudClient {
    /// A client for the cloud at `url`, trusting the authority file `ca` or else the system's authorities.
    ///
    /// Nothing is opened or read before the first call. Without an address each call answers
    /// [`CloudError::NotConfigured`].
    #[must_use]
    pub fn new(url: Option<&str>, ca: Option<PathBuf>, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        let transport = match url.map(tls::check_url) {
            None => Err("no cloud is configured".to_owned()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(url)) => Ok(Transport::new(url, ca, Arc::clone(&clock))),
        };
        let inner = Inner {
            url: url.unwrap_or_default().trim_end_matches('/').to_owned(),
            transport,
            configured: url.is_some(),
            vault,
            clock,
            nonce: Mutex::new(None),
            hold: Hold::default(),
            ahead: Mutex::new(None),
            rotating: tokio::sync::Mutex::new(()),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The configured address, empty when there is none.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The device key's public half; the key is made at the first call.
    ///
    /// # Errors
    /// [`CloudError::Vault`] when the key can't be read or made.
    pub async fn device_key(&self) -> Result<PublicKey, CloudError> {
        Ok(self.inner.vault.device_key().await?.public())
    }

    /// What ending the session will need once tokens and device key are gone.
    ///
    /// # Errors
    /// [`CloudError::Vault`].
    pub async fn revocation(&self) -> Result<Option<Revocation>, CloudError> {
        let Some(tokens) = self.inner.vault.tokens().await? else {
            return Ok(None);
        };
        Ok(Some(Revocation::new(
            self.inner.vault.device_key().await?,
            tokens.refresh,
        )))
    }

    /// Performs a call and decodes its JSON answer.
    ///
    /// # Errors
    /// See [`CloudError`].
    pub async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T, CloudError> {
        self.answer(call).await?.json()
    }

    /// Performs a call whose answer says nothing more than that it is done: 204, and nothing else. A page that stands in the
    /// cloud's place, as that of a proxy before it may, says 200, and whoever believed it would forget what the cloud never heard.
    ///
    /// # Errors
    /// See [`CloudError`].
    pub async fn done(&self, call: &Call) -> Result<(), CloudError> {
        self.answer(call).await?.done()
    }

    /// Like [`CloudClient::done`], proved with a key that the vault may not hold any more.
    ///
    /// # Errors
    /// See [`CloudError`].
    pub(super) async fn done_with(&self, call: &Call, key: &SigningKey) -> Result<(), CloudError> {
        self.attempts(call, Some(key), None).await?.done()
    }

    /// Performs a call; its answer as it came.
    ///
    /// # Errors
    /// See [`CloudError`].
    pub(super) async fn answer(&self, call: &Call) -> Result<Answer, CloudError> {
        match call.auth {
            Auth::Open => self.attempts(call, None, None).await,
            Auth::Device => {
                let key = self.inner.vault.device_key().await?;
                self.attempts(call, Some(&key), None).await
            }
            Auth::Session => self.in_session(call).await,
        }
    }

    /// Shows the access token; when the cloud calls it over, exchanges it once and shows the next.
    async fn in_session(&self, call: &Call) -> Result<Answer, CloudError> {
        let (key, tokens) = self.inner.vault.session().await?;
        let tokens = tokens.ok_or(CloudError::SessionEnded)?;
        let mut unheard = false;
        let first = self
            .attempts_after(call, Some(&key), Some(&tokens.access), &mut unheard)
            .await;
        match first {
            // No token helps a device that the owner removed.
            Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::Removed => {
                Err(CloudError::SessionEnded)
            }
            Err(CloudError::Problem(problem)) if problem.status == 401 => {
                let may_be_done = unheard && call.idempotency_key.is_some();
                let rotated = self.rotate(&key, &tokens).await;
                // What refuses the exchange says nothing of a copy of the call that went before.
                let tokens = rotated.map_err(|error| match may_be_done {
                    true => error.after_sending(true).after_another(),
                    false => error.after_sending(unheard),
                })?;
                let again = self
                    .attempts_after(call, Some(&key), Some(&tokens.access), &mut unheard)
                    .await;
                let may_be_done = unheard && call.idempotency_key.is_some();
                // Nor does what refuses the new token.
                again.map_err(|error| match &error {
                    CloudError::Problem(told) if may_be_done && told.status == 401 => error.after_another(),
                    _ => error,
                })
            }
            outcome => outcome,
        }
    }

    /// Exchanges the refresh token. The new pair is durable before it is used: the cloud forgets the old
    /// one only then, so a crash in between loses nothing.
    async fn rotate(&self, key: &SigningKey, seen: &Tokens) -> Result<Tokens, CloudError> {
        let _turn = self.inner.rotating.lock().await;
        // Another process may keep the same tokens: what it exchanged meanwhile is what is held then.
        let _alone = self.inner.vault.alone().await?;
        let held = self.inner.vault.tokens().await?.ok_or(CloudError::SessionEnded)?;
        if held.access.expose() != seen.access.expose() {
            return Ok(held);
        }
        let call = super::api::token_call(&held.refresh)?;
        let answer = match self.attempts(&call, Some(key), None).await {
            Err(CloudError::Problem(problem))
                if (problem.kind == ProblemKind::InvalidGrant && problem.status == 400)
                    || problem.kind == ProblemKind::Removed =>
            {
                return self.other_than(&held).await;
            }
            answer => answer?,
        };
        let new = heard::tokens(answer.json::<wire::TokenAnswer>()?.tokens)?;
        if !self.inner.vault.rotate(&held.refresh, new).await? {
            return self.other_than(&held).await;
        }
        self.inner.vault.tokens().await?.ok_or(CloudError::SessionEnded)
    }

    /// The tokens of a session that has begun meanwhile; the one of `old` has ended.
    async fn other_than(&self, old: &Tokens) -> Result<Tokens, CloudError> {
        let held = self.inner.vault.tokens().await?;
        held.filter(|held| held.refresh.expose() != old.refresh.expose())
            .ok_or(CloudError::SessionEnded)
    }

    /// One call, tried again shortly when the cloud is briefly out of order.
    async fn attempts(
        &self,
        call: &Call,
        key: Option<&SigningKey>,
        token: Option<&Secret<String>>,
    ) -> Result<Answer, CloudError> {
        self.attempts_after(call, key, token, &mut false).await
    }

    /// The same of a call whose copies so far may have been carried out, if `unheard`; and whether one may have by its end.
    async fn attempts_after(
        &self,
        call: &Call,
        key: Option<&SigningKey>,
        token: Option<&Secret<String>>,
        unheard: &mut bool,
    ) -> Result<Answer, CloudError> {
        let mut pauses = Backoff::new(std::time::Duration::from_millis(250), retry::LONGEST_PAUSE);
        let mut attempt = 1;
        loop {
            let was_sent = attempt > 1 || *unheard;
            let sent = |error: CloudError| error.after_sending(was_sent);
            self.rest().await.map_err(sent)?;
            let answer = self.proved(call, key, token, unheard).await.map_err(sent)?;
            self.inner.hold.learn(&answer, self.inner.clock.boottime());
            if (200..300).contains(&answer.status) {
                return Ok(answer);
            }
            let pause = answer
                .retry_after
                .or_else(|| pauses.next())
                .unwrap_or(retry::LONGEST_PAUSE);
            let problem = Problem {
                offset: answer.offset,
                ..Problem::read(answer.status, &answer.body, answer.retry_after)
            };
            let is_budget = problem.status == 429;
            if !problem.passes() || attempt == retry::ATTEMPTS || pause > retry::LONGEST_PAUSE {
                let is_lost = *unheard && problem.is_of_one_copy() && call.idempotency_key.is_some();
                *unheard |= problem.kind == ProblemKind::InvalidDpopProof;
                let refusal = refusal(problem);
                return Err(if is_lost { refusal.after_another() } else { refusal });
            }
            *unheard |= !is_budget;
            attempt += 1;
            self.inner
                .clock
                .sleep_until(self.inner.clock.boottime() + pause)
                .await;
        }
    }

    /// Leaves the cloud alone for as long as it asked, or tells the caller when that is too long to wait.
    pub(super) async fn rest(&self) -> Result<(), CloudError> {
        let now = self.inner.clock.boottime();
        match self.inner.hold.left(now) {
            Some(left) if left > retry::LONGEST_PAUSE => Err(CloudError::Offline {
                what: "the cloud has asked to be left alone for a while".into(),
                retry_after: Some(left),
                unsent: true,
                source: None,
            }),
            Some(left) => {
                self.inner.clock.sleep_until(now + left).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// One exchange, repeated where [another proof](Anew) helps: then a copy before the one that is answered may have been carried out,
    /// and is `unheard`.
    async fn proved(
        &self,
        call: &Call,
        key: Option<&SigningKey>,
        token: Option<&Secret<String>>,
        unheard: &mut bool,
    ) -> Result<Answer, CloudError> {
        let transport = self.transport()?;
        let url = transport.url(&call.path);
        let mut anew = Anew::default();
        loop {
            let proof = key.map(|key| self.prove(key, call, &url, token));
            let answer = transport
                .exchange(Exchange {
                    method: call.method.clone(),
                    url: &url,
                    body: call.body.as_ref(),
                    headers: &call.headers,
                    proof: proof.as_deref(),
                    access_token: token.map(|token| token.expose().as_str()),
                    idempotency_key: call.idempotency_key.as_deref(),
                    last_event_id: None,
                    limits: call.limits,
                })
                .await
                .map_err(|error| error.after_sending(anew.was_used()))?;
            let renewed = self.remember_nonce(&answer);
            self.remember_clock(&answer);
            if !(proof.is_some() && anew.helps(call, &answer, renewed)) {
                *unheard |= anew.was_used();
                return Ok(answer);
            }
        }
    }

    pub(super) fn transport(&self) -> Result<&Transport, CloudError> {
        match &self.inner.transport {
            Ok(transport) => Ok(transport),
            Err(_) if !self.inner.configured => Err(CloudError::NotConfigured),
            Err(why) => Err(CloudError::Misconfigured(why.clone())),
        }
    }

    pub(super) fn prove(
        &self,
        key: &SigningKey,
        call: &Call,
        url: &str,
        token: Option<&Secret<String>>,
    ) -> String {
        let nonce = self
            .inner
            .nonce
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let token = token.map(|token| token.expose().as_str());
        dpop::create(
            key,
            call.method.as_str(),
            url,
            nonce.as_deref(),
            token,
            self.inner.clock.wall(),
        )
    }

    /// By how much the cloud's clock was ahead of this device's when it last answered, ms; negative for one that is
    /// behind. To tell a person of, and for nothing else: it is the cloud's word.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<i64> {
        *self.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember_clock(&self, answer: &Answer) {
        if let Some(date) = answer.date {
            let ahead = signed_millis(date).saturating_sub(signed_millis(self.inner.clock.wall()));
            *self.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
    }

    pub(super) fn remember_nonce(&self, answer: &Answer) -> bool {
        let Some(nonce) = &answer.nonce else { return false };
        *self.inner.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce.clone());
        true
    }
}

fn signed_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
