//! A simulated feedback daemon: `org.sigxcpu.Feedback`, which plays until told to stop or its caller leaves.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use zbus::Variant;
use zbus::fdo::DBusProxy;

use super::puppet::{Behaviour, Call, Puppet, Refusal, Strings, Values, props};
use crate::until::within;
use crate::{Outcome, Surprise};

const NAME: &str = "org.sigxcpu.Feedback";
const PATH: &str = "/org/sigxcpu/Feedback";

/// Something that is being played.
#[derive(Debug, Clone, PartialEq)]
pub struct Playing {
    /// Its number.
    pub id: u32,
    /// Who asked for it: the application.
    pub app: String,
    /// What.
    pub event: String,
    /// The hint `profile`.
    pub profile: Option<String>,
    /// The hint `important`.
    pub important: bool,
    /// Seconds; -1 once, 0 endless.
    pub timeout: i32,
}

/// The feedback daemon.
#[derive(Debug)]
pub struct Feedback {
    strings: Strings,
    daemon: Daemon,
}

#[derive(Debug, Clone)]
struct Daemon {
    playing: Arc<watch::Sender<Vec<Playing>>>,
    last: Arc<AtomicU32>,
}

impl Feedback {
    /// Joins the bus, silent, with the profile `silent`.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let daemon = Daemon {
            playing: Arc::new(watch::Sender::new(Vec::new())),
            last: Arc::default(),
        };
        let strings = Strings::attach(bus, NAME, daemon.clone(), async |puppet| {
            puppet
                .add(PATH, NAME, props([("Profile", "silent".into())])?)
                .await
        });
        Ok(Self {
            strings: strings.await?,
            daemon,
        })
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.strings.puppet()
    }

    /// What is being played.
    #[must_use]
    pub fn playing(&self) -> Vec<Playing> {
        self.daemon.playing.borrow().clone()
    }

    /// Waits until something is played, or nothing is.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until_playing(&self, wanted: bool) -> Outcome {
        let mut playing = self.daemon.playing.subscribe();
        let what = if wanted { "a sound" } else { "silence" };
        let seen = within(what, playing.wait_for(|p| p.is_empty() != wanted)).await?;
        seen.map(drop).map_err(|_| Surprise::new("feedbackd is gone"))
    }

    /// Everything ends by itself, as when the sound can't be played.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn break_off(&self) -> Outcome {
        let ended = self.daemon.playing.send_replace(Vec::new());
        for sound in ended {
            self.puppet()
                .emit(PATH, NAME, "FeedbackEnded", &(sound.id, 3_u32))
                .await?;
        }
        Ok(())
    }
}

impl Behaviour for Daemon {
    fn answer(&self, puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let daemon = self.clone();
        Box::pin(async move {
            match (call.member.as_str(), call.arguments.as_slice()) {
                ("TriggerFeedback", [app, event, Variant::Dict(hints), Variant::I32(timeout)]) => {
                    let hint = |name: &str| {
                        let found = hints.iter().find(|(k, _)| **k == Variant::from(name));
                        found.map(|(_, v)| match v {
                            Variant::Variant(inner) => (**inner).clone(),
                            other => other.clone(),
                        })
                    };
                    let sound = Playing {
                        id: daemon.last.fetch_add(1, Ordering::Relaxed) + 1,
                        app: String::try_from(app.clone()).unwrap_or_default(),
                        event: String::try_from(event.clone()).unwrap_or_default(),
                        profile: hint("profile").and_then(|v| String::try_from(v).ok()),
                        important: hint("important") == Some(Variant::Bool(true)),
                        timeout: *timeout,
                    };
                    let id = sound.id;
                    daemon.playing.send_modify(|all| all.push(sound));
                    tokio::spawn(stop_with_caller(puppet, daemon, call.sender.clone(), id));
                    Ok(vec![id.into()])
                }
                ("EndFeedback", [Variant::U32(id)]) => {
                    daemon.playing.send_modify(|all| all.retain(|p| p.id != *id));
                    let ended = puppet.emit(PATH, NAME, "FeedbackEnded", &(*id, 0_u32)).await;
                    ended.map_err(|s| Refusal::new("org.freedesktop.DBus.Error.Failed", s.to_string()))?;
                    Ok(Vec::new())
                }
                _ => Err(Refusal::unknown_method(&call)),
            }
        })
    }
}

/// Who leaves the bus is heard no more.
async fn stop_with_caller(puppet: Puppet, daemon: Daemon, caller: String, id: u32) -> Outcome {
    let dbus = DBusProxy::new(puppet.connection()).await?;
    let mut owners = dbus
        .receive_name_owner_changed_with_args(&[(0, caller.as_str()), (2, "")])
        .await?;
    let caller = zbus::names::BusName::try_from(caller)?;
    if dbus.name_has_owner(caller).await? {
        owners.next().await;
    }
    daemon.playing.send_modify(|all| all.retain(|p| p.id != id));
    Ok(())
}
