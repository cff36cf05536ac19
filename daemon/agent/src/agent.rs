//! The agent: a mirror a source, switched by what belayd says.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use belay_proto::clock::Clock;
use belay_proto::dbus::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use zbus::Connection;

use crate::bus::{Belayd, BusRecords, Heard};
use crate::config::{BusKind, Config, Keeping, Origin};
use crate::memory::{self, MemoryFile};
use crate::mirror::{Order, Parts, Status, mirror};
use crate::ports::{BoxFuture, Source};
use crate::source::{Cards, Folder, Vdir, Which};
use crate::standing::Standing;
use crate::state::Gone;

/// Orders that wait for a mirror; it takes them at once.
const ORDERS: usize = 64;

/// How it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Ends once everything that is on is mirrored.
    pub once: bool,
    /// A source, and what its owner says of what is gone from it.
    pub gone: Option<(String, Gone)>,
}

impl Manner {
    fn gone_from(&self, source: &str) -> Gone {
        let said = self.gone.as_ref().filter(|(name, _)| name == source);
        said.map_or_else(Gone::default, |(_, gone)| *gone)
    }
}

/// Why it ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The bus can't be reached, or is gone.
    #[error("the bus can't be used: {0}")]
    Bus(#[from] zbus::Error),
    /// Likewise.
    #[error("the bus can't be used: {0}")]
    Proxy(#[from] Error),
    /// The bus went away.
    #[error("the bus is gone")]
    Lost,
    /// Another process mirrors the same.
    #[error("another belay-agent is at work: systemctl --user stop belay-agent")]
    Taken,
    /// What is remembered can't be kept.
    #[error("the state folder can't be used: {0}")]
    State(io::Error),
    /// A mirror ended by a mistake of ours.
    #[error("a mirror failed")]
    Mirror,
    /// With [`Manner::once`]: belayd isn't there, or the device is nobody's.
    #[error("belayd doesn't say whose this device is")]
    NoBelayd,
    /// With [`Manner::once`]: something couldn't be mirrored.
    #[error("not everything could be mirrored: {0}")]
    Unfinished(String),
    /// `SIGTERM` can't be waited for.
    #[error("no signals: {0}")]
    Signals(io::Error),
}

struct Mirrored {
    collection: String,
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Status>,
}

/// Runs until it is told to stop, or with [`Manner::once`] until everything is mirrored.
///
/// # Errors
/// [`AgentError`].
pub async fn run(config: &Config, manner: &Manner, clock: Arc<dyn Clock>) -> Result<(), AgentError> {
    let _held = memory::hold(&config.state)
        .map_err(AgentError::State)?
        .ok_or(AgentError::Taken)?;
    let connection = match config.bus {
        BusKind::System => Connection::system().await?,
        BusKind::Session => Connection::session().await?,
    };
    let mut belayd = Belayd::new(&connection).await?;
    let mut tasks = JoinSet::new();
    let mut mirrors = BTreeMap::new();
    for (name, origin) in &config.sources {
        let source = source(config, name, origin, &clock);
        let parts = Parts {
            name: name.clone(),
            source,
            records: Arc::new(BusRecords::new(&connection, &origin.collection).await?),
            memory: MemoryFile::new(&config.state, name),
            settle: config.settle,
            gone: manner.gone_from(name),
            clock: Arc::clone(&clock),
        };
        let (orders, receiver) = mpsc::channel(ORDERS);
        let (sender, status) = watch::channel(Status::default());
        tasks.spawn(mirror(parts, receiver, sender));
        let collection = origin.collection.clone();
        mirrors.insert(
            name.clone(),
            Mirrored {
                collection,
                orders,
                status,
            },
        );
    }
    let ended = conduct(&mut belayd, &mirrors, (manner, &config.state), &mut tasks).await;
    // They keep what they know, and end.
    drop(mirrors);
    while tasks.join_next().await.is_some() {}
    ended
}

async fn conduct(
    belayd: &mut Belayd,
    mirrors: &BTreeMap<String, Mirrored>,
    (manner, folder): (&Manner, &Path),
    tasks: &mut JoinSet<()>,
) -> Result<(), AgentError> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(AgentError::Signals)?;
    let mut interrupted = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
        .map_err(AgentError::Signals)?;
    let mut on = look(belayd, mirrors).await;
    let mut kept = None;
    // Not being told is no reason not to work.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    loop {
        // From before they are asked how they stand.
        let moved = moved(mirrors);
        let stands = standing(mirrors);
        if kept.as_ref() != Some(&stands) {
            keep(folder, stands.clone()).await;
            kept = Some(stands);
        }
        if manner.once {
            let on = on.as_ref().ok_or(AgentError::NoBelayd)?;
            if let Some(ended) = ended(mirrors, on) {
                return ended;
            }
        }
        tokio::select! {
            heard = belayd.heard() => match heard {
                Heard::Look => on = look(belayd, mirrors).await,
                Heard::Changed(collection) => {
                    for mirrored in mirrors.values().filter(|mirrored| mirrored.collection == collection) {
                        tell(mirrored, Order::Changed).await;
                    }
                }
                Heard::State => {
                    for mirrored in mirrors.values() {
                        tell(mirrored, Order::Again).await;
                    }
                }
                Heard::Lost => return Err(AgentError::Lost),
            },
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
            () = moved => {}
            // A mirror only ends by a mistake of ours: whoever started this starts it again.
            Some(_) = tasks.join_next() => return Err(AgentError::Mirror),
        }
    }
}

