//! What may begin, and when.

use super::{Binding, State};
use crate::account::model::Stage;
use crate::account::proving::{Aim, Proving};

/// A kind of work. One of each at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Register.
    Register,
    /// ResendCode.
    Resend,
    /// VerificationState.
    Look,
    /// CancelVerification.
    Cancel,
    /// ConfirmRegistration.
    Confirm,
    /// AcknowledgeRecoveryCode.
    Acknowledge,
    /// SignIn.
    SignIn,
    /// Reauthenticate.
    Reauthenticate,
    /// SignOut.
    SignOut,
    /// CheckActivation.
    CheckActivation,
    /// ListDevices.
    ListDevices,
    /// SendCommand.
    SendCommand,
    /// SetProfile.
    SetProfile,
    /// ChangePassword.
    ChangePassword,
    /// CreateRecoveryCode.
    CreateRecoveryCode,
    /// AddIdentifier.
    AddAddress,
    /// ConfirmIdentifier.
    ConfirmAddress,
    /// RemoveIdentifier and SetLogin.
    ChangeAddresses,
    /// BeginRecovery.
    BeginRecovery,
    /// CompleteRecovery.
    CompleteRecovery,
    /// RemoveDevice.
    RemoveDevice,
    /// DeleteAccount.
    DeleteAccount,
    /// SecurityCheck.
    SecurityCheck,
    /// GetServiceToken.
    ServiceToken,
    /// RequestBootloaderUnlock.
    RequestUnlock,
}

/// Work that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A new account.
    Register,
    /// Another code.
    Resend(String),
    /// How a verification stands.
    Look(String),
    /// No verification after all.
    Cancel(String),
    /// The code.
    Confirm(String),
    /// The recovery code is written down.
    Acknowledge(String),
    /// An account that exists.
    SignIn,
    /// The password, after a change elsewhere.
    Reauthenticate,
    /// No account any more.
    SignOut,
    /// Whether the hardware is somebody else's.
    CheckActivation,
    /// The account's devices.
    ListDevices,
    /// A command to another device.
    SendCommand,
    /// Other details.
    SetProfile,
    /// Another password.
    ChangePassword,
    /// Another recovery code.
    CreateRecoveryCode,
    /// One more address.
    AddAddress,
    /// The code to it.
    ConfirmAddress(String),
    /// An address less, or another login.
    ChangeAddresses,
    /// A code to an address, the password being forgotten.
    BeginRecovery,
    /// That code, and another password.
    CompleteRecovery(String),
    /// A device less.
    RemoveDevice,
    /// No account any more, for anybody.
    DeleteAccount,
    /// What the owner could do better.
    SecurityCheck,
    /// A token for another service.
    ServiceToken,
    /// An unlocked bootloader.
    RequestUnlock,
}

/// Why work can't begin, or what was done doesn't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The warden hasn't been heard.
    NoWarden,
    /// The device is lost.
    DeviceLost,
    /// The warden's state is missing or wrong; only its owner's sign-in helps.
    Tampered,
    /// The device is nobody's.
    NotBound,
    /// The device is somebody's already.
    AlreadyBound,
    /// The hardware is another account's.
    ActivationLocked,
    /// The password is needed again first.
    ReauthenticationRequired,
    /// The same work, or work that excludes it, is under way.
    Busy,
    /// There is no such verification.
    NotFound,
    /// An account is being made; it is confirmed or cancelled first.
    Conflict,
    /// The address is another account's than this device's.
    OtherAccount,
    /// What this belonged to was given up meanwhile.
    Cancelled,
}

impl Request {
    /// What kind of work it is.
    #[must_use]
    pub fn job(&self) -> Job {
        match self {
            Self::Register => Job::Register,
            Self::Resend(_) => Job::Resend,
            Self::Look(_) => Job::Look,
            Self::Cancel(_) => Job::Cancel,
            Self::Confirm(_) => Job::Confirm,
            Self::Acknowledge(_) => Job::Acknowledge,
            Self::SignIn => Job::SignIn,
            Self::Reauthenticate => Job::Reauthenticate,
            Self::SignOut => Job::SignOut,
            Self::CheckActivation => Job::CheckActivation,
            Self::ListDevices => Job::ListDevices,
            Self::SendCommand => Job::SendCommand,
            Self::SetProfile => Job::SetProfile,
            Self::ChangePassword => Job::ChangePassword,
            Self::CreateRecoveryCode => Job::CreateRecoveryCode,
            Self::AddAddress => Job::AddAddress,
            Self::ConfirmAddress(_) => Job::ConfirmAddress,
            Self::ChangeAddresses => Job::ChangeAddresses,
            Self::BeginRecovery => Job::BeginRecovery,
            Self::CompleteRecovery(_) => Job::CompleteRecovery,
            Self::RemoveDevice => Job::RemoveDevice,
            Self::DeleteAccount => Job::DeleteAccount,
            Self::SecurityCheck => Job::SecurityCheck,
            Self::ServiceToken => Job::ServiceToken,
            Self::RequestUnlock => Job::RequestUnlock,
        }
    }
}

impl Request {
    /// Whether it is the account's, at the cloud, and so needs a session that goes on.
    const fn needs_session(&self) -> bool {
        matches!(
            self,
            Self::ListDevices
                | Self::SendCommand
                | Self::SetProfile
                | Self::ChangePassword
                | Self::CreateRecoveryCode
                | Self::AddAddress
                | Self::ConfirmAddress(_)
                | Self::ChangeAddresses
                | Self::RemoveDevice
                | Self::DeleteAccount
                | Self::SecurityCheck
                | Self::ServiceToken
                | Self::RequestUnlock
        )
    }
}

