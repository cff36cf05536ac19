//! What account methods answer when they can't do what was asked.

use std::time::Duration;

use belay_proto::dbus::Error as BusError;
use belay_proto::dbus::told::{Reason, by_cloud, with_bound, with_reason, with_wait};
use belay_proto::text::with_causes;

use crate::account::evidence::Untrue;
use crate::account::state::{Job, Refusal};
use crate::cloud::{CloudError, Problem, ProblemKind};
use crate::platform::PlatformError;
use crate::store::StoreError;
use crate::warden::WardenError;

/// Why a method of the account failed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// An argument is malformed.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// This device has nothing to send the SMS with.
    #[error(
        "{}",
        with_reason("this device can't send the SMS that would prove the number", Reason::NoModem)
    )]
    NoModem,
    /// The modem didn't send the SMS.
    #[error(
        "{}",
        with_reason("the SMS that proves the number wasn't sent", Reason::Modem)
    )]
    Unsent(#[source] PlatformError),
    /// Another code may not be sent yet.
    #[error("{}", with_wait("another code can't be sent yet", Some(.0.to_owned())))]
    TooSoon(Duration),
    /// The code isn't the one that was sent.
    #[error("the code is wrong")]
    WrongCode,
    /// The cloud takes no more codes or passwords from here for now, and doesn't say whose were too many; how long, where it says.
    #[error("{}", with_wait(&by_cloud("the cloud takes no more codes or passwords from here for now"), .0.to_owned()))]
    TooManyTries(Option<Duration>),
    /// All of the verification is over: of a registration, an address or a recovery.
    #[error("the verification is over; it has to be begun again")]
    Expired,
    /// The state doesn't allow it.
    #[error("{}", .0.text())]
    Refused(Refusal),
    /// The recovery was carried out before, by a call with another password.
    #[error(
        "{}",
        with_reason(
            "the recovery was done before, with another password, which holds",
            Reason::OtherPassword
        )
    )]
    OtherPassword,
    /// The account's root isn't the one that this device is bound to, and nobody vouches for it here: no password opens both.
    #[error(
        "the account goes on under another root than this device: sign out with this device's password, then in with the account's"
    )]
    OtherRoot,
    /// The cloud keeps older credentials of the account than this device, as one does that was put back to an older day.
    #[error(
        "the cloud was put back to an older password than this device's: sign out with this device's password, then in with the older one"
    )]
    SetBack,
    /// The account has as many devices as an account may.
    #[error(
        "the account has 64 devices: remove one, or sign one out; or 256 with those that were removed and never signed out: \
         sign one out, or have the cloud's operator release one"
    )]
    TooManyDevices,
    /// The cloud.
    #[error("the cloud")]
    Cloud(#[from] CloudError),
    /// The warden.
    #[error("the warden")]
    Warden(#[from] WardenError),
    /// The warden took the cloud's answer for a lie: weak parameters, a record or root that doesn't fit.
    #[error("the cloud's answer doesn't stand the warden's test")]
    CloudLies(#[source] WardenError),
    /// What the cloud gave out as a device's isn't.
    #[error(transparent)]
    Untrue(#[from] Untrue),
    /// The account has no such device.
    #[error("the account has no such device")]
    NoSuchDevice,
    /// No such service is to be had with the account.
    #[error("the account's cloud knows no such service")]
    NoSuchService,
    /// The store.
    #[error("the store")]
    Storage(#[from] StoreError),
    /// Nobody waits for the answer any more.
    #[error("the caller has left")]
    Cancelled,
    /// belayd stops; what was stored goes on at its next start.
    #[error("belayd is stopping")]
    Stopping,
    /// The work ended in a way that isn't meant to happen.
    #[error("{0}")]
    Internal(&'static str),
}

impl AccountError {
    /// Whether the warden couldn't, or other work is in the way: the same may be done later without anything else changing.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Warden(error) => error.is_passing(),
            Self::Refused(refusal) => *refusal == Refusal::Busy,
            _ => false,
        }
    }

    /// The same after codes or passwords were tried: the cloud takes no more of them for now. Whether they were wrong, and whether
    /// it was anybody here, isn't known: others of the same network have their part in it.
    #[must_use]
    pub fn of_tries(self) -> Self {
        match self {
            Self::Cloud(CloudError::Problem(problem)) if problem.kind == ProblemKind::TooMany => {
                Self::TooManyTries(problem.retry_after)
            }
            other => other,
        }
    }

    /// The same as `job` may end with: what an honest cloud never answers to it, nobody could act on.
    #[must_use]
    pub fn of(self, job: Job) -> Self {
        match self {
            Self::Cloud(CloudError::Problem(problem)) if !understands(job, problem.kind) => {
                let kind = ProblemKind::Other;
                CloudError::Problem(Problem { kind, ..problem }).into()
            }
            Self::Cloud(CloudError::SessionEnded) if !understands(job, ProblemKind::InvalidGrant) => {
                CloudError::Nonsense("it has ended the session that it gave".into()).into()
            }
            other => other,
        }
    }
}

/// Whether the cloud may refuse one of the calls of `job` so.
fn understands(job: Job, kind: ProblemKind) -> bool {
    match kind {
        ProblemKind::IdentifierTaken | ProblemKind::AccountExists => {
            matches!(job, Job::Confirm | Job::ConfirmAddress)
        }
        ProblemKind::ActivationLocked => matches!(job, Job::Register | Job::Confirm | Job::SignIn),
        ProblemKind::ChannelUnavailable => {
            matches!(job, Job::Register | Job::AddAddress | Job::BeginRecovery)
        }
        ProblemKind::InvalidAddress => {
            let brings = matches!(job, Job::Register | Job::AddAddress | Job::BeginRecovery);
            brings || job == Job::SignIn
        }
        ProblemKind::WrongCode | ProblemKind::NotConfirmed => takes_code(job),
        ProblemKind::CodeExpired => takes_code(job) || job == Job::Resend,
        ProblemKind::NotFound => {
            let by_id = matches!(
                job,
                Job::Resend | Job::Look | Job::ChangeAddresses | Job::RemoveDevice
            );
            by_id || takes_code(job) || matches!(job, Job::SendCommand | Job::ServiceToken)
        }
        ProblemKind::LoginRefused => {
            matches!(job, Job::SignIn | Job::SendCommand | Job::CompleteRecovery) || is_owners(job)
        }
        ProblemKind::InvalidGrant | ProblemKind::Removed => {
            let in_session = matches!(job, Job::ListDevices | Job::SendCommand | Job::SetProfile);
            let reads = matches!(job, Job::SecurityCheck | Job::ServiceToken);
            in_session || reads || job == Job::ConfirmAddress || is_owners(job)
        }
        ProblemKind::RevisionConflict | ProblemKind::GenerationConflict | ProblemKind::OrderUsed => {
            let brings = matches!(job, Job::ConfirmAddress | Job::CompleteRecovery);
            brings || is_owners(job) && !matches!(job, Job::Reauthenticate | Job::AddAddress)
        }
        ProblemKind::QuotaExceeded => job == Job::ConfirmAddress,
        ProblemKind::DevicesStillBound => job == Job::DeleteAccount,
        ProblemKind::IdentifierIsLogin => job == Job::ChangeAddresses,
        _ => true,
    }
}

/// Whether the code of a message comes with it.
const fn takes_code(job: Job) -> bool {
    matches!(job, Job::Confirm | Job::ConfirmAddress | Job::CompleteRecovery)
}

/// Whether the owner of this device's account proves the password to the cloud.
const fn is_owners(job: Job) -> bool {
    matches!(
        job,
        Job::Reauthenticate
            | Job::ChangePassword
            | Job::CreateRecoveryCode
            | Job::AddAddress
            | Job::ChangeAddresses
            | Job::RemoveDevice
            | Job::DeleteAccount
            | Job::RequestUnlock
    )
}

/// Of a modem that is to send an SMS. Where belayd isn't let near it, it is as good as none.
impl From<PlatformError> for AccountError {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::NotSupported(_) | PlatformError::Denied(_) => Self::NoModem,
            other => Self::Unsent(other),
        }
    }
}

impl From<Refusal> for AccountError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<AccountError> for BusError {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::InvalidArgument(_) => Self::InvalidArgument(text),
            AccountError::NoModem => Self::NotSupported(text),
            AccountError::Unsent(error) => {
                tracing::warn!(error = %with_causes(&error), "the SMS that proves a number");
                Self::Offline(text)
            }
            AccountError::TooSoon(_) => Self::TooSoon(text),
            AccountError::WrongCode => Self::WrongCode(text),
            AccountError::TooManyTries(_) => Self::TooManyAttempts(text),
            AccountError::Expired => Self::CodeExpired(text),
            AccountError::Refused(refusal) => refused(refusal, text),
            AccountError::Cloud(error) => cloud(&error),
            AccountError::Warden(error) => error.into(),
            AccountError::CloudLies(_) | AccountError::Untrue(_) => Self::CloudRefused(text),
            AccountError::NoSuchDevice | AccountError::NoSuchService => Self::NotFound(text),
            AccountError::OtherPassword | AccountError::OtherRoot | AccountError::SetBack => {
                Self::Conflict(text)
            }
            AccountError::TooManyDevices => Self::QuotaExceeded(text),
            AccountError::Storage(error) => error.into(),
            AccountError::Cancelled | AccountError::Stopping => Self::Cancelled(text),
            AccountError::Internal(_) => {
                tracing::error!(error = text, "an account method failed");
                Self::Internal(text)
            }
        }
    }
}

