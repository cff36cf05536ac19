//! Messages on their way to people: a queue in the database, so that none is lost when the cloud stops
//! between answering and sending.

pub mod outbox;
pub mod sms;
pub mod smtp;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use belay_proto::failpoint;
use belay_proto::keys::random;
use belay_proto::text::hex;
use futures_util::future::join_all;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::config::Delivery;
use crate::http::metrics::Outcome;
use crate::store::{Failure, StoreError};
use crate::vault::Vault;

/// Waits after the n-th failure; the last is repeated for as long as the message is worth sending.
const WAITS: &[Millis] = &[
    SECOND,
    5 * SECOND,
    20 * SECOND,
    MINUTE,
    3 * MINUTE,
    15 * MINUTE,
    HOUR,
];

/// The channel of a message that only has to cost what another one does.
pub const NOWHERE: &str = "nowhere";

/// How long a message with a code stays worth sending.
pub const CODE_LIFE: Millis = 10 * MINUTE;

/// Messages that are being sent at once: a server that lets one of them wait holds up no more than these.
const TOGETHER: usize = 16;

/// One message, in the form that `--outbox` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The address or number.
    pub to: String,
    /// `email` or `sms`; [`NOWHERE`] is never written.
    pub channel: String,
    /// The mail's subject.
    pub subject: Option<String>,
    /// The words.
    pub text: String,
    /// The code in the text.
    pub code: Option<String>,
    /// The link in the text.
    pub link: Option<String>,
}

