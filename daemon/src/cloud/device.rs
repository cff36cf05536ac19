//! The calls about this device, as `proto/openapi.yaml` has them.

use belay_proto::DeviceId;
use belay_proto::wire;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::cloud::call::{Auth, Call};
use crate::cloud::client::CloudClient;
use crate::cloud::error::CloudError;
use crate::device::{DeviceList, Undelivered};

impl DeviceList for CloudClient {
    fn rename<'a>(&'a self, device: DeviceId, name: &'a str) -> BoxFuture<'a, Result<(), Undelivered>> {
        async move {
            let request = wire::RenameDeviceRequest {
                name: name.to_owned(),
            };
            let body = serde_json::to_vec(&request).map_err(|_| Undelivered::Refused)?;
            let call = Call::patch(format!("/v1/devices/{device}"), Auth::Session, body);
            self.done(&call).await.map_err(|error| undelivered(&error))
        }
        .boxed()
    }
}

fn undelivered(error: &CloudError) -> Undelivered {
    tracing::info!(
        error = error as &dyn std::error::Error,
        "the device's name waits for the cloud"
    );
    match error {
        CloudError::NotConfigured | CloudError::Misconfigured(_) => Undelivered::Refused,
        // A session ends and begins again without a word here.
        CloudError::SessionEnded
        | CloudError::Offline { .. }
        | CloudError::Nonsense(_)
        | CloudError::Vault(_) => Undelivered::Later(error.retry_after()),
        CloudError::Problem(_) if error.is_decided() => Undelivered::Refused,
        CloudError::Problem(_) => Undelivered::Later(error.retry_after()),
    }
}
