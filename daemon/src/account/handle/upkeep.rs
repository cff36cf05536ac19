//! What the owner does to an account that the device is bound to.

use belay_proto::id::DeviceId;
use belay_proto::identifier::Identifier;
use belay_proto::keys::RecoveryClaim;
use belay_proto::secret::Secret;
use belay_proto::wire::ProfileChanges;

use super::AccountHandle;
use crate::account::error::AccountError;
use crate::account::flow::{Finding, Flow};
use crate::account::ports::ServiceToken;
use crate::account::state::Request;

impl AccountHandle {
    /// Changes what the owner tells about themselves.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn set_profile(&self, changes: ProfileChanges) -> Result<(), AccountError> {
        self.run(Request::SetProfile, |flow| flow.set_profile(changes))
            .await
    }

    /// Changes the password, and with `new_root` the root, which the ticket's subject has to say too.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn change_password(&self, ticket: String, new_root: bool) -> Result<(), AccountError> {
        self.run(Request::ChangePassword, |flow| {
            flow.change_password(ticket, new_root)
        })
        .await
    }

    /// Makes another recovery code; answers the claim to it.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn create_recovery_code(&self, ticket: String) -> Result<RecoveryClaim, AccountError> {
        self.run(Request::CreateRecoveryCode, |flow| {
            flow.create_recovery_code(ticket)
        })
        .await
    }

    /// Sends a code to one more address of the account; answers the verification's id.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn add_address(&self, address: Identifier, ticket: String) -> Result<String, AccountError> {
        self.run(Request::AddAddress, |flow| flow.add_address(address, ticket))
            .await
    }

    /// Adds that address.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn confirm_address(&self, id: String, code: Secret<String>) -> Result<(), AccountError> {
        self.run(Request::ConfirmAddress(id.clone()), |flow| {
            flow.confirm_address(id, code)
        })
        .await
    }

    /// Removes an address, by the cloud's id.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn remove_address(&self, id: String, ticket: String) -> Result<(), AccountError> {
        self.run(Request::ChangeAddresses, |flow| flow.remove_address(id, ticket))
            .await
    }

    /// Makes an address, by the cloud's id, the login.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn set_login(&self, id: String, ticket: String) -> Result<(), AccountError> {
        self.run(Request::ChangeAddresses, |flow| flow.set_login(id, ticket))
            .await
    }

    /// Sends a code to an address of the account whose password is forgotten; answers the verification's id.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn begin_recovery(&self, address: Identifier) -> Result<String, AccountError> {
        self.run(Request::BeginRecovery, |flow| flow.begin_recovery(address))
            .await
    }

    /// Chooses another password with that code and what is behind the ticket.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn complete_recovery(
        &self,
        id: String,
        code: Secret<String>,
        ticket: String,
    ) -> Result<(), AccountError> {
        self.run(Request::CompleteRecovery(id.clone()), |flow| {
            flow.complete_recovery(id, code, ticket)
        })
        .await
    }

    /// Removes a device from the account.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn remove_device(&self, device: DeviceId, ticket: String) -> Result<(), AccountError> {
        self.run(Request::RemoveDevice, |flow| flow.remove_device(device, ticket))
            .await
    }

    /// Deletes the account and unbinds this device.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn delete_account(&self, ticket: String) -> Result<(), AccountError> {
        self.run(Request::DeleteAccount, |flow| flow.delete_account(ticket))
            .await
    }

    /// What the owner could do for the account's safety, the gravest first.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn security_check(&self) -> Result<Vec<Finding>, AccountError> {
        self.run(Request::SecurityCheck, Flow::security_check).await
    }

    /// A token for another service of the account.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn service_token(&self, service: String) -> Result<ServiceToken, AccountError> {
        self.run(Request::ServiceToken, |flow| flow.service_token(service))
            .await
    }

    /// Asks that this device's bootloader may be unlocked.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn request_unlock(&self, ticket: String, reason: String) -> Result<(), AccountError> {
        self.run(Request::RequestUnlock, |flow| flow.request_unlock(ticket, reason))
            .await
    }
}
