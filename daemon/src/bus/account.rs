//! `org.belay1.Account`. One impl, since zbus makes an interface of one: the longest file for that reason alone.

mod changes;
mod collections;
mod details;

use std::collections::HashMap;

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::fd::read_secret;
use belay_proto::dbus::{CommandEntries, Details, DeviceEntries, IdentifierEntry};
use belay_proto::text::base64url;
use tokio::sync::watch;
use zbus::message::Header;
use zbus::{Connection, OwnedFd, OwnedVariant, interface};

use super::arguments::{self, descriptor};
use super::caller::while_here;
use super::{Action, Authority, Error, Options};
use crate::account::{AccountHandle, Leaving, NewCommand, NewRegistration, View};

pub use changes::AccountAnnouncer;

/// What the text of a release begins with, so that whoever scans it knows what it is.
const RELEASE_PREFIX: &str = "belay-release:";

/// The interface at `/org/belay1/account`.
pub struct Account {
    account: AccountHandle,
    authority: Authority,
    collections: watch::Receiver<bool>,
}

impl Account {
    /// The interface of `account`, whose methods ask `authority` first; `collections` says whether they are on the bus.
    pub fn new(account: AccountHandle, authority: Authority, collections: watch::Receiver<bool>) -> Self {
        Self {
            account,
            authority,
            collections,
        }
    }

    /// Whether polkit lets the caller, and the device isn't lost: said before an argument is looked at. What a
    /// tampered device still does is the account's to decide, since its owner gets in by signing in.
    async fn may(&self, header: &Header<'_>, action: Action) -> Result<(), Error> {
        self.authority.authorise(header, action).await?;
        self.view_of_lock().map(drop)
    }

    /// The view, unless the device is lost: then the state of the lock is all that may be read.
    fn view(&self) -> Result<View, Error> {
        let view = self.account.view_for_reader();
        if view.lost {
            Err(Error::DeviceLost(
                "the device is lost; only its owner can unlock it".into(),
            ))
        } else {
            Ok(view)
        }
    }

    /// The view, for what a tampered device still shows: that it is locked, and to whom.
    fn view_of_lock(&self) -> Result<View, Error> {
        let view = self.account.view_for_reader();
        if view.tampered { Ok(view) } else { self.view() }
    }
}

type OptionMap = HashMap<String, OwnedVariant>;

#[interface(name = "org.belay1.Account", introspection_docs = false)]
impl Account {
    /// Whose device this is.
    #[zbus(property)]
    fn state(&self) -> Result<String, Error> {
        Ok(self.view_of_lock()?.state.to_string())
    }

    /// The account's id.
    #[zbus(property)]
    fn user_id(&self) -> Result<String, Error> {
        Ok(self.view()?.user_id)
    }

    /// The configured cloud.
    #[zbus(property)]
    fn cloud_url(&self) -> Result<String, Error> {
        self.view_of_lock()?;
        Ok(self.account.cloud_url().to_owned())
    }

    /// What the owner told.
    #[zbus(property)]
    fn profile(&self) -> Result<Details, Error> {
        details::profile(&self.view()?.profile)
    }

    /// The ways to reach the owner, masked.
    #[zbus(property)]
    fn identifiers(&self) -> Result<Vec<IdentifierEntry>, Error> {
        Ok(details::identifiers(&self.view()?.identifiers))
    }

    /// Whose the hardware is, masked.
    #[zbus(property)]
    fn locked_to(&self) -> Result<String, Error> {
        Ok(self.view_of_lock()?.locked_to)
    }

    /// When the device was bound.
    #[zbus(property)]
    fn bound_since(&self) -> Result<u64, Error> {
        Ok(self.view()?.bound_since)
    }

    /// Whether the owner has a recovery code.
    #[zbus(property)]
    fn recovery_code_set(&self) -> Result<bool, Error> {
        Ok(self.view()?.recovery_code_set)
    }

    /// Whether a release waits for the cloud.
    #[zbus(property)]
    fn pending_release(&self) -> Result<bool, Error> {
        Ok(self.view()?.pending_release)
    }

    /// The running verification.
    #[zbus(property)]
    fn pending(&self) -> Result<Details, Error> {
        details::pending(self.view()?.pending.as_ref(), self.account.clock())
    }

    /// The last commands that were sent from here.
    #[zbus(property)]
    fn commands(&self) -> Result<CommandEntries, Error> {
        self.view()?.commands.iter().map(details::command).collect()
    }

