//! The services of the system: what they show becomes events, and jobs become calls.
//!
//! Signals are only hints, as anybody may send one: what counts is read.

mod login;
mod network;
mod service;
mod units;
mod usb;
mod warden;

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::select_all;
use tokio::sync::mpsc::Sender;
use zbus::{Connection, MessageStream, OwnedFd};

use crate::config::{BusKind, Config};
use crate::event::{Event, Job};
use service::Service;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a job that went well brings.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is seen now.
    pub events: Vec<Event>,
    /// The inhibitor.
    pub held: Option<OwnedFd>,
}

/// The services.
#[derive(Clone, Debug)]
pub struct Services {
    connection: Connection,
    lost_screen_user: String,
}

/// A service that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `org.belay1.Warden`.
    Warden,
    /// NetworkManager.
    Network,
    /// The login manager.
    Login,
    /// USBGuard.
    Usb,
    /// The service manager.
    Units,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Warden, Self::Network, Self::Login, Self::Usb, Self::Units];
}

impl Services {
    /// Connects to the bus.
    ///
    /// # Errors
    /// There is none.
    pub async fn connect(config: &Config) -> zbus::Result<Self> {
        let builder = match config.bus {
            BusKind::System => zbus::connection::Builder::system(),
            BusKind::Session => zbus::connection::Builder::session(),
        };
        Ok(Self {
            connection: builder.method_timeout(ANSWER_WITHIN).build().await?,
            lost_screen_user: config.lost_screen_user.clone(),
        })
    }

    /// Until the bus is gone.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Whether the warden says that there is something to watch: a device that has to be kept, or a policy.
    ///
    /// # Errors
    /// It doesn't answer.
    pub async fn is_needed(&self) -> zbus::Result<bool> {
        let warden = self.service(Subject::Warden);
        Ok(warden::guarded(&warden).await? || warden::tick(&warden).await? != 0)
    }

    /// Sends what a service shows, now and whenever it changes, until it can't be read.
    ///
    /// # Errors
    /// It couldn't be read, or the bus is gone.
    pub async fn follow(&self, subject: Subject, events: &Sender<Event>) -> zbus::Result<()> {
        let service = self.service(subject);
        // The ear before the eye: what changes in between is heard.
        let mut hints: Vec<MessageStream> = vec![service.owners().await?];
        match subject {
            Subject::Warden => hints.push(service.changes(warden::PATH, warden::NAME).await?),
            Subject::Network => hints.push(service.changes(network::PATH, network::NAME).await?),
            Subject::Login => hints.push(service.signals(login::PATH, login::MANAGER, "SessionNew").await?),
            Subject::Usb => hints.push(
                service
                    .signals(usb::PATH, usb::NAME, "PropertyParameterChanged")
                    .await?,
            ),
            Subject::Units => hints.extend(units::hints(&service).await?),
        }
        let mut hints = select_all(hints);
        let first = self.read(subject, None).await?;
        send(events, first).await;
        while let Some(hint) = hints.next().await {
            let seen = self.read(subject, Some(&hint?)).await?;
            send(events, seen).await;
        }
        Ok(())
    }

    /// What the service shows, after a signal or at first.
    async fn read(&self, subject: Subject, hint: Option<&zbus::Message>) -> zbus::Result<Vec<Event>> {
        let service = self.service(subject);
        let came_or_went = hint.is_none_or(service::is_owner_change);
        match subject {
            Subject::Warden => {
                // It leaves when there is nothing to do, and isn't called back for that alone.
                if came_or_went && hint.is_some() && !service.is_there().await? {
                    return Ok(Vec::new());
                }
                let guarded = warden::guarded(&service).await?;
                let changed = hint.is_some() && !came_or_went;
                Ok(vec![Event::Lock { guarded, changed }])
            }
            Subject::Network => network::radios(&service)
                .await
                .map(|seen| vec![Event::Radios(seen)]),
            Subject::Login if came_or_went => Ok(vec![Event::Login(service.is_there().await?)]),
            Subject::Login => Ok(vec![Event::SessionNew]),
            Subject::Usb => usb::target(&service).await.map(|seen| vec![Event::Usb(seen)]),
            Subject::Units => units::is_up(&service).await.map(|up| vec![Event::Target(up)]),
        }
    }

    /// Does a job.
    ///
    /// # Errors
    /// It didn't go well.
    pub async fn perform(&self, job: &Job) -> zbus::Result<Outcome> {
        // These two would hit the owner who has just unlocked: asked once more before it is done.
        if matches!(job, Job::End(_) | Job::Target)
            && !warden::guarded(&self.service(Subject::Warden)).await?
        {
            let (guarded, changed) = (false, false);
            return Ok(Outcome {
                events: vec![Event::Lock { guarded, changed }],
                held: None,
            });
        }
        let events = match job {
            // A file's, not a service's.
            Job::Save | Job::Release => Vec::new(),
            Job::Radio(radio, on) => {
                let service = self.service(Subject::Network);
                network::switch(&service, *radio, *on).await?;
                vec![Event::Radios(network::radios(&service).await?)]
            }
            Job::Usb(target) => {
                let service = self.service(Subject::Usb);
                usb::set_target(&service, target).await?;
                vec![Event::Usb(usb::target(&service).await?)]
            }
            Job::Sessions => {
                let service = self.service(Subject::Login);
                let strangers = login::strangers(&service, &self.lost_screen_user).await?;
                vec![Event::Strangers(strangers)]
            }
            Job::End(id) => {
                login::end(&self.service(Subject::Login), id).await?;
                Vec::new()
            }
            Job::Inhibit => {
                let held = login::inhibit(&self.service(Subject::Login)).await?;
                return Ok(Outcome {
                    events: Vec::new(),
                    held: Some(held),
                });
            }
            Job::Target => {
                let service = self.service(Subject::Units);
                units::start(&service).await?;
                vec![Event::Target(units::is_up(&service).await?)]
            }
            Job::Tick => vec![Event::Ticked(warden::tick(&self.service(Subject::Warden)).await?)],
        };
        Ok(Outcome { events, held: None })
    }

    fn service(&self, subject: Subject) -> Service {
        let name = match subject {
            Subject::Warden => warden::NAME,
            Subject::Network => network::NAME,
            Subject::Login => login::NAME,
            Subject::Usb => usb::NAME,
            Subject::Units => units::NAME,
        };
        Service::new(&self.connection, name)
    }
}

/// A closed queue means that the watch is over.
async fn send(events: &Sender<Event>, seen: Vec<Event>) {
    for event in seen {
        let _ = events.send(event).await;
    }
}