fn refused(refusal: Refusal, text: String) -> BusError {
    match refusal {
        Refusal::NoWarden => BusError::Storage(text),
        Refusal::DeviceLost => BusError::DeviceLost(text),
        Refusal::Tampered => BusError::Tampered(text),
        Refusal::NotBound => BusError::NotBound(text),
        Refusal::AlreadyBound => BusError::AlreadyBound(text),
        Refusal::ActivationLocked => BusError::ActivationLocked(text),
        Refusal::ReauthenticationRequired => BusError::ReauthenticationRequired(text),
        Refusal::Busy => BusError::Busy(text),
        Refusal::NotFound => BusError::NotFound(text),
        Refusal::Conflict => BusError::Conflict(text),
        Refusal::OtherAccount => BusError::AlreadyBound(text),
        Refusal::Cancelled => BusError::Cancelled(text),
    }
}

fn cloud(error: &CloudError) -> BusError {
    let text = error.to_string();
    match error {
        CloudError::NotConfigured | CloudError::Offline { .. } => {
            tracing::info!(error = %with_causes(error), "offline");
            BusError::Offline(text)
        }
        CloudError::Misconfigured(_) | CloudError::Nonsense(_) => {
            tracing::warn!(error = text, "the cloud can't be used");
            BusError::CloudRefused(text)
        }
        CloudError::Problem(found) => problem(found, error.retry_after(), text),
        CloudError::SessionEnded => BusError::ReauthenticationRequired(text),
        CloudError::Vault(_) => {
            tracing::error!(error = %with_causes(error), "the store failed");
            BusError::Storage(text)
        }
    }
}

