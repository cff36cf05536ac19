//! `belay-warden init`: the first state, made once.

use std::path::{Path, PathBuf};

use belay_proto::Secret;
use belay_proto::keys::random;

use super::audit_log::Note;
use super::copies::{Concern, WriteError, unproven_content};
use super::files::Files;
use super::places::Places;
use super::sealing::SealingKey;
use super::vault::{any_trace, cut_short, read_key, write_key};
use super::{copies::Copies, journal::Journal};
use crate::core::records::{self, ResetProof};
use crate::core::state::{Binding, State};

/// The first state wasn't made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There was a state, or there is a part of one: nothing is made over it.
    #[error("this device has a state already, or a part of one; {0} stays as it is")]
    Trace(PathBuf),
    /// The credential that should hold the sealing key doesn't hold 32 bytes.
    #[error("the credential with the sealing key can't be used")]
    Credential,
    /// The disk.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Makes an unbound state where there is none at all. A record in the reset-proof place counts,
/// except one that says the last owner let go; its release is carried over.
///
/// Cut short, it leaves a marker: the warden answers `Storage` and `init` may run again.
///
/// # Errors
/// [`InitError`].
pub fn init(files: &mut dyn Files, places: &Places, note: Note) -> Result<(), InitError> {
    let release = release_left_behind(files, places)?;
    let marker = places.initialising();
    let inside = Places {
        reset_proof: None,
        ..places.clone()
    };
    if !cut_short(files, &inside) && any_trace(files, &inside) {
        return Err(InitError::Trace(inside.folders[0].clone()));
    }
    for folder in &inside.folders {
        files.make_folder(folder).map_err(failed(folder))?;
    }
    files.replace(&marker, b"").map_err(failed(&marker))?;
    files.remove(&inside.audit_log()).map_err(failed(&marker))?;

    let key = sealing_key(files, &inside)?;
    let state = State::new(SealingKey::new(&key), Binding::Unbound { release });
    let mut journal = Journal::fresh(inside.audit_log());
    journal.append(files, note)?;
    let mut copies = Copies::new(places.clone(), state.key.clone());
    let record = records::reset_proof_of(&state);
    for (concern, content) in [
        (Concern::AuditHead, journal.head()),
        (Concern::Throttle, records::throttle_to_bytes(&state.throttle)),
        (Concern::Pending, records::pending_to_bytes(None)),
        (Concern::Lock, records::lock_to_bytes(&state)),
        (Concern::Binding, records::binding_to_bytes(&state.binding)),
    ] {
        copies.commit(files, concern, &content, &record)?;
    }
    files.remove(&marker).map_err(failed(&marker))?;
    Ok(())
}

/// The release of a record that says nobody owns this device. Any other record is a trace.
fn release_left_behind(files: &dyn Files, places: &Places) -> Result<Option<Vec<u8>>, InitError> {
    let Some(path) = places.reset_proof_record() else {
        return Ok(None);
    };
    let trace = || InitError::Trace(path.clone());
    let Some(bytes) = files.read(&path).map_err(|_| trace())? else {
        return Ok(None);
    };
    let record = unproven_content(&bytes).and_then(|content| ResetProof::decode(&content).ok());
    match record {
        Some(record) if record.state == "unbound" => Ok(record.release),
        _ => Err(trace()),
    }
}

fn sealing_key(files: &mut dyn Files, places: &Places) -> Result<Secret<[u8; 32]>, InitError> {
    match read_key(files, places) {
        Some(key) => Ok(key),
        None if places.credential.is_some() => Err(InitError::Credential),
        None => {
            let key = Secret::new(random());
            write_key(files, places, &key)?;
            Ok(key)
        }
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::new(&path, source)
}
