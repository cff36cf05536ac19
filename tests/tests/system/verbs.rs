//! Each verb of `belayctl` that is about the account and this device, run by the real program against the real belayd, warden and
//! cloud: what a person reads, what a script parses, the exit code, and what is said where it can't be done.

mod account;
mod addresses;
mod devices;
mod finder;
mod here;
mod recovery;
mod refusals;

use std::collections::BTreeSet;
use std::path::Path;

use belay_tests::guest;
use belay_tests::terminal::Terminal;
use serde_json::Value;

use crate::belayctl::{ctl, file};
use crate::owner::{BENS, PASSWORD};
use crate::scene::{Scene, scene};

/// Where each verb is run: the file, the group, the verbs.
const RUN: &[(&str, &str, &[&str])] = &[
    (
        "belayctl.rs",
        "",
        &[
            "status",
            "register",
            "confirm",
            "sign-out",
            "sign-in",
            "unlock",
            "policy",
            "find-device",
        ],
    ),
    ("belayctl_shown.rs", "", &["resend"]),
    (
        "verbs/account.rs",
        "account",
        &["profile", "check", "password", "token", "unlock-bootloader"],
    ),
    (
        "verbs/addresses.rs",
        "account",
        &[
            "addresses",
            "add-address",
            "confirm-address",
            "set-login",
            "remove-address",
        ],
    ),
    (
        "verbs/recovery.rs",
        "account",
        &["recovery-code", "forgot", "recover"],
    ),
    ("verbs/recovery.rs", "", &["reauthenticate"]),
    ("verbs/devices.rs", "", &["devices"]),
    ("verbs/devices.rs", "account", &["remove-device", "delete"]),
    (
        "verbs/here.rs",
        "",
        &[
            "check-activation",
            "acknowledge",
            "cancel",
            "name",
            "check-password",
            "history",
            "reset",
            "monitor",
            "completions",
            "man",
        ],
    ),
    ("verbs/finder.rs", "", &["location", "stop-ringing", "call-owner"]),
    (
        "find_owner.rs",
        "find",
        &[
            "list", "lock", "unlock", "wipe", "ring", "stop", "locate", "message", "status", "cancel", "sms",
        ],
    ),
    (
        "sync_ctl.rs",
        "sync",
        &[
            "status", "now", "pause", "resume", "policy", "sources", "enable", "disable", "list", "get",
            "put", "delete", "resolve", "confirm", "history", "restore", "export",
        ],
    ),
    ("sync_answers.rs", "sync", &["conflicts"]),
    (
        "accessory/told.rs",
        "accessory",
        &[
            "scan",
            "pair",
            "list",
            "show",
            "sync",
            "alert",
            "stop-alert",
            "connect",
            "disconnect",
            "measure",
            "settings",
            "unpair",
            "activity",
            "export",
        ],
    ),
    ("accessory/forward.rs", "accessory", &["forward"]),
];

/// What `belayctl` says to a person in front of it, without colours, and its exit code.
async fn told(scene: &Scene, args: &[&str]) -> (Option<i32>, String) {
    let program = scene.program("belayctl", args).as_user(guest::person());
    let program = program.env("NO_COLOR", "1");
    let (mut belayctl, terminal) = program.start_before(Terminal::wide(100).unwrap()).unwrap();
    let status = belayctl.wait().await.unwrap();
    let said = terminal.all().await.unwrap().replace("\r\n", "\n");
    assert!(!said.contains('\u{1b}'), "{args:?}: {said}");
    (status.code(), said)
}

/// What comes of a verb that is done.
async fn done(scene: &Scene, args: &[&str]) -> Value {
    let (exit, answer) = ctl(scene, args).await;
    assert_eq!(exit, Some(0), "{args:?}: {answer}");
    assert!(answer.get("error").is_none(), "{args:?}: {answer}");
    answer
}

/// The same as a person reads it.
async fn read(scene: &Scene, args: &[&str]) -> String {
    let (exit, said) = told(scene, args).await;
    assert_eq!(exit, Some(0), "{args:?}: {said}");
    said
}

/// What comes of a verb that can't be done, twice: with the name that a script goes by, and with the words a person reads.
async fn refused(scene: &Scene, args: &[&str], exit: i32, name: &str, words: &str) {
    let (code, answer) = ctl(scene, args).await;
    let error = &answer["error"];
    assert_eq!(
        (code, &error["name"]),
        (Some(exit), &Value::from(name)),
        "{args:?}: {answer}"
    );
    assert_eq!(error["exit_code"], exit, "{args:?}: {answer}");
    let (code, said) = told(scene, args).await;
    assert_eq!(code, Some(exit), "{args:?}: {said}");
    // What the arguments alone are refused for is said by who reads them.
    let is_said = said.starts_with("belayctl: ") || exit == 64 && said.starts_with("error: ");
    assert!(is_said && said.contains(words), "{args:?}: {said}");
}

/// Files with the account's password and with a wrong one.
struct Passwords {
    right: tempfile::NamedTempFile,
    wrong: tempfile::NamedTempFile,
}

impl Passwords {
    fn new() -> Self {
        Self {
            right: file(PASSWORD),
            wrong: file(BENS),
        }
    }

    fn right(&self) -> [&str; 2] {
        password(&self.right)
    }

    fn wrong(&self) -> [&str; 2] {
        password(&self.wrong)
    }
}

fn password(file: &tempfile::NamedTempFile) -> [&str; 2] {
    ["--password-file", path(file)]
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[tokio::test]
async fn every_command_has_a_manual_page_and_is_run_by_a_test() {
    let scene = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let program = scene.program("belayctl", &["man", folder.path().to_str().unwrap()]);
    let (status, _) = program.as_ourselves().output().await.unwrap();
    assert!(status.success());
    let mut pages = BTreeSet::new();
    for page in std::fs::read_dir(folder.path()).unwrap() {
        let page = page.unwrap();
        let text = std::fs::read_to_string(page.path()).unwrap();
        // A group of commands does nothing by itself.
        if !text.contains("\n.SH SUBCOMMANDS") {
            let name = page.file_name().into_string().unwrap();
            let name = name
                .strip_prefix("belayctl-")
                .and_then(|name| name.strip_suffix(".1"));
            pages.insert(name.unwrap().to_owned());
        }
    }
    let name = |group: &str, verb: &str| match group {
        "" => verb.to_owned(),
        group => format!("{group}-{verb}"),
    };
    let run = RUN.iter();
    let run = run.flat_map(|(_, group, verbs)| verbs.iter().map(move |verb| name(group, verb)));
    assert_eq!(pages, run.collect::<BTreeSet<_>>());
    for (source, group, verbs) in RUN {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/system")
            .join(source);
        let text: String = std::fs::read_to_string(&path)
            .unwrap()
            .split_whitespace()
            .collect();
        for verb in *verbs {
            let said = ["[", "("].map(|before| format!("{before}\"{verb}\""));
            let said = said.into_iter().chain([format!("[\"{group}\",\"{verb}\"")]);
            assert!(
                said.into_iter().any(|said| text.contains(&said)),
                "{source} doesn't run {group} {verb}"
            );
        }
    }
}
