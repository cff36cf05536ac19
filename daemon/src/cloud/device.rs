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
        // Nor does a better line tell of itself, or a cloud that has become a newer one.
        CloudError::Problem(problem) if matches!(problem.status, 401 | 408 | 426) => {
            Undelivered::Later(error.retry_after())
        }
        CloudError::Problem(_) if error.is_decided() => Undelivered::Refused,
        CloudError::Problem(_) => Undelivered::Later(error.retry_after()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cloud::problem::Problem;

    fn refusal(status: u16, name: &str) -> Undelivered {
        let body = format!(r#"{{"type":"urn:belay:problem:{name}"}}"#);
        let wait = Some(Duration::from_secs(9));
        undelivered(&CloudError::Problem(Problem::read(status, body.as_bytes(), wait)))
    }

    #[test]
    fn only_what_the_cloud_has_decided_about_the_name_ends_the_tries() {
        for (status, name) in [(400, "malformed"), (403, "not-bound"), (404, "not-found")] {
            assert_eq!(refusal(status, name), Undelivered::Refused, "{name}");
        }
        let later = Undelivered::Later(Some(Duration::from_secs(9)));
        for (status, name) in [
            (401, "invalid-token"),
            (408, "request-timeout"),
            (426, "update-required"),
            (429, "too-many"),
            (503, "busy"),
            // What stands before the cloud has decided nothing.
            (400, ""),
            (403, ""),
            (404, ""),
        ] {
            assert_eq!(refusal(status, name), later, "{status} {name}");
        }
    }
}
