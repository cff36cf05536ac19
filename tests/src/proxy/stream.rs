//! Answers that go on: passed on as they come, until the network is cut.

use std::io;

use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

/// The body of an answer.
pub(super) type Flow = UnsyncBoxBody<Bytes, io::Error>;

/// A body that is there.
pub(super) fn whole(body: Bytes) -> Flow {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// A body that comes bit by bit; the connection that it comes over ends with it. Another `network` than now breaks it
/// off. What is `said` is put in between.
pub(super) fn passed_on(
    mut body: Incoming,
    driver: JoinHandle<Result<(), hyper::Error>>,
    mut network: watch::Receiver<u64>,
    mut said: broadcast::Receiver<Bytes>,
) -> Flow {
    let (sender, receiver) = mpsc::channel::<io::Result<Frame<Bytes>>>(16);
    tokio::spawn(async move {
        let broken = |error: String| Err(io::Error::other(error));
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame.map(|f| f.or_else(|e| broken(e.to_string()))),
                Ok(words) = said.recv() => Some(Ok(Frame::data(words))),
                _ = network.changed() => Some(broken("the network is cut".to_owned())),
                () = sender.closed() => None,
            };
            let Some(frame) = frame else { break };
            let last = frame.is_err();
            if sender.send(frame).await.is_err() || last {
                break;
            }
        }
        driver.abort();
    });
    let frames = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|frame| (frame, receiver))
    });
    StreamBody::new(frames).boxed_unsync()
}
