//! The methods of `org.belay1.Account`, `Device` and `Warden` that a person's story needs.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use zbus::{Fd, OwnedVariant, Variant};

use super::{ACCOUNT, Answer, App, DEVICE, WARDEN, memfd, read_text};
use crate::Outcome;
use crate::until::{turns, within};

/// The options or details of a method.
pub type Options<'a> = HashMap<&'a str, Variant<'a>>;

/// An entry of the audit log.
pub type Entry = HashMap<String, OwnedVariant>;

/// Options with these entries.
#[must_use]
pub fn options<'a, const N: usize>(entries: [(&'a str, Variant<'a>); N]) -> Options<'a> {
    HashMap::from(entries)
}

impl App {
    /// `Warden.Present` with secrets as memfds, again while the warden is busy, as clients do.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn present(
        &self,
        purpose: &str,
        subject: &str,
        secrets: &[(&str, &str)],
    ) -> Outcome<Answer<String>> {
        within("the warden to have time", async {
            let mut turns = turns();
            loop {
                turns.tick().await;
                match self.present_once(purpose, subject, secrets).await? {
                    Err(refusal) if refusal.short() == "Busy" => {}
                    answer => return Ok(answer),
                }
            }
        })
        .await?
    }

    /// `Warden.Present` with secrets as memfds.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn present_once(
        &self,
        purpose: &str,
        subject: &str,
        secrets: &[(&str, &str)],
    ) -> Outcome<Answer<String>> {
        let mut fds = Vec::new();
        for (name, secret) in secrets {
            fds.push((*name, memfd(secret.as_bytes())?));
        }
        self.present_fds(purpose, subject, fds).await
    }

    /// `Warden.Present` with secrets as any descriptors.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn present_fds(
        &self,
        purpose: &str,
        subject: &str,
        secrets: Vec<(&str, OwnedFd)>,
    ) -> Outcome<Answer<String>> {
        let secrets: HashMap<&str, Fd<'_>> = secrets.into_iter().map(|(n, fd)| (n, Fd::from(fd))).collect();
        self.call(WARDEN, "Present", &(purpose, subject, secrets)).await
    }

    /// `Account.Register` with a password presented for it; the id of the verification.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply of either call.
    pub async fn register(
        &self,
        identifier: &str,
        password: &str,
        details: &Options<'_>,
    ) -> Outcome<Answer<String>> {
        match self
            .present("register", identifier, &[("password", password)])
            .await?
        {
            Ok(ticket) => {
                let body = (identifier, ticket, details, Options::new());
                self.call(ACCOUNT, "Register", &body).await
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.ConfirmRegistration` and with what it answered `Warden.RecoveryCode`; the recovery code.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply of either call.
    pub async fn confirm(&self, id: &str, code: &str) -> Outcome<Answer<String>> {
        match self.claim(id, code).await? {
            Ok(claim) => self.recovery_code(&claim).await,
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.ConfirmRegistration`; the claim to the recovery code.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn claim(&self, id: &str, code: &str) -> Outcome<Answer<String>> {
        let body = (id, Fd::from(memfd(code.as_bytes())?), Options::new());
        let answer: Answer<zbus::OwnedFd> = self.call(ACCOUNT, "ConfirmRegistration", &body).await?;
        answer.map(|fd| read_text(fd.into())).transpose_outcome()
    }

    /// `Warden.RecoveryCode`; the recovery code.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn recovery_code(&self, claim: &str) -> Outcome<Answer<String>> {
        let claim = Fd::from(memfd(claim.as_bytes())?);
        let answer: Answer<zbus::OwnedFd> = self.call(WARDEN, "RecoveryCode", &(claim,)).await?;
        answer.map(|fd| read_text(fd.into())).transpose_outcome()
    }

    /// `Account.AcknowledgeRecoveryCode`.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn acknowledge(&self, id: &str) -> Outcome<Answer<()>> {
        self.call(ACCOUNT, "AcknowledgeRecoveryCode", &(id, Options::new()))
            .await
    }

    /// `Account.SignIn` with a password presented for it.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply of either call.
    pub async fn sign_in(&self, identifier: &str, password: &str) -> Outcome<Answer<()>> {
        match self
            .present("sign-in", identifier, &[("password", password)])
            .await?
        {
            Ok(ticket) => {
                self.call(ACCOUNT, "SignIn", &(identifier, ticket, Options::new()))
                    .await
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.Reauthenticate` with a password presented for it.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply of either call.
    pub async fn reauthenticate(&self, identifier: &str, password: &str) -> Outcome<Answer<()>> {
        match self
            .present("reauthenticate", identifier, &[("password", password)])
            .await?
        {
            Ok(ticket) => {
                self.call(ACCOUNT, "Reauthenticate", &(ticket, Options::new()))
                    .await
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.SignOut` with a password presented for it; the release as text.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply of either call.
    pub async fn sign_out(&self, password: &str) -> Outcome<Answer<String>> {
        match self.present("sign-out", "", &[("password", password)]).await? {
            Ok(ticket) => self.sign_out_with(&ticket).await,
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// `Account.SignOut` with a ticket.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn sign_out_with(&self, ticket: &str) -> Outcome<Answer<String>> {
        let answer: Answer<zbus::OwnedFd> = self.call(ACCOUNT, "SignOut", &(ticket, Options::new())).await?;
        answer.map(|fd| read_text(fd.into())).transpose_outcome()
    }

    /// `Device.History`: the audit log from then on, s since the epoch.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn history(&self, since: u64) -> Outcome<Answer<Vec<Entry>>> {
        self.call(DEVICE, "History", &(since, Options::new())).await
    }

    /// `Device.AuthorizeReset` with a password presented for it; the authorisation as text.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply of either call.
    pub async fn authorize_reset(&self, password: &str, options: &Options<'_>) -> Outcome<Answer<String>> {
        let releases = options.get("release") == Some(&true.into());
        let subject = if releases { "release" } else { "" };
        let ticket = match self.present("reset", subject, &[("password", password)]).await? {
            Ok(ticket) => ticket,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let answer: Answer<zbus::OwnedFd> = self.call(DEVICE, "AuthorizeReset", &(ticket, options)).await?;
        answer.map(|fd| read_text(fd.into())).transpose_outcome()
    }
}

/// The two kinds of failure the other way round.
trait Transpose<T> {
    fn transpose_outcome(self) -> Outcome<Answer<T>>;
}

impl<T> Transpose<T> for Answer<Outcome<T>> {
    fn transpose_outcome(self) -> Outcome<Answer<T>> {
        match self {
            Ok(Ok(value)) => Ok(Ok(value)),
            Ok(Err(surprise)) => Err(surprise),
            Err(refusal) => Ok(Err(refusal)),
        }
    }
}
