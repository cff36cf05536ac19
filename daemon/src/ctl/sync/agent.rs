//! What the user's own `belay-agent` says of itself: it runs as the user, and belayd knows nothing of it.

use std::fs;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::ctl::text::printable;

/// What it keeps beside its memories (`daemon/agent/src/standing.rs`).
const FILE: &str = "standing.json";
/// Which files of this machine are held by whom (proc(5)).
const LOCKS: &str = "/proc/locks";

/// What is known of an agent.
#[derive(Debug, PartialEq, Eq)]
pub struct Agent {
    /// Whether it runs; nothing where that can't be said.
    is_running: Option<bool>,
    sources: Map<String, Value>,
}

/// The agent of whoever asks; nothing where none ever ran, or it keeps its state elsewhere.
#[must_use]
pub fn look() -> Option<Agent> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.filter(|path| path.is_absolute()).or_else(home)?;
    look_in(
        &state.join("belay-agent"),
        fs::read_to_string(LOCKS).ok().as_deref(),
    )
}

fn look_in(folder: &Path, locks: Option<&str>) -> Option<Agent> {
    let kept = fs::read(folder.join(FILE)).ok()?;
    let kept: Value = serde_json::from_slice(&kept).ok()?;
    let inode = fs::metadata(folder).ok()?.st_ino();
    Some(Agent {
        is_running: locks.map(|locks| is_held(locks, inode)),
        sources: kept.get("sources")?.as_object()?.clone(),
    })
}

/// Whether somebody holds what has this inode. Looking is all there is: who tried to hold it would be in the agent's way.
fn is_held(locks: &str, inode: u64) -> bool {
    let inode = inode.to_string();
    locks.lines().any(|line| {
        let mut words = line.split_whitespace();
        let is_flock = words.any(|word| word == "FLOCK");
        is_flock && words.any(|word| word.rsplit_once(':').is_some_and(|(_, of)| of == inode))
    })
}

impl Agent {
    /// What its owner should know and do, for the collections that are on.
    pub fn lines(&self, is_on: impl Fn(&str) -> bool) -> Vec<String> {
        if let Some(line) = self.not_running(&is_on) {
            return vec![line];
        }
        let mut lines = Vec::new();
        for (name, source) in self.on(&is_on) {
            if let Some(problem) = source.get("problem").and_then(Value::as_str) {
                lines.push(format!("{name}: {}", in_words(name, problem)));
            }
            if let Some(left) = source.get("left").and_then(left_out) {
                lines.push(format!("{name}: {left}"));
            }
        }
        lines
    }

    /// That it doesn't run though one of these collections of its is on.
    pub fn not_running(&self, is_on: impl Fn(&str) -> bool) -> Option<String> {
        let is_missed = self.is_running == Some(false) && self.on(&is_on).next().is_some();
        is_missed.then(|| {
            "No belay-agent is running: files aren't looked at. systemctl --user start belay-agent".to_owned()
        })
    }

    /// Its sources of collections that are on.
    fn on<'a>(&'a self, is_on: &'a impl Fn(&str) -> bool) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.sources.iter().filter(move |(_, source)| {
            let collection = source.get("collection").and_then(Value::as_str);
            collection.is_some_and(is_on)
        })
    }

    /// For scripts.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "running": self.is_running, "sources": self.sources })
    }
}