/// `kept` is the wait that this device keeps of the one that is asked for.
fn problem(problem: &Problem, kept: Option<Duration>, text: String) -> BusError {
    match problem.kind {
        ProblemKind::IdentifierTaken => {
            BusError::IdentifierTaken("the address belongs to an account already".into())
        }
        ProblemKind::ActivationLocked => BusError::ActivationLocked(Refusal::ActivationLocked.text().into()),
        ProblemKind::AccountExists => BusError::IdentifierTaken("there is such an account already".into()),
        ProblemKind::ChannelUnavailable => BusError::NotSupported("the cloud sends no codes this way".into()),
        ProblemKind::InvalidAddress => BusError::InvalidArgument("the cloud can't use this address".into()),
        ProblemKind::WrongCode => BusError::WrongCode(AccountError::WrongCode.to_string()),
        ProblemKind::NotConfirmed => BusError::WrongCode(
            "nothing has confirmed the address yet: no link was opened, no SMS has come".into(),
        ),
        ProblemKind::CodeExpired => BusError::CodeExpired(text),
        // What `resend-in` shows from then on.
        ProblemKind::TooSoon => BusError::TooSoon(with_wait("another code can't be sent yet", kept)),
        ProblemKind::LoginRefused => {
            BusError::WrongPassword(by_cloud("address and password don't open an account"))
        }
        // A wait like any other: nobody has guessed at anything.
        ProblemKind::TooMany => BusError::TooSoon(with_wait(
            "the cloud takes no more of it for now",
            problem.retry_after,
        )),
        ProblemKind::RecoveryOnHold => {
            BusError::RecoveryOnHold(with_wait("the recovery is waited out", problem.retry_after))
        }
        ProblemKind::InvalidGrant | ProblemKind::Removed => BusError::ReauthenticationRequired(text),
        ProblemKind::QuotaExceeded => BusError::QuotaExceeded(text),
        ProblemKind::NotFound => BusError::NotFound(text),
        ProblemKind::RevisionConflict | ProblemKind::GenerationConflict | ProblemKind::OrderUsed => {
            BusError::Conflict(text)
        }
        ProblemKind::DevicesStillBound => {
            let bound = problem.bound.as_deref().cloned().unwrap_or_default();
            BusError::DevicesStillBound(with_bound(
                "another device or an accessory is bound to the account",
                &bound.devices,
                &bound.accessories,
            ))
        }
        ProblemKind::IdentifierIsLogin => BusError::Conflict(with_reason(
            "the address is the login: make another one the login first",
            Reason::IsLogin,
        )),
        ProblemKind::UseDpopNonce
        | ProblemKind::InvalidDpopProof
        | ProblemKind::InvalidToken
        | ProblemKind::BadTicket
        | ProblemKind::BadCredentials
        | ProblemKind::BadCertificate
        | ProblemKind::BadRelease
        | ProblemKind::OtherEpoch
        | ProblemKind::BadOrder
        | ProblemKind::KeyEpochOld
        | ProblemKind::CursorTooOld
        | ProblemKind::WrongOffset
        | ProblemKind::ChunkBusy
        | ProblemKind::DigestMismatch
        | ProblemKind::Other => {
            tracing::warn!(status = problem.status, name = problem.name, "the cloud refused");
            BusError::CloudRefused(text)
        }
    }
}

impl Refusal {
    /// What a log says; a settings app goes by the error's name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoWarden => "the warden can't be reached, or was never initialised",
            Self::DeviceLost => "the device is marked as lost",
            Self::Tampered => "the device's binding can't be read; its owner has to sign in",
            Self::NotBound => "the device isn't bound to an account",
            Self::AlreadyBound => "the device is bound to an account already",
            Self::ActivationLocked => "the hardware belongs to another account",
            Self::ReauthenticationRequired => "the account's password is needed again",
            Self::Busy => "this is being done already",
            Self::NotFound => "there is no such verification",
            Self::Conflict => "an account is being made; confirm or cancel it first",
            Self::OtherAccount => "the address belongs to another account than this device",
            Self::Cancelled => "it was given up meanwhile",
        }
    }
}
