//! The codes that the cloud sends, told to who waits for them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use belay_tests::mail::Mail;
use belay_tests::until::within;
use belay_tests::{Outcome, Surprise};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

type Waiting = Rc<RefCell<HashMap<String, oneshot::Sender<String>>>>;

/// Reads each message once, and removes it.
pub struct Mails {
    waiting: Waiting,
}

impl Mails {
    /// From now on, as long as the bench runs.
    pub fn watch(folder: &Path) -> Outcome<Self> {
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watch, folder, WatchFlags::MOVED_TO)?;
        // Not a pipe, but read like one.
        let events = pipe::Receiver::from_owned_fd_unchecked(watch)?;
        let waiting = Waiting::default();
        let (folder, told) = (folder.to_owned(), Rc::clone(&waiting));
        tokio::task::spawn_local(async move {
            while events.readable().await.is_ok() {
                // What the events say doesn't matter: the folder is read.
                let _drained = events.try_read(&mut [0_u8; 4096]);
                if let Err(surprise) = hand_out(&folder, &told) {
                    eprintln!("A mail can't be read: {surprise}");
                    return;
                }
            }
        });
        Ok(Self { waiting })
    }

    /// The code in the next message to `address`. Asked for before it is sent.
    pub fn expect(&self, address: &str) -> Code {
        let (sender, code) = oneshot::channel();
        self.waiting.borrow_mut().insert(address.to_owned(), sender);
        Code(code)
    }
}

/// A code on its way.
pub struct Code(oneshot::Receiver<String>);

impl Code {
    pub async fn come(self) -> Outcome<String> {
        let code = within("a code", self.0).await?;
        code.map_err(|_| Surprise::new("nobody reads the mails any more"))
    }
}

fn hand_out(folder: &Path, waiting: &Waiting) -> Outcome {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // Those that are still being written have another ending.
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let mail: Mail = serde_json::from_slice(&std::fs::read(&path)?)?;
        std::fs::remove_file(&path)?;
        let waiter = waiting.borrow_mut().remove(&mail.to);
        if let (Some(waiter), Some(code)) = (waiter, mail.code) {
            let _gone = waiter.send(code);
        }
    }
    Ok(())
}
