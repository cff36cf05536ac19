//! The warden's disk as the actor sees it: load a state, persist a concern, add to the log.

use std::path::{Path, PathBuf};

use belay_proto::Secret;
use belay_proto::cbor::MAX_BYTES;
use belay_proto::keys::{PublicKey, random};

use super::audit_log::{Entry, Note};
use super::copies::{Concern, Copies, Found, Survivor, WriteError};
use super::files::Files;
use super::journal::{Journal, JournalError};
use super::places::Places;
use super::sealing::SealingKey;
use crate::core::command::wipe::Wipe;
use crate::core::records::{self, ResetProof};
use crate::core::state::{Binding, Door, State};

/// The longest content that reads again: beside it a file holds the sequences of the other concerns.
const LONGEST: usize = MAX_BYTES - 512;

/// Everything on disk, through one door.
pub struct Vault {
    files: Box<dyn Files>,
    places: Places,
    copies: Copies,
    journal: Journal,
    /// A key made in place of one that is missing; written only when the door is opened.
    unwritten_key: Option<Secret<[u8; 32]>>,
}

impl Vault {
    /// Reads what is there. Whatever is missing or wrong makes the state tampered, never an error
    /// and never free; what `init` never made is uninitialised. Writes nothing.
    #[must_use]
    pub fn read(files: Box<dyn Files>, places: Places) -> (Self, State) {
        let (key, unwritten_key) = match read_key(files.as_ref(), &places) {
            Some(key) => (SealingKey::new(&key), None),
            None => {
                let key = Secret::new(random());
                (SealingKey::new(&key), Some(key))
            }
        };
        let mut copies = Copies::new(places.clone(), key.clone());
        let mut journal = Journal::fresh(places.audit_log());
        let state = if never_initialised(files.as_ref(), &places) {
            State::new(key, Binding::Uninitialised)
        } else {
            match copies.load(files.as_ref()) {
                Found::Tampered { why, survivor } => tampered(key, &why, door_of(survivor)),
                Found::Whole(contents) => match read_state(&key, &contents, files.as_ref(), &places) {
                    Ok((state, read)) => {
                        journal = read;
                        state
                    }
                    Err(why) => {
                        let binding = contents.get(&Concern::Binding).cloned();
                        tampered(key, &[why], door_of(binding.map(Survivor::Binding)))
                    }
                },
            }
        };
        let vault = Self {
            files,
            places,
            copies,
            journal,
            unwritten_key,
        };
        (vault, state)
    }

    /// As [`Vault::read`]; then brings the weaker copies, the log's head and the reset-proof record
    /// up to date, as far as the disk allows: the state is whole without it.
    #[must_use]
    pub fn open(files: Box<dyn Files>, places: Places) -> (Self, State) {
        let (mut vault, state) = Self::read(files, places);
        if matches!(state.binding, Binding::Bound(_) | Binding::Unbound { .. })
            && let Err(error) = vault.mend(&state)
        {
            tracing::error!(%error, "a copy of the state can't be repaired");
        }
        (vault, state)
    }

    /// Commits one concern of `state`.
    ///
    /// # Errors
    /// The disk may hold either content; of one that is too long for a file, the one before.
    pub fn persist(&mut self, concern: Concern, state: &State) -> Result<(), WriteError> {
        let content = self.content(concern, state);
        if content.len() > LONGEST {
            // What couldn't be read again would lock the device at its next start.
            let source = std::io::ErrorKind::FileTooLarge.into();
            return Err(WriteError::new(Path::new(concern.name()), source));
        }
        self.copies.commit(
            self.files.as_mut(),
            concern,
            &content,
            &records::reset_proof_of(state),
        )
    }

    /// Whether this concern of `state` is what the next start would load.
    #[must_use]
    pub fn holds(&self, concern: Concern, state: &State) -> bool {
        let found = self.copies.peek(self.files.as_ref(), concern);
        found.is_some_and(|found| found == self.content(concern, state))
    }

    fn content(&self, concern: Concern, state: &State) -> Vec<u8> {
        match concern {
            Concern::Binding => records::binding_to_bytes(&state.binding),
            Concern::Throttle => records::throttle_to_bytes(&state.throttle),
            Concern::Pending => records::pending_to_bytes(state.pending.as_ref()),
            Concern::Lock => records::lock_to_bytes(state),
            Concern::AuditHead => self.journal.head(),
        }
    }

