//! A disk that remembers each step of the warden's real file code, and what a power cut may leave of them.
//!
//! The model is what POSIX promises and no more (fsync(2), rename(2)): a step that no sync has covered may have reached the disk
//! or not, whatever came after it; a write may be there in part; a rename is there whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use belay_warden::core::state::State;
use belay_warden::disk::files::{Disk, Steps};

use crate::support::Device;

/// What a name stands for, whatever the file is called later.
type Inode = usize;

/// A step that changed something, or made something durable.
#[derive(Clone, Debug)]
pub enum Step {
    Make(PathBuf, Inode),
    Empty(Inode),
    Write(Inode, Vec<u8>),
    Cut(Inode, usize),
    Rename(PathBuf, PathBuf, Inode),
    Unlink(PathBuf),
    MakeFolder(PathBuf),
    Sync(Inode),
    SyncFolder(PathBuf),
}

/// What was answered to whoever asked, and so has to hold from then on.
pub struct Promise {
    /// After so many steps.
    pub after: usize,
    pub what: &'static str,
    pub holds: Box<dyn Fn(&State) -> bool>,
}

#[derive(Default)]
struct Tape {
    steps: Vec<Step>,
    inodes: BTreeMap<PathBuf, Inode>,
    drawn: Inode,
}

/// The disk; clones write on one tape.
#[derive(Clone, Default)]
pub struct TracedDisk(Arc<Mutex<Tape>>);

/// What is on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    folders: Vec<PathBuf>,
    names: BTreeMap<PathBuf, Inode>,
    data: BTreeMap<Inode, Vec<u8>>,
}

impl TracedDisk {
    /// Over the files of `device` as they are, which come back as an image.
    pub fn over(device: &Device) -> (Self, Image) {
        let mut image = Image::default();
        look(&device.path(""), &mut image);
        let tape = Tape {
            drawn: image.data.len(),
            inodes: image.names.clone(),
            steps: Vec::new(),
        };
        (Self(Arc::new(Mutex::new(tape))), image)
    }

    /// The steps so far.
    pub fn steps(&self) -> Vec<Step> {
        self.0.lock().unwrap().steps.clone()
    }

    /// What was just answered has to hold from here on.
    pub fn promised(&self, what: &'static str, holds: impl Fn(&State) -> bool + 'static) -> Promise {
        let after = self.0.lock().unwrap().steps.len();
        let holds = Box::new(holds);
        Promise { after, what, holds }
    }

    fn note(&self, step: Step) {
        self.0.lock().unwrap().steps.push(step);
    }

    /// The inode of a name, a new one where there is none.
    fn inode(&self, path: &Path) -> Inode {
        let mut tape = self.0.lock().unwrap();
        if let Some(inode) = tape.inodes.get(path) {
            return *inode;
        }
        let inode = tape.drawn;
        tape.drawn += 1;
        tape.inodes.insert(path.to_owned(), inode);
        tape.steps.push(Step::Make(path.to_owned(), inode));
        inode
    }
}

fn look(folder: &Path, image: &mut Image) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            image.folders.push(path.clone());
            look(&path, image);
        } else {
            let inode = image.data.len();
            image.data.insert(inode, fs::read(&path).unwrap());
            image.names.insert(path, inode);
        }
    }
}

impl Steps for TracedDisk {
    type File = (Inode, File);

