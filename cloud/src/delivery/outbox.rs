//! `--outbox DIR`: each message as a JSON file, for development and tests.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use belay_proto::keys::random;
use belay_proto::text::hex;

use super::{Carrier, Message, Sending};

/// The folder.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    written: AtomicU64,
}

impl Outbox {
    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            written: AtomicU64::new(0),
        })
    }

    /// Names sort in the order of writing within one run, and never repeat across runs. A watcher that
    /// looks at `*.json` sees whole files only.
    fn write(&self, message: &Message) -> io::Result<()> {
        let (temporary, name) = self.lay(message)?;
        fs::rename(&temporary, self.folder.join(format!("{name}.json")))
    }

    /// The file that nobody looks at yet, and the name that it will have.
    fn lay(&self, message: &Message) -> io::Result<(PathBuf, String)> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let name = format!(
            "{:013}-{number:06}-{}",
            since.map_or(0, |since| since.as_millis()),
            hex(&random::<4>())
        );
        let temporary = self.folder.join(format!(".{name}.tmp"));
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(message)?)?;
        file.sync_all()?;
        Ok((temporary, name))
    }
}

impl Carrier for Outbox {
    fn takes(&self, _: &str) -> bool {
        true
    }

    fn send<'a>(&'a self, message: &'a Message, _: &'a str) -> Sending<'a> {
        Box::pin(async { Ok(self.write(message)?) })
    }

    fn pretend<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async {
            let (temporary, _) = self.lay(message)?;
            Ok(fs::remove_file(temporary)?)
        })
    }
}
