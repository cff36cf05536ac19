//! Work whose caller leaves the bus is cancelled, where that is safe.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::sleep;
use zbus::message::{Header, Type};
use zbus::names::BusName;
use zbus::{Connection, MatchRule, MessageStream, fdo};

use super::Error;

/// For work that is done sooner the bus isn't asked who is there: that takes some messages to and fro.
const SOON: Duration = Duration::from_millis(100);

/// Does `work` for the sender of the message with this `header`, and drops it when the sender leaves the bus, [`SOON`] after it
/// began at the earliest. Handles carry on by themselves with what can't be dropped.
///
/// # Errors
/// What `work` answers, or `Cancelled`.
pub async fn while_here<T, E: Into<Error>>(
    connection: &Connection,
    header: &Header<'_>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    tokio::select! {
        outcome = work => outcome.map_err(Into::into),
        () = left(connection, header) => Err(Error::Cancelled("the caller has left the bus".into())),
    }
}

/// Answers once the sender of the message with this `header` has left the bus, for work that goes on after the answer.
pub fn gone(connection: &Connection, header: &Header<'_>) -> impl Future<Output = ()> + Send + 'static {
    let (connection, sender) = (connection.clone(), header.sender().map(ToString::to_string));
    async move {
        if watch(&connection, sender.as_deref()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Answers once the sender has left; never when that can't be known.
async fn left(connection: &Connection, header: &Header<'_>) {
    let sender = header.sender().map(|sender| &**sender);
    sleep(SOON).await;
    if watch(connection, sender).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn watch(connection: &Connection, sender: Option<&str>) -> zbus::Result<()> {
    let Some(sender) = sender else {
        return std::future::pending().await;
    };
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, sender)
        .build()?;
    let mut changes = MessageStream::for_match_rule(rule, connection, None).await?;
    // The sender may have left before the bus was asked to tell.
    let bus = fdo::DBusProxy::new(connection).await?;
    if !bus.name_has_owner(BusName::try_from(sender)?).await? {
        return Ok(());
    }
    while let Some(Ok(change)) = changes.next().await {
        let (_, _, owner): (String, String, String) = change.body().deserialize()?;
        if owner.is_empty() {
            return Ok(());
        }
    }
    std::future::pending().await
}
