//! `belayctl accessory` beside a band, as a person uses it.

use belay_tests::app::ACCESSORIES;
use belay_tests::guest;
use belay_tests::until::until;

use super::{Beside, band};
use crate::belayctl::file;
use crate::owner::PASSWORD;

/// Runs `belayctl accessory ARGS` without a terminal; the exit code and what it printed. What went wrong is in its log.
async fn ctl(beside: &Beside, args: &[&str]) -> (Option<i32>, String) {
    let all: Vec<&str> = ["accessory"].into_iter().chain(args.iter().copied()).collect();
    let program = beside.scene.program("belayctl", &all).as_user(guest::person());
    let (status, text) = program.without_terminal().output().await.unwrap();
    (status.code(), text)
}

/// What `belayctl` has said of what went wrong.
fn complained(beside: &Beside) -> String {
    let logs = beside.scene.logs().unwrap();
    let log = logs.iter().find(|(name, _)| name == "belayctl.log");
    String::from_utf8_lossy(&log.unwrap().1).into_owned()
}

#[tokio::test]
async fn whoever_ends_a_scan_by_ctrl_c_is_told_what_it_came_to() {
    let beside = Beside::new().await;
    let _band = beside.finds(band(300)).await;
    let args = ["accessory", "scan", "--seconds", "600"];
    let program = beside.scene.program("belayctl", &args).as_user(guest::person());
    let (mut belayctl, terminal) = program.start_on_terminal().unwrap();
    terminal.shows("MI Band 2").await.unwrap();
    terminal.types("\u{3}").unwrap();
    assert_eq!(belayctl.wait().await.unwrap().code(), Some(0));
    terminal
        .shows("Pair one with: belayctl accessory pair ID")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_person_is_told_what_was_done_and_what_to_do() {
    let beside = Beside::new().await;
    let nothing = "No accessory is paired. belayctl accessory scan looks for one.\n";
    assert_eq!(ctl(&beside, &["list"]).await, (Some(0), nothing.to_owned()));
    let (band, object) = beside.finds(band(300)).await;
    band.with(|it, _| it.auth.taps = true).await.unwrap();
    let id = object.path.rsplit('/').next().unwrap();
    let short = &id[..8];
    let (exit, scanned) = ctl(&beside, &["scan", "--seconds", "2"]).await;
    assert_eq!(exit, Some(0), "{scanned}");
    assert!(
        scanned.contains("MI Band 2") && scanned.contains(short),
        "{scanned}"
    );
    for member in ["connect", "sync", "measure"] {
        assert_eq!(ctl(&beside, &[member, id]).await.0, Some(65), "{member}");
    }
    let (exit, paired) = ctl(&beside, &["pair", short]).await;
    assert_eq!(exit, Some(0));
    assert!(paired.ends_with("MI Band 2 is paired.\n"), "{paired}");
    beside.app.reads(object, "State", "connected").await.unwrap();
    let find =
        format!("MI Band 2 makes itself felt. It stops with: belayctl accessory stop-alert {id} find\n");
    for (args, said) in [
        (vec!["pair", short], "MI Band 2 is paired.\n"),
        (vec!["sync", "MI Band 2"], "0 records\n"),
        (vec!["alert", id, "find"], find.as_str()),
        (vec!["stop-alert", id, "find"], "The alert has ended.\n"),
        (
            vec!["alert", id, "message", "Ben", "Hello"],
            "MI Band 2 shows it.\n",
        ),
        (vec!["measure", id], "68 bpm\n"),
        (
            vec!["settings", id, "--step-goal", "8000"],
            "MI Band 2 has taken over: step-goal.\n",
        ),
        (vec!["disconnect", id], "Disconnected from MI Band 2.\n"),
    ] {
        assert_eq!(ctl(&beside, &args).await, (Some(0), said.to_owned()), "{args:?}");
    }
    for args in [vec!["alert", id, "find"], vec!["measure", id], vec!["sync", id]] {
        assert_eq!(ctl(&beside, &args).await.0, Some(69), "{args:?}");
    }
    let (_, listed) = ctl(&beside, &["list"]).await;
    assert!(listed.contains("paired, not connected"), "{listed}");
    let connected = "Connected to MI Band 2.\n".to_owned();
    assert_eq!(ctl(&beside, &["connect", id]).await, (Some(0), connected));
    assert_eq!(ctl(&beside, &["connect", "nobody"]).await.0, Some(65));
    assert_eq!(ctl(&beside, &["settings", id]).await.0, Some(64));
    let (_, day) = ctl(&beside, &["activity", id]).await;
    assert!(day.contains("Steps: ") && day.contains("bpm"), "{day}");
    let (_, export) = ctl(&beside, &["export", id, "--from", "12h"]).await;
    assert!(export.lines().count() > 300, "{export}");

    band.with(|it, _| it.auth.key = Some([9; 16])).await.unwrap();
    ctl(&beside, &["disconnect", id]).await;
    assert_eq!(ctl(&beside, &["connect", id]).await.0, Some(65));
    let (_, shown) = ctl(&beside, &["show", id]).await;
    assert!(shown.contains("--replace"), "{shown}");

    let (wrong, right) = (file("not-the-password-1"), file(PASSWORD));
    let unpair = async |password: &tempfile::NamedTempFile| {
        let password = password.path().to_str().unwrap();
        ctl(&beside, &["unpair", id, "--yes", "--password-file", password]).await
    };
    assert_eq!(unpair(&wrong).await.0, Some(77));
    assert_eq!(
        unpair(&right).await,
        (Some(0), "MI Band 2 is forgotten.\n".to_owned())
    );
    assert_eq!(ctl(&beside, &["list"]).await.1, nothing);
    beside.air.power(0, false).await.unwrap();
    // BlueZ tells belayd of it in its own time.
    let off = async || {
        let powered: bool = beside.app.get(ACCESSORIES, "Powered").await.unwrap();
        (!powered).then_some(())
    };
    until("the adapter to be off", off).await.unwrap();
    assert_eq!(ctl(&beside, &["scan", "--seconds", "2"]).await.0, Some(69));
    let said = complained(&beside);
    for words in [
        "The accessory isn't paired.",
        "The accessory isn't connected.",
        "No such accessory is known.",
        "The accessory holds another key",
        "That isn't the account password.",
        "There is no Bluetooth, or it is off.",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
}
