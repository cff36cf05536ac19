//! What is asked on a terminal, and Ctrl-C there.

use belay_tests::guest;
use belay_tests::process::Process;
use belay_tests::terminal::Terminal;

use super::{Computer, path};
use crate::owner::ADA;

const CTRL_C: &str = "\u{3}";

impl Computer {
    /// `belayctl ARGS` with a person in front of it.
    fn before_a_person(&self, args: &[&str]) -> (Process, Terminal) {
        let program = self.scene.program("belayctl", args).as_user(guest::person());
        program.start_on_terminal().unwrap()
    }
}

#[tokio::test]
async fn ctrl_c_at_the_question_before_a_wipe_sends_nothing_and_leaves_the_terminal_as_it_was() {
    let computer = Computer::with_a_wipe().await;
    let (device, right) = (computer.device.clone(), path(&computer.right));
    let from = ["--cloud", &computer.url, "--login", ADA, "--password-file", right];
    let asked = ["find", "wipe", &device];
    let anywhere: Vec<&str> = asked.iter().chain(&from).copied().collect();
    for args in [&anywhere[..], &asked[..]] {
        let (mut belayctl, terminal) = computer.before_a_person(args);
        let shown = terminal.shows("Type the first 8 digits of the id").await.unwrap();
        for part in ["class crypto", "model", "name", &device[..8]] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        terminal.types(CTRL_C).unwrap();
        let end = belayctl.wait().await.unwrap();
        assert_eq!(end.code(), Some(130), "{args:?}");
        terminal.shows("nothing was sent").await.unwrap();
        assert!(terminal.is_sane().unwrap(), "{args:?}");
    }
    assert_eq!(computer.posts(&computer.commands()), 0);
    assert_eq!(
        computer.posts("/v1/revoke"),
        1,
        "the session that was begun is ended"
    );
    assert_eq!(computer.lock_state().await, "unlocked");
}

#[tokio::test]
async fn ctrl_c_at_a_password_shows_again_what_is_typed() {
    let computer = Computer::adas().await;
    let from = ["--cloud", &computer.url, "--login", ADA];
    let all: Vec<&str> = ["find", "list"].iter().chain(&from).copied().collect();
    for args in [&all[..], &["unlock"]] {
        let (mut belayctl, terminal) = computer.before_a_person(args);
        terminal.shows("Account password: ").await.unwrap();
        assert!(!terminal.echoes().unwrap(), "{args:?}");
        terminal.types(CTRL_C).unwrap();
        let end = belayctl.wait().await.unwrap();
        assert_eq!(end.code(), Some(130), "{args:?}");
        assert!(terminal.is_sane().unwrap(), "{args:?}");
    }
    assert_eq!(computer.posts("/v1/login/challenge"), 0);
}

#[tokio::test]
async fn a_person_who_types_password_and_id_has_it_their_way() {
    let computer = Computer::with_a_wipe().await;
    let device = computer.device.clone();
    let from = ["--no-wait", "--cloud", &computer.url, "--login", ADA];
    let all: Vec<&str> = ["find", "wipe", &device].iter().chain(&from).copied().collect();
    let (mut belayctl, terminal) = computer.before_a_person(&all);
    terminal.shows("Account password: ").await.unwrap();
    terminal.types(&format!("{}\n", crate::owner::PASSWORD)).unwrap();
    let shown = terminal.shows("Type the first 8 digits of the id").await.unwrap();
    assert!(!shown.contains(crate::owner::PASSWORD), "it isn't shown: {shown}");
    terminal.types(&format!("{}\n", &device[..8])).unwrap();
    assert_eq!(belayctl.wait().await.unwrap().code(), Some(0));
    assert_eq!(computer.posts(&computer.commands()), 1);
}
