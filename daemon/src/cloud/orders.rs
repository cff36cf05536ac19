//! The owner's calls of the command channel, as `proto/openapi.yaml` has them.

use std::time::Duration;

use belay_proto::id::{CommandId, DeviceId};
use belay_proto::wire::{self, CommandLife, ReportsAnswer};
use futures_util::FutureExt;

use crate::account::{Orders, Reply};
use crate::cloud::call::{Auth, Call};
use crate::cloud::client::CloudClient;
use crate::cloud::error::CloudError;

impl Orders for CloudClient {
    fn send<'a>(&'a self, device: DeviceId, envelope: &'a [u8]) -> Reply<'a, CommandLife> {
        async move {
            let request = wire::CommandRequest {
                envelope: envelope.to_vec().into(),
            };
            let body = serde_json::to_vec(&request)
                .map_err(|_| CloudError::Nonsense("a request can't be written".into()))?;
            self.json(&Call::post(
                format!("/v1/devices/{device}/commands"),
                Auth::Session,
                body,
            ))
            .await
        }
        .boxed()
    }

    fn life(
        &self,
        device: DeviceId,
        command: CommandId,
        seen: Option<u64>,
        wait: Duration,
    ) -> Reply<'_, CommandLife> {
        async move {
            let path = format!("/v1/devices/{device}/commands/{command}");
            let call = match seen {
                Some(seen) => {
                    let path = format!("{path}?seen={seen}&wait={}", wait.as_secs());
                    Call::get(path, Auth::Session).waiting(wait)
                }
                None => Call::get(path, Auth::Session),
            };
            self.json(&call).await
        }
        .boxed()
    }

    fn lives(&self, device: DeviceId, limit: usize) -> Reply<'_, Vec<CommandLife>> {
        async move {
            let path = format!("/v1/devices/{device}/commands?limit={limit}");
            let answer: wire::CommandsAnswer = self.json(&Call::get(path, Auth::Session)).await?;
            Ok(answer.commands.into_iter().take(limit).collect())
        }
        .boxed()
    }

    fn reports(&self, device: DeviceId, after: u64) -> Reply<'_, ReportsAnswer> {
        async move {
            let path = format!("/v1/devices/{device}/reports?after={after}");
            self.json(&Call::get(path, Auth::Session)).await
        }
        .boxed()
    }
}
