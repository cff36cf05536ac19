//! The warden's state on disk: one small file a concern, in two folders, written in turn.
//!
//! A file is `body ‖ sequence u64 BE ‖ HMAC-SHA256(name ‖ 0 ‖ body ‖ sequence)`; the body holds the
//! concern's content and the sequences that the other concerns had reached. So a copy that was
//! changed, swapped, cut or taken from another device doesn't verify, and a whole concern put back
//! to an older day is behind what its neighbours, or the reset-proof record, remember.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use belay_proto::cbor::{Item, Malformed, Value};
use belay_proto::{cbor_map, failpoint};

use super::files::Files;
use super::places::Places;
use super::sealing::SealingKey;

const SEQUENCE_BYTES: usize = 8;
const MAC_BYTES: usize = 32;
const RESET_PROOF: &str = "reset-proof";

/// What one state file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// Whose device this is.
    Binding,
    /// Wrong passwords.
    Throttle,
    /// A registration under way.
    Pending,
    /// Lost or not.
    Lock,
    /// The end of the audit log.
    AuditHead,
}

impl Concern {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Binding,
        Self::Throttle,
        Self::Pending,
        Self::Lock,
        Self::AuditHead,
    ];

    /// The file's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Throttle => "throttle",
            Self::Pending => "pending",
            Self::Lock => "lock",
            Self::AuditHead => "audit-head",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|concern| concern.name() == name)
    }
}

/// A write that didn't happen.
#[derive(Debug, thiserror::Error)]
#[error("can't write {path}")]
pub struct WriteError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl WriteError {
    /// Names the file.
    #[must_use]
    pub fn new(path: &Path, source: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            source,
        }
    }
}

/// What was found on disk.
#[derive(Debug)]
pub enum Found {
    /// Each concern's newest content; the weaker copies are repaired.
    Whole(BTreeMap<Concern, Vec<u8>>),
    /// Something is missing or wrong.
    Tampered {
        /// In words, for the log.
        why: Vec<String>,
        /// The newest copy of the binding that still verifies, wherever it lay.
        survivor: Option<Survivor>,
    },
}

/// A copy of the binding that verifies although the whole doesn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Survivor {
    /// The content of [`Concern::Binding`].
    Binding(Vec<u8>),
    /// The content of the reset-proof record.
    ResetProof(Vec<u8>),
}

type Marks = BTreeMap<Concern, u64>;

/// Reads and writes the state files.
pub struct Copies {
    places: Places,
    key: SealingKey,
    /// Sequences that both copies hold, or, of a state that is tampered, once held.
    committed: Marks,
    /// The highest sequences ever seen; a write goes above.
    highest: Marks,
}

impl Copies {
    /// For these places, under this key.
    #[must_use]
    pub fn new(places: Places, key: SealingKey) -> Self {
        Self {
            places,
            key,
            committed: Marks::new(),
            highest: Marks::new(),
        }
    }

    /// Reads everything and judges it. What can't be read is never an error but [`Found::Tampered`].
    pub fn load(&mut self, files: &dyn Files) -> Found {
        let mut why = Vec::new();
        let mut newest = BTreeMap::new();
        for concern in Concern::ALL {
            match self.newest_of(files, concern) {
                Some(copy) => drop(newest.insert(concern, copy)),
                None => why.push(format!("no copy of {} verifies", concern.name())),
            }
        }
        let record = self.reset_proof_copy(files).unwrap_or_else(|| {
            why.push("the reset-proof record doesn't verify".to_owned());
            None
        });

        self.highest = highest_of(
            newest
                .iter()
                .map(|(concern, copy)| (Some(*concern), copy))
                .chain(record.iter().map(|copy| (None, copy))),
        );
        for (concern, copy) in &newest {
            if self
                .highest
                .get(concern)
                .is_some_and(|known| copy.sequence < *known)
            {
                why.push(format!("{} was put back to an older day", concern.name()));
            }
        }
        if !why.is_empty() {
            // What is written while the door opens keeps the memory of what is missing, so that a power
            // cut on the way leaves the state as tampered as it was.
            self.committed = self.highest.clone();
            // A binding that was put back isn't one that survived: it may be an earlier owner's.
            let binding = newest.remove(&Concern::Binding);
            let current = binding.filter(|copy| self.highest.get(&Concern::Binding) == Some(&copy.sequence));
            return Found::Tampered {
                why,
                survivor: survivor(current, record),
            };
        }
        self.committed = newest
            .iter()
            .map(|(concern, copy)| (*concern, copy.sequence))
            .collect();
        let contents = newest
            .into_iter()
            .map(|(concern, copy)| (concern, copy.body.content));
        Found::Whole(contents.collect())
    }

