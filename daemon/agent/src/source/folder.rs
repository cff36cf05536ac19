//! A folder of files: documents, pictures, videos, notes. A file's natural key is its path below the folder.

use std::fs::{File, FileTimes};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use belay_proto::clock::Clock;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::kinds::kind_of;
use super::walk::Walker;
use crate::inotify::Inotify;
use crate::model::{Attributes, Binding, Local, MODE, MODIFIED, Mark, Remote, Root, Scan, is_sibling};
use crate::names::{self, beside, ending};
use crate::ports::{Arrival, Source, SourceError, Watch};
use crate::queue::SMALL;
use crate::state::Stop;
use crate::tree::{Tree, has_room};

/// Folders in folders.
const DEPTH: usize = 64;
/// Copied at once, bytes.
const STRIDE: usize = 64 * 1024;

/// Which files of a folder are mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Notes: `.md` and `.txt`.
    Notes,
}

/// A folder.
pub struct Folder {
    tree: Tree,
    inotify: Inotify,
    which: Which,
    except: Vec<String>,
    clock: Arc<dyn Clock>,
    /// Whose the contents are that come.
    binding: Mutex<Binding>,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder")
            .field("root", &self.tree.path())
            .finish_non_exhaustive()
    }
}

impl Folder {
    /// The folder `root` without the folders `except`, which other sources have: paths below it.
    #[must_use]
    pub fn new(root: PathBuf, which: Which, except: Vec<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            tree: Tree::new(root),
            inotify: Inotify::new(),
            which,
            except,
            clock,
            binding: Mutex::default(),
        }
    }

    /// The name of the file that a record comes into.
    fn part(&self, record: &Remote) -> String {
        let binding = self.binding.lock().unwrap_or_else(PoisonError::into_inner);
        names::part(&record.id, record.revision, &binding, &self.clock.boot_id())
    }

    fn takes(&self, place: &str) -> bool {
        let is_others = |folder: &String| {
            place
                .strip_prefix(folder.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        };
        names::is_mirrored_path(place)
            && !self.except.iter().any(is_others)
            && (self.which == Which::All || ["md", "txt"].contains(&ending(place).as_str()))
    }
}

impl Source for Folder {
    fn shows_siblings(&self) -> bool {
        true
    }

    fn scan(&self, first: bool, make: bool) -> Result<Scan, Stop> {
        let walker = Walker {
            tree: &self.tree.at_large(),
            inotify: &self.inotify,
            clock: &*self.clock,
            depth: DEPTH,
            except: &self.except,
            takes: &|place| self.takes(place),
            sweep: first,
        };
        let walked = walker.walk(make);
        self.tree.forget_seen();
        let walk = walked?;
        let files = walk.files.into_iter().filter(|(place, _)| self.takes(place));
        Ok(Scan {
            root: walk.root,
            items: files
                .map(|(place, mark)| (place.clone(), local(place, mark)))
                .collect(),
            unseen: walk.unseen,
            is_watched: walk.unwatched.is_none(),
            left: walk.left,
        })
    }

    fn keep_to(&self, binding: &Binding, root: &Root) {
        self.tree.keep_to(root);
        let mut known = self.binding.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != *binding {
            known.clone_from(binding);
        }
    }

    fn open(&self, item: &Local) -> Result<File, SourceError> {
        self.tree.open_as(&item.place, item.mark)
    }

    fn is_still(&self, item: &Local) -> bool {
        self.tree.is_still(&item.place, item.mark)
    }

    fn is_gone(&self, _natural: &str, place: &str) -> bool {
        self.tree.is_free(place)
    }

    fn write(&self, arrival: Arrival<'_>, over: Option<&Local>) -> Result<Local, SourceError> {
        let place = place(arrival.natural, over);
        if !self.takes(&place) {
            return Err(SourceError::Refused("its name can't be mirrored here"));
        }
        let record = arrival.record;
        let (content, from) = (arrival.content, arrival.from.unwrap_or(0));
        let name = self.part(record);
        let part = arrival.from.map(|from| (name.as_str(), from));
        let mark = self
            .tree
            .replace_from(&place, over.map(|over| over.mark), part, |file| {
                reserve(file, record.length)?;
                copy(content, file, record.length.saturating_sub(from))?;
                dress(file, &record.attributes)?;
                Ok(())
            })?;
        if part.is_none() && record.length > SMALL {
            // What came of it before it was found here.
            self.tree.forget_parts(&place, &record.id);
        }
        Ok(local(place, mark))
    }

    fn has_place_for(&self, natural: &str) -> Result<(), SourceError> {
        let place = place(natural, None);
        match self.takes(&place) {
            true => self.tree.has_place_for(&place),
            false => Err(SourceError::Refused("its name can't be mirrored here")),
        }
    }

