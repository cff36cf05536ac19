//! Streams of hints.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;

use super::orders::Home;
use super::owner::Device;
use super::rig::{Rig, START};

/// An open stream.
struct Live {
    body: BodyDataStream,
    text: String,
}

impl Live {
    async fn open(home: &Home<'_>, query: &str, seen: Option<&str>) -> Self {
        // A nonce for the proof.
        home.fetch(0).await;
        let mut request = home
            .client
            .request("GET", &format!("/v1/stream{query}"), None, None);
        if let Some(seen) = seen {
            request
                .headers_mut()
                .insert("last-event-id", seen.parse().unwrap());
        }
        let response = home.client.rig.begin(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            [
                header("content-type"),
                header("cache-control"),
                header("x-accel-buffering")
            ],
            ["text/event-stream", "no-store", "no"]
        );
        assert!(response.headers().contains_key("dpop-nonce"));
        let body: Body = response.into_body();
        Self {
            body: body.into_data_stream(),
            text: String::new(),
        }
    }

    /// The lines until the next empty one; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            self.text
                .push_str(std::str::from_utf8(&self.body.next().await?.unwrap()).unwrap());
        }
    }

    /// Whether there is something to read now, or the end.
    fn is_silent(&mut self) -> bool {
        self.text.is_empty() && self.block().now_or_never().is_none()
    }
}

/// The number of a device's nth event, as long as the clock stands still.
fn nth(number: u64) -> u64 {
    START + number - 1
}

fn event(number: u64, name: &str) -> Option<String> {
    Some(format!("id: {number}\nevent: {name}\ndata: {{}}"))
}

#[tokio::test]
async fn an_event_comes_after_a_command_is_posted_and_says_nothing_more() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut live = Live::open(&home, "", None).await;
    assert_eq!(live.block().await.unwrap(), ": heartbeat 240\nretry: 5000\nid: 0");
    assert!(live.is_silent());
    let command = home.lock();
    home.send(&command).await.is(202);
    assert_eq!(live.block().await, event(nth(1), "commands"));
    home.send(&command).await.is(202);
    assert!(live.is_silent(), "nothing was queued");
    home.send(&home.lock()).await.is(202);
    home.send(&home.lock()).await.is(202);
    assert_eq!(live.block().await, event(nth(3), "commands"), "one hint for two");
    assert!(live.is_silent());
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_also_from_a_cloud_that_was_restarted() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    home.send(&home.lock()).await.is(202);
    home.send(&home.lock()).await.is(202);
    let away = home.leave();
    let rig = rig.restart();
    let home = away.back(&rig);
    let mut up_to_date = Live::open(&home, "", Some(&nth(2).to_string())).await;
    assert!(
        up_to_date
            .block()
            .await
            .unwrap()
            .ends_with(&format!("\nid: {}", nth(2)))
    );
    assert!(up_to_date.is_silent());
    let mut behind = Live::open(&home, "", Some(&nth(1).to_string())).await;
    assert_eq!(behind.block().await.unwrap(), ": heartbeat 240\nretry: 5000");
    assert_eq!(behind.block().await, event(nth(2), "commands"));
    // A number that was never given out: anything may have happened.
    let mut strange = Live::open(&home, "", Some(&nth(99).to_string())).await;
    strange.block().await;
    assert_eq!(strange.block().await, event(0, "sync"));
    assert_eq!(strange.block().await, event(0, "account"));
    assert_eq!(strange.block().await, event(nth(2), "commands"));
    let mut request = home.client.request("GET", "/v1/stream", None, None);
    request
        .headers_mut()
        .insert("last-event-id", "x".parse().unwrap());
    rig.send(request).await.refuses(400, "malformed");
}

