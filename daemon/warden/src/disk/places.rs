//! Where each file of the warden lies.

use std::path::{Path, PathBuf};

/// The folders and files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The two folders that hold a copy of each state file.
    pub folders: [PathBuf; 2],
    /// The sealing key, where no credential is given.
    pub key_file: PathBuf,
    /// The sealing key as a systemd credential.
    pub credential: Option<PathBuf>,
    /// A folder that a factory reset leaves alone, where the device has one.
    pub reset_proof: Option<PathBuf>,
    /// Emptied at each boot: the reset authorisation.
    pub runtime: PathBuf,
}

impl Places {
    /// From the state folders of systemd's `STATE_DIRECTORY` or of the configuration: two joined
    /// by `:`, or one, which gets the folders `a` and `b`.
    #[must_use]
    pub fn new(state: &str, runtime: &Path) -> Self {
        let (first, folders) = match state.split_once(':') {
            Some((a, b)) => (Path::new(a), [PathBuf::from(a), PathBuf::from(b)]),
            None => (
                Path::new(state),
                [Path::new(state).join("a"), Path::new(state).join("b")],
            ),
        };
        Self {
            key_file: first.join("sealing.key"),
            folders,
            credential: None,
            reset_proof: None,
            runtime: runtime.to_owned(),
        }
    }

    /// The audit log: append-only, so one copy; its head is a state file with two.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.folders[0].join("audit.log")
    }

    /// The record that outlives a factory reset.
    #[must_use]
    pub fn reset_proof_record(&self) -> Option<PathBuf> {
        self.reset_proof
            .as_ref()
            .map(|folder| folder.join("belay-binding"))
    }

    /// There while `init` runs: a half-made first state is no state.
    #[must_use]
    pub fn initialising(&self) -> PathBuf {
        self.folders[0].join("initialising")
    }

    /// What `belay-wipe` is to do: beside the sealing key, in the first of the state folders.
    #[must_use]
    pub fn wipe_intent(&self) -> PathBuf {
        self.key_file.with_file_name("wipe-intent")
    }

    /// The owner's leave for one factory reset in this boot.
    #[must_use]
    pub fn reset_authorised(&self) -> PathBuf {
        self.runtime.join("reset-authorised")
    }
}
