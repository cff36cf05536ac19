//! Who is calling, asked from the bus each time: never a process id, which may be somebody else's
//! by the time it is looked up.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::dbus::Error;
use belay_proto::dbus::names::{BUS_NAME, action::OWNER_PRESENT};
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::message::{Flags, Header};
use zbus::names::{BusName, OwnedUniqueName};
use zbus::proxy::CacheProperties;
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

use super::places::{Place, Places};
use crate::core::throttle::Presenter;

const ROOT: u32 = 0;
const POLKIT_PATIENCE: Duration = Duration::from_secs(10);

/// belayd's user, as in sysusers.d and in the bus's policy.
const BELAYD_USER: &str = "belay";

/// Tells callers apart.
#[derive(Clone, Debug)]
pub struct Peers {
    lost_screen_uid: Option<u32>,
    belayd_uid: Option<u32>,
    own_uid: u32,
    places: Places,
}

/// Somebody who may bring a secret.
#[derive(Debug)]
pub struct Guest {
    /// Who.
    pub presenter: Presenter,
    /// Held until the answer.
    pub place: Place,
}

impl Peers {
    /// `passwd` is the text of `/etc/passwd`; a lost screen without a user there is nobody.
    #[must_use]
    pub fn new(lost_screen_user: &str, passwd: &str) -> Self {
        Self {
            lost_screen_uid: uid_of(lost_screen_user, passwd),
            belayd_uid: uid_of(BELAYD_USER, passwd),
            own_uid: rustix::process::geteuid().as_raw(),
            places: Places::default(),
        }
    }

    /// Root, the lost screen, or somebody whom polkit takes for the active local session.
    ///
    /// # Errors
    /// [`Error::NotAuthorized`], [`Error::InteractiveAuthorizationRequired`], [`Error::Bus`]; [`Error::Busy`] and
    /// [`Error::InvalidArgument`] before anybody is asked, where too many are inside or too much is brought.
    pub async fn presenter(&self, connection: &Connection, header: &Header<'_>) -> Result<Guest, Error> {
        let door = self.places.door(header.unix_fds())?;
        let uid = uid(connection, header).await?;
        self.judge(connection, header, uid, door).await
    }

    async fn judge(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        uid: u32,
        door: Place,
    ) -> Result<Guest, Error> {
        if uid == ROOT || Some(uid) == self.lost_screen_uid {
            return Ok(Guest {
                presenter: Presenter::Screen,
                place: self.places.screen()?,
            });
        }
        let guest = Guest {
            presenter: Presenter::Session,
            place: self.places.session()?,
        };
        drop(door);
        let asked = tokio::time::timeout(POLKIT_PATIENCE, ask_polkit(connection, header));
        match asked.await {
            Ok(Ok(Verdict::Yes)) => Ok(guest),
            Ok(Ok(Verdict::MustAsk)) => Err(Error::InteractiveAuthorizationRequired(
                "polkit has to ask".to_owned(),
            )),
            Ok(Ok(Verdict::No)) => Err(Error::NotAuthorized("not the active local session".to_owned())),
            Ok(Err(error)) => {
                tracing::warn!(%error, "polkit doesn't answer: only root and the lost screen may present");
                Err(Error::NotAuthorized("no polkit".to_owned()))
            }
            Err(_) => Err(Error::NotAuthorized("no answer from polkit".to_owned())),
        }
    }

    /// As [`Self::presenter`], but never belayd, whatever polkit says: what it must not learn isn't given to the
    /// owner of its name, nor to any other process of its user.
    ///
    /// # Errors
    /// As [`Self::presenter`].
    pub async fn person(&self, connection: &Connection, header: &Header<'_>) -> Result<Guest, Error> {
        let door = self.places.door(header.unix_fds())?;
        let owner = belayd_owner(connection).await?;
        let sender = header.sender();
        let is_belayd = sender.is_none() || owner.is_some_and(|owner| Some(&*owner) == sender);
        let uid = uid(connection, header).await?;
        if is_belayd || self.is_belayds(uid) {
            return Err(Error::NotAuthorized("not for belayd".to_owned()));
        }
        self.judge(connection, header, uid, door).await
    }

    /// Only the present owner of belayd's name.
    ///
    /// # Errors
    /// [`Error::NotAuthorized`].
    pub async fn belayd(&self, connection: &Connection, header: &Header<'_>) -> Result<(), Error> {
        let refused = || Error::NotAuthorized("only belayd".to_owned());
        let sender = header.sender().ok_or_else(refused)?;
        match belayd_owner(connection).await {
            Ok(Some(owner)) if owner == *sender => Ok(()),
            _ => Err(refused()),
        }
    }

