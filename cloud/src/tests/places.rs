//! Whose bodies keep whose waiting.

use std::io;
use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, stream};
use tower_service::Service;

use super::rig::Rig;
use crate::http::call::{BODIES, SMALL};
use crate::net::Peer;
use crate::routes;

const FULL: usize = BODIES - BODIES / 8;

/// A call that needs neither key nor work, with a body of so many bytes, from a network.
fn call(from: &str, length: usize) -> Request<Vec<u8>> {
    Request::post("/v1/releases")
        .header("content-type", "application/json")
        .header("x-forwarded-for", from)
        .body(vec![b' '; length])
        .unwrap()
}

/// The same, whose end never comes.
fn endless(from: &str, length: usize) -> Request<Body> {
    let (mut parts, bytes) = call(from, length).into_parts();
    parts
        .extensions
        .insert(Peer(SocketAddr::from(([127, 0, 0, 1], 4000))));
    let begun = stream::iter([Ok::<_, io::Error>(Bytes::from(bytes))]);
    Request::from_parts(parts, Body::from_stream(begun.chain(stream::pending())))
}

#[tokio::test]
async fn one_network_that_holds_bodies_back_keeps_no_other_waiting_and_no_small_body_at_all() {
    let rig = Rig::new();
    let router = routes::router(rig.app.clone());
    let mut held: FuturesUnordered<_> = (0..=BODIES)
        .map(|_| router.clone().call(endless("198.51.100.4", SMALL + 1)))
        .collect();
    while rig.app.bodies.free() > FULL {
        assert!(held.next().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert!(held.next().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.app.bodies.free(), FULL, "an eighth of them");
    let other = rig.send(call("203.0.113.4", SMALL + 1)).await;
    other.refuses(400, "malformed");
    let small = rig.send(call("198.51.100.5", SMALL)).await;
    small.refuses(400, "malformed");
    let mut waits = Box::pin(rig.begin(call("198.51.100.5", SMALL + 1)));
    assert!((&mut waits).now_or_never().is_none());
    drop(held);
    let answer: Response<Body> = waits.await;
    assert_eq!(answer.status(), 400);
}
