//! `accessory forward`: the desktop's notifications go to the accessories that want them.
//!
//! They are on the session's bus, which belayd's user may not enter: whoever runs this is the session. It listens as a
//! monitor, to calls of `Notify` alone; nothing is written anywhere, and nothing is shown here.

use std::collections::HashMap;
use std::time::Duration;

use belay_proto::dbus::Options;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::Instant;
use zbus::fdo::MonitoringProxy;
use zbus::message::{Message, Type};
use zbus::{Connection, MatchRule, MessageStream, OwnedVariant};

use super::bus::{self, Entry};
use crate::ctl::advice;
use crate::ctl::client::Client;
use crate::ctl::error::{Error, Refusal};
use crate::ctl::output::Report;

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
/// So many come through at once, and one more each time [`ONE_EACH`] has passed: the wrist isn't to vibrate all day.
const MOST_AT_ONCE: u32 = 5;
const ONE_EACH: Duration = Duration::from_secs(10);
/// Longer ones no accessory shows; each cuts to its own limit, between characters.
const LONGEST: usize = 256;
/// The urgency of what needn't be seen.
const LOW: u8 = 0;

/// Passes notifications on until Ctrl-C.
///
/// # Errors
/// `NoServer` where there is no session's bus; `SessionBusLost` once it is gone, so that whoever started this starts it
/// again; what belayd says to the first question. A notification that an accessory doesn't take is left out.
pub async fn run(client: &Client) -> Result<Report, Error> {
    // Asked once, so that whoever may not is told at once.
    bus::all(client).await?;
    let session = Connection::session().await.map_err(no_session)?;
    let rule = MatchRule::builder()
        .msg_type(Type::MethodCall)
        .interface(NOTIFICATIONS)
        .member("Notify")
        .build()?;
    let mut calls = MessageStream::from(&session);
    MonitoringProxy::new(&session)
        .await?
        .become_monitor(&[rule], 0)
        .await?;
    let mut pace = Pace::new();
    // One for all: what is pressed while a notification is passed on is heard too.
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let call = tokio::select! {
            call = calls.next() => call,
            _ = &mut interrupted => break,
        };
        let call = call.and_then(Result::ok).ok_or_else(lost)?;
        if let Some((title, body)) = said(&call)
            && pace.lets_through()
        {
            tokio::select! {
                () = show(client, &title, &body) => {}
                _ = &mut interrupted => break,
            }
        }
    }
    Ok(Report::new(
        "Notifications are passed on no longer.",
        json!({ "forwarding": false }),
    ))
}

fn lost() -> Error {
    Error::named("SessionBusLost", "the session's bus is gone")
}

/// Shows it on every connected accessory that wants it.
async fn show(client: &Client, title: &str, body: &str) {
    // While belayd is away or the device is lost nothing is shown anywhere.
    let Ok(all) = bus::all(client).await else { return };
    for one in all.iter().filter(|one| wants(one)) {
        if let Ok(accessory) = bus::proxy(client, one.id).await {
            // An accessory that doesn't take it misses it.
            let _ = accessory.alert("message", title, body, &Options::new()).await;
        }
    }
}

fn no_session(error: zbus::Error) -> Error {
    Error::Refused(Refusal {
        name: "org.freedesktop.DBus.Error.NoServer".to_owned(),
        message: error.to_string(),
        advice: Some(advice::here::NO_SESSION),
        ..Refusal::default()
    })
}

fn wants(entry: &Entry) -> bool {
    let uses = entry.fields.get("uses").and_then(serde_json::Value::as_array);
    let wanted = uses.is_some_and(|uses| uses.iter().any(|word| word == "notifications"));
    wanted && matches!(entry.text("state"), "connected" | "syncing")
}

/// Title and body of a call of `Notify`; `None` for what needn't be seen, or says nothing.
fn said(call: &Message) -> Option<(String, String)> {
    type Notify = (
        String,
        u32,
        String,
        String,
        String,
        Vec<String>,
        HashMap<String, OwnedVariant>,
        i32,
    );
    // A monitor gets its own signals too, such as that it has lost its name.
    if call.message_type() != Type::MethodCall {
        return None;
    }
    let (app, _, _, summary, body, _, hints, _) = call.body().deserialize::<Notify>().ok()?;
    let hint = |name: &str| hints.get(name).cloned();
    let is_low = hint("urgency").and_then(|value| u8::try_from(value).ok()) == Some(LOW);
    let passes = hint("transient").and_then(|value| bool::try_from(value).ok()) == Some(true);
    let title = if summary.trim().is_empty() { app } else { summary };
    (!is_low && !passes && !title.trim().is_empty()).then(|| (plain(&title), plain(&body)))
}

/// One line without markup, of at most [`LONGEST`] characters. Notifications may use a few tags and entities.
fn plain(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find('<') {
        let (before, tag) = rest.split_at(begin);
        bare.push_str(before);
        let opens = tag[1..].starts_with(|next: char| next.is_ascii_alphabetic() || next == '/');
        rest = match tag.find('>').filter(|_| opens) {
            Some(end) => &tag[end + 1..],
            None => {
                bare.push('<');
                &tag[1..]
            }
        };
    }
    bare.push_str(rest);
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    for (entity, character) in entities {
        bare = bare.replace(entity, character);
    }
    let line = |c: char| if c.is_control() { ' ' } else { c };
    bare.chars().map(line).take(LONGEST).collect()
}

/// How many may come through.
struct Pace {
    left: u32,
    since: Instant,
}

impl Pace {
    fn new() -> Self {
        Self {
            left: MOST_AT_ONCE,
            since: Instant::now(),
        }
    }

    fn lets_through(&mut self) -> bool {
        let gone = self.since.elapsed().as_secs() / ONE_EACH.as_secs();
        if gone > 0 {
            let gone = u32::try_from(gone).unwrap_or(MOST_AT_ONCE);
            self.left = self.left.saturating_add(gone).min(MOST_AT_ONCE);
            self.since = Instant::now();
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notify(
        summary: &str,
        body: &str,
        hints: HashMap<&str, zbus::Variant<'_>>,
    ) -> Option<(String, String)> {
        let none: Vec<&str> = Vec::new();
        let arguments = ("chat", 0_u32, "", summary, body, none, hints, -1_i32);
        let message = Message::method_call("/org/freedesktop/Notifications", "Notify");
        said(&message.build(&arguments).unwrap())
    }

    #[test]
    fn a_notification_is_passed_on_without_its_markup() {
        let said = notify("Ada", "<b>Tea</b> &amp; cake\nat 5 < 6?", HashMap::new());
        assert_eq!(said, Some(("Ada".into(), "Tea & cake at 5 < 6?".into())));
        let said = notify("", "Hello", HashMap::new());
        assert_eq!(
            said,
            Some(("chat".into(), "Hello".into())),
            "the program stands for a summary"
        );
        assert_eq!(plain(&"ä".repeat(300)).chars().count(), LONGEST);
    }

    #[test]
    fn what_need_not_be_seen_is_left_out() {
        assert_eq!(
            notify("Volume", "", HashMap::from([("transient", true.into())])),
            None
        );
        assert_eq!(
            notify("News", "", HashMap::from([("urgency", 0_u8.into())])),
            None
        );
        assert!(notify("News", "", HashMap::from([("urgency", 2_u8.into())])).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_comes_through_in_part() {
        let mut pace = Pace::new();
        let through = |pace: &mut Pace| (0..100).filter(|_| pace.lets_through()).count();
        assert_eq!(through(&mut pace), 5);
        tokio::time::advance(Duration::from_secs(21)).await;
        assert_eq!(through(&mut pace), 2);
    }
}
