//! An account that has gone on with another root than the one that this device is bound to. The warden moves its pin by nobody's word
//! but the pinned owner's, or by a hold; whoever is here can be told what is left to do.

use belay_proto::signed::{CredentialsRecord, Signed};

use super::Flow;
use crate::account::error::AccountError;
use crate::account::keep_up::Told;
use crate::cloud::{CloudError, ProblemKind};
use crate::warden::HoldView;

impl Flow {
    /// The record of this device's account, where another owner signed it than the one that is pinned here, as far as the cloud says; the
    /// warden judges.
    pub(super) fn of_another_root(&self, credentials: &[u8]) -> Option<CredentialsRecord> {
        let identity = self.parts.warden.view().identity;
        let (signed, owner) = (Signed::decode(credentials).ok()?, identity.owner?);
        if signed.open::<CredentialsRecord>(&owner).is_ok() {
            return None;
        }
        let record: CredentialsRecord = signed.peek_unverified().ok()?;
        (Some(record.account) == identity.account).then_some(record)
    }

    /// What a refused password means: where the account has another root, none is right that is right here. A device that waits to follow
    /// is told so by its warden.
    pub(super) async fn or_apart(&self, error: AccountError) -> AccountError {
        let is_refused = match &error {
            AccountError::Cloud(CloudError::Problem(problem)) => problem.kind == ProblemKind::LoginRefused,
            AccountError::Warden(error) => error.is_wrong_password(),
            _ => false,
        };
        if !is_refused || self.parts.warden.view().identity.hold == HoldView::Running {
            return error;
        }
        // A succession that nobody has fetched yet makes the root the pinned owner's.
        let told = self.keep_up().await.filter(|told| told.judged);
        let is_apart = |told: Told| self.of_another_root(&told.kept).is_some();
        match self.parts.warden.refresh().await.is_ok() && told.is_some_and(is_apart) {
            true => AccountError::OtherRoot,
            false => error,
        }
    }
}
