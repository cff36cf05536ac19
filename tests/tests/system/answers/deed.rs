//! What the owner does to the account: the ticket it takes, and the call.

use belay_tests::app::{ACCOUNT, Answer, Options, memfd, options, read_text};
use zbus::{Fd, OwnedFd, Variant};

use super::World;
use crate::account_life::with;
use crate::owner::app;

/// A service that the operator has named.
pub const SERVICE: &str = "https://photos.example.org";

/// One deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Register,
    Confirm,
    SignIn,
    SignOut,
    Reauthenticate,
    ChangePassword,
    ChangeRoot,
    CreateRecoveryCode,
    BeginRecovery,
    CompleteRecovery,
    AddIdentifier,
    ConfirmIdentifier,
    SetLogin,
    RemoveIdentifier,
    SetProfile,
    RemoveDevice,
    GetServiceToken,
    RequestBootloaderUnlock,
    SecurityCheck,
    DeleteAccount,
    /// Recovery without the code begins: its hold;
    BeginHold,
    /// which the password of before ends,
    RefuseHold,
    /// or which is waited out.
    WaitOutHold,
    ResendCode,
    VerificationState,
    CancelVerification,
    CheckActivation,
    SendCommand,
    SetName,
    /// Register and ConfirmRegistration with a number, which this device proves by its own SMS.
    RegisterBySms,
    ConfirmBySms,
}

impl Deed {
    /// Those of an account's life, those last that leave no account behind.
    pub const ALL: &[Self] = &[
        Self::SetProfile,
        Self::GetServiceToken,
        Self::SecurityCheck,
        Self::AddIdentifier,
        Self::ConfirmIdentifier,
        Self::SetLogin,
        Self::RemoveIdentifier,
        Self::RequestBootloaderUnlock,
        Self::Reauthenticate,
        Self::CreateRecoveryCode,
        Self::BeginRecovery,
        Self::CompleteRecovery,
        Self::ChangePassword,
        Self::ChangeRoot,
        Self::RemoveDevice,
        Self::DeleteAccount,
        Self::SignOut,
        Self::SignIn,
        Self::Register,
        Self::Confirm,
    ];

    // Those that belong together, each group in an order in which it can be done.
    pub const JOINING: &[Self] = &[Self::Register, Self::Confirm];
    pub const COMING_BACK: &[Self] = &[Self::SignIn, Self::SignOut];
    pub const ADDRESSES: &[Self] = &[
        Self::AddIdentifier,
        Self::ConfirmIdentifier,
        Self::SetLogin,
        Self::RemoveIdentifier,
    ];
    pub const DETAILS: &[Self] = &[
        Self::SetProfile,
        Self::GetServiceToken,
        Self::SecurityCheck,
        Self::RequestBootloaderUnlock,
    ];
    pub const PASSWORDS: &[Self] = &[Self::Reauthenticate, Self::ChangePassword, Self::ChangeRoot];
    pub const RECOVERIES: &[Self] = &[
        Self::CreateRecoveryCode,
        Self::BeginRecovery,
        Self::CompleteRecovery,
    ];
    pub const REMOVAL: &[Self] = &[Self::RemoveDevice];
    pub const DELETION: &[Self] = &[Self::DeleteAccount];
    pub const HOLD: &[Self] = &[Self::BeginHold, Self::RefuseHold, Self::WaitOutHold];
    pub const VERIFICATION: &[Self] = &[
        Self::ResendCode,
        Self::VerificationState,
        Self::CancelVerification,
        Self::CheckActivation,
    ];
    pub const NAME_AND_COMMAND: &[Self] = &[Self::SetName, Self::SendCommand];
    pub const BY_SMS: &[Self] = &[Self::RegisterBySms, Self::ConfirmBySms];

