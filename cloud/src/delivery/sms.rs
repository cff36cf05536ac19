//! Text messages through an HTTP gateway: `POST {"to": "+…", "text": "…"}`, any 2xx means taken.

use std::time::Duration;

use belay_proto::Secret;
use reqwest::{Client, redirect};

use super::{Carrier, DeliveryError, Message, Sending};
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

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async {
            let body = serde_json::json!({ "to": message.to, "text": message.text });
            let mut request = self.client.post(&self.url).json(&body);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token.expose());
            }
            let status = request
                .send()
                .await
                .map_err(reqwest::Error::without_url)?
                .status();
            if status.is_success() {
                Ok(())
            } else {
                Err(DeliveryError::Refused(status.as_u16()))
            }
        })
    }
}
