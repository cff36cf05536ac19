//! What the owner does to the account: the secrets to the warden, the ticket to belayd, in one call.

use zbus::{Connection, Fd, Variant};

use super::{
    Error, NEW_PASSWORD, OLD_PASSWORD, Options, RECOVERY_CODE, Ticket, WardenClient, memfd, parse, text,
    ticket,
};
use crate::dbus::AccountProxy;
use crate::id::DeviceId;
use crate::secret::Secret;
use crate::signed::Deed;
use crate::steps::{NEW_ROOT, Purpose, purpose_of};

/// Changes the password, and with `new_root` every key besides.
///
/// # Errors
/// What `Present` and `ChangePassword` answer.
pub async fn change_password(
    connection: &Connection,
    old: &Secret<String>,
    new: &Secret<String>,
    new_root: bool,
) -> Result<(), Error> {
    let subject = if new_root { NEW_ROOT } else { "" };
    let ticket = WardenClient::new(connection)
        .await?
        .present(
            Purpose::ChangePassword,
            subject,
            &[(OLD_PASSWORD, old), (NEW_PASSWORD, new)],
        )
        .await?;
    let options = Options::from([("new-root", Variant::from(new_root))]);
    AccountProxy::new(connection)
        .await?
        .change_password(ticket.as_str(), &options)
        .await
}

/// Makes another recovery code, and answers it; the one before is void. Once it is shown, call [`recovery_code_shown`].
///
/// # Errors
/// What `Present`, `CreateRecoveryCode` and `Warden.RecoveryCode` answer.
pub async fn create_recovery_code(
    connection: &Connection,
    password: &Secret<String>,
) -> Result<Secret<String>, Error> {
    let ticket = ticket(connection, Purpose::RecoveryCode, "", password).await?;
    let claim = AccountProxy::new(connection)
        .await?
        .create_recovery_code(ticket.as_str(), &Options::new())
        .await?;
    WardenClient::new(connection)
        .await?
        .recovery_code(&text(claim).await?)
        .await
}

/// The code of [`create_recovery_code`] has been shown: the account has a recovery code again.
///
/// # Errors
/// What `AcknowledgeRecoveryCode` answers.
pub async fn recovery_code_shown(connection: &Connection) -> Result<(), Error> {
    AccountProxy::new(connection)
        .await?
        .acknowledge_recovery_code("", &Options::new())
        .await
}

/// Sends a code to one more address; answers the verification's id.
///
/// # Errors
/// `InvalidArgument` for an identifier that is none; what `Present` and `AddIdentifier` answer.
pub async fn add_identifier(
    connection: &Connection,
    identifier: &str,
    password: &Secret<String>,
) -> Result<String, Error> {
    let identifier = parse(identifier)?.as_str().to_owned();
    let ticket = order(connection, &Deed::AddIdentifier(identifier.clone()), password).await?;
    AccountProxy::new(connection)
        .await?
        .add_identifier(&identifier, ticket.as_str(), &Options::new())
        .await
}

/// Adds that address, with the code from the message; empty after its link was opened.
///
/// # Errors
/// What `ConfirmIdentifier` answers.
pub async fn confirm_identifier(
    connection: &Connection,
    id: &str,
    code: &Secret<String>,
) -> Result<(), Error> {
    let code = memfd(code)?;
    AccountProxy::new(connection)
        .await?
        .confirm_identifier(id, Fd::from(&code), &Options::new())
        .await
}

/// Removes an address, by its id in `Identifiers`.
///
/// # Errors
/// What `Present` and `RemoveIdentifier` answer.
pub async fn remove_identifier(
    connection: &Connection,
    id: &str,
    password: &Secret<String>,
) -> Result<(), Error> {
    let ticket = order(connection, &Deed::RemoveIdentifier(id.to_owned()), password).await?;
    AccountProxy::new(connection)
        .await?
        .remove_identifier(id, ticket.as_str(), &Options::new())
        .await
}

/// Makes an address the login, by its id in `Identifiers`.
///
/// # Errors
/// What `Present` and `SetLogin` answer.
pub async fn set_login(connection: &Connection, id: &str, password: &Secret<String>) -> Result<(), Error> {
    let ticket = order(connection, &Deed::SetLogin(id.to_owned()), password).await?;
    AccountProxy::new(connection)
        .await?
        .set_login(id, ticket.as_str(), &Options::new())
        .await
}

/// Chooses another password with the code from the message and, where there is one, the recovery code.
///
/// # Errors
/// `InvalidArgument` for an identifier that is none; what `Present` and `CompleteRecovery` answer.
pub async fn complete_recovery(
    connection: &Connection,
    (id, identifier): (&str, &str),
    code: &Secret<String>,
    new: &Secret<String>,
    recovery_code: Option<&Secret<String>>,
) -> Result<(), Error> {
    let identifier = parse(identifier)?;
    let mut secrets = vec![(NEW_PASSWORD, new)];
    secrets.extend(recovery_code.map(|code| (RECOVERY_CODE, code)));
    let ticket = WardenClient::new(connection)
        .await?
        .present(Purpose::Recover, identifier.as_str(), &secrets)
        .await?;
    let code = memfd(code)?;
    AccountProxy::new(connection)
        .await?
        .complete_recovery(id, Fd::from(&code), ticket.as_str(), &Options::new())
        .await
}

/// Removes another device from the account.
///
/// # Errors
/// What `Present` and `RemoveDevice` answer.
pub async fn remove_device(
    connection: &Connection,
    device: DeviceId,
    password: &Secret<String>,
) -> Result<(), Error> {
    let ticket = order(connection, &Deed::RemoveDevice(device), password).await?;
    AccountProxy::new(connection)
        .await?
        .remove_device(&device.to_string(), ticket.as_str(), &Options::new())
        .await
}

/// Deletes the account, and unbinds this device.
///
/// # Errors
/// What `Present` and `DeleteAccount` answer.
pub async fn delete_account(connection: &Connection, password: &Secret<String>) -> Result<(), Error> {
    let ticket = order(connection, &Deed::DeleteAccount, password).await?;
    AccountProxy::new(connection)
        .await?
        .delete_account(ticket.as_str(), &Options::new())
        .await
}

/// A token for another service of the account, and when it is over: seconds since the epoch.
///
/// # Errors
/// What `GetServiceToken` answers.
pub async fn service_token(connection: &Connection, service: &str) -> Result<(Secret<String>, u64), Error> {
    let (token, expires) = AccountProxy::new(connection)
        .await?
        .get_service_token(service, &Options::new())
        .await?;
    Ok((text(token).await?, expires))
}

/// Asks that this device's bootloader may be unlocked.
///
/// # Errors
/// What `Present` and `RequestBootloaderUnlock` answer.
pub async fn request_bootloader_unlock(
    connection: &Connection,
    device: DeviceId,
    password: &Secret<String>,
    reason: &str,
) -> Result<(), Error> {
    let ticket = order(connection, &Deed::UnlockBootloader(device), password).await?;
    AccountProxy::new(connection)
        .await?
        .request_bootloader_unlock(ticket.as_str(), reason, &Options::new())
        .await
}

/// A ticket for an order, whose text is its subject.
async fn order(connection: &Connection, deed: &Deed, password: &Secret<String>) -> Result<Ticket, Error> {
    ticket(connection, purpose_of(deed), &deed.to_string(), password).await
}
