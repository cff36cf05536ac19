//! Text messages through an HTTP gateway: `POST {"to": "+…", "text": "…"}`, any 2xx means taken. An attempt whose answer was
//! lost is made again under the same `Idempotency-Key`.

use std::time::Duration;

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
            let answer = request.send().await.map_err(reqwest::Error::without_url)?;
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
}