    /// Adds to the audit log: the line first, then its head. `committed` is the state on disk.
    ///
    /// # Errors
    /// Nothing, or the line without its head, is written.
    pub fn note(&mut self, note: Note, committed: &State) -> Result<(), WriteError> {
        self.commit_owed_head(committed)?;
        self.journal.append(self.files.as_mut(), note)?;
        self.commit_owed_head(committed)?;
        // What was noted is on disk: a log that can't be shortened now is later.
        for _ in 0..2 {
            if let Err(error) = self.journal.shorten(self.files.as_mut()) {
                tracing::error!(error = ?error, "the audit log can't be shortened");
                break;
            }
            if self.journal.head_is_owed()
                && let Err(error) = self.commit_owed_head(committed)
            {
                tracing::error!(error = ?error, "the audit log can't be shortened");
                break;
            }
        }
        Ok(())
    }

    /// Puts a broken log aside and writes the sealing key that was missing.
    ///
    /// # Errors
    /// The state is as broken as before.
    pub fn begin_anew(&mut self, suffix: &str) -> Result<(), WriteError> {
        for folder in &self.places.folders {
            self.files
                .make_folder(folder)
                .map_err(|source| WriteError::new(folder, source))?;
        }
        if let Some(key) = &self.unwritten_key {
            if let Some(credential) = &self.places.credential {
                // What is sealed with a key that nobody keeps would be tampered again at the next start.
                return Err(WriteError::new(
                    credential,
                    std::io::ErrorKind::InvalidData.into(),
                ));
            }
            write_key(self.files.as_mut(), &self.places, key)?;
        }
        self.unwritten_key = None;
        self.journal.begin_anew(self.files.as_mut(), suffix)
    }

    /// Writes the reset authorisation for this boot.
    ///
    /// # Errors
    /// There is none.
    pub fn authorise_reset(&mut self, authorisation: &[u8]) -> Result<(), WriteError> {
        let path = self.places.reset_authorised();
        let failed = |source| WriteError::new(&path, source);
        self.files.make_folder(&self.places.runtime).map_err(failed)?;
        self.files.replace(&path, authorisation).map_err(failed)
    }

    /// Writes what `belay-wipe` is to do, or takes it back.
    ///
    /// # Errors
    /// The intent is the one before.
    pub fn intend_wipe(&mut self, wipe: Option<&Wipe>) -> Result<(), WriteError> {
        let path = self.places.wipe_intent();
        let written = match wipe {
            Some(wipe) => self.files.replace(&path, &intent_of(wipe)),
            None if self.files.read(&path).is_ok_and(|found| found.is_none()) => Ok(()),
            None => self.files.remove(&path),
        };
        written.map_err(|source| WriteError::new(&path, source))
    }

    /// The reset authorisation of this boot, if one was given.
    #[must_use]
    pub fn reset_authorisation(&self) -> Option<Vec<u8>> {
        self.files.read(&self.places.reset_authorised()).ok().flatten()
    }

    /// The audit log since then.
    ///
    /// # Errors
    /// The log no longer fits its head, or can't be read.
    pub fn history(&self, since: u64) -> Result<Vec<Entry>, JournalError> {
        self.journal.entries(self.files.as_ref(), since)
    }

    fn mend(&mut self, state: &State) -> Result<(), WriteError> {
        self.copies.mend(self.files.as_mut())?;
        self.commit_owed_head(state)?;
        let record = records::reset_proof_of(state);
        self.copies.write_reset_proof(self.files.as_mut(), &record)
    }

    fn commit_owed_head(&mut self, state: &State) -> Result<(), WriteError> {
        if self.journal.head_is_owed() {
            self.persist(Concern::AuditHead, state)?;
            self.journal.head_is_committed();
        }
        Ok(())
    }
}

/// Whether nothing of the warden's is anywhere, or `init` was cut short.
#[must_use]
pub fn never_initialised(files: &dyn Files, places: &Places) -> bool {
    cut_short(files, places) || !any_trace(files, places)
}

