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
        self.in_session(account, self.parts.cloud.set_profile(&changes))
            .await?;
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

    /// Shows what was changed. The change is made: details that can't be had now come with the next look at the account.
    pub(super) async fn details_changed(&self) {
        if let Err(error) = self.learn_details().await {
            tracing::info!(error = %with_causes(&error), "the account's new details are shown later");
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
