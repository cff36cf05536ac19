//! The calls of the command channel, as `proto/openapi.yaml` has them. They need the device key alone.

use std::time::Duration;

use belay_proto::id::ReportId;
use belay_proto::keys::SigningKey;
use belay_proto::wire::{self, HEARTBEAT_COMMENT, Hint, QueueAnswer};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::cloud::call::{Auth, Call};
use crate::cloud::client::CloudClient;
use crate::cloud::error::CloudError;
use crate::cloud::stream::{EventStream, Item};
use crate::find::{Relay, Reply, Sign, Signs};
use crate::store::find::{Letter, LetterKind};

impl Relay for CloudClient {
    fn open(&self, heartbeat: Duration, last_event: Option<String>) -> Reply<Box<dyn Signs>> {
        let client = self.clone();
        async move {
            let path = format!("/v1/stream?heartbeat={}", heartbeat.as_secs());
            let call = Call::get(path, Auth::Device);
            let stream = CloudClient::open(&client, &call, last_event.as_deref()).await?;
            Ok(Box::new(stream) as Box<dyn Signs>)
        }
        .boxed()
    }

    fn commands(&self, after: u64, wait: Duration) -> Reply<QueueAnswer> {
        let client = self.clone();
        async move {
            let path = match wait.as_secs() {
                0 => format!("/v1/commands?after={after}"),
                wait => format!("/v1/commands?after={after}&wait={wait}"),
            };
            client.json(&Call::get(path, Auth::Device).waiting(wait)).await
        }
        .boxed()
    }

    fn post(&self, letter: Letter) -> Reply<()> {
        let client = self.clone();
        async move { client.done(&bringing(letter)?).await }.boxed()
    }

    fn post_last(&self, letter: Letter) -> Reply<()> {
        let client = self.clone();
        // The cloud learns nothing of the device's next owner by it.
        let key = SigningKey::generate();
        async move { client.done_with(&bringing(letter)?, &key).await }.boxed()
    }

    fn renew(&self) {
        self.leave_connections();
    }
}

impl Signs for EventStream {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Sign>, CloudError>> {
        async { Ok(EventStream::next(self).await?.map(sign)) }.boxed()
    }
}

/// The call that brings a letter.
fn bringing(letter: Letter) -> Result<Call, CloudError> {
    let unwritable = |_| CloudError::Nonsense("a request can't be written".into());
    let body = wire::Bytes(letter.body);
    let (path, body) = match letter.kind {
        LetterKind::Outcome => (
            "/v1/outcomes",
            serde_json::to_vec(&wire::OutcomeRequest { outcome: body }),
        ),
        LetterKind::State => (
            "/v1/reports",
            serde_json::to_vec(&wire::ReportRequest::State { state: body }),
        ),
        LetterKind::Report => (
            "/v1/reports",
            serde_json::to_vec(&wire::ReportRequest::Sealed {
                id: ReportId::from(letter.id),
                sealed: body,
            }),
        ),
    };
    Ok(Call::post(path, Auth::Device, body.map_err(unwritable)?))
}

fn sign(item: Item) -> Sign {
    match item {
        Item::Comment(text) => text
            .strip_prefix(HEARTBEAT_COMMENT)
            .and_then(|seconds| seconds.trim().parse().ok())
            .map_or(Sign::Alive, |seconds| {
                Sign::Greeting(Duration::from_secs(seconds))
            }),
        Item::Retry(wish) => Sign::Retry(wish),
        Item::Event { name, id } => Sign::Hint {
            hint: name.parse::<Hint>().ok(),
            id,
        },
    }
}
