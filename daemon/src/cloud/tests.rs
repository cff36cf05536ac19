//! The client against a server that misbehaves on request.

mod anew;
mod answers;
pub(crate) mod clock;
pub(crate) mod server;
mod sessions;
mod statuses;
mod sync;
mod trust;
pub(crate) mod vault;

use std::sync::Arc;

use clock::SkippingClock;
use server::{Reply, Server};
use vault::MemoryVault;

use crate::cloud::call::{Auth, Call};
use crate::cloud::client::CloudClient;

/// A server, a client of it, and what the client keeps.
struct Bench {
    server: Server,
    client: CloudClient,
    vault: Arc<MemoryVault>,
    clock: Arc<SkippingClock>,
}

async fn bench(replies: impl IntoIterator<Item = Reply>) -> Bench {
    bench_with(Server::start(replies).await)
}

fn bench_with(server: Server) -> Bench {
    let vault = Arc::new(MemoryVault::default());
    let clock = Arc::new(SkippingClock::default());
    let client = CloudClient::new(Some(&server.url()), None, vault.clone(), clock.clone());
    Bench {
        server,
        client,
        vault,
        clock,
    }
}

fn read() -> Call {
    Call::get("/v1/config", Auth::Open)
}

fn change(auth: Auth) -> Call {
    Call::post("/v1/devices", auth, b"{}".to_vec())
}
