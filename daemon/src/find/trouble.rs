//! What went wrong between this device and the cloud, as far as the next try depends on it.

use std::time::Duration;

use crate::cloud::CloudError;

/// A try that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where it failed.
    pub kind: TroubleKind,
    /// The wait that the cloud asked for.
    pub asked: Option<Duration>,
}

/// Where a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// There was no connection.
    NoWay,
    /// There was one, and nothing usable came over it.
    Broken,
    /// The cloud said no.
    Refused,
    /// The cloud has judged what it was given, and will say the same each time.
    Judged,
    /// No cloud is configured, or none that can be used.
    Hopeless,
}

impl Trouble {
    /// On this side of the way: the warden or the store.
    pub const HERE: Self = Self {
        kind: TroubleKind::Broken,
        asked: None,
    };

    /// Whether something answered at the other end.
    #[must_use]
    pub fn is_answered(self) -> bool {
        !matches!(self.kind, TroubleKind::NoWay | TroubleKind::Hopeless)
    }
}

impl From<&CloudError> for Trouble {
    fn from(error: &CloudError) -> Self {
        let kind = match error {
            CloudError::NotConfigured | CloudError::Misconfigured(_) => TroubleKind::Hopeless,
            CloudError::Offline { source, .. } if source.as_ref().is_some_and(reqwest::Error::is_connect) => {
                TroubleKind::NoWay
            }
            CloudError::Offline { .. } | CloudError::Nonsense(_) | CloudError::Vault(_) => {
                TroubleKind::Broken
            }
            // What the cloud thinks of the device may change; what it thinks of these bytes won't. A page that stands in its place, without
            // a name, thinks nothing of them.
            CloudError::Problem(problem)
                if matches!(problem.status, 400 | 409 | 413 | 422) && problem.is_named =>
            {
                TroubleKind::Judged
            }
            CloudError::Problem(_) | CloudError::SessionEnded => TroubleKind::Refused,
        };
        Self {
            kind,
            asked: error.retry_after(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Problem;

    #[test]
    fn the_cloud_alone_judges_what_it_is_given_and_no_page_in_its_place() {
        for status in [400, 409, 413, 422] {
            let kind_of = |body: &str| {
                let problem = Problem::read(status, body.as_bytes(), None);
                Trouble::from(&CloudError::Problem(problem)).kind
            };
            let named = r#"{"type":"urn:belay:problem:too-large"}"#;
            assert_eq!(kind_of(named), TroubleKind::Judged, "{status}");
            for page in ["", "<html>", "{}"] {
                assert_eq!(kind_of(page), TroubleKind::Refused, "{status}: {page}");
            }
        }
    }
}
