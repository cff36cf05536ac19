//! Places for bodies that are being read, so that many connections don't mean as much memory, and no caller keeps the others out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// What part of all places bodies from one network may hold. The network of a mobile operator has thousands of phones, so it is
/// no small one.
const SHARE: usize = 8;

/// So many places, and who has how many of them.
#[derive(Debug)]
pub struct Places {
    all: Semaphore,
    share: usize,
    networks: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// A place; free again once it is dropped.
#[derive(Debug)]
pub struct Place<'a> {
    // In this order: a share is forgotten once nobody has or awaits a place of it.
    _all: Option<SemaphorePermit<'a>>,
    _one: Option<OwnedSemaphorePermit>,
    _share: Option<Share<'a>>,
}

/// A network's part of the places, for as long as somebody has or awaits one.
#[derive(Debug)]
struct Share<'a> {
    places: &'a Places,
    network: IpAddr,
    semaphore: Arc<Semaphore>,
}

impl Places {
    /// So many.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            all: Semaphore::new(places),
            share: (places / SHARE).max(1),
            networks: Mutex::default(),
        }
    }

    /// Waits for a place: first for one of the network's own part, so that whoever waits there takes nothing from the others.
    pub async fn take(&self, network: Option<IpAddr>) -> Place<'_> {
        let share = network.map(|network| self.share_of(network));
        // The semaphores are never closed.
        let one = match &share {
            Some(share) => Arc::clone(&share.semaphore).acquire_owned().await.ok(),
            None => None,
        };
        Place {
            _all: self.all.acquire().await.ok(),
            _one: one,
            _share: share,
        }
    }

    /// How many nobody has.
    #[must_use]
    pub fn free(&self) -> usize {
        self.all.available_permits()
    }

    fn share_of(&self, network: IpAddr) -> Share<'_> {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let semaphore = networks
            .entry(network)
            .or_insert_with(|| Arc::new(Semaphore::new(self.share)));
        Share {
            places: self,
            network,
            semaphore: Arc::clone(semaphore),
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut networks = self
            .places
            .networks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The map's and this one: all others have a place, or await one.
        if Arc::strong_count(&self.semaphore) <= 2 {
            networks.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test]
    async fn no_network_has_more_than_its_part_and_nothing_is_kept_of_who_has_left() {
        let places = Places::new(16);
        let first = places.take(ip("192.0.2.0")).await;
        let second = places.take(ip("192.0.2.0")).await;
        let mut third = Box::pin(places.take(ip("192.0.2.0")));
        assert!((&mut third).now_or_never().is_none());
        assert_eq!(places.free(), 14);
        let other = places.take(ip("198.51.100.0")).await;
        // This machine's own.
        let own = [
            places.take(None).await,
            places.take(None).await,
            places.take(None).await,
        ];
        drop((first, second));
        let third = third.await;
        assert_eq!(places.networks.lock().unwrap().len(), 2);
        drop((third, other, own));
        assert!(places.networks.lock().unwrap().is_empty());
        assert_eq!(places.free(), 16);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_nothing() {
        let places = Places::new(8);
        let first = places.take(ip("192.0.2.0")).await;
        assert!(places.take(ip("192.0.2.0")).now_or_never().is_none());
        drop(first);
        assert!(places.networks.lock().unwrap().is_empty());
    }
}
