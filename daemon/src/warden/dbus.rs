//! The warden over D-Bus.

use std::time::Duration;

use belay_proto::dbus::names::{WARDEN_NAME, WARDEN_PATH};
use belay_proto::dbus::{AuditEntries, Error, WardenProxy};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use zbus::fdo::PropertiesProxy;
use zbus::message::Type as MessageType;
use zbus::names::InterfaceName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, MessageStream};

use super::{Calls, Identity, WardenError, WardenView, view::parse};
use crate::actor::{Actor, Inbox};

/// The longest step is a password check at the price ceiling (512 MiB, ten passes) behind a full queue.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Calls the warden on the bus.
#[derive(Debug)]
pub struct BusWarden {
    warden: WardenProxy<'static>,
    watcher: mpsc::Sender<Refresh>,
    /// Whether belayd owns its name: the warden knows belayd by that alone.
    named: watch::Receiver<bool>,
}

/// Asks the [`Watcher`] to read the properties now, and to answer where somebody waits.
#[derive(Debug)]
pub struct Refresh(Option<Answer>);

type Answer = oneshot::Sender<Result<(), WardenError>>;

impl BusWarden {
    /// Calls over `connection`; `watcher` is the mailbox of the [`Watcher`]. What only belayd may call waits
    /// until `named` says that the connection owns belayd's name.
    ///
    /// # Errors
    /// When the connection can't be used.
    pub async fn new(
        connection: &Connection,
        watcher: mpsc::Sender<Refresh>,
        named: watch::Receiver<bool>,
    ) -> zbus::Result<Self> {
        let warden = WardenProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Self {
            warden,
            watcher,
            named,
        })
    }

    async fn as_belayd<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, WardenError> {
        in_time(async {
            // Where nobody will ever say, belayd is about to end.
            let _ = self.named.clone().wait_for(|named| *named).await;
            call.await
        })
        .await
    }
}

impl Calls for BusWarden {
    fn use_step<'a>(
        &'a self,
        ticket: &'a str,
        step: &'a str,
        input: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, WardenError>> {
        Box::pin(self.as_belayd(self.warden.use_ticket(ticket, step, input)))
    }

    fn credentials<'a>(&'a self, record: &'a [u8]) -> BoxFuture<'a, Result<bool, WardenError>> {
        Box::pin(self.as_belayd(self.warden.credentials(record)))
    }

    fn command<'a>(&'a self, envelope: &'a [u8]) -> BoxFuture<'a, Result<String, WardenError>> {
        Box::pin(self.as_belayd(self.warden.command(envelope)))
    }

    fn beat(&self) -> BoxFuture<'_, Result<(), WardenError>> {
        Box::pin(self.as_belayd(self.warden.beat()))
    }

    fn tighten<'a>(&'a self, reason: &'a str) -> BoxFuture<'a, Result<(), WardenError>> {
        Box::pin(self.as_belayd(self.warden.tighten(reason)))
    }

    fn history(&self, since: u64) -> BoxFuture<'_, Result<AuditEntries, WardenError>> {
        Box::pin(self.as_belayd(self.warden.history(since)))
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), WardenError>> {
        Box::pin(async move {
            let (answer, done) = oneshot::channel();
            self.watcher
                .send(Refresh(Some(answer)))
                .await
                .map_err(|_| WardenError::TimedOut)?;
            done.await.map_err(|_| WardenError::TimedOut)?
        })
    }

    fn retry(&self) {
        // A mailbox that is full brings a reading anyway.
        let _ = self.watcher.try_send(Refresh(None));
    }
}

/// Keeps the view up to date.
///
/// A signal is only the reason to read the properties from the owner of the warden's name: whoever is on the
/// bus may send belayd a signal that looks like the warden's.
#[derive(Debug)]
pub struct Watcher {
    connection: Connection,
    view: watch::Sender<WardenView>,
    /// Counts the readings that succeeded.
    signs: watch::Sender<u64>,
    /// The last reading failed and that was logged: each question brings another try, and needn't another line.
    has_complained: bool,
}

impl Watcher {
    /// A watcher over `connection` that shows what it reads in `view`.
    pub fn new(connection: Connection, view: watch::Sender<WardenView>) -> Self {
        Self {
            connection,
            view,
            signs: watch::Sender::new(0),
            has_complained: false,
        }
    }

    /// How often the properties were read.
    pub fn signs(&self) -> watch::Receiver<u64> {
        self.signs.subscribe()
    }

