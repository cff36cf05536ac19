//! The cloud's client, which tells how many of its calls aren't answered yet.

use std::time::Duration;

use belay_proto::wire::QueueAnswer;
use futures_util::FutureExt;
use tokio::sync::watch;

use crate::cloud::CloudClient;
use crate::find::{Relay, Reply, Signs};
use crate::store::find::Letter;

/// The client, and their number.
pub struct Counted {
    client: CloudClient,
    under_way: watch::Sender<usize>,
}

/// A call that isn't answered yet.
struct Call(watch::Sender<usize>);

impl Counted {
    pub fn new(client: CloudClient, under_way: watch::Sender<usize>) -> Self {
        Self { client, under_way }
    }

    fn counted<T: Send + 'static>(&self, reply: Reply<T>) -> Reply<T> {
        let call = Call::begin(&self.under_way);
        async move {
            let answer = reply.await;
            drop(call);
            answer
        }
        .boxed()
    }
}

impl Call {
    fn begin(under_way: &watch::Sender<usize>) -> Self {
        under_way.send_modify(|calls| *calls += 1);
        Self(under_way.clone())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

impl Relay for Counted {
    fn open(&self, heartbeat: Duration, last_event: Option<String>) -> Reply<Box<dyn Signs>> {
        self.counted(Relay::open(&self.client, heartbeat, last_event))
    }

    fn commands(&self, after: u64, wait: Duration) -> Reply<QueueAnswer> {
        self.counted(Relay::commands(&self.client, after, wait))
    }

    fn post(&self, letter: Letter) -> Reply<()> {
        self.counted(Relay::post(&self.client, letter))
    }

    fn post_last(&self, letter: Letter) -> Reply<()> {
        self.counted(Relay::post_last(&self.client, letter))
    }

    fn renew(&self) {
        Relay::renew(&self.client);
    }
}