impl State {
    /// Whether `request` may begin.
    ///
    /// # Errors
    /// The reason why not.
    pub fn admits(&self, request: &Request) -> Result<Job, Refusal> {
        self.at_all(request)?;
        self.in_this_state(request)?;
        let job = request.job();
        let excluded = |other: &Job| *other == job || (changes_binding(*other) && changes_binding(job));
        if self.running.iter().any(excluded) {
            Err(Refusal::Busy)
        } else {
            Ok(job)
        }
    }

    fn at_all(&self, request: &Request) -> Result<(), Refusal> {
        match self.word.binding {
            Binding::Unknown => Err(Refusal::NoWarden),
            // The door: the owner signs in.
            Binding::Tampered if !matches!(request, Request::SignIn | Request::CheckActivation) => {
                Err(Refusal::Tampered)
            }
            Binding::Tampered => Ok(()),
            _ if self.word.lost => Err(Refusal::DeviceLost),
            _ => Ok(()),
        }
    }

    fn in_this_state(&self, request: &Request) -> Result<(), Refusal> {
        let bound = self.word.binding == Binding::Bound;
        match request {
            Request::Register | Request::SignIn | Request::CheckActivation if bound => {
                Err(Refusal::AlreadyBound)
            }
            Request::Register if self.locked.is_some() && self.releases.is_empty() => {
                Err(Refusal::ActivationLocked)
            }
            Request::Register if self.registration.as_ref().is_some_and(|r| r.stage.is_committed()) => {
                Err(Refusal::Conflict)
            }
            Request::Register | Request::SignIn | Request::CheckActivation => Ok(()),
            Request::Reauthenticate | Request::SignOut if !bound => Err(Refusal::NotBound),
            Request::Reauthenticate | Request::SignOut => Ok(()),
            request if request.needs_session() && !bound => Err(Refusal::NotBound),
            // It says why there is no session.
            Request::SecurityCheck if self.has_departed() => Ok(()),
            // It may be done already, by a call whose answer was lost, and the session gone with the account.
            Request::DeleteAccount if self.has_sent_deletion() => Ok(()),
            request
                if request.needs_session() && self.session.as_ref().is_none_or(|session| session.ended) =>
            {
                Err(Refusal::ReauthenticationRequired)
            }
            Request::BeginRecovery
                if self
                    .registration
                    .as_ref()
                    .is_some_and(|r| r.stage.is_committed() && !bound) =>
            {
                Err(Refusal::Conflict)
            }
            Request::ConfirmAddress(id) => self.for_address(id, Aim::Identifier),
            Request::CompleteRecovery(id) => self.for_address(id, Aim::Recovery),
            Request::Resend(id)
            | Request::Look(id)
            | Request::Cancel(id)
            | Request::Confirm(id)
            | Request::Acknowledge(id) => self.for_verification(request, id, bound),
            _ => Ok(()),
        }
    }

    fn has_departed(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.departure.is_some())
    }

    fn for_address(&self, id: &str, aim: Aim) -> Result<(), Refusal> {
        let is_it = |proving: &&Proving| proving.id == id && proving.aim == aim;
        self.proving
            .as_ref()
            .filter(is_it)
            .map(|_| ())
            .ok_or(Refusal::NotFound)
    }

    fn for_verification(&self, request: &Request, id: &str, bound: bool) -> Result<(), Refusal> {
        // The code that was made last has no verification.
        let new_code = self
            .session
            .as_ref()
            .and_then(|session| session.new_code.as_ref());
        if matches!(request, Request::Acknowledge(_)) && id.is_empty() && bound && new_code.is_some() {
            return Ok(());
        }
        let is_address = self.proving.as_ref().is_some_and(|proving| proving.id == id);
        match request {
            Request::Resend(_) if is_address => {
                let proved = self
                    .proving
                    .as_ref()
                    .is_some_and(|proving| proving.ticket.is_some());
                return if proved { Err(Refusal::Conflict) } else { Ok(()) };
            }
            Request::Look(_) | Request::Cancel(_) if is_address => return Ok(()),
            _ => {}
        }
        let found = self
            .registration
            .as_ref()
            .filter(|registration| !id.is_empty() && registration.id == id);
        let Some(registration) = found else {
            return Err(if bound && matches!(request, Request::Confirm(_)) {
                Refusal::AlreadyBound
            } else {
                Refusal::NotFound
            });
        };
        match (request, &registration.stage) {
            (Request::Acknowledge(_), Stage::Bound { .. }) => Ok(()),
            (Request::Acknowledge(_), _) => Err(Refusal::NotBound),
            (Request::Resend(_) | Request::Cancel(_), Stage::Bound { .. }) => Err(Refusal::AlreadyBound),
            // The cloud has made the account: its device is bound by confirming again, or by signing in.
            (Request::Cancel(_), Stage::Accepted { .. }) => Err(Refusal::Conflict),
            (Request::Resend(_), stage) if stage.code().is_some() => Err(Refusal::Conflict),
            (Request::Cancel(_), stage) if stage.is_committed() && self.running.contains(&Job::Confirm) => {
                Err(Refusal::Busy)
            }
            _ => Ok(()),
        }
    }
}

/// Work that leads to a binding or away from one: one at a time.
fn changes_binding(job: Job) -> bool {
    matches!(
        job,
        Job::Register
            | Job::Confirm
            | Job::SignIn
            | Job::Reauthenticate
            | Job::SignOut
            | Job::ChangePassword
            | Job::CreateRecoveryCode
            | Job::CompleteRecovery
            | Job::RemoveDevice
            | Job::DeleteAccount
    )
}