    /// Whether the device is one of the account's.
    #[zbus(property)]
    fn membership(&self) -> Result<String, Error> {
        Ok(self.view()?.membership.to_string())
    }

    /// Begins a registration.
    #[zbus(out_args("id"))]
    async fn register(
        &self,
        identifier: String,
        ticket: String,
        details: OptionMap,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, Error> {
        self.may(&header, Action::AccountManage).await?;
        let identifier = details::identifier(&identifier)?;
        let ticket = arguments::ticket(&ticket)?;
        let (profile, by_own_sms) = details::registration(details, options)?;
        let asked = NewRegistration {
            identifier,
            ticket,
            profile,
            by_own_sms,
        };
        while_here(connection, &header, self.account.register(asked)).await
    }

    /// Asks for another code.
    async fn resend_code(
        &self,
        id: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        while_here(connection, &header, self.account.resend(id)).await
    }

    /// How a verification stands.
    #[zbus(out_args("state"))]
    async fn verification_state(
        &self,
        id: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let state = while_here(connection, &header, self.account.verification(id)).await?;
        Ok(state.as_str().to_owned())
    }

    /// Gives a verification up.
    async fn cancel_verification(
        &self,
        id: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        Ok(self.account.cancel(id).await?)
    }

    /// Ends a registration and binds this device. Answers the claim to the recovery code; the code itself never
    /// comes here.
    #[zbus(out_args("claim"))]
    async fn confirm_registration(
        &self,
        id: String,
        code: OwnedFd,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedFd, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let code = details::code(&read_secret(code).await?)?;
        let claim = while_here(connection, &header, self.account.confirm(id, code)).await?;
        collections::come(&self.collections).await;
        descriptor(claim.text().expose())
    }

    /// The owner has written the recovery code down.
    async fn acknowledge_recovery_code(
        &self,
        id: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        Ok(self.account.acknowledge(id).await?)
    }

    /// Signs in and binds this device.
    async fn sign_in(
        &self,
        identifier: String,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let identifier = details::identifier(&identifier)?.as_str().to_owned();
        let ticket = arguments::ticket(&ticket)?;
        while_here(connection, &header, self.account.sign_in(identifier, ticket)).await?;
        collections::come(&self.collections).await;
        Ok(())
    }

    /// Opens a new session.
    async fn reauthenticate(
        &self,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        let mut options = Options::new(options);
        // Which account it is, the warden knows.
        let identifier = options.take_text("identifier")?;
        options.finish()?;
        identifier.map(|text| details::identifier(&text)).transpose()?;
        let ticket = arguments::ticket(&ticket)?;
        while_here(connection, &header, self.account.reauthenticate(ticket)).await
    }

    /// Unbinds this device.
    #[zbus(out_args("release"))]
    async fn sign_out(
        &self,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        self.may(&header, Action::AccountRemove).await?;
        let mut options = Options::new(options);
        let keep_data = options.take_bool("keep-data")?.unwrap_or(false);
        options.finish()?;
        let ticket = arguments::ticket(&ticket)?;
        let leaving = if keep_data {
            Leaving::Data
        } else {
            Leaving::Nothing
        };
        let release = self.account.sign_out(ticket, leaving).await?;
        descriptor(&format!("{RELEASE_PREFIX}{}", base64url(&release)))
    }

    /// Whether the hardware is another account's.
    #[zbus(out_args("activation"))]
    async fn check_activation(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let activation = while_here(connection, &header, self.account.check_activation()).await?;
        Ok(activation.to_string())
    }

    /// The account's devices.
    #[zbus(out_args("devices"))]
    async fn list_devices(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<DeviceEntries, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let devices = while_here(connection, &header, self.account.devices()).await?;
        devices.iter().map(details::device).collect()
    }

    /// Sends a command to another device of the account.
    #[zbus(out_args("id"))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the contract's, and zbus hands in two more"
    )]
    async fn send_command(
        &self,
        device: String,
        action: String,
        arguments: OptionMap,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let asked = NewCommand {
            device: details::device_id(&device)?,
            action: details::action(&action, arguments)?,
            ticket: details::command_ticket(&action, &ticket)?,
        };
        let id = while_here(connection, &header, self.account.send_command(asked)).await?;
        Ok(id.to_string())
    }

    /// How the request to unlock the bootloader stands.
    #[zbus(property)]
    fn bootloader_unlock(&self) -> Result<String, Error> {
        Ok(self.view()?.unlock.to_string())
    }

    /// Changes what the owner tells.
    async fn set_profile(
        &self,
        profile: OptionMap,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let changes = details::profile_changes(profile)?;
        while_here(connection, &header, self.account.set_profile(changes)).await
    }

    /// Changes the password.
    async fn change_password(
        &self,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        let mut options = Options::new(options);
        let new_root = options.take_bool("new-root")?.unwrap_or(false);
        options.finish()?;
        let ticket = arguments::ticket(&ticket)?;
        while_here(
            connection,
            &header,
            self.account.change_password(ticket, new_root),
        )
        .await
    }

    /// Makes another recovery code; answers the claim to it.
    #[zbus(out_args("claim"))]
    async fn create_recovery_code(
        &self,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedFd, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let ticket = arguments::ticket(&ticket)?;
        let claim = while_here(connection, &header, self.account.create_recovery_code(ticket)).await?;
        descriptor(claim.text().expose())
    }

    /// Sends a code to one more address.
    #[zbus(out_args("id"))]
    async fn add_identifier(
        &self,
        identifier: String,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let address = details::identifier(&identifier)?;
        let ticket = arguments::ticket(&ticket)?;
        while_here(connection, &header, self.account.add_address(address, ticket)).await
    }

    /// Adds that address.
    async fn confirm_identifier(
        &self,
        id: String,
        code: OwnedFd,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let code = details::code(&read_secret(code).await?)?;
        while_here(connection, &header, self.account.confirm_address(id, code)).await
    }

    /// Removes an address.
    async fn remove_identifier(
        &self,
        id: String,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let (id, ticket) = (details::address_id(&id)?, arguments::ticket(&ticket)?);
        while_here(connection, &header, self.account.remove_address(id, ticket)).await
    }

    /// Makes an address the login.
    async fn set_login(
        &self,
        id: String,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let (id, ticket) = (details::address_id(&id)?, arguments::ticket(&ticket)?);
        while_here(connection, &header, self.account.set_login(id, ticket)).await
    }

    /// Sends a code to an address of an account whose password is forgotten.
    #[zbus(out_args("id"))]
    async fn begin_recovery(
        &self,
        identifier: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<String, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let address = details::identifier(&identifier)?;
        while_here(connection, &header, self.account.begin_recovery(address)).await
    }

    /// Chooses another password with that code and the recovery code.
    async fn complete_recovery(
        &self,
        id: String,
        code: OwnedFd,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::DeviceRecover).await?;
        Options::none(options)?;
        let code = details::code(&read_secret(code).await?)?;
        let ticket = arguments::ticket(&ticket)?;
        while_here(
            connection,
            &header,
            self.account.complete_recovery(id, code, ticket),
        )
        .await
    }

    /// Removes a device from the account.
    async fn remove_device(
        &self,
        device: String,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountRemove).await?;
        Options::none(options)?;
        let (device, ticket) = (details::device_id(&device)?, arguments::ticket(&ticket)?);
        while_here(connection, &header, self.account.remove_device(device, ticket)).await
    }

    /// Deletes the account and unbinds this device.
    async fn delete_account(
        &self,
        ticket: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountRemove).await?;
        Options::none(options)?;
        let ticket = arguments::ticket(&ticket)?;
        while_here(connection, &header, self.account.delete_account(ticket)).await
    }

    /// What the owner could do for the account's safety.
    #[zbus(out_args("findings"))]
    async fn security_check(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<(String, String, String)>, Error> {
        self.may(&header, Action::AccountManage).await?;
        Options::none(options)?;
        let found = while_here(connection, &header, self.account.security_check()).await?;
        Ok(details::findings(found))
    }

    /// A token for another service of the account.
    #[zbus(out_args("token", "expires"))]
    async fn get_service_token(
        &self,
        service: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(OwnedFd, u64), Error> {
        self.may(&header, Action::ServiceToken).await?;
        Options::none(options)?;
        let service = details::service(&service)?;
        let given = while_here(connection, &header, self.account.service_token(service)).await?;
        let expires = unix_seconds(self.account.clock().wall()).saturating_add(given.expires_in);
        Ok((descriptor(given.token.expose())?, expires))
    }

    /// Asks that this device's bootloader may be unlocked.
    async fn request_bootloader_unlock(
        &self,
        ticket: String,
        reason: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header, Action::AccountRemove).await?;
        Options::none(options)?;
        let (ticket, reason) = (arguments::ticket(&ticket)?, details::reason(&reason)?);
        while_here(connection, &header, self.account.request_unlock(ticket, reason)).await
    }
}
