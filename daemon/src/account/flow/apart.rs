//! An account that has another root than the one that this device is bound to, or older credentials than it has heard of. The warden
//! moves its pin by nobody's word but the pinned owner's, or by a hold; whoever is here can be told what is left to do.

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

    /// Whether the record is an older one than holds here, of this device's account and its pinned owner: the cloud was put back.
    fn is_set_back(&self, credentials: &[u8]) -> bool {
        let identity = self.parts.warden.view().identity;
        let opened = Signed::decode(credentials).ok().zip(identity.owner);
        let record = opened.and_then(|(signed, owner)| signed.open::<CredentialsRecord>(&owner).ok());
        record.is_some_and(|record| {
            Some(record.account) == identity.account && record.generation < identity.generation
        })
    }

    /// What a refused password means: where the account has another root, or an older password, none is right that is right here. A
    /// device that waits to follow is told so by its warden.
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
        let Some(Told { kept, .. }) = told else {
            return error;
        };
        if self.parts.warden.refresh().await.is_err() {
            return error;
        }
        if self.of_another_root(&kept).is_some() {
            return AccountError::OtherRoot;
        }
        match self.is_set_back(&kept) {
            true => AccountError::SetBack,
            false => error,
        }
    }
}
