//! `belayctl accessory` beside a band, as a person uses it.

use belay_tests::guest;

use super::{Beside, band};

/// Runs `belayctl accessory ARGS` without a terminal; the exit code and what it printed.
async fn ctl(beside: &Beside, args: &[&str]) -> (Option<i32>, String) {
    let all: Vec<&str> = ["accessory"].into_iter().chain(args.iter().copied()).collect();
    let program = beside.scene.program("belayctl", &all).as_user(guest::person());
    let (status, text) = program.without_terminal().output().await.unwrap();
    println!("$ belayctl {}  -> {:?}\n{text}", all.join(" "), status.code());
    (status.code(), text)
}

#[tokio::test]
async fn look() {
    let beside = Beside::new().await;
    ctl(&beside, &["list"]).await;
    ctl(&beside, &["scan", "--for", "1"]).await;
    let (band, object) = beside.finds(band(300)).await;
    band.with(|it, _| it.auth.taps = true).await.unwrap();
    let id = object.path.rsplit('/').next().unwrap();
    ctl(&beside, &["scan", "--for", "2s"]).await;
    ctl(&beside, &["list"]).await;
    ctl(&beside, &["connect", id]).await;
    ctl(&beside, &["sync", id]).await;
    ctl(&beside, &["pair", &id[..6]]).await;
    ctl(&beside, &["pair", &id[..6]]).await;
    ctl(&beside, &["list"]).await;
    ctl(&beside, &["sync", "MI Band 2"]).await;
    ctl(&beside, &["show", id, "--identity"]).await;
    ctl(&beside, &["alert", id, "find"]).await;
    ctl(&beside, &["stop-alert", id, "find"]).await;
    ctl(&beside, &["alert", id, "message", "Ben", "Hello"]).await;
    ctl(&beside, &["measure", id]).await;
    ctl(&beside, &["settings", id, "--step-goal", "8000"]).await;
    ctl(&beside, &["settings", id]).await;
    ctl(&beside, &["activity", id]).await;
    ctl(&beside, &["disconnect", id]).await;
    ctl(&beside, &["disconnect", id]).await;
    ctl(&beside, &["alert", id, "find"]).await;
    ctl(&beside, &["measure", id]).await;
    ctl(&beside, &["list"]).await;
    ctl(&beside, &["connect", id]).await;
    ctl(&beside, &["connect", "nobody"]).await;
    band.with(|it, _| it.auth.key = Some([9; 16])).await.unwrap();
    ctl(&beside, &["disconnect", id]).await;
    ctl(&beside, &["connect", id]).await;
    ctl(&beside, &["list"]).await;
    ctl(&beside, &["show", id]).await;
    let wrong = crate::belayctl::file("not-the-password-1");
    let right = crate::belayctl::file(crate::owner::PASSWORD);
    ctl(&beside, &["unpair", id, "--yes", "--password-file", wrong.path().to_str().unwrap()]).await;
    ctl(&beside, &["unpair", id, "--yes", "--password-file", right.path().to_str().unwrap()]).await;
    ctl(&beside, &["list"]).await;
    ctl(&beside, &["show", id]).await;
    beside.air.power(0, false).await.unwrap();
    ctl(&beside, &["scan", "--for", "1s"]).await;
    ctl(&beside, &["list"]).await;
}