    /// The method.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Register | Self::RegisterBySms => "Register",
            Self::Confirm | Self::ConfirmBySms => "ConfirmRegistration",
            Self::SignIn => "SignIn",
            Self::SignOut => "SignOut",
            Self::Reauthenticate => "Reauthenticate",
            Self::ChangePassword | Self::ChangeRoot => "ChangePassword",
            Self::CreateRecoveryCode => "CreateRecoveryCode",
            Self::BeginRecovery => "BeginRecovery",
            Self::CompleteRecovery | Self::BeginHold => "CompleteRecovery",
            Self::AddIdentifier => "AddIdentifier",
            Self::ConfirmIdentifier => "ConfirmIdentifier",
            Self::SetLogin => "SetLogin",
            Self::RemoveIdentifier => "RemoveIdentifier",
            Self::SetProfile => "SetProfile",
            Self::RemoveDevice => "RemoveDevice",
            Self::GetServiceToken => "GetServiceToken",
            Self::RequestBootloaderUnlock => "RequestBootloaderUnlock",
            Self::SecurityCheck => "SecurityCheck",
            Self::DeleteAccount => "DeleteAccount",
            Self::RefuseHold => "Unlock",
            // A property: there is nothing to call.
            Self::WaitOutHold => "HoldLeft",
            Self::ResendCode => "ResendCode",
            Self::VerificationState => "VerificationState",
            Self::CancelVerification => "CancelVerification",
            Self::CheckActivation => "CheckActivation",
            Self::SendCommand => "SendCommand",
            Self::SetName => "SetName",
        }
    }

    /// Purpose and subject of the ticket that it takes.
    fn ticket(self, world: &World) -> Option<(&'static str, String)> {
        let of = |deed: &str| format!("{deed} {}", world.target);
        Some(match self {
            Self::Register | Self::RegisterBySms => ("register", world.address.clone()),
            Self::SignIn => ("sign-in", world.login.clone()),
            Self::SignOut => ("sign-out", String::new()),
            Self::Reauthenticate => ("reauthenticate", world.login.clone()),
            Self::ChangePassword => ("change-password", String::new()),
            Self::ChangeRoot => ("change-password", "new-root".to_owned()),
            Self::CreateRecoveryCode => ("recovery-code", String::new()),
            Self::CompleteRecovery | Self::BeginHold => ("recover", world.login.clone()),
            Self::SendCommand => ("command", world.command_subject()),
            Self::AddIdentifier => ("identifier", format!("add-identifier {}", world.address)),
            Self::SetLogin => ("identifier", of("set-login")),
            Self::RemoveIdentifier => ("identifier", of("remove-identifier")),
            Self::RemoveDevice => ("remove-device", of("remove-device")),
            Self::RequestBootloaderUnlock => ("bootloader", of("unlock-bootloader")),
            Self::DeleteAccount => ("delete-account", "delete-account".to_owned()),
            Self::Confirm
            | Self::BeginRecovery
            | Self::ConfirmIdentifier
            | Self::SetProfile
            | Self::SecurityCheck
            | Self::GetServiceToken
            | Self::RefuseHold
            | Self::WaitOutHold
            | Self::ResendCode
            | Self::VerificationState
            | Self::CancelVerification
            | Self::CheckActivation
            | Self::SetName
            | Self::ConfirmBySms => return None,
        })
    }
}

impl World {
    /// The ticket that `deed` takes, of this password; empty where it takes none.
    pub async fn ticket(&self, deed: Deed, password: &str) -> Answer<String> {
        let Some((purpose, subject)) = deed.ticket(self) else {
            return Ok(String::new());
        };
        let secrets: &[_] = match deed {
            Deed::ChangePassword | Deed::ChangeRoot => &[("old", password), ("new", &self.chosen)],
            Deed::CompleteRecovery => &[("new", &self.chosen), ("recovery-code", &self.recovery)],
            Deed::BeginHold => &[("new", &self.chosen)],
            _ => &[("password", password)],
        };
        app(&self.scene)
            .present(purpose, &subject, secrets)
            .await
            .unwrap()
    }