/// Whether `init` was cut short: its marker is there, and each state file is missing or the first of
/// its kind. A marker beside a state that has been in use is somebody else's work and says nothing.
#[must_use]
pub fn cut_short(files: &dyn Files, places: &Places) -> bool {
    let key = read_key(files, places).unwrap_or_else(|| Secret::new(random()));
    let copies = Copies::new(places.clone(), SealingKey::new(&key));
    let half_made = |folder: &PathBuf| {
        Concern::ALL.into_iter().all(|concern| {
            !present(files, &folder.join(concern.name()))
                || copies.sequence_of(files, folder, concern) == Some(1)
        })
    };
    present(files, &places.initialising()) && places.folders.iter().all(half_made)
}

/// Whether anything of an earlier state is there.
#[must_use]
pub fn any_trace(files: &dyn Files, places: &Places) -> bool {
    let copies = places
        .folders
        .iter()
        .flat_map(|folder| Concern::ALL.map(|concern| folder.join(concern.name())));
    copies
        .chain([places.audit_log(), places.key_file.clone()])
        .chain(places.reset_proof_record())
        .any(|path| present(files, &path))
}

/// The sealing key at rest: the credential where there is one, else the file.
#[must_use]
pub fn read_key(files: &dyn Files, places: &Places) -> Option<Secret<[u8; 32]>> {
    let path = places.credential.as_ref().unwrap_or(&places.key_file);
    let bytes = Secret::new(files.read(path).ok().flatten()?);
    <[u8; 32]>::try_from(bytes.expose().as_slice())
        .ok()
        .map(Secret::new)
}

/// Writes the key file; with a credential there is none to write.
///
/// # Errors
/// There may be no key.
pub fn write_key(files: &mut dyn Files, places: &Places, key: &Secret<[u8; 32]>) -> Result<(), WriteError> {
    if places.credential.is_some() {
        return Ok(());
    }
    files
        .replace(&places.key_file, key.expose())
        .map_err(|source| WriteError::new(&places.key_file, source))
}

fn intent_of(wipe: &Wipe) -> Vec<u8> {
    serde_json::json!({
        "command": wipe.command.to_string(),
        "external": wipe.external,
        "keep_esim": wipe.keep_esim,
    })
    .to_string()
    .into_bytes()
}

fn present(files: &dyn Files, path: &Path) -> bool {
    // What can't be read is there.
    files.read(path).map_or(true, |bytes| bytes.is_some())
}

fn tampered(key: SealingKey, why: &[String], door: Door) -> State {
    tracing::error!(
        why = why.join("; "),
        "the state is not the one the warden wrote: this device stays locked"
    );
    State::new(key, Binding::Tampered(door))
}

fn door_of(survivor: Option<Survivor>) -> Door {
    let owner: Option<PublicKey> = match survivor {
        Some(Survivor::Binding(content)) => match records::binding_from_bytes(&content) {
            Ok(Binding::Bound(bound)) => Some(bound.owner),
            _ => None,
        },
        Some(Survivor::ResetProof(content)) => {
            ResetProof::decode(&content).ok().and_then(|record| record.owner)
        }
        None => None,
    };
    Door { owner }
}

type Contents = std::collections::BTreeMap<Concern, Vec<u8>>;

fn read_state(
    key: &SealingKey,
    contents: &Contents,
    files: &dyn Files,
    places: &Places,
) -> Result<(State, Journal), String> {
    let content = |concern: Concern| contents.get(&concern).map_or(&[][..], Vec::as_slice);
    let broken =
        |concern: Concern| move |error: belay_proto::cbor::Malformed| format!("{}: {error}", concern.name());
    let mut state = State {
        throttle: records::throttle_from_bytes(content(Concern::Throttle))
            .map_err(broken(Concern::Throttle))?,
        pending: records::pending_from_bytes(content(Concern::Pending)).map_err(broken(Concern::Pending))?,
        ..State::new(
            key.clone(),
            records::binding_from_bytes(content(Concern::Binding)).map_err(broken(Concern::Binding))?,
        )
    };
    records::lock_from_bytes(content(Concern::Lock), &mut state).map_err(broken(Concern::Lock))?;
    let journal =
        Journal::open(files, places.audit_log(), content(Concern::AuditHead)).map_err(
            |error| match error {
                JournalError::Broken(broken) => format!("audit log: {broken}"),
                JournalError::Io(error) => format!("audit log: {error}"),
            },
        )?;
    Ok((state, journal))
}