/// Why a message didn't go out. The cause never holds the address.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The outbox folder can't be written.
    #[error("the outbox can't be written")]
    Outbox(#[from] std::io::Error),
    /// An address isn't one.
    #[error("an address can't be used")]
    Address(#[from] lettre::address::AddressError),
    /// The mail can't be put together.
    #[error("the mail can't be put together")]
    Mail(#[from] lettre::error::Error),
    /// The mail server refused, or wasn't there.
    #[error("the mail server failed")]
    Smtp(#[from] lettre::transport::smtp::Error),
    /// The mail server is there, and doesn't go on.
    #[error("the mail server took too long")]
    Silent,
    /// The gateway wasn't there.
    #[error("the gateway can't be reached")]
    Gateway(#[from] reqwest::Error),
    /// The gateway answered something else than 2xx.
    #[error("the gateway answered {status}")]
    Refused {
        /// The status.
        status: u16,
        /// How long it wants to be left alone.
        wait: Option<Millis>,
    },
    /// What the message says is over: it waited while nobody could send it.
    #[error("it is too late")]
    Late,
    /// Nothing is configured for the channel.
    #[error("no way for this channel is configured")]
    NoWay,
}

impl DeliveryError {
    /// Whether the same message would be refused again: a reply 5yz of a mail server (RFC 5321 §4.2.1), or a status 4xx
    /// of the gateway that isn't about the moment.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Address(_) | Self::Mail(_) | Self::Late => true,
            Self::Smtp(error) => error.is_permanent(),
            Self::Refused { status, .. } => (400..500).contains(status) && !matches!(status, 408 | 425 | 429),
            Self::Silent | Self::Outbox(_) | Self::Gateway(_) | Self::NoWay => false,
        }
    }

    /// How long whoever refused wants to be left alone.
    const fn wait(&self) -> Millis {
        match self {
            Self::Refused { wait: Some(wait), .. } => *wait,
            _ => 0,
        }
    }
}

/// A boxed future of a sending.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + 'a>>;

/// A way out.
pub trait Carrier: Send + Sync {
    /// Whether it takes messages of this channel.
    fn takes(&self, channel: &str) -> bool;
    /// Sends one message. `mark` is the same at each attempt and another for each message, so that what arrives twice is
    /// known as one.
    fn send<'a>(&'a self, message: &'a Message, mark: &'a str) -> Sending<'a>;
    /// Does what costs this machine about what sending does, and takes about as long as far as nobody has to be reached for that: what
    /// is left to be done after an answer mustn't tell the next one who asks whether there was somebody to write to.
    fn pretend<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

/// Builds the carriers that are configured.
///
/// # Errors
/// When the outbox can't be made, or a sender's address isn't one.
pub fn carriers(delivery: &Delivery) -> Result<Vec<Arc<dyn Carrier>>, DeliveryError> {
    let mut carriers: Vec<Arc<dyn Carrier>> = Vec::new();
    if let Some(folder) = &delivery.outbox {
        carriers.push(Arc::new(outbox::Outbox::open(folder)?));
    }
    if let Some(settings) = &delivery.smtp {
        carriers.push(Arc::new(smtp::Mailer::new(settings)?));
    }
    if let Some(settings) = &delivery.sms {
        carriers.push(Arc::new(sms::Gateway::new(settings)?));
    }
    Ok(carriers)
}

/// Puts a message into the queue for as long as `life`, within the transaction that makes it true.
///
/// # Errors
/// A broken database.
pub fn queue(
    app: &App,
    transaction: &Transaction<'_>,
    message: &Message,
    life: Millis,
    now: Millis,
) -> Result<(), Failure> {
    put(&app.vault, transaction, message, life, now)?;
    // The sender asks the same thread, so it looks after this transaction has ended.
    app.messages_due.notify_one();
    Ok(())
}

/// The same without waking the sender, who may live in another process.
///
/// # Errors
/// A broken database.
pub fn put(
    vault: &Vault,
    transaction: &Transaction<'_>,
    message: &Message,
    life: Millis,
    now: Millis,
) -> Result<(), Failure> {
    let body = serde_json::to_vec(message).map_err(|_| StoreError::Unreadable("a message"))?;
    transaction
        .prepare_cached("INSERT INTO messages (body, attempts, next_at, until) VALUES (?1, 0, ?2, ?3)")?
        .execute(params![
            vault.seal("message", &[], &body),
            now,
            now.saturating_add(life)
        ])?;
    Ok(())
}

/// Sends what is due, and waits for what will be, until the task is dropped.
pub async fn run(app: App, carriers: Vec<Arc<dyn Carrier>>) {
    loop {
        let next = send_due(&app, &carriers).await;
        match next {
            Some(at) => tokio::select! {
                () = app.messages_due.notified() => {}
                () = app.clock.sleep_until(at) => {}
            },
            None => app.messages_due.notified().await,
        }
    }
}

/// Sends each message that is due; answers when the next will be.
pub async fn send_due(app: &App, carriers: &[Arc<dyn Carrier>]) -> Option<Millis> {
    loop {
        let now = app.now();
        let inside = app.clone();
        let waiting = app
            .store
            .transact(move |transaction| next(&inside.vault, transaction))
            .await;
        // The store is busy or broken, and said so itself.
        let Ok(waiting) = waiting else {
            return Some(now.saturating_add(5 * SECOND));
        };
        let first = waiting.first()?.next_at;
        if first > now {
            return Some(first);
        }
        let due = waiting.into_iter().filter(|waiting| waiting.next_at <= now);
        join_all(due.map(|waiting| attempt(app, carriers, waiting))).await;
    }
}

struct Waiting {
    row: i64,
    message: Message,
    mark: String,
    attempts: usize,
    next_at: Millis,
    until: Millis,
}

type Row = (i64, Vec<u8>, usize, Millis, Millis);

/// The messages that are due next, the first first.
fn next(vault: &Vault, transaction: &Transaction<'_>) -> Result<Vec<Waiting>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, body, attempts, next_at, until FROM messages ORDER BY next_at, id LIMIT ?1",
    )?;
    let rows = statement.query_map(params![TOGETHER], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    let mut waiting = Vec::new();
    for row in rows {
        let (row, sealed, attempts, next_at, until): Row = row?;
        let body = vault.unseal("message", &[], &sealed)?;
        let mark = hex(&vault.mac("message-mark", &[&row.to_be_bytes(), &sealed])[..16]);
        waiting.push(Waiting {
            row,
            message: serde_json::from_slice(body.expose())
                .map_err(|_| StoreError::Unreadable("a message"))?,
            mark,
            attempts,
            next_at,
            until,
        });
    }
    Ok(waiting)
}

async fn attempt(app: &App, carriers: &[Arc<dyn Carrier>], waiting: Waiting) {
    let Waiting { row, message, .. } = &waiting;
    let is_nobodys = message.channel == NOWHERE;
    let channel = match is_nobodys {
        true => would_go_by(&message.to),
        false => &message.channel,
    };
    let carrier = carriers.iter().find(|carrier| carrier.takes(channel));
    let result = match carrier {
        // A failure is told of those messages alone that have to arrive.
        Some(carrier) if is_nobodys && waiting.until > app.now() => {
            drop(carrier.pretend(message).await);
            Ok(())
        }
        _ if is_nobodys => Ok(()),
        _ if waiting.until <= app.now() => Err(DeliveryError::Late),
        Some(carrier) => carrier.send(message, &waiting.mark).await,
        None => Err(DeliveryError::NoWay),
    };
    failpoint!("cloud.message.sent");
    let again = match &result {
        Ok(()) => None,
        Err(error) => again_at(&waiting, error, app.now()),
    };
    let outcome = match (&result, again) {
        (Ok(()), _) => Outcome::Sent,
        (Err(_), Some(_)) => Outcome::Retried,
        (Err(_), None) => Outcome::GivenUp,
    };
    if let Err(error) = &result {
        // The causes may name the address.
        let (channel, attempts, given_up) = (&message.channel, waiting.attempts, again.is_none());
        tracing::warn!(channel, attempts, given_up, %error, "a message was not delivered");
    }
    app.metrics.message(&message.channel, outcome);
    let row = *row;
    let done = app
        .store
        .transact(move |transaction| {
            match again {
                Some(at) => transaction
                    .prepare_cached(
                        "UPDATE messages SET attempts = attempts + 1, next_at = ?2 WHERE id = ?1",
                    )?
                    .execute(params![row, at])?,
                None => transaction
                    .prepare_cached("DELETE FROM messages WHERE id = ?1")?
                    .execute(params![row])?,
            };
            Ok(())
        })
        .await;
    if done.is_err() {
        // Without this the same message would go out again and again.
        app.clock.sleep_until(app.now().saturating_add(5 * SECOND)).await;
    }
}

/// The channel of a message to this address or number.
fn would_go_by(to: &str) -> &'static str {
    match to.starts_with('+') {
        true => "sms",
        false => "email",
    }
}

/// When a message that failed is worth another attempt, if ever: those that failed together don't come back together.
fn again_at(waiting: &Waiting, error: &DeliveryError, now: Millis) -> Option<Millis> {
    let most = WAITS.get(waiting.attempts).or(WAITS.last()).copied()?;
    let sooner = u64::from(u32::from_be_bytes(random())) % (most / 4);
    let at = now.saturating_add(most.saturating_sub(sooner).max(error.wait()));
    (!error.is_final() && at < waiting.until).then_some(at)
}
