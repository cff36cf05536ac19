//! The calls about the account's registry of accessories, as `proto/openapi.yaml` has them.

use belay_proto::id::AccessoryId;
use belay_proto::wire::{AccessoriesAnswer, AccessoryRequest};
use futures_util::FutureExt;

use crate::accessory::registry::ports::Reply;
use crate::accessory::registry::{NotBrought, Registry};
use crate::cloud::call::{Auth, Call};
use crate::cloud::client::CloudClient;
use crate::cloud::error::CloudError;
use crate::cloud::problem::ProblemKind;

impl Registry for CloudClient {
    fn changes(&self, after: u64) -> Reply<'_, AccessoriesAnswer> {
        async move {
            let call = Call::get(format!("/v1/accessories?after={after}"), Auth::Session);
            self.json(&call).await.map_err(|error| not_brought(&error))
        }
        .boxed()
    }

    fn put(&self, id: AccessoryId, record: AccessoryRequest) -> Reply<'_, ()> {
        async move {
            let body = serde_json::to_vec(&record).map_err(|_| NotBrought::Refused)?;
            let call = Call::put(format!("/v1/accessories/{id}"), Auth::Session, body);
            self.done(&call).await.map_err(|error| not_brought(&error))
        }
        .boxed()
    }
}

fn not_brought(error: &CloudError) -> NotBrought {
    tracing::info!(
        error = error as &dyn std::error::Error,
        "the registry of accessories waits for the cloud"
    );
    match error {
        CloudError::NotConfigured | CloudError::Misconfigured(_) => NotBrought::NotConfigured,
        CloudError::Problem(problem) if problem.kind == ProblemKind::RevisionConflict => NotBrought::Conflict,
        CloudError::Problem(problem) if problem.kind == ProblemKind::KeyEpochOld => NotBrought::KeysOld,
        // A session ends and begins again without a word here, a binding is brought later, an older cloud may
        // become a newer one, and a line that was too slow a better one.
        CloudError::Problem(problem) if matches!(problem.status, 401 | 403 | 404 | 405 | 408 | 426) => {
            NotBrought::Later(error.retry_after())
        }
        // One accessory too many must not keep the changes of the others waiting.
        CloudError::Problem(problem) if problem.kind == ProblemKind::QuotaExceeded => NotBrought::Refused,
        CloudError::Problem(_) if error.is_decided() => NotBrought::Refused,
        CloudError::Problem(_)
        | CloudError::SessionEnded
        | CloudError::Offline { .. }
        | CloudError::Nonsense(_)
        | CloudError::Vault(_) => NotBrought::Later(error.retry_after()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cloud::problem::Problem;

    fn refusal(status: u16, name: &str) -> NotBrought {
        let body = format!(r#"{{"type":"urn:belay:problem:{name}"}}"#);
        let wait = Some(Duration::from_secs(9));
        not_brought(&CloudError::Problem(Problem::read(status, body.as_bytes(), wait)))
    }

    #[test]
    fn what_is_decided_about_one_change_is_told_from_what_all_of_them_wait_for() {
        assert_eq!(refusal(507, "quota-exceeded"), NotBrought::Refused);
        assert_eq!(refusal(413, "too-large"), NotBrought::Refused);
        assert_eq!(refusal(409, "revision-conflict"), NotBrought::Conflict);
        assert_eq!(refusal(412, "key-epoch-old"), NotBrought::KeysOld);
        let later = NotBrought::Later(Some(Duration::from_secs(9)));
        for (status, name) in [
            (403, "not-bound"),
            (408, "request-timeout"),
            (429, "too-many"),
            (503, "busy"),
            (507, "full"),
            // What stands before the cloud has decided nothing.
            (400, ""),
            (409, ""),
            (413, ""),
        ] {
            assert_eq!(refusal(status, name), later, "{status} {name}");
        }
    }
}
