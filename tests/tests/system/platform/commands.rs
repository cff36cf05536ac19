//! Commands from the configuration in the place of services.

use std::time::Duration;

use belay::config::{Backend, Config};
use belay::platform::PlatformError;
use belay_proto::wire::LocationSource;
use tokio::sync::mpsc;

use super::{Phone, shows};

fn sh(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script, "sh", "{number}", "{text}"]
        .map(String::from)
        .into()
}

#[tokio::test]
async fn a_command_stands_for_its_part_and_the_services_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.commands.call = sh(&format!("echo \"$1\" >{}/called", folder.path().display()));
    config.commands.follow_modem = sh(
        r#"echo '{"sims": [{"imei": "1", "iccid": "2", "imsi": "3"}], "texts": [{"id": "a", "text": "belay:AA"}]}'; exec sleep 1000"#,
    );
    config.commands.locate =
        sh(r#"echo '{"latitude": 1.5, "longitude": 2.5, "accuracy": 12, "age-ms": 5000, "source": "gnss"}'"#);
    let phone = Phone::of(&config, Duration::from_secs(25)).await;
    phone.platform.modem.call("+491701234567").await.unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.path().join("called")).unwrap(),
        "+491701234567\n"
    );
    assert!(
        phone.services().modem().calls().is_empty(),
        "the service is left alone"
    );
    let mut modem = phone.platform.modem.view();
    let seen = shows(&mut modem, "the SIM", |view| !view.sims.is_empty()).await;
    assert_eq!(
        (seen.sims[0].imsi.as_str(), seen.texts[0].text.as_str()),
        ("3", "belay:AA")
    );
    let missing = phone
        .platform
        .modem
        .send_text("+491701234567", "x")
        .await
        .unwrap_err();
    assert!(matches!(missing, PlatformError::NotSupported(_)), "{missing}");
    let (fixes, mut found) = mpsc::channel(4);
    phone.platform.position.track(fixes).await.unwrap();
    let fix = found.recv().await.unwrap();
    assert_eq!(
        (fix.coordinates.latitude, fix.source),
        (1.5, LocationSource::Gnss)
    );
    let mut network = phone.platform.network.view();
    shows(&mut network, "the service's network", |view| {
        view.online == Some(true)
    })
    .await;
}

#[tokio::test]
async fn the_back_end_exec_asks_no_service_and_systemd_runs_no_command() {
    let mut config = Config {
        backend: Backend::Exec,
        ..Config::default()
    };
    let exec = Phone::of(&config, Duration::from_secs(25)).await;
    for outcome in [
        exec.platform.modem.call("112").await.unwrap_err(),
        exec.platform.network.scan().await.unwrap_err(),
        exec.platform.audio.alarm(0).await.unwrap_err(),
    ] {
        assert!(matches!(outcome, PlatformError::NotSupported(_)), "{outcome}");
    }
    assert!(
        exec.services()
            .modem()
            .puppet()
            .calls("GetManagedObjects")
            .is_empty()
    );
    config.backend = Backend::Systemd;
    config.commands.call = sh("exit 1");
    let systemd = Phone::of(&config, Duration::from_secs(25)).await;
    systemd.platform.modem.call("112").await.unwrap();
    assert_eq!(systemd.services().modem().calls(), ["112"]);
}
