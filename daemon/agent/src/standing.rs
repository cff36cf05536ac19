//! How the sources stand, in a file beside their memories, so that a program of the same user can show it: `belayctl sync
//! sources` does. Whether the agent runs is told by who holds the folder ([`crate::memory::hold`]).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use crate::left_out::Left;
use crate::mirror::Status;
use crate::state::{Doubt, Stop};

/// The file, in the state folder: JSON, `{"sources": {NAME: {"collection": …, "problem": … or null, "left": {"count": …,
/// "examples": [{"place": …, "why": …}]}}}}`.
pub const FILE: &str = "standing.json";

/// How all sources stand, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    sources: BTreeMap<String, Stands>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Stands {
    collection: String,
    problem: Option<&'static str>,
    left: Left,
}

impl Standing {
    /// Adds a source.
    pub fn add(&mut self, name: &str, collection: &str, status: &Status) {
        let stands = Stands {
            collection: collection.to_owned(),
            problem: problem(status),
            left: status.left.clone(),
        };
        self.sources.insert(name.to_owned(), stands);
    }

    /// Keeps it, whole or not at all.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        let (path, new) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(new, path)
    }
}

fn problem(status: &Status) -> Option<&'static str> {
    match status.stopped {
        _ if !status.is_on => None,
        Some(Stop::Missing) => Some("missing"),
        Some(Stop::Replaced) => Some("replaced"),
        Some(Stop::Unmounted) => Some("unmounted"),
        Some(Stop::Emptied) => Some("emptied"),
        Some(Stop::Unreadable) => Some("unreadable"),
        None if status.doubt == Some(Doubt::Emptied) => Some("records-kept"),
        None if status.doubt == Some(Doubt::CollectionEmptied) => Some("files-kept"),
        None if !status.is_watched => Some("unwatched"),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::left_out::Why;

    #[test]
    fn what_keeps_a_source_from_being_mirrored_is_kept_and_of_one_that_is_off_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let on = Status {
            is_on: true,
            is_watched: true,
            ..Status::default()
        };
        let mut left = Left::default();
        left.add("two.vcf", Why::NotOne);
        let all = [
            ("well", on.clone()),
            ("off", Status::default()),
            (
                "unwatched",
                Status {
                    is_watched: false,
                    ..on.clone()
                },
            ),
            (
                "emptied",
                Status {
                    doubt: Some(Doubt::Emptied),
                    left,
                    ..on.clone()
                },
            ),
            (
                "gone",
                Status {
                    stopped: Some(Stop::Missing),
                    is_watched: false,
                    ..on
                },
            ),
        ];
        let mut standing = Standing::default();
        standing.keep(folder.path()).unwrap();
        for (name, status) in all {
            standing.add(name, "documents", &status);
        }
        standing.keep(folder.path()).unwrap();
        let kept: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.path().join(FILE)).unwrap()).unwrap();
        let problem = |name: &str| kept["sources"][name]["problem"].clone();
        assert_eq!(problem("well"), serde_json::Value::Null);
        assert_eq!(problem("off"), serde_json::Value::Null);
        assert_eq!(problem("unwatched"), "unwatched");
        assert_eq!(problem("gone"), "missing");
        assert_eq!(problem("emptied"), "records-kept");
        let left = serde_json::json!({ "count": 1, "examples": [{ "place": "two.vcf", "why": "not-one" }] });
        assert_eq!(kept["sources"]["emptied"]["left"], left);
        assert_eq!(kept["sources"]["gone"]["collection"], "documents");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