    fn content(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Disk.content(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Disk.exists(path)
    }

    fn create(&mut self, path: &Path) -> io::Result<Self::File> {
        let file = Disk.create(path)?;
        let inode = self.inode(path);
        self.note(Step::Empty(inode));
        Ok((inode, file))
    }

    fn open(&mut self, path: &Path, make: bool) -> io::Result<Self::File> {
        let file = Disk.open(path, make)?;
        Ok((self.inode(path), file))
    }

    fn write(&mut self, (inode, file): &mut Self::File, bytes: &[u8]) -> io::Result<()> {
        self.note(Step::Write(*inode, bytes.to_owned()));
        Disk.write(file, bytes)
    }

    fn cut(&mut self, (inode, file): &mut Self::File, length: u64) -> io::Result<()> {
        self.note(Step::Cut(*inode, usize::try_from(length).unwrap()));
        Disk.cut(file, length)
    }

    fn sync(&mut self, (inode, file): &mut Self::File) -> io::Result<()> {
        Disk.sync(file)?;
        self.note(Step::Sync(*inode));
        Ok(())
    }

    fn give_name(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.give_name(from, to)?;
        let mut tape = self.0.lock().unwrap();
        let inode = tape.inodes.remove(from).unwrap();
        tape.inodes.insert(to.to_owned(), inode);
        tape.steps
            .push(Step::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn take_name(&mut self, path: &Path) -> io::Result<()> {
        Disk.take_name(path)?;
        let mut tape = self.0.lock().unwrap();
        tape.inodes.remove(path);
        tape.steps.push(Step::Unlink(path.to_owned()));
        Ok(())
    }

    fn make_one_folder(&mut self, path: &Path) -> io::Result<()> {
        Disk.make_one_folder(path)?;
        self.note(Step::MakeFolder(path.to_owned()));
        Ok(())
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        Disk.sync_folder(path)?;
        self.note(Step::SyncFolder(path.to_owned()));
        Ok(())
    }
}

impl Image {
    /// The image after all of `steps`, whether durable or not.
    pub fn after(&self, steps: &[Step]) -> Self {
        let mut image = self.clone();
        steps.iter().for_each(|step| image.take(step, Reached::Whole));
        image
    }

    /// Each image that a power cut after `steps` may leave.
    pub fn cuts(&self, steps: &[Step]) -> Vec<Self> {
        let mut durable = self.clone();
        let mut pending: Vec<&Step> = Vec::new();
        for step in steps {
            pending.retain(|earlier| {
                let covered = step.covers(earlier);
                if covered {
                    durable.take(earlier, Reached::Whole);
                }
                !covered
            });
            if !matches!(step, Step::Sync(_) | Step::SyncFolder(_)) {
                pending.push(step);
            }
        }
        let mut images = vec![durable];
        for step in pending {
            let mut more = Vec::new();
            for reached in step.ways() {
                more.extend(images.iter().map(|image| {
                    let mut image = image.clone();
                    image.take(step, *reached);
                    image
                }));
            }
            images.extend(more);
        }
        images
    }

    fn take(&mut self, step: &Step, reached: Reached) {
        match step {
            Step::Make(path, inode) => {
                self.names.insert(path.clone(), *inode);
            }
            Step::Empty(inode) => self.data.entry(*inode).or_default().clear(),
            Step::Write(inode, bytes) => {
                let length = match reached {
                    Reached::Whole => bytes.len(),
                    Reached::Half => bytes.len() / 2,
                };
                self.data.entry(*inode).or_default().extend(&bytes[..length]);
            }
            Step::Cut(inode, length) => self.data.entry(*inode).or_default().resize(*length, 0),
            Step::Rename(from, to, inode) => {
                self.names.remove(from);
                self.names.insert(to.clone(), *inode);
            }
            Step::Unlink(path) => drop(self.names.remove(path)),
            Step::MakeFolder(path) => self.folders.push(path.clone()),
            Step::Sync(_) | Step::SyncFolder(_) => {}
        }
    }

    /// The files by their names: what isn't in a folder that is there isn't either.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let there = |path: &Path| path.parent().is_some_and(|folder| self.has(folder));
        let named = self.names.iter().filter(|(path, _)| there(path));
        named
            .map(|(path, inode)| (path.clone(), self.data.get(inode).cloned().unwrap_or_default()))
            .collect()
    }

    fn has(&self, folder: &Path) -> bool {
        self.folders.iter().any(|there| there == folder)
    }

    /// Puts it onto the device's disk in the place of what is there.
    pub fn put(&self, device: &Device) {
        for entry in fs::read_dir(device.path("")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            }
        }
        // Those above come first.
        let mut folders = self.folders.clone();
        folders.sort();
        for folder in folders {
            // One whose own folder went is gone with it.
            let _ = fs::create_dir(folder);
        }
        for (path, bytes) in self.files() {
            if path.parent().is_some_and(Path::exists) {
                fs::write(path, bytes).unwrap();
            }
        }
    }
}

/// How much of a step has reached the disk.
#[derive(Clone, Copy)]
enum Reached {
    Whole,
    Half,
}

impl Step {
    /// Whether this sync makes an earlier step durable.
    fn covers(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Sync(synced), Self::Empty(inode) | Self::Write(inode, _) | Self::Cut(inode, _)) => {
                synced == inode
            }
            (
                Self::SyncFolder(folder),
                Self::Make(path, _) | Self::Rename(_, path, _) | Self::Unlink(path) | Self::MakeFolder(path),
            ) => path.parent() == Some(folder),
            _ => false,
        }
    }

    /// The ways in which it may have reached the disk, besides not at all.
    fn ways(&self) -> &'static [Reached] {
        match self {
            Self::Write(..) => &[Reached::Whole, Reached::Half],
            _ => &[Reached::Whole],
        }
    }
}
