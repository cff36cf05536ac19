//! Photographs from a folder on one device into one on the other, and names that would lead elsewhere.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use belay_tests::app::New;
use belay_tests::openapi::Exchange;
use belay_tests::until::until;

use super::agent::Pair;

#[tokio::test]
async fn photographs_arrive_as_they_were_and_hostile_names_nowhere() {
    const ALL: &[&str] = &["pictures"];
    let pair = Pair::of(ALL).await;
    let [ada, second] = &pair.homes;
    let photograph: Vec<u8> = (0..3_000_000_u32)
        .flat_map(|n| (n ^ n.rotate_left(7)).to_le_bytes())
        .collect();
    let taken = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_000_000);
    fs::create_dir(ada.at("Pictures/Camera")).unwrap();
    ada.give("Pictures/Camera");
    let fresh = ada.at("fresh.jpg");
    fs::write(&fresh, &photograph).unwrap();
    fs::File::options()
        .write(true)
        .open(&fresh)
        .unwrap()
        .set_modified(taken)
        .unwrap();
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o640)).unwrap();
    ada.give("fresh.jpg");
    fs::rename(&fresh, ada.at("Pictures/Camera/IMG 1.jpg")).unwrap();
    pair.has(0, "pictures", 1).await;
    let app = &pair.fleet.devices[0].app;
    for natural in [
        "../../escaped.jpg",
        "/tmp/escaped.jpg",
        "Camera/../../escaped.jpg",
        ".hidden.jpg",
    ] {
        let new = New {
            natural,
            kind: "image/jpeg",
            content: b"theirs",
        };
        app.put_new("pictures", &new).await.unwrap().unwrap();
    }
    pair.fleet.settled(ALL, "").await;
    let path = second.at("Pictures/Camera/IMG 1.jpg");
    let whole = async || fs::read(&path).ok().filter(|content| *content == photograph);
    until("the photograph to come", whole).await.unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.modified().unwrap(), taken);
    assert_eq!(metadata.mode() & 0o777, 0o640);
    // Renamed on one, it is renamed on the other, and comes no second time.
    let before = pair.fleet.network().exchanges().len();
    fs::rename(
        ada.at("Pictures/Camera/IMG 1.jpg"),
        ada.at("Pictures/Camera/Rome.jpg"),
    )
    .unwrap();
    let is_renamed = async || {
        let rows = app.list("pictures").await.unwrap().unwrap();
        let has = |natural: &str| rows.iter().any(|row| row.natural == natural);
        (has("Camera/Rome.jpg") && !has("Camera/IMG 1.jpg")).then_some(())
    };
    until("the photograph to be renamed", is_renamed).await.unwrap();
    // No content is looked at: that would fetch it.
    pair.fleet.settled(ALL, "nothing/").await;
    second.lacks("Pictures/Camera/IMG 1.jpg").await;
    assert!(fs::read(second.at("Pictures/Camera/Rome.jpg")).unwrap() == photograph);
    let fetched = |exchange: &&Exchange| exchange.method == "GET" && exchange.path.starts_with("/v1/blobs/");
    let exchanges = pair.fleet.network().exchanges();
    assert_eq!(exchanges[before..].iter().filter(fetched).count(), 0);
    // The hostile ones were there when the photograph came; a pass of its own says that they can't be.
    let (fleet, homes) = pair.stop().await;
    let (status, _) = homes[1]
        .agent(&fleet.devices[1], &["--once"])
        .output()
        .await
        .unwrap();
    assert_eq!(status.code(), Some(69));
    for home in &homes {
        assert_eq!(home.files("Pictures"), ["Camera"]);
        assert_eq!(home.files(""), [".config", ".contacts", ".local", "Pictures"]);
        assert!(!home.at("").parent().unwrap().join("escaped.jpg").exists());
    }
    assert!(!Path::new("/tmp/escaped.jpg").exists());
}