fn in_words(name: &str, problem: &str) -> String {
    let words = match problem {
        "missing" => "the folder isn't there, so nothing is mirrored",
        "replaced" => {
            return format!(
                "another folder, or another medium, is in its place, so nothing is mirrored. Mount the medium, or put the \
                 folder back, and it goes on by itself. {}",
                said(
                    "Only if this is the folder from now on, have what it lacks fetched",
                    "refill",
                    name
                )
            );
        }
        "unmounted" => {
            return format!(
                "the medium that the folder lies on isn't mounted, so nothing is mirrored. Mount the medium, and it goes on by \
                 itself. {}",
                said(
                    "Only if the folder is to lie without it from now on, on the disk that its mount point is on, have what it \
                     lacks fetched there",
                    "refill-here",
                    name
                )
            );
        }
        "emptied" => {
            return format!(
                "everything in the folder is gone at once, or another medium is in its place, so nothing is mirrored. Put the \
                 right one in, and it goes on by itself. {}. {}",
                said("To have what is gone fetched again", "refill", name),
                said("If you emptied it, and it may go everywhere", "emptied", name)
            );
        }
        "records-kept" => {
            return format!(
                "everything in the folder was gone at once, so it stays on your other devices; what is new is mirrored. {}. {}",
                said("To have it fetched again", "refill", name),
                said("If it may go everywhere", "emptied", name)
            );
        }
        "files-kept" => {
            return format!(
                "everything in the collection was gone at once, so the files stay here; what is new is mirrored. {}. {}",
                said("To have them put there again", "refill", name),
                said("If they may go", "emptied", name)
            );
        }
        "unreadable" => "the folder can't be read, so nothing is mirrored",
        "unwatched" => {
            "not every folder can be watched, so a change may take a quarter of an hour to be seen; more can be with a higher \
             fs.inotify.max_user_watches (sysctl)"
        }
        _ => "something is wrong: journalctl --user -u belay-agent",
    };
    words.to_owned()
}

/// How its owner says what was meant by what is gone: one agent works at a time.
fn said(wish: &str, switch: &str, name: &str) -> String {
    format!(
        "{wish}: systemctl --user stop belay-agent; belay-agent --{switch} {name}; systemctl --user start belay-agent"
    )
}

/// What can't be mirrored, in words; nothing where there is none.
fn left_out(left: &Value) -> Option<String> {
    let count = left
        .get("count")
        .and_then(Value::as_u64)
        .filter(|count| *count > 0)?;
    let examples = left.get("examples").and_then(Value::as_array);
    let example = |example: &Value| {
        let text = |key: &str| example.get(key).and_then(Value::as_str);
        Some(format!("{} ({})", printable(text("place")?), why(text("why")?)))
    };
    let mut named: Vec<String> = examples.into_iter().flatten().filter_map(example).collect();
    let more = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_sub(named.len());
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    let files = match count {
        1 => "a file".to_owned(),
        count => format!("{count} files"),
    };
    Some(format!("{files} can't be mirrored: {}", named.join(", ")))
}

