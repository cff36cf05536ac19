//! What a settings app calls: present the secrets to the warden and use the ticket, in one call.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use zbus::{Connection, Fd, OwnedFd, Variant};

use super::fd::{read_secret, write_secret};
use super::{AccountProxy, DeviceProxy, Error, Options, WardenProxy};
use crate::backoff::Backoff;
use crate::identifier::Identifier;
use crate::secret::Secret;
use crate::steps::{Purpose, RESET_AND_RELEASE};

mod accessories;
mod account;
mod commands;
#[cfg(feature = "records")]
mod records;

pub use accessories::{pair_with_key, unpair};
pub use account::{
    add_identifier, change_password, complete_recovery, confirm_identifier, create_recovery_code,
    delete_account, recovery_code_shown, remove_device, remove_identifier, request_bootloader_unlock,
    service_token, set_login,
};
pub use commands::{send_command, set_find_enabled, set_policies};
#[cfg(feature = "records")]
pub use records::{CollectionClient, Got, NewRecord};

/// How long `Busy` is tried again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of the password among a ticket's secrets.
pub const PASSWORD: &str = "password";
/// The name of the password that holds, among the secrets of `change-password`.
pub const OLD_PASSWORD: &str = "old";
/// The name of the password that is chosen, among the secrets of `change-password` and `recover`.
pub const NEW_PASSWORD: &str = "new";
/// The name of the recovery code among the secrets of `recover`.
pub const RECOVERY_CODE: &str = "recovery-code";

/// A ticket of the warden: one purpose and subject, 60 s.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl Ticket {
    /// As belayd's methods take it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A ticket is as good as the password while it lives.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket([REDACTED])")
    }
}

/// The warden, for clients.
#[derive(Debug, Clone)]
pub struct WardenClient {
    proxy: WardenProxy<'static>,
}

impl WardenClient {
    /// Over a connection.
    ///
    /// # Errors
    /// [`Error::Bus`].
    pub async fn new(connection: &Connection) -> Result<Self, Error> {
        Ok(Self {
            proxy: WardenProxy::new(connection).await?,
        })
    }

    /// The whole interface.
    pub fn proxy(&self) -> &WardenProxy<'static> {
        &self.proxy
    }

    /// Hands secrets to the warden in sealed memfds. `Busy` is tried again for 10 s; everything else is
    /// final, `WrongPassword` above all.
    ///
    /// # Errors
    /// What `Warden.Present` answers.
    pub async fn present(
        &self,
        purpose: Purpose,
        subject: &str,
        secrets: &[(&str, &Secret<String>)],
    ) -> Result<Ticket, Error> {
        let descriptors = descriptors(secrets)?;
        let ticket = patiently(async || {
            let borrowed = descriptors
                .iter()
                .map(|(name, fd)| (*name, Fd::from(fd)))
                .collect();
            self.proxy.present(purpose.as_str(), subject, borrowed).await
        });
        Ok(Ticket(ticket.await?))
    }

    /// How strong a password is, 0–4, as advice.
    ///
    /// # Errors
    /// What `Warden.Check` answers.
    pub async fn check(&self, password: &Secret<String>) -> Result<u8, Error> {
        let fd = memfd(password)?;
        patiently(async || self.proxy.check(Fd::from(&fd)).await).await
    }

    /// The recovery code, for the claim that belayd answered. Prefer [`confirm_registration`], which does both.
    ///
    /// # Errors
    /// What `Warden.RecoveryCode` answers.
    pub async fn recovery_code(&self, claim: &Secret<String>) -> Result<Secret<String>, Error> {
        let fd = memfd(claim)?;
        text(patiently(async || self.proxy.recovery_code(Fd::from(&fd)).await).await?).await
    }

    /// Ends lost mode.
    ///
    /// # Errors
    /// What `Warden.Unlock` answers.
    pub async fn unlock(&self, password: &Secret<String>) -> Result<(), Error> {
        let fd = memfd(password)?;
        patiently(async || self.proxy.unlock(Fd::from(&fd)).await).await
    }
}

/// Begins a registration; answers its id. `details` as `Account.Register` takes them.
///
/// # Errors
/// `InvalidArgument` for an identifier that is none; what `Present` and `Register` answer.
pub async fn register(
    connection: &Connection,
    identifier: &str,
    password: &Secret<String>,
    details: &Options<'_>,
) -> Result<String, Error> {
    let identifier = parse(identifier)?;
    let ticket = ticket(connection, Purpose::Register, identifier.as_str(), password).await?;
    let account = AccountProxy::new(connection).await?;
    account
        .register(identifier.as_str(), ticket.as_str(), details, &Options::new())
        .await
}

/// Ends a registration with the code from the message, empty after its link was opened; answers the
/// recovery code. belayd answers a claim alone, and the warden gives the code to whoever brings it. Asked
/// again it answers the same, until `AcknowledgeRecoveryCode`.
///
/// # Errors
/// What `ConfirmRegistration` and `Warden.RecoveryCode` answer; after an error of the latter the registration
/// is confirmed nonetheless.
pub async fn confirm_registration(
    connection: &Connection,
    id: &str,
    code: &Secret<String>,
) -> Result<Secret<String>, Error> {
    let code = memfd(code)?;
    let account = AccountProxy::new(connection).await?;
    let claim = account
        .confirm_registration(id, Fd::from(&code), &Options::new())
        .await?;
    WardenClient::new(connection)
        .await?
        .recovery_code(&text(claim).await?)
        .await
}