    /// Shows what a reading found. One that failed leaves the view as it was, but for the note that it may be old.
    fn show(&mut self, outcome: Result<WardenView, WardenError>) -> Result<(), WardenError> {
        let (view, outcome) = match outcome {
            Ok(view) => {
                self.has_complained = false;
                (view, Ok(()))
            }
            Err(error) => {
                if !self.has_complained {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "reading the warden's state"
                    );
                }
                self.has_complained = true;
                let old = self.view.borrow().clone();
                let view = WardenView {
                    is_current: false,
                    ..old
                };
                (view, Err(error))
            }
        };
        self.view.send_if_modified(|old| {
            let changed = *old != view;
            *old = view;
            changed
        });
        if outcome.is_ok() {
            self.signs.send_modify(|signs| *signs = signs.wrapping_add(1));
        }
        outcome
    }

    /// The warden's signals, and the bus's word that the warden has started.
    async fn hints(&self) -> Result<(MessageStream, MessageStream), zbus::Error> {
        let changes = MatchRule::builder()
            .msg_type(MessageType::Signal)
            .sender(WARDEN_NAME)
            .path(WARDEN_PATH)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .build()?;
        let starts = MatchRule::builder()
            .msg_type(MessageType::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, WARDEN_NAME)
            .build()?;
        let changes = MessageStream::for_match_rule(changes, &self.connection, None).await?;
        let starts = MessageStream::for_match_rule(starts, &self.connection, None).await?;
        Ok((changes, starts))
    }
}

impl Actor for Watcher {
    type Message = Refresh;

    /// Never waits for a reading alone: signals that nobody takes would fill their queue and with it stop the
    /// connection, the reading's own answer included; and a warden that hangs is no reason for belayd to miss the
    /// supervisor's question.
    async fn run(&mut self, inbox: &mut Inbox<Refresh>) {
        let (mut changes, mut starts) = match self.hints().await {
            Ok(streams) => streams,
            Err(error) => {
                // The connection is gone, and belayd with it.
                tracing::error!(%error, "can't listen to the warden");
                return;
            }
        };
        let mut readings = Readings::default();
        // The first reading starts the warden where it isn't running: what the device is bound to is the
        // first thing that anybody asks.
        readings.want(None);
        loop {
            readings.begin(|| Box::pin(read(self.connection.clone())));
            let is_first = readings.ended == 0;
            tokio::select! {
                // The supervisor's first question is answered once there is something to show.
                request = inbox.recv(), if !is_first => match request {
                    Some(Refresh(answer)) => readings.want(answer),
                    None => return,
                },
                Some(_) = changes.next() => readings.want(None),
                Some(Ok(message)) = starts.next() => {
                    let owner: Result<(String, String, String), _> = message.body().deserialize();
                    // Reading after the warden has left for want of work would only start it again.
                    if owner.is_ok_and(|(_, _, new)| !new.is_empty()) {
                        readings.want(None);
                    }
                }
                outcome = readings.end() => {
                    let outcome = self.show(outcome);
                    readings.answer(&outcome);
                }
            }
        }
    }
}

/// The reading under way and the one after it, which answers all who asked meanwhile: what the first one finds may
/// be older than their question.
#[derive(Default)]
struct Readings {
    under_way: Option<BoxFuture<'static, Result<WardenView, WardenError>>>,
    answers: Vec<Answer>,
    is_wanted: bool,
    later_answers: Vec<Answer>,
    ended: u64,
}

impl Readings {
    fn want(&mut self, answer: Option<Answer>) {
        self.is_wanted = true;
        self.later_answers.extend(answer);
    }

    fn begin(&mut self, read: impl FnOnce() -> BoxFuture<'static, Result<WardenView, WardenError>>) {
        if self.is_wanted && self.under_way.is_none() {
            self.is_wanted = false;
            self.answers = std::mem::take(&mut self.later_answers);
            self.under_way = Some(read());
        }
    }

    /// What the reading under way found; never answers when there is none.
    async fn end(&mut self) -> Result<WardenView, WardenError> {
        let Some(reading) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let outcome = reading.await;
        self.under_way = None;
        self.ended += 1;
        outcome
    }

    fn answer(&mut self, outcome: &Result<(), WardenError>) {
        for answer in self.answers.drain(..) {
            // A caller that has gone away needs no answer.
            let _ = answer.send(outcome.clone());
        }
    }
}

/// The properties as the owner of the warden's name tells them.
async fn read(connection: Connection) -> Result<WardenView, WardenError> {
    let interface = InterfaceName::try_from(WARDEN_NAME).map_err(WardenError::Unreachable)?;
    let get_all = async {
        let warden = PropertiesProxy::builder(&connection)
            .destination(WARDEN_NAME)
            .path(WARDEN_PATH)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(warden.get_all(interface).await?)
    };
    let mut all = in_time(get_all).await?;
    let mut text = |name: &str| all.remove(name).and_then(|value| String::try_from(value).ok());
    let binding = text("BindingState").map(|text| parse(&text)).unwrap_or_default();
    let lock = text("LockState").map(|text| parse(&text)).unwrap_or_default();
    let tries_left = all
        .remove("TriesLeft")
        .and_then(|value| u32::try_from(value).ok());
    // Asked last: what changes meanwhile is followed by a signal, and that by another reading.
    let identity = in_time(async {
        let warden = WardenProxy::builder(&connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        warden.identity().await
    });
    Ok(WardenView {
        binding,
        lock,
        tries_left,
        identity: Identity::from_dict(identity.await?),
        is_current: true,
    })
}

async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, WardenError> {
    Ok(timeout(ANSWER_WITHIN, call)
        .await
        .map_err(|_| WardenError::TimedOut)??)
}
