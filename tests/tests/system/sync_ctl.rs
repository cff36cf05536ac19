//! `belayctl sync`, as a person or a script uses it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use belay_tests::app::New;
use belay_tests::bluez::Chance;
use belay_tests::guest;
use serde_json::{Value, json};

use crate::belayctl::{ctl, file};
use crate::owner::{adas, app};
use crate::scene::{Scene, scene};

const GRACE: &str = "BEGIN:VCARD\nVERSION:4.0\nUID:grace\nFN:Grace Hopper\nEND:VCARD";

/// What `belayctl sync` answers.
pub async fn good(scene: &Scene, args: &[&str]) -> Value {
    let all: Vec<&str> = ["sync"].into_iter().chain(args.iter().copied()).collect();
    let (exit, answer) = ctl(scene, &all).await;
    assert_eq!(exit, Some(0), "{args:?}: {answer}");
    answer
}

/// The name of the error, and the exit code.
pub async fn bad(scene: &Scene, args: &[&str]) -> (String, Option<i32>) {
    let all: Vec<&str> = ["sync"].into_iter().chain(args.iter().copied()).collect();
    let (exit, answer) = ctl(scene, &all).await;
    (
        answer["error"]["name"].as_str().unwrap_or_default().to_owned(),
        exit,
    )
}

/// A folder that the person can write to.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    if guest::is_root() {
        std::os::unix::fs::chown(folder.path(), Some(guest::person()), None).unwrap();
    }
    folder
}

#[tokio::test]
async fn belayctl_stores_shows_and_deletes_records_and_syncs_them() {
    let scene = adas().await;
    scene.clock().run(20).unwrap();
    let card = file(GRACE);
    let card = card.path().to_str().unwrap();
    assert_eq!(good(&scene, &["enable", "contacts"]).await["enabled"], true);
    let args = [
        "put",
        "contacts",
        card,
        "--natural",
        "grace",
        "--kind",
        "text/vcard",
    ];
    let first = good(&scene, &args).await;
    // The kind and the revision are those that are there.
    let second = good(&scene, &["put", "contacts", card, "--natural", "grace"]).await;
    assert_eq!(first["id"], second["id"]);
    let stale = ["put", "contacts", card, "--natural", "grace", "--revision", "0"];
    assert_eq!(bad(&scene, &stale).await, ("Conflict".to_owned(), Some(65)));

    let synced = good(&scene, &["now"]).await;
    assert!(synced["last_sync"].as_u64().unwrap() > 0, "{synced}");
    let status = good(&scene, &["status"]).await;
    assert_eq!(status["last_error"], "");
    assert!(status["quota"][0].as_u64().unwrap() > 0, "{status}");
    let sources = good(&scene, &["sources"]).await;
    let contacts = &sources["collections"][0];
    assert_eq!(
        (
            &contacts["name"],
            &contacts["enabled"],
            &contacts["records"],
            &contacts["pending"]
        ),
        (&json!("contacts"), &json!(true), &json!(1), &json!(0))
    );
    let list = good(&scene, &["list", "contacts"]).await;
    assert_eq!(list["records"][0]["natural"], "grace");
    assert_eq!(list["records"][0]["kind"], "text/vcard");
    let history = good(&scene, &["history"]).await;
    assert_eq!(history["records"][0]["natural"], "grace");
    assert_eq!(history["records"][0]["removed"], false);

    let folder = folder();
    let to = folder.path().join("card.vcf");
    good(
        &scene,
        &["get", "contacts", "grace", "--output", to.to_str().unwrap()],
    )
    .await;
    assert_eq!(std::fs::read_to_string(&to).unwrap().trim_end(), GRACE);
    let again = ["get", "contacts", "grace", "--output", to.to_str().unwrap()];
    assert_eq!(bad(&scene, &again).await.1, Some(74));

    good(&scene, &["delete", "contacts", "grace"]).await;
    let history = good(&scene, &["history"]).await;
    let gone = &history["records"][0];
    assert_eq!(
        (&gone["natural"], &gone["id"], &gone["removed"]),
        (&json!("grace"), &first["id"], &json!(true)),
        "{history}"
    );
    assert!(gone["changed_at"].as_u64().unwrap() > 0, "{history}");
    assert_eq!(
        bad(&scene, &["delete", "contacts", "grace"]).await,
        ("NoSuchRecord".to_owned(), Some(65))
    );
    assert_eq!(bad(&scene, &["list", "photographs"]).await.0, "NoSuchCollection");
    assert_eq!(bad(&scene, &["confirm", "--yes"]).await.0, "NoQuestion");
    assert_eq!(
        bad(&scene, &["resolve", "contacts", "x", "mine"]).await.0,
        "InvalidArgument"
    );
    assert_eq!(bad(&scene, &["confirm"]).await.1, Some(64));
}

