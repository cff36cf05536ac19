//! Messages on their way to people: a queue in the database, so that none is lost when the cloud stops
//! between answering and sending.

pub mod outbox;
pub mod sms;
pub mod smtp;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::{MINUTE, Millis, SECOND};
use crate::config::Delivery;
use crate::store::{Failure, StoreError};
use crate::vault::Vault;

/// Waits after the n-th failure; after the last the message is given up: its code is over by then.
const WAITS: &[Millis] = &[SECOND, 5 * SECOND, 20 * SECOND, MINUTE, 3 * MINUTE];

/// The channel of a message that only has to cost what another one does.
pub const NOWHERE: &str = "nowhere";

/// How long a message stays worth sending.
const LIFE: Millis = 10 * MINUTE;

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
    /// The gateway wasn't there.
    #[error("the gateway can't be reached")]
    Gateway(#[from] reqwest::Error),
    /// The gateway answered something else than 2xx.
    #[error("the gateway answered {0}")]
    Refused(u16),
    /// Nothing is configured for the channel.
    #[error("no way for this channel is configured")]
    NoWay,
}

/// A boxed future of a sending.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + 'a>>;

/// A way out.
pub trait Carrier: Send + Sync {
    /// Whether it takes messages of this channel.
    fn takes(&self, channel: &str) -> bool;
    /// Sends one message.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
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

/// Puts a message into the queue, within the transaction that makes it true.
///
/// # Errors
/// A broken database.
pub fn queue(
    vault: &Vault,
    transaction: &Transaction<'_>,
    message: &Message,
    now: Millis,
) -> Result<(), Failure> {
    let body = serde_json::to_vec(message).map_err(|_| StoreError::Unreadable("a message"))?;
    transaction
        .prepare_cached("INSERT INTO messages (body, attempts, next_at, until) VALUES (?1, 0, ?2, ?3)")?
        .execute(params![
            vault.seal("message", &[], &body),
            now,
            now.saturating_add(LIFE)
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
        let due = app
            .store
            .transact(move |transaction| take(&inside.vault, transaction))
            .await;
        match due {
            Ok(Some(waiting)) if waiting.next_at <= now => attempt(app, carriers, waiting).await,
            Ok(Some(waiting)) => return Some(waiting.next_at),
            Ok(None) => return None,
            // The store is busy or broken; it said so itself.
            Err(_) => return Some(now.saturating_add(5 * SECOND)),
        }
    }
}

struct Waiting {
    row: i64,
    message: Message,
    attempts: usize,
    next_at: Millis,
}

fn take(vault: &Vault, transaction: &Transaction<'_>) -> Result<Option<Waiting>, Failure> {
    let row: Option<(i64, Vec<u8>, usize, Millis)> = transaction
        .prepare_cached("SELECT id, body, attempts, next_at FROM messages ORDER BY next_at, id LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((row, body, attempts, next_at)) = row else {
        return Ok(None);
    };
    let body = vault.unseal("message", &[], &body)?;
    let message = serde_json::from_slice(body.expose()).map_err(|_| StoreError::Unreadable("a message"))?;
    Ok(Some(Waiting {
        row,
        message,
        attempts,
        next_at,
    }))
}

async fn attempt(app: &App, carriers: &[Arc<dyn Carrier>], waiting: Waiting) {
    let Waiting {
        row,
        message,
        attempts,
        ..
    } = waiting;
    let nowhere = message.channel == NOWHERE;
    let carrier = carriers.iter().find(|carrier| carrier.takes(&message.channel));
    let result = match carrier {
        _ if nowhere => Ok(()),
        Some(carrier) => carrier.send(&message).await,
        None => Err(DeliveryError::NoWay),
    };
    let again = match &result {
        Ok(()) => None,
        Err(error) => {
            tracing::warn!(
                channel = message.channel,
                attempts,
                "a message was not delivered: {}",
                error
            );
            WAITS.get(attempts).map(|wait| app.now().saturating_add(*wait))
        }
    };
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
