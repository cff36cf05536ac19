//! Commands of the configuration that make the operating system follow.

use std::fs;
use std::path::{Path, PathBuf};

use std::time::Duration;

use belay_proto::CommandId;
use belay_proto::dbus::LockState;
use belay_warden::enforce::exec::{Commands, Exec, first_word_of};
use belay_warden::enforce::{EnforceError, Enforcer as _, Job, Nothing};

use futures_util::FutureExt as _;

use crate::support::{Device, PASSWORD};

/// A command that reads its script, which isn't run itself: what another test forks meanwhile has it open for writing too until it
/// runs its own program, and the kernel runs no file that is.
fn script(folder: &Path, name: &str, text: &str) -> Vec<String> {
    let path = folder.join(name);
    fs::write(&path, format!("{text}\n")).unwrap();
    vec!["/bin/sh".to_owned(), path.to_str().unwrap().to_owned()]
}

fn marked(folder: &Path) -> PathBuf {
    folder.join("marked")
}

#[tokio::test]
async fn each_job_runs_its_command_with_its_arguments_and_no_shell() {
    let folder = tempfile::tempdir().unwrap();
    let mark = format!("echo \"$1\" > {}", marked(folder.path()).display());
    let mut lost = script(folder.path(), "lost", &mark);
    lost.push("a; b".to_owned());
    let exec = Exec::new(
        Commands {
            lost,
            ..Commands::default()
        },
        folder.path().to_owned(),
    );
    assert_eq!(exec.enforce(Job::Lost).await, Ok(()));
    assert_eq!(fs::read_to_string(marked(folder.path())).unwrap(), "a; b\n");
    assert_eq!(exec.enforce(Job::Unlock).await, Ok(()), "nothing to do");
}

#[tokio::test]
async fn a_command_that_fails_or_is_not_there_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let commands = Commands {
        lost: script(folder.path(), "lost", "exit 3"),
        unlock: vec!["/nonexistent/unlock".to_owned()],
        ..Commands::default()
    };
    let exec = Exec::new(commands, folder.path().to_owned());
    for (job, expected) in [(Job::Lost, "command-failed"), (Job::Unlock, "command-not-run")] {
        let answer = exec.enforce(job).await;
        assert!(
            matches!(&answer, Err(EnforceError::Failed { reason, .. }) if *reason == expected),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_wipe_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let id = CommandId::new();
    let exec = Exec::new(
        Commands {
            wipe: script(folder.path(), "wipe", "exit 78"),
            ..Commands::default()
        },
        folder.path().to_owned(),
    );
    let refused = |reason: &str| Err(EnforceError::Refused(reason.to_owned()));
    assert_eq!(exec.enforce(Job::Wipe(id)).await, refused("preflight"));
    let why = serde_json::json!({"command": id.to_string(), "reason": "no-such-disk", "detail": ""});
    fs::write(folder.path().join("refused"), why.to_string()).unwrap();
    assert_eq!(exec.enforce(Job::Wipe(id)).await, refused("no-such-disk"));
    let other = CommandId::new();
    assert_eq!(exec.enforce(Job::Wipe(other)).await, refused("preflight"));
    assert_eq!(Nothing.enforce(Job::Wipe(id)).await, refused("no-wipe-plan"));
}

#[test]
fn what_a_wipe_is_worth_is_the_first_word_of_a_command_that_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let says = script(folder.path(), "class", "echo crypto and more");
    assert_eq!(first_word_of(&says).as_deref(), Some("crypto"));
    let fails = script(folder.path(), "fails", "echo crypto; exit 78");
    assert_eq!(first_word_of(&fails), None);
    assert_eq!(first_word_of(&[]), None);
}

#[tokio::test]
async fn a_tampered_device_is_made_to_look_lost_and_opens_through_its_door() {
    let device = Device::initialised();
    let account = device.start().register().await;
    for folder in ["state/a", "state/b"] {
        fs::remove_file(device.path(folder).join("throttle")).unwrap();
    }
    let files = device.snapshot();
    let warden = device.start();
    assert_eq!(device.system.job(1).await, Job::Lost);
    assert_eq!(warden.handle.snapshot().lock, LockState::Tampered);
    assert_eq!(device.snapshot(), files, "nothing is written over what is left");
    warden.sign_in(&account, None).await.unwrap();
    assert_eq!(device.system.job(2).await, Job::Unlock);
}

#[tokio::test]
async fn a_warden_that_owes_something_does_not_leave() {
    let mut device = Device::initialised();
    device.idle_exit = Duration::from_secs(30);
    let warden = device.start();
    warden.register().await;
    warden.handle.tighten("stolen".to_owned()).await.unwrap();
    device.system.job(1).await;
    let failed = EnforceError::failed("unit-failed", "test");
    device.system.answers(Err(failed));
    warden.unlock_at_screen(PASSWORD).await.unwrap();
    for number in 2..6 {
        assert_eq!(device.system.job(number).await, Job::Unlock);
        warden.report().await;
        assert!(warden.handle.idle().now_or_never().is_none());
        device.clock.advance(Duration::from_secs(61));
    }
    device.system.answers(Ok(()));
    device.clock.advance(Duration::from_secs(61));
    let idle = async {
        loop {
            device.clock.advance(Duration::from_secs(16));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = warden.handle.idle() => {}
        () = idle => {}
    }
}
