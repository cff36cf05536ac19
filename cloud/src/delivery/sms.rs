//! Text messages through an HTTP gateway: `POST {"to": "+…", "text": "…"}`, any 2xx means taken. An attempt whose answer was
//! lost is made again under the same `Idempotency-Key`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use belay_proto::Secret;
use belay_proto::wire::header::IDEMPOTENCY_KEY;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, redirect};

use super::{Carrier, DeliveryError, Message, Sending};
use crate::clock::SECOND;
use crate::config::SmsGateway;

/// How long the gateway may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The gateway.
pub struct Gateway {
    client: Client,
    url: String,
    token: Option<Secret<String>>,
    /// How long it took last, µs.
    took: AtomicU64,
}

impl Gateway {
    /// Sets the client up; nothing is sent yet.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new(settings: &SmsGateway) -> Result<Self, DeliveryError> {
        // A redirect could carry number and code elsewhere.
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(redirect::Policy::none())
            .build()?;
        let token = settings
            .token
            .as_ref()
            .map(|token| Secret::new(token.expose().clone()));
        Ok(Self {
            client,
            url: settings.url.clone(),
            token,
            took: AtomicU64::new(0),
        })
    }
}

impl Carrier for Gateway {
    fn takes(&self, channel: &str) -> bool {
        channel == "sms"
    }

    fn send<'a>(&'a self, message: &'a Message, mark: &'a str) -> Sending<'a> {
        Box::pin(async move {
            let body = serde_json::json!({ "to": message.to, "text": message.text });
            let request = self.client.post(&self.url).json(&body);
            let mut request = request.header(IDEMPOTENCY_KEY, mark);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token.expose());
            }
            let begun = Instant::now();
            let answer = request.send().await.map_err(reqwest::Error::without_url)?;
            let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.took.store(took, Ordering::Relaxed);
            if answer.status().is_success() {
                return Ok(());
            }
            let wait = answer.headers().get(RETRY_AFTER);
            let wait = wait.and_then(|wait| wait.to_str().ok()?.trim().parse::<u64>().ok());
            Err(DeliveryError::Refused {
                status: answer.status().as_u16(),
                wait: wait.map(|seconds| seconds.saturating_mul(SECOND)),
            })
        })
    }

    fn pretend<'a>(&'a self, _: &'a Message) -> Sending<'a> {
        // A gateway has nothing that could be asked of it without sending.
        let took = Duration::from_micros(self.took.load(Ordering::Relaxed));
        Box::pin(async move {
            tokio::time::sleep(took.min(PATIENCE)).await;
            Ok(())
        })
    }
}
