//! Arguments, exit codes, files.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;

use crate::support::{COMMAND, Stage, assert_ok, bytes, said};

const FILES: &str = "\
[[step]]
kind = \"overwrite\"
path = \"{}/home\"
[[step]]
kind = \"remove\"
paths = [\"{}/home\"]
[[step]]
kind = \"power-off\"
method = \"exec\"
command = [\"/usr/bin/touch\", \"{}/power-is-off\"]
";

fn stage() -> Stage {
    let stage = Stage::new("home", FILES);
    stage.write("home/ada/letter", "private");
    stage
}

#[test]
fn files_are_overwritten_removed_and_the_power_goes_off() {
    let stage = stage();
    assert_eq!(said(&stage.run(&["--class"])), "overwrite");
    assert_ok(&stage.run(&["--preflight"]));
    assert!(stage.at("home/ada/letter").exists(), "nothing was changed");
    // A second name of the file shows what became of its bytes.
    std::fs::hard_link(stage.at("home/ada/letter"), stage.at("letter")).unwrap();
    assert_ok(&stage.run(&[]));
    assert!(!stage.at("home").exists() && stage.at("power-is-off").exists());
    assert_ne!(bytes(&stage.at("letter")), b"private");
    let tombstone = stage.json("journal/tombstone");
    assert_eq!(
        (&tombstone["state"], &tombstone["command"]),
        (&"wiped".into(), &COMMAND.into())
    );
}

#[test]
fn a_plan_that_others_can_write_is_refused() {
    let stage = stage();
    let others = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(stage.at("wipe.toml"), others).unwrap();
    for task in [&[][..], &["--class"], &["--preflight"], &["--resume"]] {
        assert_eq!(stage.run(task).status.code(), Some(78), "{task:?}");
    }
    assert!(stage.at("home/ada/letter").exists());
    assert_eq!(stage.json("runtime/refused")["reason"], "plan-malformed");
}

#[test]
fn a_plan_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        crate::support::skipped("only root can give a file away");
        return;
    }
    let stage = stage();
    std::os::unix::fs::chown(stage.at("wipe.toml"), Some(65534), None).unwrap();
    assert_eq!(stage.run(&[]).status.code(), Some(78));
    assert!(stage.at("home/ada/letter").exists());
}

#[test]
fn a_refused_preflight_says_why_in_both_places() {
    let stage = stage();
    std::fs::remove_dir_all(stage.at("home")).unwrap();
    assert_eq!(stage.run(&["--preflight"]).status.code(), Some(78));
    assert!(!stage.at("runtime/refused").exists());
    let output = stage.run(&[]);
    assert_eq!(output.status.code(), Some(78));
    for file in ["runtime/refused", "journal/refused"] {
        let refused = stage.json(file);
        assert_eq!(
            (&refused["reason"], &refused["command"]),
            (&"missing".into(), &COMMAND.into())
        );
    }
    assert!(!stage.at("journal/tombstone").exists());
}

#[test]
fn without_a_plan_there_is_nothing_to_wipe() {
    let stage = stage();
    std::fs::remove_file(stage.at("wipe.toml")).unwrap();
    assert_eq!(said(&stage.run(&["--class"])), "none");
    assert_ok(&stage.run(&["--resume"]));
    assert_eq!(stage.run(&[]).status.code(), Some(78));
    assert_eq!(stage.json("runtime/refused")["reason"], "no-plan");
}

#[test]
fn a_killed_wipe_is_resumed_and_only_once() {
    let hanging = "\
[[step]]
kind = \"exec\"
command = [\"/bin/sh\", \"-c\", \"test -e {}/second || { touch {}/second; kill -KILL $PPID; }\"]
[[step]]
kind = \"remove\"
paths = [\"{}/home\"]
";
    let stage = Stage::new("home", hanging);
    stage.write("home/letter", "private");
    assert_eq!(said(&stage.run(&["--resume"])), "nothing to resume");
    assert_eq!(stage.run(&[]).status.signal(), Some(9));
    assert_eq!(stage.json("journal/tombstone")["state"], "wiping");
    // The intent lay in what is wiped.
    std::fs::remove_file(stage.at("intent")).unwrap();
    assert_eq!(said(&stage.run(&["--resume"])), "wiped");
    assert!(!stage.at("home").exists());
    assert_eq!(said(&stage.run(&["--resume"])), "nothing to resume");
}

#[test]
fn a_wrong_call_is_told() {
    let stage = stage();
    for wrong in [&["--force"][..], &["--class", "--resume"]] {
        assert_eq!(stage.run(wrong).status.code(), Some(64), "{wrong:?}");
    }
    assert!(stage.at("home/ada/letter").exists());
}
