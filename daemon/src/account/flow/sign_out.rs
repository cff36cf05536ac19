//! SignOut.

use belay_proto::steps::{self, ReleaseInput, ReleaseOutput};
use belay_proto::text::with_causes;

use super::{Flow, read_release};
use crate::account::error::AccountError;
use crate::account::state::{Change, Event};

/// What a sign-out leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leaving {
    /// Nothing of the account.
    #[default]
    Nothing,
    /// The data that was synced to this device. Account, session and keys go all the same.
    Data,
}

impl Flow {
    /// Works without a network. The caller may leave: what the warden has released stays released, and its
    /// release is kept until the cloud has it.
    pub(crate) async fn sign_out(self, ticket: String, leaving: Leaving) -> Result<Vec<u8>, AccountError> {
        // Read now: the tokens are gone once the account is.
        let revocation = self.parts.cloud.revocation().await.unwrap_or_default();
        let input = ReleaseInput {}.encode();
        let signed = self
            .checked_step(&ticket, steps::RELEASE, input, ReleaseOutput::decode)
            .await?
            .release;
        let release = read_release(&signed)
            .map_err(|_| AccountError::Internal("the warden's release isn't understood"))?;
        tracing::info!(?leaving, "signed out");

        // On disk before anything else, whatever becomes of the actor. A disk that takes nothing more must not
        // keep the release from its owner: the warden has a copy, which goes out with the next binding.
        let mut kept = vec![
            Change::AddRelease(Box::new(release.clone())),
            Change::ForgetAccount,
            Change::ForgetDeviceKey,
        ];
        if leaving == Leaving::Nothing {
            kept.push(Change::ForgetData);
        }
        if let Err(error) = self.parts.rows.commit(kept).await {
            tracing::error!(error = %with_causes(&error), "the release could not be kept");
        }
        self.refresh_view().await;
        if let Err(error) = self.report(Event::Released(Box::new(release))).await {
            tracing::error!(error = %with_causes(&error), "the sign-out could not be noted");
        }
        if let Some(revocation) = revocation {
            self.revoke(revocation);
        }
        Ok(signed)
    }
}
