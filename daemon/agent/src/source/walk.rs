//! Walking through a root.

use std::io;

use belay_proto::clock::Clock;
use rustix::io::Errno;

use crate::inotify::Inotify;
use crate::model::{Mark, Root};
use crate::names;
use crate::state::Stop;
use crate::tree::{Tree, device, mark_of};

/// Files below a root, at most; beyond, nothing is said about them.
const MOST: usize = 2_000_000;

/// What a walk found.
pub(super) struct Walk {
    pub root: Root,
    /// Regular files that are mirrored by their names: path below the root, state. In the order of the paths.
    pub files: Vec<(String, Mark)>,
    /// Folders that couldn't be looked into.
    pub unseen: Vec<String>,
}

/// How a root is walked.
pub(super) struct Walker<'a> {
    pub tree: &'a Tree,
    pub inotify: &'a Inotify,
    pub clock: &'a dyn Clock,
    /// Folders in folders; 0: only the root's own files.
    pub depth: usize,
    /// Folders that are somebody else's, by their paths below the root.
    pub except: &'a [String],
    /// Whether what was left half-done is removed.
    pub sweep: bool,
}

impl Walker<'_> {
    pub(super) fn walk(&self, make: bool) -> Result<Walk, Stop> {
        if make && std::fs::create_dir_all(self.tree.path()).is_err() {
            return Err(Stop::Missing);
        }
        let root = self.tree.root().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Stop::Missing,
            _ => Stop::Unreadable,
        })?;
        let metadata = std::fs::File::from(root)
            .metadata()
            .map_err(|_| Stop::Unreadable)?;
        let mut walk = Walk {
            root: Root {
                device: std::os::unix::fs::MetadataExt::dev(&metadata),
                inode: std::os::unix::fs::MetadataExt::ino(&metadata),
                boot: self.clock.boot_id(),
            },
            files: Vec::new(),
            unseen: Vec::new(),
        };
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let below = self.look_into(&folder, &mut walk);
            match below {
                Ok(below) if depth < self.depth => {
                    folders.extend(below.into_iter().map(|name| (name, depth + 1)));
                }
                Ok(_) => {}
                Err(_) if folder.is_empty() => return Err(Stop::Unreadable),
                // It was there a moment ago: the watch tells.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(%error, "a folder can't be looked into, what is known of it is left alone");
                    walk.unseen.push(folder);
                }
            }
            if walk.files.len() > MOST {
                return Err(Stop::Unreadable);
            }
        }
        walk.files.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(walk)
    }

    /// Notes a folder's files; answers the folders in it.
    fn look_into(&self, folder: &str, walk: &mut Walk) -> io::Result<Vec<String>> {
        let open = self.tree.folder(folder, false)?;
        if device(&open)? != walk.root.device {
            return Err(Errno::XDEV.into());
        }
        let path = self.tree.path().join(folder);
        if let Err(error) = self.inotify.add(&path) {
            tracing::warn!(%error, "a folder isn't watched: changes in it are seen at the next start only");
        }
        let mut below = Vec::new();
        for entry in std::fs::read_dir(&path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                tracing::warn!("a name isn't UTF-8 and isn't mirrored");
                continue;
            };
            if self.sweep && names::is_ours(name) {
                let _ = rustix::fs::unlinkat(&open, name, rustix::fs::AtFlags::empty());
            }
            let place = match folder {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            if !names::is_mirrored_path(&place) || self.except.contains(&place) {
                continue;
            }
            // Neither follows a link.
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => below.push(place),
                Ok(metadata) => walk.files.extend(mark_of(&metadata).map(|mark| (place, mark))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(below)
    }
}