fn why(why: &str) -> &'static str {
    match why {
        "not-one" => "isn't one contact or event: several, none, cut off or too long",
        "double" => "another file has its UID or name",
        "unreadable" => "can't be read",
        "name" => "its name isn't UTF-8",
        "refused" => "is refused as it is: journalctl --user -u belay-agent",
        _ => "see journalctl --user -u belay-agent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent's folder, and the locks of a machine where it is held, and where it isn't.
    fn kept(sources: &Value) -> (tempfile::TempDir, String, String) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join(FILE),
            json!({ "sources": sources }).to_string(),
        )
        .unwrap();
        let inode = fs::metadata(folder.path()).unwrap().st_ino();
        let held = format!(
            "1: POSIX  ADVISORY  WRITE 1 fe:00:7 0 EOF\n2: FLOCK  ADVISORY  WRITE 2 fe:00:{inode} 0 EOF\n"
        );
        let other = format!(
            "1: FLOCK  ADVISORY  WRITE 2 fe:00:{inode}1 0 EOF\n2: POSIX  ADVISORY  WRITE 2 fe:00:{inode} 0 EOF\n"
        );
        (folder, held, other)
    }

    #[test]
    fn an_agent_that_doesnt_run_is_told_of_where_a_collection_of_its_is_on() {
        let (folder, held, other) =
            kept(&json!({ "contacts": { "collection": "contacts", "problem": null } }));
        let lines =
            |locks: Option<&str>, on: &str| look_in(folder.path(), locks).unwrap().lines(|name| name == on);
        let [line] = <[String; 1]>::try_from(lines(Some(&other), "contacts")).unwrap();
        assert!(line.contains("systemctl --user start belay-agent"), "{line}");
        assert!(lines(Some(&held), "contacts").is_empty());
        assert!(lines(Some(&other), "notes").is_empty());
        assert!(lines(None, "contacts").is_empty(), "nobody can say");
    }

    #[test]
    fn what_keeps_a_source_from_being_mirrored_is_told_with_what_to_do() {
        let source = |problem: &str| json!({ "collection": "pictures", "problem": problem });
        let (folder, held, _) =
            kept(&json!({ "a": source("unwatched"), "b": source("emptied"), "c": source("new") }));
        let agent = look_in(folder.path(), Some(&held)).unwrap();
        let [a, b, c] = <[String; 3]>::try_from(agent.lines(|_| true)).unwrap();
        assert!(
            a.starts_with("a: ") && a.contains("fs.inotify.max_user_watches"),
            "{a}"
        );
        assert!(b.contains("--emptied b;") && c.contains("journalctl"), "{b} {c}");
        assert_eq!(agent.json()["running"], true);
        assert!(agent.lines(|_| false).is_empty());
    }

    #[test]
    fn a_card_that_isnt_mounted_is_shown_no_way_to_delete_what_it_has() {
        for (problem, switch) in [("replaced", "refill"), ("unmounted", "refill-here")] {
            let source = json!({ "collection": "pictures", "problem": problem });
            let (folder, held, _) = kept(&json!({ "camera": source }));
            let lines = look_in(folder.path(), Some(&held)).unwrap().lines(|_| true);
            let [line] = <[String; 1]>::try_from(lines).unwrap();
            assert!(!line.contains("--emptied"), "{line}");
            let (mount, refill) = (
                line.find("Mount the medium"),
                line.find(&format!("belay-agent --{switch} camera;")),
            );
            assert!(mount.is_some() && mount < refill, "{line}");
        }
    }

    #[test]
    fn what_isnt_removed_is_told_of_with_how_to_have_it_back_and_how_to_have_it_removed() {
        let source = |problem: &str| json!({ "collection": "pictures", "problem": problem });
        let (folder, held, _) =
            kept(&json!({ "camera": source("records-kept"), "films": source("files-kept") }));
        for line in look_in(folder.path(), Some(&held)).unwrap().lines(|_| true) {
            let (name, words) = line.split_once(": ").unwrap();
            assert!(words.contains("what is new is mirrored"), "{line}");
            let [back, removed] =
                ["refill", "emptied"].map(|switch| words.find(&format!("belay-agent --{switch} {name};")));
            assert!(back.is_some() && back < removed, "{line}");
        }
    }

    #[test]
    fn what_cant_be_mirrored_is_counted_and_named_with_the_reason() {
        let source = |left: Value| json!({ "collection": "contacts", "problem": null, "left": left });
        let examples = json!([
            { "place": "a\u{1b}ll.vcf", "why": "not-one" }, { "place": "work/ann.vcf", "why": "double" },
        ]);
        let (folder, held, _) = kept(&json!({
            "a": source(json!({ "count": 12, "examples": examples })),
            "b": source(json!({ "count": 0, "examples": [] })),
            "c": source(json!({ "count": 1, "examples": [{ "place": "x", "why": "new" }] })),
        }));
        let lines = look_in(folder.path(), Some(&held)).unwrap().lines(|_| true);
        let [a, c] = <[String; 2]>::try_from(lines).unwrap();
        assert!(a.starts_with("a: 12 files can't be mirrored: a"), "{a}");
        assert!(
            a.contains("isn't one contact") && a.contains("work/ann.vcf (another file has its UID"),
            "{a}"
        );
        assert!(a.ends_with("and 10 more") && !a.contains('\u{1b}'), "{a}");
        assert!(c.starts_with("c: a file can't be mirrored: x ("), "{c}");
    }

    #[test]
    fn of_who_never_had_one_nothing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look_in(folder.path(), Some("")), None);
        fs::write(folder.path().join(FILE), "torn").unwrap();
        assert_eq!(look_in(folder.path(), Some("")), None);
    }
}