    /// Replaces each copy that is older or worse than its twin.
    ///
    /// # Errors
    /// Some may be as they were; the state is whole all the same.
    pub fn mend(&self, files: &mut dyn Files) -> Result<(), WriteError> {
        for concern in Concern::ALL {
            let Some(good) = self.newest_of(files, concern) else {
                continue;
            };
            for folder in &self.places.folders {
                let path = folder.join(concern.name());
                let found = files.read(&path);
                if !found.is_ok_and(|bytes| bytes.as_deref() == Some(good.bytes.as_slice())) {
                    files
                        .make_folder(folder)
                        .map_err(|source| WriteError::new(folder, source))?;
                    replace(files, &path, &good.bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Writes one concern: first copy, second copy, then the record that outlives a reset.
    ///
    /// # Errors
    /// Any prefix of the three may be written; the next load takes the newest, the next commit
    /// goes above it.
    pub fn commit(
        &mut self,
        files: &mut dyn Files,
        concern: Concern,
        content: &[u8],
        reset_proof: &[u8],
    ) -> Result<(), WriteError> {
        let sequence = self.highest.get(&concern).copied().unwrap_or(0).saturating_add(1);
        self.highest.insert(concern, sequence);
        let bytes = self.file(concern.name(), sequence, content);
        for folder in &self.places.folders {
            replace(files, &folder.join(concern.name()), &bytes)?;
            failpoint!("warden.copy.written");
        }
        self.committed.insert(concern, sequence);
        self.write_reset_proof(files, reset_proof)
    }

    /// Writes the record that outlives a factory reset, where the device has a place for it.
    ///
    /// # Errors
    /// The record may be the old one; the next commit writes it again.
    pub fn write_reset_proof(&self, files: &mut dyn Files, content: &[u8]) -> Result<(), WriteError> {
        let Some(path) = self.places.reset_proof_record() else {
            return Ok(());
        };
        let sequence = self.highest.get(&Concern::Binding).copied().unwrap_or(0);
        let bytes = self.file(RESET_PROOF, sequence, content);
        if files
            .read(&path)
            .is_ok_and(|old| old.as_deref() == Some(bytes.as_slice()))
        {
            return Ok(());
        }
        replace(files, &path, &bytes)
    }

    /// The newest content of one concern that verifies; repairs nothing.
    #[must_use]
    pub fn peek(&self, files: &dyn Files, concern: Concern) -> Option<Vec<u8>> {
        self.newest_of(files, concern).map(|copy| copy.body.content)
    }

    /// The sequence of one copy, if it verifies.
    #[must_use]
    pub fn sequence_of(&self, files: &dyn Files, folder: &Path, concern: Concern) -> Option<u64> {
        let copy = self.read(files, &folder.join(concern.name()), concern.name());
        copy.map(|copy| copy.sequence)
    }

    fn newest_of(&self, files: &dyn Files, concern: Concern) -> Option<Copy> {
        let copies = self
            .places
            .folders
            .iter()
            .filter_map(|folder| self.read(files, &folder.join(concern.name()), concern.name()));
        copies.max_by_key(|copy| copy.sequence)
    }

    /// `None`: a record is there and doesn't verify, or its folder isn't mounted; `Some(None)`: no
    /// place, or no record yet.
    fn reset_proof_copy(&self, files: &dyn Files) -> Option<Option<Copy>> {
        let (Some(folder), Some(path)) = (&self.places.reset_proof, self.places.reset_proof_record()) else {
            return Some(None);
        };
        match files.read(&path) {
            // A folder that is there can't be read as a file.
            Ok(None) => files.read(folder).is_err().then_some(None),
            Ok(Some(bytes)) => parse(&self.key, RESET_PROOF, &bytes).map(Some),
            Err(_) => None,
        }
    }

    fn read(&self, files: &dyn Files, path: &Path, name: &str) -> Option<Copy> {
        parse(&self.key, name, &files.read(path).ok().flatten()?)
    }

    fn file(&self, name: &str, sequence: u64, content: &[u8]) -> Vec<u8> {
        let marks = SequenceMap(self.committed.clone());
        let mut bytes = Body {
            marks,
            content: content.to_owned(),
        }
        .encode();
        bytes.extend_from_slice(&sequence.to_be_bytes());
        let mac = self.key.mac(name, &bytes);
        bytes.extend_from_slice(&mac);
        bytes
    }
}

/// The content of a reset-proof record made by an earlier installation, whose key is gone: enough
/// to see that there was one, and whether it was free. Proves nothing.
#[must_use]
pub fn unproven_content(record: &[u8]) -> Option<Vec<u8>> {
    let body = record.get(..record.len().checked_sub(SEQUENCE_BYTES + MAC_BYTES)?)?;
    Body::decode(body).ok().map(|body| body.content)
}

cbor_map! {
    struct Body {
        marks: SequenceMap,
        content: Vec<u8>,
    }
}

struct SequenceMap(Marks);

impl Item for SequenceMap {
    fn to_value(&self) -> Value {
        Value::Map(
            self.0
                .iter()
                .map(|(concern, sequence)| (concern.name().to_owned(), Value::Uint(*sequence)))
                .collect(),
        )
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let Value::Map(map) = value else {
            return Err(Malformed::new("expected a map of sequences"));
        };
        map.into_iter()
            .map(|(name, sequence)| match (Concern::of_name(&name), sequence) {
                (Some(concern), Value::Uint(sequence)) => Ok((concern, sequence)),
                _ => Err(Malformed::new("not a sequence of a concern")),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// One file that verified.
struct Copy {
    sequence: u64,
    body: Body,
    bytes: Vec<u8>,
}

fn parse(key: &SealingKey, name: &str, bytes: &[u8]) -> Option<Copy> {
    let (signed, mac) = bytes.split_last_chunk::<MAC_BYTES>()?;
    if !key.mac_holds(name, signed, mac) {
        return None;
    }
    let (body, sequence) = signed.split_last_chunk::<SEQUENCE_BYTES>()?;
    let body = Body::decode(body).ok()?;
    Some(Copy {
        sequence: u64::from_be_bytes(*sequence),
        body,
        bytes: bytes.to_owned(),
    })
}

fn highest_of<'a>(copies: impl Iterator<Item = (Option<Concern>, &'a Copy)>) -> Marks {
    let mut highest = Marks::new();
    let mut saw = |concern: Concern, sequence: u64| {
        let known = highest.entry(concern).or_insert(0);
        *known = sequence.max(*known);
    };
    for (concern, copy) in copies {
        if let Some(concern) = concern {
            saw(concern, copy.sequence);
        }
        copy.body
            .marks
            .0
            .iter()
            .for_each(|(concern, sequence)| saw(*concern, *sequence));
    }
    highest
}

/// The newer of the two speaks: an old binding put back mustn't outvote the reset-proof record.
fn survivor(binding: Option<Copy>, record: Option<Copy>) -> Option<Survivor> {
    match (binding, record) {
        (Some(binding), Some(record)) if record.sequence > binding.sequence => {
            Some(Survivor::ResetProof(record.body.content))
        }
        (Some(binding), _) => Some(Survivor::Binding(binding.body.content)),
        (None, Some(record)) => Some(Survivor::ResetProof(record.body.content)),
        (None, None) => None,
    }
}

fn replace(files: &mut dyn Files, path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    files
        .replace(path, bytes)
        .map_err(|source| WriteError::new(path, source))
}
