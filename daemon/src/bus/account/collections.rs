//! The collections, which are there while the device is somebody's.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How long whoever has made the device somebody's waits for the collections, which come from the disk.
const WITHIN: Duration = Duration::from_secs(5);

/// Waits for the collections: who is told that the device is somebody's calls them next. What was done is told without them, too.
pub(super) async fn come(collections: &watch::Receiver<bool>) {
    let mut collections = collections.clone();
    let there = collections.wait_for(|are_there| *are_there);
    if timeout(WITHIN, there).await.is_err() {
        tracing::warn!("the collections come late");
    }
}