    fn relocate(&self, item: &Local, natural: &str, record: &Remote) -> Result<Local, SourceError> {
        let place = place(natural, None);
        if !self.takes(&place) {
            return Err(SourceError::Refused("its name can't be mirrored here"));
        }
        // Its time is the record's already: set once more it would hide an edit.
        let permit = |file: &File| permit(file, &record.attributes);
        let mark = self.tree.relocate((&item.place, item.mark), &place, permit)?;
        self.tree.forget_parts(&place, &record.id);
        Ok(local(place, mark))
    }

    fn has_room(&self, length: u64) -> bool {
        self.tree.has_room(length)
    }

    fn kept(&self, natural: &str, record: &Remote, over: Option<&Local>) -> u64 {
        let place = place(natural, over);
        match self.takes(&place) {
            true => self
                .tree
                .kept(&place, (&record.id, &self.part(record)), record.length),
            false => 0,
        }
    }

    fn remove(&self, item: &Local) -> Result<(), SourceError> {
        self.tree.remove(&item.place, item.mark)
    }

    fn sync(&self) -> io::Result<()> {
        self.tree.sync()
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        self.inotify.watch()
    }
}

/// Where a record is written.
fn place(natural: &str, over: Option<&Local>) -> String {
    match (over, is_sibling(natural)) {
        (Some(over), _) => over.place.clone(),
        (None, true) => beside(natural).unwrap_or_default(),
        (None, false) => natural.to_owned(),
    }
}

/// Has the file system set the room aside, so that what doesn't fit isn't fetched, on a metered line, again and again.
fn reserve(file: &File, length: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, length) {
        // A length of 0.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        // A file system that can't.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let left = length.saturating_sub(file.metadata()?.len());
            // One that doesn't tell its room either may have it.
            match has_room(file, left).unwrap_or(true) {
                true => Ok(()),
                false => Err(Errno::NOSPC.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Copies exactly so many bytes.
pub(super) fn copy(content: &mut dyn Read, file: &mut File, length: u64) -> Result<(), SourceError> {
    let (mut left, mut stride) = (length, vec![0; STRIDE]);
    loop {
        let count = match content.read(&mut stride) {
            Ok(0) if left == 0 => return Ok(()),
            Ok(0) => return Err(SourceError::CutOff),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::debug!(%error, "a content");
                return Err(SourceError::CutOff);
            }
        };
        // More than was announced: it isn't that one.
        let more = left.checked_sub(count as u64);
        left = more.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        file.write_all(stride.get(..count).unwrap_or_default())?;
    }
}

/// Gives a file the permissions and the time it had elsewhere, if it is the agent's: on a card that is somebody else's no file is.
fn dress(file: &File, attributes: &Attributes) -> io::Result<()> {
    let may = |done: io::Result<()>| match done {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::PERM) => Ok(()),
        other => other,
    };
    may(permit(file, attributes))?;
    if let Some(modified) = attributes.get(MODIFIED).and_then(|text| time(text)) {
        // FUSE drivers, as that of exFAT, may drop one time without the other.
        let accessed = file.metadata()?.accessed()?;
        let times = FileTimes::new();
        may(file.set_times(times.set_accessed(accessed).set_modified(modified)))?;
    }
    Ok(())
}

/// Gives a file the permissions it had elsewhere. Nothing that others could write or that runs as its owner.
fn permit(file: &File, attributes: &Attributes) -> io::Result<()> {
    if let Some(mode) = attributes
        .get(MODE)
        .and_then(|mode| u32::from_str_radix(mode, 8).ok())
    {
        file.set_permissions(std::fs::Permissions::from_mode(mode & 0o755 | 0o600))?;
    }
    Ok(())
}

fn local(place: String, mark: Mark) -> Local {
    let seconds = mark.modified.div_euclid(1_000_000_000);
    let nanos = mark.modified.rem_euclid(1_000_000_000);
    let mut attributes = Attributes::from([(MODIFIED.to_owned(), format!("{seconds}.{nanos:09}"))]);
    if mark.mode != 0 {
        attributes.insert(MODE.to_owned(), format!("{:o}", mark.mode));
    }
    Local {
        kind: kind_of(&place).to_owned(),
        attributes,
        place,
        mark,
    }
}

/// Reads [`MODIFIED`]; nothing from before the epoch or after the year 2200.
fn time(text: &str) -> Option<SystemTime> {
    let (seconds, nanos) = text.split_once('.')?;
    let nanos = Some(nanos).filter(|nanos| nanos.len() == 9)?.parse().ok()?;
    let seconds = seconds
        .parse()
        .ok()
        .filter(|seconds| *seconds < 7_258_118_400_u64)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}