/// How the sources stand.
fn standing(mirrors: &BTreeMap<String, Mirrored>) -> Standing {
    let mut all = Standing::default();
    for (name, mirrored) in mirrors {
        all.add(name, &mirrored.collection, &mirrored.status.borrow());
    }
    all
}

/// Has it be seen; whoever can't see it asks the journal.
async fn keep(folder: &Path, stands: Standing) {
    let folder = folder.to_owned();
    let kept = tokio::task::spawn_blocking(move || stands.keep(&folder)).await;
    if let Ok(Err(error)) = kept {
        tracing::warn!(%error, "how the sources stand can't be kept");
    }
}

/// Switches the mirrors; answers the collections that are on.
async fn look(belayd: &Belayd, mirrors: &BTreeMap<String, Mirrored>) -> Option<Vec<String>> {
    let collections: Vec<String> = mirrors
        .values()
        .map(|mirrored| mirrored.collection.clone())
        .collect();
    let found = belayd.look(&collections).await;
    for mirrored in mirrors.values() {
        let order = match &found {
            Some((binding, on)) if on.contains(&mirrored.collection) => Order::On(binding.clone()),
            _ => Order::Off,
        };
        tell(mirrored, order).await;
    }
    found.map(|(_, on)| on)
}

async fn tell(mirrored: &Mirrored, order: Order) {
    // One that ended is noticed elsewhere.
    let _ = mirrored.orders.send(order).await;
}

/// Is done once a mirror stands otherwise than at the call.
fn moved(mirrors: &BTreeMap<String, Mirrored>) -> BoxFuture<'static, ()> {
    let changes = mirrors.values().map(|mirrored| {
        let mut status = mirrored.status.clone();
        status.mark_unchanged();
        Box::pin(async move {
            // Gone is noticed elsewhere.
            if status.changed().await.is_err() {
                std::future::pending().await
            }
        })
    });
    let changes: Vec<_> = changes.collect();
    Box::pin(async {
        match changes.is_empty() {
            true => std::future::pending().await,
            false => drop(futures_util::future::select_all(changes).await),
        }
    })
}

/// Whether one pass is over, and how.
fn ended(mirrors: &BTreeMap<String, Mirrored>, on: &[String]) -> Option<Result<(), AgentError>> {
    let mut wrong = Vec::new();
    for (name, mirrored) in mirrors
        .iter()
        .filter(|(_, mirrored)| on.contains(&mirrored.collection))
    {
        let status = mirrored.status.borrow();
        if let Some(stop) = status.stopped {
            wrong.push(format!("{name}: {stop}"));
        } else if status.waits {
            wrong.push(format!("{name}: something has to be tried again"));
        } else if !status.is_settled {
            return None;
        } else if let Some(doubt) = status.doubt {
            wrong.push(format!("{name}: {doubt}"));
        } else if status.refused > 0 {
            wrong.push(format!(
                "{name}: {} can't be mirrored as they stand",
                status.refused
            ));
        }
    }
    Some(match wrong.is_empty() {
        true => Ok(()),
        false => Err(AgentError::Unfinished(wrong.join("; "))),
    })
}

fn source(config: &Config, name: &str, origin: &Origin, clock: &Arc<dyn Clock>) -> Arc<dyn Source> {
    let (path, clock) = (origin.path.clone(), Arc::clone(clock));
    let cards = match origin.collection.as_str() {
        "calendars" => Cards::Calendars,
        _ => Cards::Contacts,
    };
    match origin.kind {
        Keeping::Vdir => Arc::new(Vdir::new(path, cards, clock)),
        Keeping::Kpeople => Arc::new(Vdir::new(path, Cards::KPeople, clock)),
        Keeping::Notes => Arc::new(Folder::new(path, Which::Notes, config.below(name), clock)),
        Keeping::Folder => Arc::new(Folder::new(path, Which::All, config.below(name), clock)),
    }
}
