//! The account's proxy.

use zbus::{Fd, OwnedFd};

use super::{CommandEntries, Details, DeviceEntries, IdentifierEntry, Options};
use crate::dbus::{AccountState, Activation, BootloaderUnlock, Error, Membership, VerificationState};

/// `org.belay1.Account`.
#[zbus::proxy(
    interface = "org.belay1.Account",
    default_service = "org.belay1",
    default_path = "/org/belay1/account"
)]
pub trait Account {
    /// Whose device this is.
    #[zbus(property)]
    fn state(&self) -> Result<AccountState, Error>;

    /// The account's id, or empty.
    #[zbus(property)]
    fn user_id(&self) -> Result<String, Error>;

    /// The cloud's URL, or empty.
    #[zbus(property)]
    fn cloud_url(&self) -> Result<String, Error>;

    /// `display-name`, `country`, `language`, `newsletter`.
    #[zbus(property)]
    fn profile(&self) -> Result<Details, Error>;

    /// Identifiers; the first is the login.
    #[zbus(property)]
    fn identifiers(&self) -> Result<Vec<IdentifierEntry>, Error>;

    /// Masked login of the owner while `activation-locked`.
    #[zbus(property)]
    fn locked_to(&self) -> Result<String, Error>;

    /// Seconds since the epoch; 0 = never.
    #[zbus(property)]
    fn bound_since(&self) -> Result<u64, Error>;

    /// Whether the account has a recovery code.
    #[zbus(property)]
    fn recovery_code_set(&self) -> Result<bool, Error>;

    /// Whether a release waits for the cloud.
    #[zbus(property)]
    fn pending_release(&self) -> Result<bool, Error>;

    /// The running verification, empty when none.
    #[zbus(property)]
    fn pending(&self) -> Result<Details, Error>;

    /// The last 20 commands sent from here, newest first.
    #[zbus(property)]
    fn commands(&self) -> Result<CommandEntries, Error>;

    /// Begins a registration; answers its id.
    fn register(
        &self,
        identifier: &str,
        ticket: &str,
        details: &Options<'_>,
        options: &Options<'_>,
    ) -> Result<String, Error>;

    /// Another code.
    fn resend_code(&self, id: &str, options: &Options<'_>) -> Result<(), Error>;

    /// How a verification stands.
    fn verification_state(&self, id: &str, options: &Options<'_>) -> Result<VerificationState, Error>;

    /// Gives a verification up.
    fn cancel_verification(&self, id: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Ends a registration; answers the claim to the recovery code. Prefer [`crate::dbus::client::confirm_registration`].
    fn confirm_registration(&self, id: &str, code: Fd<'_>, options: &Options<'_>) -> Result<OwnedFd, Error>;

    /// The recovery code was written down.
    fn acknowledge_recovery_code(&self, id: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Binds this device to an existing account.
    fn sign_in(&self, identifier: &str, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Opens a new session.
    fn reauthenticate(&self, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Unbinds; answers the release as text.
    fn sign_out(&self, ticket: &str, options: &Options<'_>) -> Result<OwnedFd, Error>;

    /// Whether the hardware is another account's.
    fn check_activation(&self, options: &Options<'_>) -> Result<Activation, Error>;

    /// The account's devices.
    fn list_devices(&self, options: &Options<'_>) -> Result<DeviceEntries, Error>;

    /// Sends a command to another device; answers its id. Prefer [`crate::dbus::client::send_command`].
    fn send_command(
        &self,
        device: &str,
        action: &str,
        arguments: &Options<'_>,
        ticket: &str,
        options: &Options<'_>,
    ) -> Result<String, Error>;

    /// Whether the device is one of the account's.
    #[zbus(property)]
    fn membership(&self) -> Result<Membership, Error>;

    /// How the request to unlock the bootloader stands.
    #[zbus(property)]
    fn bootloader_unlock(&self) -> Result<BootloaderUnlock, Error>;

    /// Changes what the owner tells.
    fn set_profile(&self, profile: &Options<'_>, options: &Options<'_>) -> Result<(), Error>;

    /// Changes the password. Prefer [`crate::dbus::client::change_password`], as with whatever takes a ticket.
    fn change_password(&self, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Makes another recovery code; answers the claim to it.
    fn create_recovery_code(&self, ticket: &str, options: &Options<'_>) -> Result<OwnedFd, Error>;

    /// Sends a code to one more address; answers the verification's id.
    fn add_identifier(&self, identifier: &str, ticket: &str, options: &Options<'_>) -> Result<String, Error>;

    /// Adds that address.
    fn confirm_identifier(&self, id: &str, code: Fd<'_>, options: &Options<'_>) -> Result<(), Error>;

    /// Removes an address.
    fn remove_identifier(&self, id: &str, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Makes an address the login.
    fn set_login(&self, id: &str, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Sends a code to an address whose password is forgotten; answers the verification's id.
    fn begin_recovery(&self, identifier: &str, options: &Options<'_>) -> Result<String, Error>;

    /// Chooses another password with that code. polkit may ask the person for theirs.
    #[zbus(allow_interactive_auth)]
    fn complete_recovery(
        &self,
        id: &str,
        code: Fd<'_>,
        ticket: &str,
        options: &Options<'_>,
    ) -> Result<(), Error>;

    /// Removes a device from the account.
    fn remove_device(&self, device: &str, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// Deletes the account and unbinds this device.
    fn delete_account(&self, ticket: &str, options: &Options<'_>) -> Result<(), Error>;

    /// What could be better: id, severity, advice.
    fn security_check(&self, options: &Options<'_>) -> Result<Vec<(String, String, String)>, Error>;

    /// A token for another service, and when it is over: seconds since the epoch. polkit may ask the person for their password.
    #[zbus(allow_interactive_auth)]
    fn get_service_token(&self, service: &str, options: &Options<'_>) -> Result<(OwnedFd, u64), Error>;

    /// Asks that the bootloader may be unlocked.
    fn request_bootloader_unlock(
        &self,
        ticket: &str,
        reason: &str,
        options: &Options<'_>,
    ) -> Result<(), Error>;
}