#[tokio::test]
async fn belayctl_pauses_says_when_to_sync_and_brings_everything_back() {
    let scene = adas().await;
    scene.clock().run(20).unwrap();
    assert_eq!(good(&scene, &["pause"]).await["state"], "paused");
    good(&scene, &["enable", "notes"]).await;
    assert_eq!(bad(&scene, &["now"]).await, ("SyncPaused".to_owned(), Some(69)));
    good(&scene, &["resume"]).await;
    let policy = good(&scene, &["policy", "--metered", "yes", "--battery-floor", "30"]).await;
    assert_eq!(
        policy["policy"],
        json!({ "metered": true, "roaming": false, "battery_floor": 30 })
    );
    assert_eq!(
        good(&scene, &["policy", "--battery-floor", "0"]).await["policy"]["metered"],
        true
    );
    assert_eq!(
        bad(&scene, &["policy", "--battery-floor", "101"]).await.1,
        Some(64)
    );
    let restored = good(&scene, &["restore"]).await;
    let all = restored["collections"].as_array().unwrap();
    assert_eq!(all.len(), 9);
    assert!(all.iter().all(|one| one["enabled"] == true), "{restored}");
    assert_eq!(good(&scene, &["disable", "videos"]).await["enabled"], false);
}

#[tokio::test]
async fn an_export_is_plain_files_in_its_folder_and_nowhere_else() {
    let scene = adas().await;
    let app = app(&scene);
    let long = vec![7; 600_000];
    for (name, natural, kind, content) in [
        ("contacts", "grace", "text/vcard", GRACE.as_bytes()),
        (
            "calendars",
            "work/1234",
            "text/calendar",
            b"BEGIN:VCALENDAR\nEND:VCALENDAR",
        ),
        ("notes", "Trips/Rome.md", "text/markdown", b"# Rome"),
        (
            "documents",
            "../../../escaped",
            "application/octet-stream",
            b"evil",
        ),
        ("documents", "/absolute", "application/octet-stream", b"evil"),
        ("documents", "report.pdf", "application/pdf", &long),
    ] {
        let new = New {
            natural,
            kind,
            content,
        };
        app.put_new(name, &new).await.unwrap().unwrap();
    }
    let folder = folder();
    let to = folder.path().join("out");
    let export = good(&scene, &["export", to.to_str().unwrap()]).await;
    assert_eq!(
        (&export["written"], &export["skipped"]),
        (&json!(6), &json!(0)),
        "{export}"
    );
    let read = |path: &str| std::fs::read(to.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(read("contacts/grace.vcf"), GRACE.as_bytes());
    assert!(read("calendars/work/1234.ics").starts_with(b"BEGIN:VCALENDAR"));
    assert_eq!(read("notes/Trips/Rome.md"), b"# Rome");
    assert_eq!(read("documents/__/__/__/escaped"), b"evil");
    assert_eq!(read("documents/absolute"), b"evil");
    assert!(read("documents/report.pdf") == long);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&to.join("contacts")), 0o700);
    assert_eq!(mode(&to.join("contacts/grace.vcf")), 0o600);
    let only: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(only.len(), 1, "{only:?}");
    // Nothing that is there is touched.
    assert_eq!(bad(&scene, &["export", to.to_str().unwrap()]).await.1, Some(74));
}

#[tokio::test]
async fn an_export_that_misses_something_says_what_and_doesnt_end_as_if_it_were_whole() {
    let scene = adas().await;
    let app = app(&scene);
    good(&scene, &["enable", "documents"]).await;
    // Nothing that would be short once it is packed.
    let mut chance = Chance::new(7);
    let film: Vec<u8> = (0..75_000).flat_map(|_| chance.next().to_be_bytes()).collect();
    for (natural, content) in [("film.bin", &film[..]), ("list.txt", b"milk")] {
        let new = New {
            natural,
            kind: "application/octet-stream",
            content,
        };
        app.put_new("documents", &new).await.unwrap().unwrap();
    }
    good(&scene, &["pause"]).await;
    let folder = folder();
    let to = folder.path().join("out");
    let (exit, answer) = ctl(&scene, &["sync", "export", to.to_str().unwrap()]).await;
    assert_eq!(exit, Some(69), "{answer}");
    assert_eq!((&answer["written"], &answer["skipped"]), (&json!(1), &json!(1)));
    assert_eq!(answer["missing"][0]["natural"], "film.bin");
    assert_eq!(answer["error"]["name"], "CutShort");
    assert_eq!(std::fs::read(to.join("documents/list.txt")).unwrap(), b"milk");
    assert!(!to.join("documents/film.bin").exists());
}

#[tokio::test]
async fn a_device_of_nobodys_has_nothing_to_show() {
    let scene = scene().await;
    assert_eq!(good(&scene, &["status"]).await["state"], "unknown");
    for args in [
        &["sources"][..],
        &["list", "contacts"],
        &["enable", "contacts"],
        &["pause"],
        &["now"],
    ] {
        assert_eq!(
            bad(&scene, args).await,
            ("NotBound".to_owned(), Some(65)),
            "{args:?}"
        );
    }
}
