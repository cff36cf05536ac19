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

/// The first half of a body, after which the connection breaks.
pub(super) fn torn(body: &Bytes) -> Flow {
    let half = body.slice(..body.len() / 2);
    let broken = io::Error::new(io::ErrorKind::ConnectionReset, "the connection is reset");
    StreamBody::new(stream::iter([Ok(Frame::data(half)), Err(broken)])).boxed_unsync()
}

/// A body that goes on until whoever reads it has had enough.
pub(super) fn endless() -> Flow {
    static SPACES: [u8; 1 << 16] = [b' '; 1 << 16];
    let pieces = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&SPACES))));
    StreamBody::new(pieces).boxed_unsync()
}

/// A request's body, passed on as it comes. Each piece's length is told to `count`.
pub(super) fn counted(body: Incoming, count: impl Fn(u64) + Send + 'static) -> Flow {
    let told = move |frame: Frame<Bytes>| {
        count(frame.data_ref().map_or(0, |data| data.len() as u64));
        frame
    };
    body.map_frame(told).map_err(io::Error::other).boxed_unsync()
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
