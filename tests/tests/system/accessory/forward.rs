//! The session's notifications on the wrist.

use std::collections::HashMap;
use std::process::Stdio;

use belay_tests::accessories::band::Alert;
use belay_tests::until::{until, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use zbus::Variant;

use super::Beside;
use super::uses::{switches_on, worn};

/// The bus of a session of its own, with the address that it says.
async fn session_bus() -> (tokio::process::Child, String) {
    let mut bus = tokio::process::Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut address = String::new();
    let mut said = BufReader::new(bus.stdout.take().unwrap());
    within("the session's bus", said.read_line(&mut address))
        .await
        .unwrap()
        .unwrap();
    (bus, address.trim().to_owned())
}

#[tokio::test]
async fn the_desktop_s_notifications_reach_the_wrist_that_wants_them_until_the_session_s_bus_is_gone() {
    let beside = Beside::new().await;
    let (band, object) = worn(&beside).await;
    switches_on(&beside, object, "show-notifications").await;
    let (mut bus, address) = session_bus().await;
    let desktop = zbus::connection::Builder::address(address.as_str())
        .build()
        .await
        .unwrap();
    let forwards = beside.scene.program("belayctl", &["accessory", "forward"]);
    let forwards = forwards.env("DBUS_SESSION_BUS_ADDRESS", &address);
    let mut forwards = forwards.as_ourselves().start().unwrap();
    let hints: HashMap<&str, Variant<'_>> = HashMap::new();
    let none: Vec<&str> = Vec::new();
    let notification = (
        "chat",
        0_u32,
        "",
        "Eve",
        "<b>Cake</b> at five",
        none,
        hints,
        -1_i32,
    );
    let reached = until("the notification", async || {
        // Whoever shows them on a desktop isn't here, and isn't needed.
        let _ = desktop
            .call_method(
                Some("org.freedesktop.Notifications"),
                "/org/freedesktop/Notifications",
                Some("org.freedesktop.Notifications"),
                "Notify",
                &notification,
            )
            .await;
        let is_it = |alert: &Alert| matches!(alert, Alert::Shown { texts, .. } if texts.iter().any(|line| line.starts_with("Eve: Cake")));
        let alerts = band.with(|it, _| it.alerts.clone()).await.unwrap();
        alerts.iter().any(is_it).then_some(())
    });
    reached.await.unwrap();
    // Whatever watches over it starts it again where it says that it failed.
    bus.kill().await.unwrap();
    assert_eq!(forwards.wait().await.unwrap().code(), Some(69));
}
