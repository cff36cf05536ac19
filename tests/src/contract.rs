//! The D-Bus contract as a judge: which errors each method's doc comment in `proto/dbus/*.xml` names.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use belay_proto::dbus::Error;

use crate::app::{Object, Refusal};
use crate::{Outcome, Surprise};

/// Names a file to which each pair of a method and an error that it answered, or [`GRANTED`], is added, one a
/// line; `.ci/errors` judges by it what the tests leave out.
const SEEN: &str = "BELAY_TESTS_SEEN";

/// What is noted in place of an error where a method did what it was asked.
const GRANTED: &str = "granted";

const FILES: [&str; 8] = [
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.Accessory.xml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.AccessoryManager.xml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.Account.xml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.Collection.xml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.Device.xml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.Manager.xml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.Sync.xml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proto/dbus/org.belay1.Warden.xml"
    )),
];

/// How the text of a `Cancelled` begins that every method of belayd may answer by the head of its file.
const STOPPING: &str = "belayd is stopping";

/// What every method may answer by the head of each file.
const EVERYWHERE: [&str; 5] = [
    "Storage",
    "TooSoon",
    "Internal",
    "DeviceLost",
    "InteractiveAuthorizationRequired",
];

/// Whether a method of Belay may answer so: a surprise where its doc comment doesn't name the error.
///
/// # Errors
/// The surprise.
pub fn judge(object: Object, member: &str, refusal: &Refusal) -> Outcome {
    let method = format!("{}.{member}", object.interface);
    let Some(documented) = documented().get(&method) else {
        return Ok(());
    };
    note(&method, refusal.short());
    let name = refusal.name.rsplit('.').next().unwrap_or_default();
    // What the bus and the library answer by themselves has D-Bus's own names.
    let foreign = refusal.name.starts_with("org.freedesktop.DBus.Error.");
    let stops = name == "Cancelled" && refusal.text.starts_with(STOPPING);
    if foreign || stops || EVERYWHERE.contains(&name) || documented.contains(name) {
        return Ok(());
    }
    Err(Surprise::new(format!(
        "{method} answered {refusal}, which its documentation doesn't name"
    )))
}

/// The errors that each method's doc comment names.
#[must_use]
pub fn documented() -> &'static HashMap<String, BTreeSet<String>> {
    static DOCUMENTED: OnceLock<HashMap<String, BTreeSet<String>>> = OnceLock::new();
    DOCUMENTED.get_or_init(|| FILES.iter().flat_map(|text| errors_of(text)).collect())
}

/// Method and errors of each method in one file.
fn errors_of(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let interface = between(text, "<interface name=\"", "\"").unwrap_or_default();
    let mut methods = Vec::new();
    for part in text.split("<!--").skip(1) {
        let (comment, after) = part.split_once("-->").unwrap_or_default();
        let Some(method) = after
            .trim_start()
            .strip_prefix("<method name=\"")
            .and_then(|m| m.split('"').next())
        else {
            continue;
        };
        let named = comment.split_once("Errors:").map_or("", |(_, errors)| errors);
        let words = named
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| is_error(w));
        methods.push((
            format!("{interface}.{method}"),
            words.map(str::to_owned).collect(),
        ));
    }
    methods
}

fn is_error(word: &str) -> bool {
    Error::NAMES
        .iter()
        .any(|name| name.rsplit('.').next() == Some(word))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?
        .1
        .split_once(after)
        .map(|(found, _)| found)
}

/// Notes that a method of Belay did what it was asked.
pub fn granted(object: Object, member: &str) {
    let method = format!("{}.{member}", object.interface);
    if documented().contains_key(&method) {
        note(&method, GRANTED);
    }
}

/// Adds a line to the file of [`SEEN`], once a process. Tests of many threads and processes write there: the line
/// is one `write` to a file opened for appending, so that lines never mix.
fn note(method: &str, answer: &str) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(path) = std::env::var_os(SEEN) else {
        return;
    };
    let line = format!("{method} {answer}\n");
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.contains(&line) {
        return;
    }
    let added = File::options()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    // What couldn't be written is missed by whoever reads the file.
    if added.is_ok() {
        noted.insert(line);
    }
}

#[cfg(test)]
mod tests {
    use super::documented;

    #[test]
    fn the_errors_of_a_method_are_found() {
        let sign_out = &documented()["org.belay1.Account.SignOut"];
        for name in ["WrongPassword", "BadTicket", "NotBound", "DeviceLost"] {
            assert!(sign_out.contains(name), "{name} in {sign_out:?}");
        }
        assert!(!sign_out.contains("AlreadyBound"));
    }
}