    /// Tries to do what [`World::prepare`] has prepared.
    pub async fn attempt(&mut self, deed: Deed) -> Answer<()> {
        let ticket = self.ticket(deed, &self.password).await?;
        let before = self.scene.network().count();
        let said = self.call(deed, &ticket).await?;
        match deed {
            Deed::Register
            | Deed::BeginRecovery
            | Deed::AddIdentifier
            | Deed::RegisterBySms
            | Deed::SendCommand => self.verification = said,
            Deed::Confirm | Deed::ConfirmBySms | Deed::CreateRecoveryCode => self.recovery = said,
            _ => {}
        }
        if let Some(call) = deed.follows() {
            self.comes(&call, before).await;
        }
        Ok(())
    }

    /// Calls the method with this ticket, where it takes one; the id of what was begun, or the recovery code.
    pub async fn call(&self, deed: Deed, ticket: &str) -> Answer<String> {
        let (app, member, none) = (app(&self.scene), deed.member(), Options::new());
        let id = &self.verification;
        let done: Answer<()> = match deed {
            Deed::Register => {
                let body = (&self.address, ticket, &none, &none);
                return app.call(ACCOUNT, member, &body).await.unwrap();
            }
            Deed::Confirm => return app.confirm(id, &self.code).await.unwrap(),
            Deed::SignIn => {
                let body = (&self.login, ticket, none);
                app.call(ACCOUNT, member, &body).await.unwrap()
            }
            Deed::SignOut => app.sign_out_with(ticket).await.unwrap().map(drop),
            Deed::SecurityCheck => {
                type Findings = Vec<(String, String, String)>;
                let found: Answer<Findings> = app.call(ACCOUNT, member, &(none,)).await.unwrap();
                found.map(drop)
            }
            Deed::ChangePassword | Deed::ChangeRoot => {
                let new_root = Variant::from(deed == Deed::ChangeRoot);
                let body = (ticket, options([("new-root", new_root)]));
                app.call(ACCOUNT, member, &body).await.unwrap()
            }
            Deed::CreateRecoveryCode => {
                let claim: Answer<OwnedFd> = app.call(ACCOUNT, member, &(ticket, none)).await.unwrap();
                let claim = read_text(claim?.into()).unwrap();
                return app.recovery_code(&claim).await.unwrap();
            }
            Deed::BeginRecovery => {
                let body = (&self.login, none);
                return app.call(ACCOUNT, member, &body).await.unwrap();
            }
            Deed::CompleteRecovery => {
                let body = (id, self.code(), ticket, none);
                app.call(ACCOUNT, member, &body).await.unwrap()
            }
            Deed::AddIdentifier => {
                let body = (&self.address, ticket, none);
                return app.call(ACCOUNT, member, &body).await.unwrap();
            }
            Deed::ConfirmIdentifier => {
                let body = (id, self.code(), none);
                app.call(ACCOUNT, member, &body).await.unwrap()
            }
            Deed::SetLogin | Deed::RemoveIdentifier | Deed::RemoveDevice => {
                let body = (&self.target, ticket, none);
                app.call(ACCOUNT, member, &body).await.unwrap()
            }
            Deed::SetProfile => {
                let body = (options([("display-name", "Ada Lovelace".into())]), none);
                app.call(ACCOUNT, member, &body).await.unwrap()
            }
            Deed::GetServiceToken => {
                let given: Answer<(OwnedFd, u64)> =
                    app.call(ACCOUNT, member, &(SERVICE, none)).await.unwrap();
                given.map(drop)
            }
            Deed::RequestBootloaderUnlock => {
                let body = (ticket, "to build it myself", none);
                app.call(ACCOUNT, member, &body).await.unwrap()
            }
            Deed::Reauthenticate => {
                // As the ticket has it: belayd's own note is of the login that there was when it signed in.
                let login = options([("identifier", self.login.as_str().into())]);
                app.call(ACCOUNT, member, &(ticket, login)).await.unwrap()
            }
            Deed::DeleteAccount => with(&app, member, ticket).await,
            deed => return self.call_aside(deed, ticket).await,
        };
        done.map(|()| String::new())
    }

    fn code(&self) -> Fd<'static> {
        Fd::from(memfd(self.code.as_bytes()).unwrap())
    }
}
