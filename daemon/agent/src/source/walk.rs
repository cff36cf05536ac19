//! Walking through a root.

use std::io;
use std::os::unix::fs::MetadataExt;

use belay_proto::clock::Clock;
use rustix::fs::Dir;
use rustix::io::Errno;

use crate::inotify::Inotify;
use crate::left_out::{Left, Why};
use crate::model::{Mark, Root};
use crate::names;
use crate::state::Stop;
use crate::tree::{self, Kind, Tree, device};

/// Files below a root, at most; beyond, nothing is said about them.
const MOST: usize = 2_000_000;

/// What a walk found.
pub(super) struct Walk {
    pub root: Root,
    /// Regular files that are mirrored by their names: path below the root, state. In the order of the paths.
    pub files: Vec<(String, Mark)>,
    /// What couldn't be looked into: folders, and links and special files, which may stand for what they replaced.
    pub unseen: Vec<String>,
    /// What can't be mirrored, for its owner to see.
    pub left: Left,
    /// Why a folder isn't watched.
    pub unwatched: Option<io::Error>,
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
    /// Which files are mirrored, by their paths below the root.
    pub takes: &'a dyn Fn(&str) -> bool,
    /// Whether what was left half-done is removed.
    pub sweep: bool,
}

impl Walker<'_> {
    pub(super) fn walk(&self, make: bool) -> Result<Walk, Stop> {
        if make && std::fs::create_dir_all(self.tree.path()).is_err() {
            return Err(Stop::Missing);
        }
        let (device, inode) = self.root()?;
        let open = self.tree.root().ok();
        let mut walk = Walk {
            root: Root {
                device,
                inode,
                boot: self.clock.boot_id(),
                below_mount: open.and_then(|root| tree::below_mount(&root).ok()),
            },
            files: Vec::new(),
            unseen: Vec::new(),
            left: Left::default(),
            unwatched: None,
        };
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let is_walked = depth < self.depth;
            let below = self.look_into(&folder, is_walked, &mut walk);
            match below {
                Ok(below) if is_walked => {
                    folders.extend(below.into_iter().map(|name| (name, depth + 1)));
                }
                Ok(_) => {}
                Err(_) if folder.is_empty() => return Err(Stop::Unreadable),
                Err(error) => {
                    // It was there a moment ago: moved or removed, which the watch tells, or its medium is being taken away.
                    if error.kind() != io::ErrorKind::NotFound {
                        tracing::warn!(%error, "a folder can't be looked into, what is known of it is left alone");
                        // What is mounted below a root is left alone by intention.
                        if error.raw_os_error() != Some(Errno::XDEV.raw_os_error()) {
                            walk.left.add(&folder, Why::Unreadable);
                        }
                    }
                    walk.unseen.push(folder);
                }
            }
            if walk.files.len() > MOST {
                return Err(Stop::Unreadable);
            }
        }
        // Each step begins at the root's path: part of this may be of what lay under a medium that was taken away.
        if self.root()? != (device, inode) {
            return Err(Stop::Replaced);
        }
        if let Some(error) = &walk.unwatched {
            tracing::warn!(%error, "not every folder is watched: what changes there is seen within a quarter of an hour");
        }
        walk.files.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(walk)
    }

    /// The root's device number and inode.
    fn root(&self) -> Result<(u64, u64), Stop> {
        let root = self.tree.root().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Stop::Missing,
            _ => Stop::Unreadable,
        })?;
        let metadata = std::fs::File::from(root)
            .metadata()
            .map_err(|_| Stop::Unreadable)?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Notes a folder's files; answers the folders in it, which are looked into next if `is_walked`.
    fn look_into(&self, folder: &str, is_walked: bool, walk: &mut Walk) -> io::Result<Vec<String>> {
        let open = self.tree.folder(folder, false)?;
        if device(&open)? != walk.root.device {
            return Err(Errno::XDEV.into());
        }
        if let Err(error) = self.inotify.add(&self.tree.path().join(folder)) {
            walk.unwatched = Some(error);
        }
        if self.sweep {
            // Before it is listed: an edit may come to light.
            for entry in Dir::read_from(&open)?.flatten() {
                if let Ok(name) = entry.file_name().to_str() {
                    tree::sweep(&open, name, &walk.root.boot);
                }
            }
        }
        let mut below = Vec::new();
        for entry in Dir::read_from(&open)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                let name = entry.file_name().to_string_lossy();
                // Each letter of it is as long, or shorter.
                let place = below_of(folder, &name.replace(char::REPLACEMENT_CHARACTER, "_"));
                let is_missed = match tree::kind_at(&open, entry.file_name()) {
                    Ok(Kind::File(_)) => (self.takes)(&place),
                    Ok(Kind::Folder) => is_walked && names::is_mirrored_path(&place),
                    Ok(Kind::Other) | Err(_) => false,
                };
                if is_missed {
                    tracing::warn!("a name isn't UTF-8 and isn't mirrored");
                    walk.left.add(&below_of(folder, &name), Why::Name);
                }
                continue;
            };
            let place = below_of(folder, name);
            if !names::is_mirrored_path(&place) || self.except.contains(&place) {
                continue;
            }
            match tree::kind_at(&open, name) {
                Ok(Kind::File(mark)) => walk.files.push((place, mark)),
                Ok(Kind::Folder) => below.push(place),
                Ok(Kind::Other) => walk.unseen.push(place),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(below)
    }
}

/// The path of what has this name in a folder.
fn below_of(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}
