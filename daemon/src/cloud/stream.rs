//! The stream of hints: opened with the device key alone, read as it comes.

use std::collections::VecDeque;

pub use belay_proto::wire::sse::Item;
use belay_proto::wire::sse::Parser;

use crate::cloud::anew::Anew;
use crate::cloud::call::Call;
use crate::cloud::client::CloudClient;
use crate::cloud::error::{CloudError, refusal};
use crate::cloud::problem::Problem;
use crate::cloud::transport::{Exchange, Opened, outage};

/// A stream that is open. Dropping it closes it.
pub struct EventStream {
    response: reqwest::Response,
    parser: Parser,
    ready: VecDeque<Item>,
}

impl EventStream {
    /// The next item; `None` once the cloud has ended the stream. Waits as long as there is nothing, and cancelling
    /// the call loses nothing.
    ///
    /// # Errors
    /// [`CloudError::Offline`] when the connection broke, [`CloudError::Nonsense`] for what is no stream of events.
    pub async fn next(&mut self) -> Result<Option<Item>, CloudError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            let Some(bytes) = self.response.chunk().await.map_err(outage)? else {
                return Ok(None);
            };
            self.parser
                .read(&bytes, |item| self.ready.push_back(item))
                .map_err(|error| CloudError::Nonsense(error.to_string()))?;
        }
    }
}

impl CloudClient {
    /// Opens the stream that `call` names, from the event after `last_event_id` on.
    ///
    /// # Errors
    /// See [`CloudError`].
    pub(super) async fn open(
        &self,
        call: &Call,
        last_event_id: Option<&str>,
    ) -> Result<EventStream, CloudError> {
        self.rest().await?;
        let transport = self.transport()?;
        let key = self.inner.vault.device_key().await?;
        let url = transport.url(&call.path);
        let mut anew = Anew::default();
        loop {
            let proof = self.prove(&key, call, &url, None);
            let opened = transport.open(Exchange {
                method: call.method.clone(),
                url: &url,
                body: None,
                headers: &[],
                proof: Some(&proof),
                access_token: None,
                idempotency_key: None,
                last_event_id,
                limits: call.limits,
            });
            let answer = match opened.await? {
                Opened::Stream(head, response) => {
                    self.remember_nonce(&head);
                    return Ok(EventStream {
                        response,
                        parser: Parser::default(),
                        ready: VecDeque::new(),
                    });
                }
                Opened::Answer(answer) => answer,
            };
            let renewed = self.remember_nonce(&answer);
            if anew.helps(call, &answer, renewed) {
                continue;
            }
            self.inner.hold.learn(&answer, self.inner.clock.boottime());
            if (200..300).contains(&answer.status) {
                return Err(CloudError::Nonsense("the stream is no stream".into()));
            }
            return Err(refusal(Problem::read(
                answer.status,
                &answer.body,
                answer.retry_after,
            )));
        }
    }

    /// Leaves the connections there are for new ones.
    pub(super) fn leave_connections(&self) {
        if let Ok(transport) = self.transport() {
            transport.renew();
        }
    }
}
