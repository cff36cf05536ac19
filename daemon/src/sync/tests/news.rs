//! What the owner made on another device, as the account's keeper brings it to the warden.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::super::ports::NewerKeys;

/// The warden gets the key epochs that were made elsewhere.
pub struct Elsewhere {
    pub made: Arc<Mutex<Vec<u64>>>,
    pub known: Arc<Mutex<(Vec<u64>, usize)>>,
}

impl NewerKeys for Elsewhere {
    fn fetch(&self) -> BoxFuture<'_, ()> {
        let made: Vec<u64> = self.made.lock().unwrap().drain(..).collect();
        self.known.lock().unwrap().0.extend(made);
        ready(()).boxed()
    }
}
