//! The methods of `org.belay1.Account` by which an owner looks after the account, each with the password presented for it.

use std::collections::HashMap;

use zbus::{Fd, OwnedVariant, Variant};

use super::{ACCOUNT, Answer, App, Options, memfd, options, read_text};
use crate::Outcome;

/// A row of `ListDevices`.
pub type DeviceRow = HashMap<String, OwnedVariant>;

/// An entry of the property `Identifiers`: id, kind, masked value, verified.
pub type IdentifierRow = (String, String, String, bool);

impl App {
    /// `Account.ChangePassword`.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply of either call, as in every method here.
    pub async fn change_password(&self, old: &str, new: &str, new_root: bool) -> Outcome<Answer<()>> {
        let subject = if new_root { "new-root" } else { "" };
        let secrets = [("old", old), ("new", new)];
        match self.present("change-password", subject, &secrets).await? {
            Ok(ticket) => {
                let options = options([("new-root", Variant::from(new_root))]);
                self.call(ACCOUNT, "ChangePassword", &(ticket, options)).await
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.CreateRecoveryCode`, with what it answered `Warden.RecoveryCode`, and that it was seen; the recovery code.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn create_recovery_code(&self, password: &str) -> Outcome<Answer<String>> {
        let secrets = [("password", password)];
        let ticket = match self.present("recovery-code", "", &secrets).await? {
            Ok(ticket) => ticket,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let body = (ticket, Options::new());
        let answer: Answer<zbus::OwnedFd> = self.call(ACCOUNT, "CreateRecoveryCode", &body).await?;
        let code = match answer {
            Ok(claim) => self.recovery_code(&read_text(claim.into())?).await?,
            Err(refusal) => Err(refusal),
        };
        match code {
            Ok(code) => Ok(self.acknowledge("").await?.map(|()| code)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.BeginRecovery`; the verification's id.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn begin_recovery(&self, identifier: &str) -> Outcome<Answer<String>> {
        self.call(ACCOUNT, "BeginRecovery", &(identifier, Options::new()))
            .await
    }

    /// `Account.CompleteRecovery` with the new password and the recovery code presented for it.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn complete_recovery(
        &self,
        (id, code): (&str, &str),
        identifier: &str,
        new: &str,
        recovery: &str,
    ) -> Outcome<Answer<()>> {
        let secrets = [("new", new), ("recovery-code", recovery)];
        match self.present("recover", identifier, &secrets).await? {
            Ok(ticket) => {
                let code = Fd::from(memfd(code.as_bytes())?);
                self.call(ACCOUNT, "CompleteRecovery", &(id, code, ticket, Options::new()))
                    .await
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.AddIdentifier`; the verification's id.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn add_identifier(&self, address: &str, password: &str) -> Outcome<Answer<String>> {
        let subject = format!("add-identifier {address}");
        match self
            .present("identifier", &subject, &[("password", password)])
            .await?
        {
            Ok(ticket) => {
                self.call(ACCOUNT, "AddIdentifier", &(address, ticket, Options::new()))
                    .await
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.ConfirmIdentifier`.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn confirm_identifier(&self, id: &str, code: &str) -> Outcome<Answer<()>> {
        let code = Fd::from(memfd(code.as_bytes())?);
        self.call(ACCOUNT, "ConfirmIdentifier", &(id, code, Options::new()))
            .await
    }

    /// What takes an id and a ticket whose subject is `deed` and that id: `RemoveIdentifier`, `SetLogin`, `RemoveDevice`.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn order(
        &self,
        (member, purpose, deed): (&str, &str, &str),
        id: &str,
        password: &str,
    ) -> Outcome<Answer<()>> {
        let subject = format!("{deed} {id}");
        match self.present(purpose, &subject, &[("password", password)]).await? {
            Ok(ticket) => self.call(ACCOUNT, member, &(id, ticket, Options::new())).await,
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.DeleteAccount`.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn delete_account(&self, password: &str) -> Outcome<Answer<()>> {
        let secrets = [("password", password)];
        match self.present("delete-account", "delete-account", &secrets).await? {
            Ok(ticket) => {
                self.call(ACCOUNT, "DeleteAccount", &(ticket, Options::new()))
                    .await
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.GetServiceToken`; the token, and until when it is good, s since the epoch.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn service_token(&self, service: &str) -> Outcome<Answer<(String, u64)>> {
        let answer: Answer<(zbus::OwnedFd, u64)> = self
            .call(ACCOUNT, "GetServiceToken", &(service, Options::new()))
            .await?;
        match answer {
            Ok((token, expires)) => Ok(Ok((read_text(token.into())?, expires))),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.ListDevices`.
    ///
    /// # Errors
    /// As [`App::change_password`].
    pub async fn list_devices(&self) -> Outcome<Answer<Vec<DeviceRow>>> {
        self.call(ACCOUNT, "ListDevices", &(Options::new(),)).await
    }

    /// The property `Identifiers`.
    ///
    /// # Errors
    /// Where it can't be read.
    pub async fn identifiers(&self) -> Outcome<Vec<IdentifierRow>> {
        self.get(ACCOUNT, "Identifiers").await
    }
}

/// `RemoveIdentifier`, as [`App::order`] takes it.
pub const REMOVE_IDENTIFIER: (&str, &str, &str) = ("RemoveIdentifier", "identifier", "remove-identifier");
/// `SetLogin`, the same.
pub const SET_LOGIN: (&str, &str, &str) = ("SetLogin", "identifier", "set-login");
/// `RemoveDevice`, the same.
pub const REMOVE_DEVICE: (&str, &str, &str) = ("RemoveDevice", "remove-device", "remove-device");
