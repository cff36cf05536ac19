//! What lies on disk of a wipe: the intent, the tombstone, the journal's entries, a refusal.
//!
//! The journal is one JSON object a line. A line that a power cut tore is no entry: every step may be done again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// What the warden asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The command, 32 hexadecimal digits.
    pub command: String,
    /// Cards and other media that can be pulled out are meant too.
    pub external: bool,
    /// The eSIM profile stays.
    pub keep_esim: bool,
}

impl Intent {
    /// Reads the warden's file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let intent: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if intent.command.len() == 32 && intent.command.bytes().all(hex) {
            Ok(intent)
        } else {
            Err("the command's id isn't 32 hexadecimal digits".to_owned())
        }
    }
}

/// How far a wipe is, for whoever starts this device next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Begun: to be ended before anybody may log in.
    Wiping,
    /// Every step was done or given up after the keys were gone.
    Wiped,
}

/// The file that outlives what is wiped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// How far.
    pub state: Phase,
    /// What was asked for.
    #[serde(flatten)]
    pub intent: Intent,
    /// What the plan was worth.
    pub class: String,
    /// The steps that failed, by their kinds.
    #[serde(default)]
    pub failed: Vec<String>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "lowercase")]
pub enum Entry {
    /// The first one: which wipe the entries after it belong to.
    Start {
        /// The command.
        command: String,
        /// The steps' kinds and targets; entries of another plan don't count.
        plan: Vec<String>,
    },
    /// Before a step.
    Begin {
        /// Its number, from 0.
        step: usize,
        /// For `luks-keyslots`: the end of what has to be destroyed, in bytes. Kept since a half-destroyed header
        /// doesn't tell any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<u64>,
    },
    /// After a step.
    Done {
        /// Its number.
        step: usize,
        /// What somebody who reads this should know.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// A try that failed.
    Failed {
        /// The step's number.
        step: usize,
        /// Why.
        reason: String,
        /// It isn't tried again.
        given_up: bool,
    },
    /// The end.
    Wiped,
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The command, or empty when even that can't be told.
    pub command: String,
    /// A code, such as `journal-in-area`.
    pub reason: String,
    /// For a person.
    pub detail: String,
}

/// The files in the journal's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The entries.
    pub journal: PathBuf,
    /// The tombstone.
    pub tombstone: PathBuf,
    /// The refusal.
    pub refused: PathBuf,
}

impl Places {
    /// In this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            journal: folder.join("journal"),
            tombstone: folder.join("tombstone"),
            refused: folder.join("refused"),
        }
    }
}

/// The entries of the last wipe in the file, if that is this command's by this plan.
#[must_use]
pub fn entries(bytes: &[u8], command: &str, plan: &Plan) -> Vec<Entry> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let entries: Vec<Entry> = lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let is_start = |entry: &Entry| matches!(entry, Entry::Start { .. });
    let Some(start) = entries.iter().rposition(is_start) else {
        return Vec::new();
    };
    match &entries[start] {
        Entry::Start {
            command: found,
            plan: steps,
        } if found == command && *steps == plan_text(plan) => entries[start + 1..].to_vec(),
        _ => Vec::new(),
    }
}

/// The steps as the journal names them.
#[must_use]
pub fn plan_text(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{:?}", step.work)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_intent_needs_the_id_of_a_command() {
        let intent =
            |command: &str| format!(r#"{{"command":"{command}","external":false,"keep_esim":true}}"#);
        let id = "0123456789abcdef0123456789abcdef";
        assert!(Intent::parse(intent(id).as_bytes()).unwrap().keep_esim);
        for wrong in ["", "0123", &id.to_uppercase(), &id.replace('0', "/")] {
            assert!(Intent::parse(intent(wrong).as_bytes()).is_err(), "{wrong}");
        }
        assert!(Intent::parse(br#"{"command":""}"#).is_err());
    }

    #[test]
    fn a_torn_line_is_no_entry_and_the_next_one_counts() {
        let plan = testing::plan();
        let start = Entry::Start {
            command: "c".to_owned(),
            plan: plan_text(&plan),
        };
        let done = Entry::Done {
            step: 0,
            notes: Vec::new(),
        };
        let line = |entry| serde_json::to_string(entry).unwrap();
        let text = format!("{}\n{{\"entry\":\"do\n{}\n{{\"ent", line(&start), line(&done));
        assert_eq!(entries(text.as_bytes(), "c", &plan), [done]);
    }

    #[test]
    fn entries_of_another_command_or_plan_do_not_count() {
        let plan = testing::plan();
        let start = Entry::Start {
            command: "c".to_owned(),
            plan: plan_text(&plan),
        };
        let text = format!(
            "{}\n{{\"entry\":\"wiped\"}}\n",
            serde_json::to_string(&start).unwrap()
        );
        assert_eq!(entries(text.as_bytes(), "c", &plan), [Entry::Wiped]);
        assert_eq!(entries(text.as_bytes(), "d", &plan), []);
        let mut other = plan;
        other.steps.pop();
        assert_eq!(entries(text.as_bytes(), "c", &other), []);
    }
}
