//! A thread with a runtime of its own for what talks to BlueZ through btleplug.
//!
//! btleplug's D-Bus layer can't be stopped from outside, and it leaves things behind: a `Manager` never closes its
//! connection to the bus, a task of its message streams panics when a signal arrives while a match rule is taken back
//! (`MessageStream::drop` in bluez-async 0.9) and then leaves the rule with the bus, of which a connection may have
//! 512, and a subscription outlives the connection to the device. A room ends all of that: with its runtime go the
//! tasks, with those the connection to the bus, and with that what bus and BlueZ keep for it. Each scan and each
//! connection has one, so there is nothing that could add up, and where there is neither there is no room.

use std::panic::PanicHookInfo;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// What the threads are called.
const NAME: &str = "bluetooth";

/// The work panicked, or there was no thread for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Bluetooth thread broke down")]
pub(super) struct Broken;

/// Does `work` in a room of its own. It goes on to its end even where nobody waits for it any more.
pub(super) async fn in_room<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Broken>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (done, outcome) = oneshot::channel();
    let room = move || {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
            return;
        };
        let outcome = runtime.block_on(async { work().await });
        // First the connection to the bus, then the word that it is over.
        drop(runtime);
        let _nobody_waits = done.send(outcome);
    };
    thread::Builder::new()
        .name(NAME.to_owned())
        .spawn(room)
        .map_err(|_| Broken)?;
    outcome.await.map_err(|_| Broken)
}

/// Whether a panic is the one that bluez-async is known for, which ends a task that has nothing left to do.
#[must_use]
pub fn is_known(panic: &PanicHookInfo<'_>) -> bool {
    let place = panic.location().map(|place| place.file());
    thread::current().name() == Some(NAME) && place.is_some_and(is_message_stream)
}

fn is_message_stream(file: &str) -> bool {
    file.contains("bluez-async-") && file.ends_with("messagestream.rs")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_panic_stays_in_its_room() {
        let work = || async { panic!("on purpose") };
        assert_eq!(in_room::<(), _>(work).await, Err(Broken));
        assert_eq!(in_room(|| async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn what_was_begun_in_a_room_ends_with_it() {
        struct Flag(Arc<AtomicBool>);
        impl Drop for Flag {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let gone = Arc::new(AtomicBool::new(false));
        let flag = Flag(Arc::clone(&gone));
        let work = || async {
            tokio::spawn(async move {
                let _flag = flag;
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
        };
        assert_eq!(in_room(work).await, Ok(()));
        assert!(gone.load(Ordering::SeqCst), "before the room's outcome is told");
    }

    #[test]
    fn only_the_one_place_is_known() {
        assert!(is_message_stream("/x/bluez-async-0.9.0/src/messagestream.rs"));
        assert!(!is_message_stream("/x/bluez-async-0.9.0/src/lib.rs"));
        assert!(!is_message_stream("daemon/src/accessory/link/session.rs"));
    }
}
