//! What the user's own `belay-agent` says of itself: it runs as the user, and belayd knows nothing of it.

use std::fs;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

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
        let text = |source: &Value, key: &str| {
            let text = source.get(key).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        let on = self.sources.iter().filter(|(_, source)| {
            let collection = text(source, "collection");
            collection.is_some_and(|collection| is_on(&collection))
        });
        let on: Vec<_> = on.collect();
        if self.is_running == Some(false) && !on.is_empty() {
            return vec![
                "No belay-agent is running: files aren't looked at. systemctl --user start belay-agent"
                    .to_owned(),
            ];
        }
        let problem = |(name, source): (&String, &Value)| {
            let problem = text(source, "problem")?;
            Some(format!("{name}: {}", in_words(&problem)))
        };
        on.into_iter().filter_map(problem).collect()
    }

    /// For scripts.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "running": self.is_running, "sources": self.sources })
    }
}

fn in_words(problem: &str) -> &'static str {
    match problem {
        "missing" => "the folder isn't there, so nothing is mirrored",
        "replaced" => "another folder, or another medium, is in its place, so nothing is mirrored",
        "emptied" => {
            "everything in the folder is gone at once, so nothing is mirrored; if you emptied it: belay-agent --emptied"
        }
        "collection-emptied" => "everything in the collection is gone at once, so nothing is mirrored",
        "unreadable" => "the folder can't be read, so nothing is mirrored",
        "unwatched" => {
            "not every folder can be watched, so a change may take a quarter of an hour to be seen; more can be with a higher \
             fs.inotify.max_user_watches (sysctl)"
        }
        _ => "something is wrong: journalctl --user -u belay-agent",
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
        assert!(b.contains("--emptied") && c.contains("journalctl"), "{b} {c}");
        assert_eq!(agent.json()["running"], true);
        assert!(agent.lines(|_| false).is_empty());
    }

    #[test]
    fn of_who_never_had_one_nothing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look_in(folder.path(), Some("")), None);
        fs::write(folder.path().join(FILE), "torn").unwrap();
        assert_eq!(look_in(folder.path(), Some("")), None);
    }
}
