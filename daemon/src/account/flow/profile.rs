//! SetProfile, GetServiceToken.

use belay_proto::text::with_causes;
use belay_proto::wire::ProfileChanges;

use super::Flow;
use crate::account::error::AccountError;
use crate::account::ports::ServiceToken;
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, ProblemKind};

impl Flow {
    /// Changes what the owner tells about themselves.
    pub(crate) async fn set_profile(self, changes: ProfileChanges) -> Result<(), AccountError> {
        let account = self.session().await?.ok_or(Refusal::NotBound)?.account;
        let set = self
            .in_session(account, self.parts.cloud.set_profile(&changes))
            .await;
        match &set {
            Err(AccountError::Cloud(error)) => self.may_have_changed(error),
            // It may have left before whoever asked for it.
            Err(AccountError::Cancelled) => self.parts.stale.notify_one(),
            _ => {}
        }
        set?;
        self.details_changed().await;
        Ok(())
    }

    /// A token for another service of the account.
    pub(crate) async fn service_token(self, service: String) -> Result<ServiceToken, AccountError> {
        let account = self.session().await?.ok_or(Refusal::NotBound)?.account;
        let given = self
            .in_session(account, self.parts.cloud.service_token(&service))
            .await;
        match given {
            Err(AccountError::Cloud(CloudError::Problem(problem)))
                if problem.kind == ProblemKind::NotFound =>
            {
                Err(AccountError::NoSuchService)
            }
            given => {
                tracing::info!(
                    service,
                    granted = given.is_ok(),
                    "a token for a service was asked for"
                );
                given
            }
        }
    }

    /// Has the keeper look where nobody knows whether a change was made: the cloud tells no device of what it did itself.
    pub(super) fn may_have_changed(&self, error: &CloudError) {
        if !error.is_decided() && !error.is_unsent() {
            self.parts.stale.notify_one();
        }
    }

    /// Shows what was changed. The change is made: for details that can't be had now the keeper asks again.
    pub(super) async fn details_changed(&self) {
        let learned = match self.learn_details().await {
            // The answer was lost. The cloud tells no device of what it did itself.
            Err(AccountError::Cloud(error)) if error.is_offline() && !error.is_unsent() => {
                self.learn_details().await
            }
            learned => learned,
        };
        if let Err(error) = learned {
            tracing::info!(error = %with_causes(&error), "the account's new details are shown later");
            self.parts.stale.notify_one();
        }
    }

    /// Has the cloud tell the account's details.
    pub(super) async fn learn_details(&self) -> Result<(), AccountError> {
        let account = self.session().await?.ok_or(Refusal::NotBound)?.account;
        let details = self.in_session(account, self.parts.cloud.account()).await?;
        self.report(Event::Refreshed {
            account,
            identifiers: details.identifiers,
            profile: details.profile,
        })
        .await
    }
}
