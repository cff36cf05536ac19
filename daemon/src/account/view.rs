//! What clients see of the account.

use std::time::Duration;

use belay_proto::dbus::{AccountState, BootloaderUnlock, Membership};
use belay_proto::identifier::Identifier as Address;

use crate::account::command::{MOST_COMMANDS, SentCommand};
use crate::account::model::{Channel, Deadline, Identifier, OwnSms, Profile, Session, Stage, Verification};
use crate::account::state::{Binding, State};

/// The values of the properties, never a secret and never an address in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// `State`.
    pub state: AccountState,
    /// `UserId`: the account in hexadecimal, empty while there is none.
    pub user_id: String,
    /// `Profile`.
    pub profile: Profile,
    /// `Identifiers`.
    pub identifiers: Vec<Identifier>,
    /// `LockedTo`: empty unless `activation-locked`, or when nobody tells.
    pub locked_to: String,
    /// `BoundSince`, in seconds since the epoch, 0 = never.
    pub bound_since: u64,
    /// `RecoveryCodeSet`: one that was made here and that nobody has seen is none.
    pub recovery_code_set: bool,
    /// `PendingRelease`.
    pub pending_release: bool,
    /// `Pending`.
    pub pending: Option<PendingView>,
    /// `Membership`.
    pub membership: Membership,
    /// `BootloaderUnlock`.
    pub unlock: BootloaderUnlock,
    /// `Commands`.
    pub commands: Vec<CommandView>,
    /// Whether the device is lost, or tampered with, so that most of this isn't readable.
    pub lost: bool,
    /// Whether the device is tampered with: it still says that it is locked, and to whom.
    pub tampered: bool,
}

/// The running verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingView {
    /// What the methods take.
    pub id: String,
    /// What for: `registration`, `identifier` or `recovery`.
    pub kind: &'static str,
    /// How the code travels.
    pub channel: Channel,
    /// The masked address.
    pub address: String,
    /// How it stands.
    pub state: Verification,
    /// The SMS that proves the number, where one does.
    pub own_sms: Option<OwnSms>,
    resend: Deadline,
    expires: Deadline,
}

/// A command that was sent from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandView {
    /// The command, in hexadecimal.
    pub id: String,
    /// The device it is for, in hexadecimal.
    pub device: String,
    /// Its verb.
    pub action: String,
    /// How far it is.
    pub state: &'static str,
    /// Why, as a code, or empty.
    pub reason: String,
}

impl From<&SentCommand> for CommandView {
    fn from(sent: &SentCommand) -> Self {
        Self {
            id: sent.id.to_string(),
            device: sent.device.to_string(),
            action: sent.action.clone(),
            state: sent.state.as_str(),
            reason: sent.shown_reason().to_owned(),
        }
    }
}

impl PendingView {
    /// Until another code may be sent.
    #[must_use]
    pub fn resend_in(&self, now: Duration, boot: &str) -> Duration {
        self.resend.left(now, boot)
    }

    /// Until it is over.
    #[must_use]
    pub fn expires_in(&self, now: Duration, boot: &str) -> Duration {
        self.expires.left(now, boot)
    }
}

impl View {
    /// What is shown of `state`; `masked_login` is what the warden knows of the owner it is bound to.
    #[must_use]
    pub fn of(state: &State, masked_login: Option<&str>) -> Self {
        let shown = state.shown();
        let session = state.session.as_ref().filter(|session| session.bound);
        let locked_to = match &state.locked {
            Some(locked) => locked.login.clone(),
            None => masked_login.map(str::to_owned),
        };
        let sent = state.commands.iter().take(MOST_COMMANDS);
        Self {
            state: shown,
            user_id: session
                .map(|session| session.account)
                .or(state.word.account)
                .map(|account| account.to_string())
                .unwrap_or_default(),
            profile: session.map(|session| session.profile.clone()).unwrap_or_default(),
            identifiers: session
                .map(|session| session.identifiers.clone())
                .unwrap_or_default(),
            locked_to: locked_to
                .filter(|_| shown == AccountState::ActivationLocked)
                .unwrap_or_default(),
            bound_since: session.map(|session| session.since).unwrap_or_default(),
            recovery_code_set: session.is_some_and(Session::has_known_code),
            pending_release: !state.releases.is_empty(),
            pending: pending(state),
            membership: state.membership(),
            unlock: state.unlock,
            commands: sent.map(CommandView::from).collect(),
            lost: state.word.lost || state.word.binding == Binding::Tampered,
            tampered: state.word.binding == Binding::Tampered,
        }
    }
}

fn pending(state: &State) -> Option<PendingView> {
    if let Some(proving) = &state.proving {
        return Some(PendingView {
            id: proving.id.clone(),
            kind: proving.aim.as_str(),
            channel: proving.channel,
            address: masked(&proving.address),
            state: proving.verification,
            own_sms: None,
            resend: proving.resend.clone(),
            expires: proving.expires.clone(),
        });
    }
    let registration = state.registration.as_ref()?;
    if registration.id.is_empty() || matches!(registration.stage, Stage::Bound { .. }) {
        return None;
    }
    Some(PendingView {
        id: registration.id.clone(),
        kind: "registration",
        channel: registration.channel,
        address: masked(&registration.login),
        state: registration.verification,
        own_sms: registration.own_sms.clone(),
        resend: registration.resend.clone(),
        expires: registration.expires.clone(),
    })
}

/// An address as it may be shown; nothing of one that can't be read.
#[must_use]
pub fn masked(login: &str) -> String {
    Address::parse(login)
        .map(|address| address.masked())
        .unwrap_or_default()
}