    /// belayd, and root, whose watch wakes the warden and may lock like belayd.
    ///
    /// # Errors
    /// [`Error::NotAuthorized`], or [`Error::Bus`].
    pub async fn belayd_or_root(&self, connection: &Connection, header: &Header<'_>) -> Result<(), Error> {
        let uid = uid(connection, header).await?;
        // The warden's own user is root, except in development.
        if uid == ROOT || uid == self.own_uid {
            return Ok(());
        }
        self.belayd(connection, header).await
    }

    /// Who may know what this device is: root, belayd, and belayd's user, since belayd asks before it
    /// owns its name.
    ///
    /// # Errors
    /// [`Error::NotAuthorized`], or [`Error::Bus`].
    pub async fn insider(&self, connection: &Connection, header: &Header<'_>) -> Result<(), Error> {
        if self.is_insider(uid(connection, header).await?) {
            return Ok(());
        }
        self.belayd(connection, header).await
    }

    fn is_belayds(&self, uid: u32) -> bool {
        Some(uid) == self.belayd_uid
    }

    /// The warden's own user is root, except in development.
    fn is_insider(&self, uid: u32) -> bool {
        uid == ROOT || uid == self.own_uid || self.is_belayds(uid)
    }
}

enum Verdict {
    Yes,
    No,
    MustAsk,
}

async fn ask_polkit(
    connection: &Connection,
    header: &Header<'_>,
) -> Result<Verdict, Box<dyn std::error::Error + Send + Sync>> {
    let may_ask = header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
    let flags = if may_ask {
        CheckAuthorizationFlags::ALLOW_USER_INTERACTION
    } else {
        CheckAuthorizationFlags::empty()
    };
    let polkit = AuthorityProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let subject = Subject::new_for_message_header(header)?;
    let answer = polkit
        .check_authorization(&subject, OWNER_PRESENT, &HashMap::new(), flags, "")
        .await?;
    Ok(match (answer.is_authorized, answer.is_challenge) {
        (true, _) => Verdict::Yes,
        (false, true) if !may_ask => Verdict::MustAsk,
        _ => Verdict::No,
    })
}

/// Who owns belayd's name; nobody while belayd doesn't run.
async fn belayd_owner(connection: &Connection) -> Result<Option<OwnedUniqueName>, Error> {
    let name =
        BusName::try_from(BUS_NAME).map_err(|_| Error::Internal("belayd's name isn't one".to_owned()))?;
    match DBusProxy::new(connection).await?.get_name_owner(name).await {
        Ok(owner) => Ok(Some(owner)),
        Err(zbus::fdo::Error::NameHasNoOwner(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn uid(connection: &Connection, header: &Header<'_>) -> Result<u32, Error> {
    let sender = sender(header)?;
    let bus = DBusProxy::new(connection).await?;
    Ok(bus.get_connection_unix_user(sender).await?)
}

fn sender<'h>(header: &'h Header<'_>) -> Result<BusName<'h>, Error> {
    let sender = header
        .sender()
        .ok_or_else(|| Error::NotAuthorized("a message without a sender".to_owned()))?;
    Ok(BusName::Unique(sender.as_ref()))
}

/// passwd(5): `name:password:uid:…`.
fn uid_of(user: &str, passwd: &str) -> Option<u32> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == user)
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::{Peers, uid_of};

    #[test]
    fn the_lost_screens_user_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\nbelay-screen2:x:7:7::/:/\nbelay-screen:x:971:971::/:/sbin/nologin\n";
        assert_eq!(uid_of("belay-screen", passwd), Some(971));
        assert_eq!(uid_of("belay", passwd), None);
    }

    #[test]
    fn belayds_user_is_known_by_its_number_even_where_it_owns_no_name() {
        let passwd = "belay-screen:x:971:971::/:/\nbelay:x:970:970::/:/sbin/nologin\n";
        let peers = Peers::new("belay-screen", passwd);
        assert_eq!(
            [0, 970, 971].map(|uid| peers.is_belayds(uid)),
            [false, true, false]
        );
        let nobody = Peers::new("belay-screen", "root:x:0:0::/root:/bin/sh\n");
        assert!(!nobody.is_belayds(0));
    }

    #[test]
    fn insiders_are_root_and_belayds_user_and_nobody_else() {
        let passwd = "belay:x:970:970::/:/sbin/nologin\nbelay-screen:x:971:971::/:/\njane:x:1000:1000::/:/\n";
        let peers = Peers {
            own_uid: 0,
            ..Peers::new("belay-screen", passwd)
        };
        let insiders = [0, 970, 971, 1000].map(|uid| peers.is_insider(uid));
        assert_eq!(insiders, [true, true, false, false]);
    }
}
