//! What lies under a name of ours for the moment in which a file is replaced or removed. The name says what it is then, and
//! whose place it had: after a kill in that moment an edit that came in between isn't swept away with it.

use std::os::fd::OwnedFd;

use belay_proto::sync::{RecordId, version_name};
use ring::digest::{SHA256, digest};
use rustix::fs::{AtFlags, unlinkat};

use super::rename::reveal;
use super::{Kind, kind_at};
use crate::model::Mark;
use crate::names::{self, hex};

/// The longest name that is kept as it is, bytes: [`named`] puts 58 before it.
const LONGEST: usize = 190;

/// A name for what lay, or is to lie, at `name`, and is one of `marks` unless somebody edits it.
pub(super) fn named(name: &str, marks: [Mark; 2]) -> String {
    let random: [u8; 8] = belay_proto::keys::random();
    let [one, other] = marks.map(|mark| short(&mark));
    let short_name;
    let name = match name.len() <= LONGEST {
        true => name,
        false => {
            short_name = names::harmless(&names::digest(name), &names::ending(name));
            short_name.as_str()
        }
    };
    format!("{}{}-{one}-{other}-{name}", names::OURS, hex(&random))
}

/// Whether it is one of [`named`]: the two states, and the file's own name.
fn parsed(name: &str) -> Option<([&str; 2], &str)> {
    let mut parts = name.strip_prefix(names::OURS)?.splitn(4, '-');
    let is_ours = |part: &&str| part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.next().filter(is_ours)?;
    let marks = [parts.next().filter(is_ours)?, parts.next().filter(is_ours)?];
    Some((marks, parts.next().filter(|name| names::is_mirrored(name))?))
}

/// Removes what was left under such a name, or puts it back if it was edited: where it lay, or beside that. Other names are
/// left alone.
pub(crate) fn settle(folder: &OwnedFd, name: &str) {
    let Some((marks, original)) = parsed(name) else {
        return;
    };
    match kind_at(folder, name) {
        Err(_) => {}
        Ok(Kind::File(mark)) if marks.contains(&short(&mark).as_str()) => {
            // What stays is tried again at the next start.
            let _ = unlinkat(folder, name, AtFlags::empty());
        }
        Ok(_) => {
            let places = [original.to_owned(), beside(original, name)];
            if !places.iter().any(|place| reveal(folder, name, place).is_ok()) {
                tracing::warn!("an edit that was set aside can't be put back, and stays hidden");
            }
        }
    }
}

/// Where an edit goes that has lost its place: the same with each try, so that one which a kill cut short leaves no second name of it.
fn beside(original: &str, aside: &str) -> String {
    let hash = digest(&SHA256, aside.as_bytes());
    let id: [u8; 16] = hash.as_ref().first_chunk().copied().unwrap_or_default();
    version_name(original, &RecordId::from_bytes(id))
}

fn short(mark: &Mark) -> String {
    let Mark {
        modified,
        size,
        inode,
        mode,
    } = mark;
    let text = format!("{modified} {size} {inode} {mode}");
    hex(digest(&SHA256, text.as_bytes())
        .as_ref()
        .get(..8)
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;

    use super::super::mark_of;
    use super::*;

    fn mark(path: &Path) -> Mark {
        mark_of(&File::open(path).unwrap()).unwrap().unwrap()
    }

    /// A folder in which the program was killed after it had set a file aside, and what lies there after the next start.
    fn after_a_kill(is_edited: bool, is_replaced: bool) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("letter.txt"), folder.path().join("new"));
        fs::write(&path, "old").unwrap();
        fs::write(&new, "from elsewhere").unwrap();
        let aside = folder.path().join(named("letter.txt", [mark(&path), mark(&new)]));
        if is_edited {
            fs::write(&path, "edited at the last moment").unwrap();
        }
        fs::rename(&path, &aside).unwrap();
        match is_replaced {
            true => fs::rename(&new, &path).unwrap(),
            false => fs::remove_file(&new).unwrap(),
        }
        let open = OwnedFd::from(File::open(folder.path()).unwrap());
        let name = aside.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(!names::is_mirrored(&name));
        settle(&open, &name);
        let mut texts: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .inspect(|entry| assert!(names::is_mirrored(entry.file_name().to_str().unwrap())))
            .map(|entry| fs::read_to_string(entry.path()).unwrap())
            .collect();
        texts.sort();
        texts
    }

    #[test]
    fn an_edit_of_the_last_moment_outlives_a_kill_and_what_was_replaced_goes() {
        let edit = "edited at the last moment";
        assert_eq!(after_a_kill(false, true), ["from elsewhere"]);
        assert_eq!(after_a_kill(false, false), Vec::<String>::new());
        assert_eq!(after_a_kill(true, true), [edit, "from elsewhere"]);
        assert_eq!(after_a_kill(true, false), [edit]);
    }

    #[test]
    fn an_edit_that_a_kill_left_under_two_names_has_one_after_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("letter.txt"), "from elsewhere").unwrap();
        let replaced = mark(&at("letter.txt"));
        let name = named("letter.txt", [replaced, replaced]);
        fs::write(at(&name), "edited").unwrap();
        // As where a file gets its name by a link, and the kill comes before the other one is gone.
        let place = at(&beside("letter.txt", &name));
        fs::hard_link(at(&name), &place).unwrap();
        let open = OwnedFd::from(File::open(folder.path()).unwrap());
        settle(&open, &name);
        assert_eq!(fs::read_to_string(place).unwrap(), "edited");
        assert_eq!(fs::read_to_string(at("letter.txt")).unwrap(), "from elsewhere");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_long_name_has_one_aside_too_and_other_names_are_nobodys() {
        let mark = Mark {
            modified: 0,
            size: 0,
            inode: 1,
            mode: 0,
        };
        let long = format!("{}.jpg", "ü".repeat(125));
        let name = named(&long, [mark, mark]);
        assert!(name.len() <= 255);
        assert!(parsed(&name).unwrap().1.ends_with(".jpg"));
        for other in [
            ".belay-0123456789abcdef.tmp",
            "letter.txt",
            ".belay-notes",
            ".belay-a-b-c-d",
        ] {
            assert_eq!(parsed(other), None);
        }
    }
}