#[tokio::test]
async fn silence_is_broken_by_the_heartbeat_that_was_agreed() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    for (asked, given) in [
        ("?heartbeat=1", 30),
        ("?heartbeat=600", 600),
        ("?heartbeat=99999", 1680),
    ] {
        let mut live = Live::open(&home, asked, None).await;
        let greeting = live.block().await.unwrap();
        assert!(
            greeting.starts_with(&format!(": heartbeat {given}\n")),
            "{greeting}"
        );
        for _ in 0..3 {
            // The silence begins when a connection asks for more.
            assert!(live.is_silent());
            rig.advance(given - 1);
            assert!(live.is_silent());
            rig.advance(1);
            assert_eq!(live.block().await.unwrap(), ":");
        }
    }
}

#[tokio::test]
async fn an_event_takes_the_place_of_a_heartbeat() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut live = Live::open(&home, "?heartbeat=60", None).await;
    live.block().await;
    assert!(live.is_silent());
    rig.advance(59);
    home.send(&home.lock()).await.is(202);
    assert_eq!(live.block().await, event(START + 59_000, "commands"));
    assert!(live.is_silent());
    rig.advance(59);
    assert!(live.is_silent());
    rig.advance(1);
    assert_eq!(live.block().await.unwrap(), ":");
}

#[tokio::test]
async fn two_streams_of_a_device_both_hear_and_a_fifth_ends_the_oldest() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut live = Live::open(&home, "", None).await;
        live.block().await;
        streams.push(live);
    }
    home.send(&home.lock()).await.is(202);
    for live in &mut streams {
        assert_eq!(live.block().await, event(nth(1), "commands"));
    }
    assert_eq!(rig.app.hub.streams(), 4);
    let mut fifth = Live::open(&home, "", Some(&nth(1).to_string())).await;
    fifth.block().await;
    assert_eq!(streams[0].block().await, None);
    assert!(streams[1].is_silent());
    drop(streams);
    drop(fifth);
    assert_eq!(rig.app.hub.streams(), 0);
}

#[tokio::test]
async fn nobody_hears_of_anothers_commands() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "x@example.org").await;
    let mut live = Live::open(&other, "", None).await;
    live.block().await;
    home.send(&home.lock()).await.is(202);
    assert!(live.is_silent());
}

#[tokio::test]
async fn a_device_that_comes_or_goes_is_news_for_the_others() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let mut second = rig.client();
    home.owner.sign_in(&mut second).await.is(200);
    let tablet = Device::new();
    let mut live = Live::open(&home, "", None).await;
    live.block().await;
    let body = json!({ "certificate": home.owner.certify(&second, &tablet), "name": "Tablet" });
    second.post("/v1/devices", &body).await.is(201);
    assert_eq!(live.block().await, event(nth(1), "account"));
    // Its own stream ends with its release.
    std::mem::swap(&mut home.client, &mut second);
    let mut gone = Live::open(&home, "", None).await;
    gone.block().await;
    let release = json!({ "release": tablet.release(&home.owner) });
    rig.post("/v1/releases", &release).await.is(204);
    assert_eq!(live.block().await, event(nth(2), "account"));
    assert_eq!(gone.block().await, None);
}

#[tokio::test]
async fn a_cloud_that_stops_ends_its_streams() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut live = Live::open(&home, "", None).await;
    live.block().await;
    assert!(live.is_silent());
    rig.app.hub.close();
    assert_eq!(live.block().await, None);
    let mut late = Live::open(&home, "", None).await;
    assert_eq!(late.block().await, None);
}

#[tokio::test]
async fn a_command_whose_sender_hangs_up_is_heard_of_all_the_same() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut live = Live::open(&home, "", None).await;
    live.block().await;
    let body = json!({ "envelope": home.seal(&home.lock()) });
    let request = home
        .client
        .request("POST", &home.commands(), Some(&body), Some("k"));
    {
        let mut sending = Box::pin(rig.begin(request));
        // Polled until the store has it, dropped before the answer: each poll may end one transaction.
        while rig.app.hub.streams() == 1 && (&mut sending).now_or_never().is_none() {
            if tokio::time::timeout(Duration::from_millis(20), live.block())
                .await
                .is_ok()
            {
                return;
            }
        }
    }
    assert_eq!(live.block().await, event(nth(1), "commands"));
}
