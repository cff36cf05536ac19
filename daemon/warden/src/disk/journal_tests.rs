use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::*;

const SMALL: Limits = Limits {
    longest: 4000,
    kept: 2000,
};

/// Files in memory; after so many changes nothing more is written, as after a power cut.
#[derive(Default)]
struct Memory {
    files: HashMap<PathBuf, Vec<u8>>,
    left: usize,
    /// The next so many replacements of the log are done, and said to have failed; nothing can be added in between.
    doubtful: usize,
    refuses_lines: bool,
}

impl Memory {
    fn change(&mut self, path: &Path, deed: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::Other)?;
        deed(self.files.entry(path.to_owned()).or_default());
        Ok(())
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.get(path).cloned())
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.change(path, |file| *file = bytes.to_vec())?;
        if path == log() && self.doubtful > 0 {
            self.doubtful -= 1;
            return Err(io::ErrorKind::Other.into());
        }
        Ok(())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.refuses_lines {
            // Half of it is there.
            self.change(path, |file| file.extend(&bytes[..bytes.len() / 2]))?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.change(path, |file| file.extend(bytes))
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        // As a file system does it, which also makes a file longer.
        self.change(path, |file| file.resize(usize::try_from(length).unwrap(), 0))
    }

    fn rename(&mut self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&mut self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn make_folder(&mut self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

fn log() -> PathBuf {
    PathBuf::from("/audit.log")
}

fn head() -> PathBuf {
    PathBuf::from("/head")
}

fn note(number: u64) -> Note {
    Note {
        time: number,
        boot_time_ms: 0,
        boot: "boot".to_owned(),
        event: "password-check",
        actor: "session",
        detail: String::new(),
    }
}

fn opened(disk: &Memory) -> Journal {
    let stored = disk.files.get(&head()).cloned();
    let stored = stored.unwrap_or_else(|| Journal::fresh(log()).head());
    let mut journal = Journal::open(disk, log(), &stored).unwrap();
    journal.limits = SMALL;
    journal
}

fn commit(journal: &mut Journal, disk: &mut Memory) -> Option<()> {
    if journal.head_is_owed() {
        disk.replace(&head(), &journal.head()).ok()?;
        journal.head_is_committed();
    }
    Some(())
}

/// As the vault does it; `None` once the power is gone.
fn noted(journal: &mut Journal, disk: &mut Memory, number: u64) -> Option<()> {
    commit(journal, disk)?;
    journal.append(disk, note(number)).ok()?;
    commit(journal, disk)?;
    for _ in 0..2 {
        journal.shorten(disk).ok()?;
        commit(journal, disk)?;
    }
    Some(())
}

#[test]
fn a_log_stays_short_and_its_entries_stay_numbered() {
    let mut disk = Memory {
        left: usize::MAX,
        ..Memory::default()
    };
    let mut journal = opened(&disk);
    for number in 1..=500 {
        noted(&mut journal, &mut disk, number).unwrap();
        assert!(disk.files[&log()].len() <= 4000);
    }
    let entries = opened(&disk).entries(&disk, 0).unwrap();
    assert_eq!(entries.last().unwrap().seq, 500);
    assert!(entries.len() >= 4 && entries[0].seq > 400);
}

#[test]
fn a_shortening_that_failed_after_it_was_done_leaves_a_log_that_goes_on() {
    let mut disk = Memory {
        left: usize::MAX,
        doubtful: 1,
        ..Memory::default()
    };
    let mut journal = opened(&disk);
    let told = (1..=500).take_while(|number| noted(&mut journal, &mut disk, *number).is_some());
    let told = u64::try_from(told.count()).unwrap();
    assert!(disk.doubtful == 0 && told < 500, "a replacement failed");
    // Half a line comes after it, and has to be cut off where the log ends by now.
    disk.refuses_lines = true;
    assert!(noted(&mut journal, &mut disk, 501).is_none());
    disk.refuses_lines = false;
    noted(&mut journal, &mut disk, 502).unwrap();
    let entries = opened(&disk).entries(&disk, 0).unwrap();
    assert_eq!(entries.last().unwrap().time, 502);
    assert_eq!(
        entries.last().unwrap().seq,
        told + 2,
        "the one that was shortened at, and this"
    );
}

#[test]
fn a_power_cut_at_any_change_leaves_a_log_that_holds() {
    let whole = 120;
    for left in 0..whole * 3 {
        let mut disk = Memory {
            left,
            ..Memory::default()
        };
        let mut journal = opened(&disk);
        let told = (1..=60).take_while(|number| noted(&mut journal, &mut disk, *number).is_some());
        let told = told.last().unwrap_or_default();
        disk.left = usize::MAX;
        let mut journal = opened(&disk);
        let entries = journal.entries(&disk, 0).unwrap();
        let last = entries.last().map_or(0, |entry| entry.seq);
        assert!((told..=told + 1).contains(&last), "{left}: {last} of {told}");
        noted(&mut journal, &mut disk, last + 1).unwrap();
        assert_eq!(
            opened(&disk).entries(&disk, 0).unwrap().last().unwrap().seq,
            last + 1
        );
    }
}
