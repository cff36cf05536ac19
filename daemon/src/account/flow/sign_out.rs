//! SignOut.

use belay_proto::dbus::Error as BusError;
use belay_proto::failpoint;
use belay_proto::steps::{self, Done, ReleaseInput, ReleaseOutput};
use belay_proto::text::with_causes;

use super::{Flow, read_release};
use crate::account::error::AccountError;
use crate::account::model::Session;
use crate::account::state::{Change, Event};
use crate::warden::WardenError;

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
        // First: whoever doesn't know the password has no say in what becomes of the data, should the device be freed by its owner.
        let proves = Done {}.encode();
        let proved = self
            .checked_step(&ticket, steps::PROVE, proves, Done::decode)
            .await;
        if let Err(AccountError::Warden(WardenError::Refused(BusError::NotBound(_)))) = &proved {
            self.refresh_view().await;
        }
        proved?;
        failpoint!("belayd.sign-out.proved");
        // On disk before the warden releases: should this process not live to hear of it, the next one knows what becomes of
        // the data. Where it can't be written that the data stays, nothing is lost yet; that it goes is so without it.
        let leaves_data = leaving == Leaving::Data;
        let noted = self.report(Event::SigningOut { leaves_data }).await;
        if leaves_data {
            noted?;
        }
        failpoint!("belayd.sign-out.noted");
        let input = ReleaseInput {}.encode();
        let released = self
            .checked_step(&ticket, steps::RELEASE, input, ReleaseOutput::decode)
            .await;
        match &released {
            // Something else has freed the device meanwhile: what its owner wants of the data goes for that end too.
            Err(AccountError::Warden(WardenError::Refused(BusError::NotBound(_)))) => {
                self.refresh_view().await
            }
            Err(AccountError::Warden(WardenError::Refused(_))) if leaves_data => {
                self.report(Event::SigningOut { leaves_data: false }).await?;
            }
            // It may have released and died before it could say so: the next one does, and nobody else asks it.
            Err(AccountError::Warden(WardenError::Unreachable(_))) => self.refresh_view().await,
            _ => {}
        }
        let signed = released?.release;
        failpoint!("belayd.sign-out.released");
        self.released(&signed, leaving).await?;
        if let Some(revocation) = revocation {
            self.revoke(revocation);
        }
        Ok(signed)
    }

    /// The account is deleted as its owner has ordered here: this device goes with it. Works without a ticket, whose time may
    /// be over. What a sign-out that isn't over was to leave here stays here.
    pub(crate) async fn leave(&self) -> Result<(), AccountError> {
        self.report(Event::LeavingWithAccount).await?;
        let left = self.left_with_account().await?;
        failpoint!("belayd.delete.released");
        // Read now: a sign-out may have begun since. Where there is nothing to read any more, whoever heard of the end first has
        // dealt with the data.
        let leaves_data = |session: Option<Session>| session.is_none_or(|session| session.leaves_data);
        let leaving = match self.session().await.map_or(true, leaves_data) {
            true => Leaving::Data,
            false => Leaving::Nothing,
        };
        self.released(&left.release, leaving).await
    }

    /// The warden's release for the order that was sent. Where it is void there it is over here too.
    async fn left_with_account(&self) -> Result<ReleaseOutput, AccountError> {
        // Not beside another order that is signed: what becomes of this one says nothing of that.
        let _alone = self.parts.orders.lock().await;
        let session = self.session().await?;
        if session.as_ref().is_some_and(|session| !session.deletion_sent) {
            let void = BusError::BadTicket("the order to delete the account is void".into());
            return Err(WardenError::Refused(void).into());
        }
        let left = self
            .step("", steps::LEAVE, Done {}.encode(), ReleaseOutput::decode)
            .await;
        if let Err(AccountError::Warden(WardenError::Refused(BusError::BadTicket(_)))) = &left
            && let Some(account) = session.map(|session| session.account)
        {
            let is_sent = false;
            self.report(Event::DeletionSent { account, is_sent }).await?;
        }
        left
    }

    /// Keeps the release, and forgets what belongs to the binding that it ends.
    async fn released(&self, signed: &[u8], leaving: Leaving) -> Result<(), AccountError> {
        let release = read_release(signed)
            .map_err(|_| AccountError::Internal("the warden's release isn't understood"))?;
        tracing::info!(?leaving, "signed out");

        // On disk before anything else, whatever becomes of the actor. A disk that takes nothing more must not
        // keep the release from its owner: the warden has a copy, which goes out with the next binding.
        let mut kept = vec![
            Change::AddRelease(Box::new(release.clone())),
            Change::ForgetAccount,
            Change::ForgetDeviceKey,
            Change::ForgetRegistration,
            Change::Proving(None),
        ];
        if leaving == Leaving::Nothing {
            kept.push(Change::ForgetData);
        }
        if let Err(error) = self.parts.rows.commit(kept).await {
            tracing::error!(error = %with_causes(&error), "the release could not be kept");
        }
        failpoint!("belayd.sign-out.kept");
        self.refresh_view().await;
        if let Err(error) = self.report(Event::Released(Box::new(release))).await {
            tracing::error!(error = %with_causes(&error), "the sign-out could not be noted");
        }
        failpoint!("belayd.sign-out.told");
        Ok(())
    }
}