/// Binds this device to an existing account.
///
/// # Errors
/// `InvalidArgument` for an identifier that is none; what `Present` and `SignIn` answer.
pub async fn sign_in(
    connection: &Connection,
    identifier: &str,
    password: &Secret<String>,
) -> Result<(), Error> {
    let identifier = parse(identifier)?;
    let ticket = ticket(connection, Purpose::SignIn, identifier.as_str(), password).await?;
    let account = AccountProxy::new(connection).await?;
    account
        .sign_in(identifier.as_str(), ticket.as_str(), &Options::new())
        .await
}

/// Opens a new session of the account that this device is bound to.
///
/// # Errors
/// What `Present` and `Reauthenticate` answer.
pub async fn reauthenticate(connection: &Connection, password: &Secret<String>) -> Result<(), Error> {
    let ticket = ticket(connection, Purpose::Reauthenticate, "", password).await?;
    AccountProxy::new(connection)
        .await?
        .reauthenticate(ticket.as_str(), &Options::new())
        .await
}

/// Unbinds this device; answers the release as text for a QR code.
///
/// # Errors
/// What `Present` and `SignOut` answer.
pub async fn sign_out(
    connection: &Connection,
    password: &Secret<String>,
    keep_data: bool,
) -> Result<String, Error> {
    let ticket = ticket(connection, Purpose::SignOut, "", password).await?;
    let options = Options::from([("keep-data", Variant::from(keep_data))]);
    let release = AccountProxy::new(connection)
        .await?
        .sign_out(ticket.as_str(), &options)
        .await?;
    Ok(text(release).await?.take())
}

/// Allows a factory reset for this boot, and signs out too with `release`; answers the authorisation
/// as text.
///
/// # Errors
/// What `Present` and `AuthorizeReset` answer.
pub async fn authorize_reset(
    connection: &Connection,
    password: &Secret<String>,
    release: bool,
) -> Result<String, Error> {
    let subject = if release { RESET_AND_RELEASE } else { "" };
    let ticket = ticket(connection, Purpose::Reset, subject, password).await?;
    let options = Options::from([("release", Variant::from(release))]);
    let authorisation = DeviceProxy::new(connection)
        .await?
        .authorize_reset(ticket.as_str(), &options)
        .await?;
    Ok(text(authorisation).await?.take())
}

/// Ends lost mode with the password.
///
/// # Errors
/// What `Warden.Unlock` answers.
pub async fn unlock(connection: &Connection, password: &Secret<String>) -> Result<(), Error> {
    WardenClient::new(connection).await?.unlock(password).await
}

async fn ticket(
    connection: &Connection,
    purpose: Purpose,
    subject: &str,
    password: &Secret<String>,
) -> Result<Ticket, Error> {
    WardenClient::new(connection)
        .await?
        .present(purpose, subject, &[(PASSWORD, password)])
        .await
}

/// Calls again while the answer is `Busy`, with growing waits, for [`PATIENCE`] in all.
async fn patiently<T>(call: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    let mut waits = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut left = PATIENCE;
    loop {
        match call().await {
            Err(error) if error.is_busy() && !left.is_zero() => {
                let wait = waits
                    .next()
                    .unwrap_or_default()
                    .max(Duration::from_millis(10))
                    .min(left);
                left -= wait;
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
    }
}

fn parse(identifier: &str) -> Result<Identifier, Error> {
    Identifier::parse(identifier).map_err(|error| Error::InvalidArgument(error.to_string()))
}

fn descriptors<'a>(
    secrets: &[(&'a str, &Secret<String>)],
) -> Result<HashMap<&'a str, std::os::fd::OwnedFd>, Error> {
    secrets
        .iter()
        .map(|(name, secret)| Ok((*name, memfd(secret)?)))
        .collect()
}

fn memfd(secret: &Secret<String>) -> Result<std::os::fd::OwnedFd, Error> {
    write_secret(secret).map_err(|error| Error::Bus(zbus::Error::InputOutput(error.into())))
}

async fn text(fd: OwnedFd) -> Result<Secret<String>, Error> {
    Ok(read_secret(fd).await?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::{Error, PATIENCE, Ticket, patiently};

    /// Answers with these errors one after the other, the last again and again; counts the calls.
    async fn ask(answers: &[Option<Error>]) -> (Result<(), Error>, usize) {
        let calls = Cell::new(0);
        let outcome = patiently(async || {
            let now = calls.replace(calls.get() + 1);
            answers[now.min(answers.len() - 1)].clone().map_or(Ok(()), Err)
        });
        (outcome.await, calls.get())
    }

    fn busy() -> Option<Error> {
        Some(Error::Busy(String::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn busy_is_asked_again_until_it_answers() {
        let (outcome, calls) = ask(&[busy(), busy(), busy(), None]).await;
        assert!(outcome.is_ok() && calls == 4);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_after_ten_seconds() {
        let start = Instant::now();
        let (outcome, calls) = ask(&[busy()]).await;
        assert!(matches!(outcome, Err(Error::Busy(_))) && calls > 2);
        assert!((PATIENCE..PATIENCE * 2).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_password_is_never_tried_again() {
        let (outcome, calls) = ask(&[Some(Error::WrongPassword(String::new())), None]).await;
        assert!(matches!(outcome, Err(Error::WrongPassword(_))) && calls == 1);
    }

    #[test]
    fn a_ticket_is_never_shown() {
        assert!(!format!("{:?}", Ticket("0123456789abcdef".to_owned())).contains("0123"));
    }
}
