//! A simulated login manager: `org.freedesktop.login1` with sessions that can be terminated.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use zbus::{ObjectPath, OwnedObjectPath, Variant};

use super::puppet::{Behaviour, Call, Puppet, Refusal, Strings, Values, lock, props};
use crate::Outcome;

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";

/// A session of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Such as `c1`.
    pub id: String,
    /// The user's number.
    pub uid: u32,
    /// The user's name.
    pub user: String,
}

/// The login manager.
#[derive(Debug)]
pub struct Login {
    strings: Strings,
    sessions: Sessions,
}

type Sessions = Arc<Mutex<Vec<Session>>>;

struct Logind(Sessions);

impl Login {
    /// Joins the bus with nobody logged in.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let sessions = Sessions::default();
        let logind = Logind(Arc::clone(&sessions));
        let strings = Strings::attach(bus, NAME, logind, async |puppet| {
            let properties = props([("PreparingForShutdown", false.into())])?;
            puppet.add(PATH, MANAGER, properties).await
        });
        Ok(Self {
            strings: strings.await?,
            sessions,
        })
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.strings.puppet()
    }

    /// Somebody logs in.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn open(&self, id: &str, uid: u32, user: &str) -> Outcome {
        lock(&self.sessions).push(Session {
            id: id.to_owned(),
            uid,
            user: user.to_owned(),
        });
        let properties = props([
            ("Id", id.to_owned().into()),
            ("Name", user.to_owned().into()),
            ("Active", true.into()),
            ("State", "active".into()),
            ("Class", "user".into()),
            ("LockedHint", false.into()),
        ])?;
        self.puppet().add(&path(id), SESSION, properties).await?;
        let body = (id, OwnedObjectPath::try_from(path(id))?);
        self.puppet().emit(PATH, MANAGER, "SessionNew", &body).await
    }

    /// The sessions that are open.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        lock(&self.sessions).clone()
    }

    /// Whether the session says of itself that it is locked; its owner may say so as it likes.
    #[must_use]
    pub fn is_hinted_locked(&self, id: &str) -> bool {
        let hint = self.puppet().get(&path(id), SESSION, "LockedHint");
        hint.is_some_and(|hint| bool::try_from(hint).unwrap_or(false))
    }
}

impl Behaviour for Logind {
    fn answer(&self, puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let sessions = Arc::clone(&self.0);
        Box::pin(async move {
            let word = call
                .arguments
                .first()
                .and_then(|v| String::try_from(v.clone()).ok());
            let id = match call.interface.as_str() {
                SESSION => id_of(&call.path),
                _ => word.clone().unwrap_or_default(),
            };
            let known = lock(&sessions).iter().any(|s| s.id == id);
            let unknown = || {
                Refusal::new(
                    "org.freedesktop.login1.NoSuchSession",
                    format!("no session {id:?}"),
                )
            };
            match call.member.as_str() {
                "ListSessions" => Ok(vec![list(&sessions)]),
                "ListUsers" => Ok(vec![users(&sessions)]),
                "GetSession" if known => Ok(vec![object(&path(&id))?]),
                "TerminateSession" | "Terminate" | "KillSession" if known => {
                    lock(&sessions).retain(|s| s.id != id);
                    ended(&puppet, &id).await.map_err(|_| unknown())?;
                    Ok(Vec::new())
                }
                "TerminateUser" => {
                    let uid = call.arguments.first().and_then(|v| u32::try_from(v.clone()).ok());
                    let gone: Vec<Session> = lock(&sessions).extract_if(.., |s| Some(s.uid) == uid).collect();
                    for session in gone {
                        ended(&puppet, &session.id).await.map_err(|_| unknown())?;
                    }
                    Ok(Vec::new())
                }
                // A request to the session's shell; a shell that locks says so with SetLockedHint.
                "LockSession" | "Lock" if known => signal(&puppet, &id, "Lock").await,
                "UnlockSession" | "Unlock" if known => signal(&puppet, &id, "Unlock").await,
                "SetLockedHint" if known => {
                    let locked = call.arguments.first() == Some(&Variant::Bool(true));
                    let set = puppet.set(&path(&id), SESSION, "LockedHint", locked).await;
                    set.map_err(|_| unknown()).map(|()| Vec::new())
                }
                "GetSession" | "TerminateSession" | "Terminate" | "KillSession" | "LockSession" | "Lock"
                | "UnlockSession" | "Unlock" | "SetLockedHint" => Err(unknown()),
                "PowerOff" | "Reboot" | "Suspend" => Ok(Vec::new()),
                _ => Err(Refusal::unknown_method(&call)),
            }
        })
    }
}

fn list(sessions: &Sessions) -> Variant<'static> {
    let all: Vec<(String, u32, String, String, ObjectPath<'static>)> = lock(sessions)
        .iter()
        .map(|s| {
            let path = ObjectPath::from_string_unchecked(path(&s.id));
            (s.id.clone(), s.uid, s.user.clone(), "seat0".to_owned(), path)
        })
        .collect();
    Variant::from(all)
}

fn users(sessions: &Sessions) -> Variant<'static> {
    let all: BTreeMap<u32, String> = lock(sessions).iter().map(|s| (s.uid, s.user.clone())).collect();
    let listed = all.into_iter().map(|(uid, user)| {
        let path = ObjectPath::from_string_unchecked(format!("{PATH}/user/_{uid}"));
        (uid, user, path)
    });
    Variant::from(listed.collect::<Vec<(u32, String, ObjectPath<'static>)>>())
}

async fn ended(puppet: &Puppet, id: &str) -> Outcome {
    puppet.remove(&path(id)).await?;
    let body = (id, OwnedObjectPath::try_from(path(id))?);
    puppet.emit(PATH, MANAGER, "SessionRemoved", &body).await
}

async fn signal(puppet: &Puppet, id: &str, signal: &str) -> Result<Values, Refusal> {
    let sent = puppet.emit(&path(id), SESSION, signal, &()).await;
    sent.map_err(|s| Refusal::new("org.freedesktop.DBus.Error.Failed", s.to_string()))?;
    Ok(Vec::new())
}

fn object(path: &str) -> Result<Variant<'static>, Refusal> {
    let path = ObjectPath::try_from(path.to_owned());
    path.map(Variant::from)
        .map_err(|e| Refusal::new("org.freedesktop.DBus.Error.Failed", e.to_string()))
}

fn path(id: &str) -> String {
    format!("{PATH}/session/{id}")
}

fn id_of(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}
