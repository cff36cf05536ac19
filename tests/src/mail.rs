//! The mails and messages that the cloud would send: it puts them into a folder as JSON files.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use serde::Deserialize;
use tokio::net::unix::pipe;

use crate::Outcome;
use crate::until::within;

/// One mail or text message.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// The address or number.
    pub to: String,
    /// `email` or `sms`.
    pub channel: String,
    /// The subject; empty for a text message.
    #[serde(default)]
    pub subject: Option<String>,
    /// What a person reads.
    pub text: String,
    /// The code in it.
    #[serde(default)]
    pub code: Option<String>,
    /// The link in it.
    #[serde(default)]
    pub link: Option<String>,
}

/// The folder, read in the order of arrival.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    seen: std::sync::Mutex<Vec<PathBuf>>,
}

impl Outbox {
    /// Watches `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            seen: std::sync::Mutex::new(Vec::new()),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The next mail to `to` that wasn't taken yet; waits for it.
    ///
    /// # Errors
    /// Where none comes.
    pub async fn next(&self, to: &str) -> Outcome<Mail> {
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        inotify::add_watch(
            &watch,
            &self.folder,
            WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO,
        )?;
        // Not a pipe, but read like one.
        let events = pipe::Receiver::from_owned_fd_unchecked(watch)?;
        within(&format!("a mail to {to}"), async {
            loop {
                if let Some(mail) = self.take(to)? {
                    return Ok(mail);
                }
                events.readable().await?;
                // What the events say doesn't matter: the folder is read again.
                let _drained = events.try_read(&mut [0_u8; 4096]);
            }
        })
        .await?
    }

    /// The code in the next mail to `to` that has one. Notices on the way to it are passed over.
    ///
    /// # Errors
    /// Where none comes.
    pub async fn code(&self, to: &str) -> Outcome<String> {
        loop {
            if let Some(code) = self.next(to).await?.code {
                return Ok(code);
            }
        }
    }

    /// The next mail to `to` that nobody asked for. Codes on the way to it are passed over.
    ///
    /// # Errors
    /// Where none comes.
    pub async fn notice(&self, to: &str) -> Outcome<Mail> {
        loop {
            let mail = self.next(to).await?;
            if mail.code.is_none() {
                return Ok(mail);
            }
        }
    }

    /// The next mail to `to` that is there already and wasn't taken yet.
    ///
    /// # Errors
    /// Where the folder or a mail can't be read.
    pub fn take(&self, to: &str) -> Outcome<Option<Mail>> {
        for path in self.files()? {
            let mut seen = self
                .seen
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if seen.contains(&path) {
                continue;
            }
            // One that is still being written doesn't parse; its end is another event.
            let Ok(mail) = serde_json::from_slice::<Mail>(&fs::read(&path)?) else {
                continue;
            };
            if mail.to == to {
                seen.push(path);
                return Ok(Some(mail));
            }
        }
        Ok(None)
    }

    fn files(&self) -> Outcome<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|e| e == "json") {
                files.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        files.sort();
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }
}
