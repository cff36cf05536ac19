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

/// A polkit action of belayd's interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Registration, sign-in and the account's lists.
    AccountManage,
    /// What ends the device's belonging to its owner.
    AccountRemove,
    /// Recovery.
    DeviceRecover,
    /// The device's name and settings.
    DeviceManage,
    /// The accessories.
    AccessoryManage,
    /// The sync, and storing and removing records.
    SyncManage,
    /// Reading the owner's data and the history.
    DataRead,
    /// Reading where the device is.
    LocationRead,
    /// A token for another service.
    ServiceToken,
    /// Being at the device.
    OwnerPresent,
}

/// Every action that belayd asks about: the ones in the installed `org.belay1.policy`.
pub const ACTIONS: &[Action] = &[
    Action::AccountManage,
    Action::AccountRemove,
    Action::DeviceRecover,
    Action::DeviceManage,
    Action::AccessoryManage,
    Action::SyncManage,
    Action::DataRead,
    Action::LocationRead,
    Action::ServiceToken,
    Action::OwnerPresent,
];

impl Action {
    /// The action's id in polkit.
    pub fn id(self) -> &'static str {
        match self {
            Self::AccountManage => action::ACCOUNT_MANAGE,
            Self::AccountRemove => action::ACCOUNT_REMOVE,
            Self::DeviceRecover => action::DEVICE_RECOVER,
            Self::ServiceToken => action::SERVICE_TOKEN,
            Self::DeviceManage => action::DEVICE_MANAGE,
            Self::AccessoryManage => action::ACCESSORY_MANAGE,
            Self::SyncManage => action::SYNC_MANAGE,
            Self::DataRead => action::DATA_READ,
            Self::LocationRead => action::LOCATION_READ,
            Self::OwnerPresent => action::OWNER_PRESENT,
        }
    }
}

/// Asks polkit whether a caller may do something.
#[derive(Clone, Debug)]
pub struct Authority {
    connection: Connection,
    own_uid: u32,
    /// The user that shows the lost screen, where there is one.
    screen_uid: Option<u32>,
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
            screen_uid: None,
            answer_within: ANSWER_WITHIN,
        }
    }

    /// The same with the lost screen's user; `passwd` is the text of `/etc/passwd`. One who isn't there is nobody.
    #[must_use]
    pub fn with_screen(self, user: &str, passwd: &str) -> Self {
        Self {
            screen_uid: uid_of(user, passwd),
            ..self
        }
    }

    /// Whether the sender of the message with this `header` is at the device: the lost screen, root, or whom polkit
    /// takes for the active local session.
    ///
    /// # Errors
    /// As [`Authority::authorise`].
    pub async fn at_the_device(&self, header: &Header<'_>) -> Result<(), Error> {
        match self.at_the_screen(header).await {
            Ok(()) => Ok(()),
            Err(_) => self.authorise(header, Action::OwnerPresent).await,
        }
    }

    /// Whether the sender of the message with this `header` is the lost screen, or root.
    ///
    /// # Errors
    /// `NotAuthorized`.
    pub async fn at_the_screen(&self, header: &Header<'_>) -> Result<(), Error> {
        match self.uid(header).await {
            Some(uid) if uid == 0 || Some(uid) == self.screen_uid => Ok(()),
            _ => Err(Error::NotAuthorized("only for the lost screen".into())),
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
        match self.uid(header).await {
            Some(uid) if uid == 0 || uid == self.own_uid => Ok(()),
            _ => Err(refused(action)),
        }
    }

    /// Whose the sender is, as the bus says; `None` when it doesn't.
    async fn uid(&self, header: &Header<'_>) -> Option<u32> {
        let sender = header.sender()?;
        let asked = async {
            let bus = fdo::DBusProxy::builder(&self.connection)
                .cache_properties(CacheProperties::No)
                .build()
                .await?;
            bus.get_connection_unix_user(BusName::from(sender.clone())).await
        };
        timeout(ANSWER_WITHIN, asked).await.ok()?.ok()
    }
}

/// passwd(5): `name:password:uid:…`.
fn uid_of(user: &str, passwd: &str) -> Option<u32> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(user)).then(|| fields.nth(1)?.parse().ok())?
    })
}

fn refused(action: Action) -> Error {
    Error::NotAuthorized(format!("{} isn't allowed to this caller", action.id()))
}

#[cfg(test)]
mod tests {
    use super::uid_of;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "belay-screen2:x:5:5::/:/bin/sh\nbelay-screen:x:971:971::/:/usr/sbin/nologin\n";
        assert_eq!(uid_of("belay-screen", passwd), Some(971));
        assert_eq!(uid_of("belay", passwd), None);
    }
}
