//! `GET /v1/stream`: server-sent events that say where to look. What they say is never an authority.

use std::convert::Infallible;
use std::fmt::Write;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use belay_proto::wire::{EVENT_STREAM, HEARTBEAT_COMMENT, Hint};
use futures_util::stream;

use super::hub::{Marks, Waiter};
use super::{bound, table};
use crate::app::App;
use crate::clock::{Millis, SECOND};
use crate::http::{Proof, Query};
use crate::problem::Problem;

/// The shortest heartbeat, s.
pub const HEARTBEAT_MIN: u64 = 30;
/// The longest heartbeat, s: some networks forget a connection after half an hour.
pub const HEARTBEAT_MAX: u64 = 28 * 60;
/// The heartbeat of a client that names none, s.
const HEARTBEAT: u64 = 240;

/// The shortest wait before a client connects again, ms.
const RETRY_MIN: u64 = 5_000;
/// The longest, ms.
const RETRY_MAX: u64 = 120_000;
/// What each open stream adds, ms, so that after a restart 250 come back a second.
const RETRY_STREAM: u64 = 4;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx, and those that took it over, to pass each event on at once.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// One open stream.
struct Live {
    app: App,
    waiter: Waiter,
    heartbeat: Millis,
    /// The number of the newest event that was sent.
    sent: u64,
    /// What goes out first.
    greeting: Option<String>,
}

/// `GET /v1/stream`.
///
/// # Errors
/// `malformed`, `not-bound`.
pub async fn open(
    State(app): State<App>,
    proof: Proof,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let heartbeat = heartbeat(query.only(&["heartbeat"])?.get("heartbeat"));
    let seen = last_event_id(&headers)?;
    let inside = app.clone();
    let (waiter, marks) = app
        .store
        .transact(move |tx| {
            let device = bound(tx, &proof)?.device;
            // On the store's thread no event falls between waiting and this look.
            Ok((inside.hub.stream(device), table::marks(tx, &device)?))
        })
        .await?;
    let greeting = greeting(heartbeat, retry(app.hub.streams()), seen, marks);
    let live = Live {
        app,
        waiter,
        heartbeat: heartbeat * SECOND,
        sent: marks.newest(),
        greeting: Some(greeting),
    };
    let body = Body::from_stream(stream::unfold(live, Live::next));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (NO_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((headers, body).into_response())
}

impl Live {
    /// What goes out next, once there is something; `None` when the stream ends.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let silent_until = self.app.now().saturating_add(self.heartbeat);
        loop {
            let news = self.waiter.news();
            if self.waiter.is_over(&news) {
                return None;
            }
            if let Some(greeting) = self.greeting.take() {
                return Some((Ok(greeting.into()), self));
            }
            let due = news.marks.after(self.sent);
            if !due.is_empty() {
                self.sent = news.marks.newest();
                return Some((Ok(events(&due).into()), self));
            }
            tokio::select! {
                () = self.waiter.changed() => {}
                () = self.app.alarms.at(silent_until) => return Some((Ok(Bytes::from_static(b":\n\n")), self)),
            }
        }
    }
}

/// The heartbeat within this cloud's range, s.
fn heartbeat(asked: Option<u64>) -> u64 {
    asked.unwrap_or(HEARTBEAT).clamp(HEARTBEAT_MIN, HEARTBEAT_MAX)
}

/// How long a client should wait before it connects again, ms, when so many streams are open.
fn retry(streams: usize) -> u64 {
    let streams = u64::try_from(streams).unwrap_or(u64::MAX);
    streams.saturating_mul(RETRY_STREAM).clamp(RETRY_MIN, RETRY_MAX)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(Problem::malformed(
            "Last-Event-ID is a number that this cloud gave",
        )),
    }
}

/// The heartbeat, the wait before connecting again, where the events stand, and what the client missed.
fn greeting(heartbeat: u64, retry: u64, seen: Option<u64>, marks: Marks) -> String {
    let newest = marks.newest();
    let missed = match seen {
        // Only a cloud that lost some of its memory gave that number: anything may have happened.
        // Only the last carries the newest one, so that a client that is cut off before it asks again.
        Some(seen) if seen > newest => vec![(Hint::Sync, 0), (Hint::Account, 0), (Hint::Commands, newest)],
        // Without a number: whatever happened before.
        seen => marks.after(seen.unwrap_or(0)),
    };
    // Before events that were missed no number may stand: a client that is cut off after it would miss them.
    let id = match missed.is_empty() {
        true => format!("id: {newest}\n"),
        false => String::new(),
    };
    format!(
        ": {HEARTBEAT_COMMENT}{heartbeat}\nretry: {retry}\n{id}\n{}",
        events(&missed)
    )
}

fn events(due: &[(Hint, u64)]) -> String {
    let mut text = String::new();
    for (hint, number) in due {
        // Writing to a string can't fail.
        let _ = write!(text, "id: {number}\nevent: {hint}\ndata: {{}}\n\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks {
        commands: 7,
        sync: 0,
        account: 5,
    };

    #[test]
    fn a_heartbeat_stays_within_the_range() {
        let given = [
            None,
            Some(0),
            Some(29),
            Some(30),
            Some(900),
            Some(1681),
            Some(u64::MAX),
        ];
        assert_eq!(given.map(heartbeat), [240, 30, 30, 30, 900, 1680, 1680]);
    }

    #[test]
    fn many_streams_come_back_250_a_second() {
        assert_eq!(
            [0, 1250, 2500, 10_000, usize::MAX].map(retry),
            [5000, 5000, 10_000, 40_000, 120_000]
        );
    }

    #[test]
    fn a_client_that_comes_back_is_told_what_it_missed() {
        let head = ": heartbeat 240\nretry: 5000\n";
        let greet = |seen| greeting(240, 5000, seen, MARKS);
        assert_eq!(greet(Some(7)), format!("{head}id: 7\n\n"));
        assert_eq!(
            greet(Some(5)),
            format!("{head}\nid: 7\nevent: commands\ndata: {{}}\n\n")
        );
        let both =
            format!("{head}\nid: 5\nevent: account\ndata: {{}}\n\nid: 7\nevent: commands\ndata: {{}}\n\n");
        assert_eq!(greet(None), both);
        assert_eq!(
            greeting(240, 5000, None, Marks::default()),
            format!("{head}id: 0\n\n")
        );
        let forgotten = greet(Some(8));
        for name in ["commands", "sync", "account"] {
            assert!(forgotten.contains(&format!("event: {name}\n")), "{forgotten}");
        }
        assert!(
            forgotten.ends_with("id: 7\nevent: commands\ndata: {}\n\n"),
            "{forgotten}"
        );
    }
}
