//! Who may call what: polkit decides by the sender's bus name.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::dbus::names::action;
use tokio::time::timeout;
use zbus::message::{Flags, Header};
use zbus::names::BusName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, fdo};
use zbus_polkit::policykit1::{AuthorityProxy, AuthorizationResult, CheckAuthorizationFlags, Subject};

use super::Error;

/// How long polkit may take to answer where nobody is asked anything.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a person may take to answer polkit's dialogue.
const PERSON_WITHIN: Duration = Duration::from_secs(5 * 60);

/// A polkit action of belayd's interfaces; `owner.present` is the warden's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Registration, sign-in and the account's lists.
    AccountManage,
    /// What ends the device's belonging to its owner.
    AccountRemove,
    /// The device's name and settings.
    DeviceManage,
    /// Reading the owner's data and the history.
    DataRead,
}

/// Every action that belayd asks about: the ones in the installed `org.belay1.policy`, but for the warden's.
pub const ACTIONS: &[Action] = &[
    Action::AccountManage,
    Action::AccountRemove,
    Action::DeviceManage,
    Action::DataRead,
];

impl Action {
    /// The action's id in polkit.
    pub fn id(self) -> &'static str {
        match self {
            Self::AccountManage => action::ACCOUNT_MANAGE,
            Self::AccountRemove => action::ACCOUNT_REMOVE,
            Self::DeviceManage => action::DEVICE_MANAGE,
            Self::DataRead => action::DATA_READ,
        }
    }
}

/// Asks polkit whether a caller may do something.
#[derive(Clone, Debug)]
pub struct Authority {
    connection: Connection,
    own_uid: u32,
    answer_within: Duration,
}

impl Authority {
    /// Asks over `connection`. Where there is no polkit, root and the user belayd runs as may do everything
    /// and nobody else anything.
    pub fn new(connection: Connection) -> Self {
        let own_uid = rustix::process::geteuid().as_raw();
        Self {
            connection,
            own_uid,
            answer_within: ANSWER_WITHIN,
        }
    }

    /// The same with less patience for a polkit that hangs.
    #[cfg(test)]
    pub(super) fn impatient(mut self, answer_within: Duration, own_uid: u32) -> Self {
        self.answer_within = answer_within;
        self.own_uid = own_uid;
        self
    }

    /// Whether the sender of the message with this `header` may do `action`.
    ///
    /// # Errors
    /// `NotAuthorized`, or `InteractiveAuthorizationRequired` when a person could say yes but the message
    /// forbids to ask.
    pub async fn authorise(&self, header: &Header<'_>, action: Action) -> Result<(), Error> {
        let may_ask = header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
        // First without a dialogue, so that a polkit that hangs is told from a person who thinks.
        let first = self
            .check(
                header,
                action,
                CheckAuthorizationFlags::empty(),
                self.answer_within,
            )
            .await;
        let answer = match first {
            Some(answer) if answer.is_challenge && !answer.is_authorized && may_ask => {
                self.check(
                    header,
                    action,
                    CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
                    PERSON_WITHIN,
                )
                .await
            }
            first => first,
        };
        match answer {
            Some(answer) if answer.is_authorized => Ok(()),
            Some(answer) if answer.is_challenge && !may_ask => Err(Error::InteractiveAuthorizationRequired(
                format!("{} needs a person's consent", action.id()),
            )),
            Some(_) => Err(refused(action)),
            None => self.without_polkit(header, action).await,
        }
    }

    /// polkit's answer; `None` when there is no polkit, or none that answers.
    async fn check(
        &self,
        header: &Header<'_>,
        action: Action,
        flags: CheckAuthorizationFlags,
        within: Duration,
    ) -> Option<AuthorizationResult> {
        let subject = Subject::new_for_message_header(header).ok()?;
        let asked = async {
            let polkit = AuthorityProxy::builder(&self.connection)
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            polkit
                .check_authorization(&subject, action.id(), &HashMap::new(), flags, "")
                .await
        };
        match timeout(within, asked).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(%error, action = action.id(), "polkit gave no answer");
                None
            }
            Err(_) => {
                tracing::warn!(action = action.id(), "polkit didn't answer in time");
                None
            }
        }
    }

    async fn without_polkit(&self, header: &Header<'_>, action: Action) -> Result<(), Error> {
        let sender = header.sender().ok_or_else(|| refused(action))?;
        let asked = async {
            let bus = fdo::DBusProxy::builder(&self.connection)
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            bus.get_connection_unix_user(BusName::from(sender.clone())).await
        };
        match timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(uid)) if uid == 0 || uid == self.own_uid => Ok(()),
            _ => Err(refused(action)),
        }
    }
}

fn refused(action: Action) -> Error {
    Error::NotAuthorized(format!("{} isn't allowed to this caller", action.id()))
}
