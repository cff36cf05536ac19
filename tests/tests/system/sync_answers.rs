//! `belayctl sync` where its owner is asked, or wants to know what became of records.

use std::time::Duration;

use belay_tests::app::New;
use belay_tests::bluez::Chance;
use belay_tests::guest;
use belay_tests::proxy::Trick;
use belay_tests::until::until;
use serde_json::json;

use crate::belayctl::{ctl, file};
use crate::documented_sync::{framed, put_many, syncing};
use crate::owner::{adas, app};
use crate::scene::Scene;
use crate::sync::Fleet;
use crate::sync_ctl::{bad, good};

#[tokio::test]
async fn the_history_shows_what_was_changed_last_and_not_what_was_made_last() {
    let scene = adas().await;
    let app = app(&scene);
    let note = |natural, content| New {
        natural,
        kind: "text/plain",
        content,
    };
    for natural in ["a", "b", "c", "d"] {
        scene.clock().advance(Duration::from_secs(5)).unwrap();
        app.put_new("notes", &note(natural, b"first"))
            .await
            .unwrap()
            .unwrap();
    }
    for natural in ["c", "a"] {
        scene.clock().advance(Duration::from_secs(5)).unwrap();
        let id = app.identify("notes", natural).await.unwrap().unwrap();
        app.put("notes", &id, 1, &note(natural, b"edited"))
            .await
            .unwrap()
            .unwrap();
    }
    let history = good(&scene, &["history", "--last", "3"]).await;
    let shown = history["records"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|record| record["natural"].as_str().unwrap()).collect();
    assert_eq!(shown, ["a", "c", "d"]);
    let changed = |number: usize| history["records"][number]["changed_at"].as_u64().unwrap();
    assert!(
        changed(0) >= changed(1) + 5 && changed(1) > changed(2),
        "{history}"
    );
}

#[tokio::test]
async fn belayctl_shows_two_versions_and_ends_each_conflict_as_it_is_told() {
    let scene = adas().await;
    let files = ["one", "two", "three"].map(file);
    let [one, two, three] = files.each_ref().map(|file| file.path().to_str().unwrap());
    let put = [
        "put",
        "notes",
        one,
        "--natural",
        "list.txt",
        "--kind",
        "text/plain",
    ];
    good(&scene, &put).await;
    let tear = [
        "put",
        "notes",
        two,
        "--natural",
        "list.txt",
        "--revision",
        "99",
        "--keep-both",
    ];
    let conflict = async || {
        let shown = good(&scene, &["conflicts"]).await;
        let records = shown["records"].as_array().unwrap().clone();
        assert!(records.len() < 2, "{shown}");
        records.into_iter().next()
    };
    let texts = async || {
        let mut texts = Vec::new();
        for record in good(&scene, &["list", "notes"]).await["records"]
            .as_array()
            .unwrap()
        {
            let (content, _) = app(&scene)
                .content("notes", record["id"].as_str().unwrap())
                .await
                .unwrap()
                .unwrap();
            let content = String::from_utf8(content).unwrap().trim_end().to_owned();
            texts.push((record["natural"].as_str().unwrap().to_owned(), content));
        }
        texts.sort();
        texts
    };
    let said = |natural: &str, text: &str| (natural.to_owned(), text.to_owned());
    assert!(conflict().await.is_none());

    good(&scene, &tear).await;
    let record = conflict().await.unwrap();
    assert_eq!(
        (
            &record["natural"],
            &record["collection"],
            &record["other_revision"]
        ),
        (&json!("list.txt"), &json!("notes"), &json!(1))
    );
    let id = record["id"].as_str().unwrap();
    let stale = ["resolve", "notes", id, "theirs", "--other", "2"];
    assert_eq!(bad(&scene, &stale).await, ("Conflict".to_owned(), Some(65)));
    let kept = good(&scene, &["resolve", "notes", id, "theirs", "--other", "1"]).await;
    assert_eq!(
        kept["kept"],
        json!([{ "id": record["conflict_with"], "revision": 1 }])
    );
    assert_eq!(texts().await, [said("list.txt", "one")]);
    assert_eq!(
        bad(&scene, &["resolve", "notes", id, "theirs"]).await.0,
        "NotFound"
    );

    good(&scene, &tear).await;
    assert_eq!(conflict().await.unwrap()["id"], id, "the same version");
    let kept = good(&scene, &["resolve", "notes", id, "both"]).await;
    assert_eq!(kept["kept"].as_array().unwrap().len(), 2);
    let version = format!("list (version {}).txt", &id[..8]);
    assert_eq!(texts().await, [said(&version, "two"), said("list.txt", "one")]);

    // It is kept already.
    good(&scene, &tear).await;
    assert!(conflict().await.is_none());
    let tear = tear.map(|word| if word == two { three } else { word });
    good(&scene, &tear).await;
    let record = conflict().await.unwrap();
    let id = record["id"].as_str().unwrap();
    good(&scene, &["resolve", "notes", id, "mine"]).await;
    assert_eq!(texts().await, [said(&version, "two"), said("list.txt", "three")]);
    assert!(conflict().await.is_none());

    // A program does it by the method.
    let tear = tear.map(|word| if word == three { one } else { word });
    good(&scene, &tear).await;
    let record = conflict().await.unwrap();
    let resolved = app(&scene)
        .resolve("notes", record["id"].as_str().unwrap(), "theirs")
        .await;
    resolved.unwrap().unwrap();
    assert_eq!(texts().await, [said(&version, "two"), said("list.txt", "three")]);
}

#[tokio::test]
async fn belayctl_asks_before_many_records_go_and_does_what_is_answered() {
    let scene = adas().await;
    scene.clock().run(20).unwrap();
    let app = app(&scene);
    good(&scene, &["enable", "contacts"]).await;
    let cards: Vec<_> = (0..30)
        .map(|number| framed(&format!("contact {number}"), 0))
        .collect();
    put_many(&app, &cards).await.unwrap();
    good(&scene, &["now"]).await;
    let remove = async || {
        // All of them in one round: a few at a time go unasked, until they are many.
        good(&scene, &["pause"]).await;
        for row in app.list("contacts").await.unwrap().unwrap().iter().take(25) {
            app.delete("contacts", &row.id, row.revision)
                .await
                .unwrap()
                .unwrap();
        }
        good(&scene, &["resume"]).await;
        let asked = async || {
            let status = good(&scene, &["status"]).await;
            let question = status["question"].clone();
            (question["removed"] == 25).then_some(question)
        };
        until("the question", asked).await.unwrap()
    };
    let question = remove().await;
    assert_eq!(
        (
            &question["collection"],
            &question["present"],
            &question["from_cloud"]
        ),
        (&json!("contacts"), &json!(30), &json!(false))
    );
    assert_eq!(good(&scene, &["now"]).await["question"]["removed"], 25);
    let text = shown(&scene, &["now"]).await;
    assert!(
        text.contains("25 of 30 contacts") && text.contains("belayctl sync confirm"),
        "{text}"
    );
    let other = ["confirm", "--yes", "--question", "contacts-device-00"];
    assert_eq!(bad(&scene, &other).await, ("NotFound".to_owned(), Some(65)));
    let answered = good(&scene, &["confirm", "--no"]).await;
    assert_eq!(
        (&answered["question"], &answered["answer"]),
        (&question["id"], &json!(false))
    );
    good(&scene, &["now"]).await;
    let count = async || app.list("contacts").await.unwrap().unwrap().len();
    assert_eq!(count().await, 30, "they are back");

    let question = remove().await;
    let id = question["id"].as_str().unwrap();
    good(&scene, &["confirm", "--yes", "--question", id]).await;
    good(&scene, &["now"]).await;
    assert_eq!(count().await, 5);
    is_idle(&scene).await;
    assert_eq!(bad(&scene, &["confirm", "--yes"]).await.0, "NoQuestion");
}

#[tokio::test]
async fn a_restore_brings_the_records_and_says_which_contents_are_still_in_the_cloud() {
    const PHOTO: usize = 300_000;
    let fleet = Fleet::of(2, &[]).await;
    let [first, second] = &fleet.devices[..] else {
        panic!("two devices");
    };
    for name in ["contacts", "pictures"] {
        first.app.enable(name, true).await.unwrap().unwrap();
    }
    let cards: Vec<_> = (0..3)
        .map(|number| framed(&format!("contact {number}"), 0))
        .collect();
    put_many(&first.app, &cards).await.unwrap();
    let mut chance = Chance::new(7);
    let photo: Vec<u8> = (0..PHOTO / 8).flat_map(|_| chance.next().to_be_bytes()).collect();
    for (natural, content) in [("small.jpg", &photo[..100]), ("large.jpg", &photo)] {
        let new = New {
            natural,
            kind: "image/jpeg",
            content,
        };
        first.app.put_new("pictures", &new).await.unwrap().unwrap();
    }
    first.app.sync_now().await.unwrap().unwrap();

    let restored = good(&second.scene, &["restore", "contacts", "pictures"]).await;
    assert_eq!(restored["in_cloud"], json!({ "records": 1, "bytes": PHOTO }));
    let records = |number: usize| restored["collections"][number]["records"].as_u64();
    assert_eq!((records(0), records(1)), (Some(3), Some(2)));
    let program = second
        .scene
        .program("belayctl", &["sync", "restore", "contacts", "pictures"]);
    let program = program.as_user(guest::person()).without_terminal();
    let (status, text) = program.output().await.unwrap();
    assert!(status.success(), "{text}");
    assert!(
        text.contains("Of 1 of them") && text.contains("300.0 kB"),
        "{text}"
    );
    assert!(!text.contains("Everything is here"), "{text}");
    let text = good(&second.scene, &["restore", "contacts"]).await;
    assert_eq!(text["in_cloud"]["bytes"], 0);
    // It is there as soon as somebody reads it.
    let id = second
        .app
        .identify("pictures", "large.jpg")
        .await
        .unwrap()
        .unwrap();
    let (content, _) = second.app.content("pictures", &id).await.unwrap().unwrap();
    assert!(content == photo);
}

#[tokio::test]
async fn a_restore_goes_on_after_a_collection_that_has_no_room_and_says_which() {
    let scene = syncing().await;
    put_many(&app(&scene), &[framed("grace", 0)]).await.unwrap();
    let full = Trick::problem(507, "quota-exceeded");
    scene.network().plan("/v1/sync/push", 10_000, &full);
    let (exit, answer) = ctl(&scene, &["sync", "restore", "contacts", "notes"]).await;
    assert_eq!(
        (exit, &answer["error"]["name"]),
        (Some(69), &json!("QuotaExceeded"))
    );
    assert_eq!(answer["troubled"], json!(["contacts"]), "{answer}");
    let all = answer["collections"].as_array().unwrap();
    assert_eq!((all.len(), &all[1]["enabled"]), (2, &json!(true)), "{answer}");
}

#[tokio::test]
async fn a_restore_that_is_cut_off_has_switched_all_on_and_goes_on_by_itself() {
    const NAMES: &[&str] = &["contacts", "notes"];
    let fleet = Fleet::of(2, &[]).await;
    let [first, second] = &fleet.devices[..] else {
        panic!("two devices");
    };
    for name in NAMES {
        first.app.enable(name, true).await.unwrap().unwrap();
        let new = New {
            natural: "grace",
            kind: "text/plain",
            content: b"hers",
        };
        first.app.put_new(name, &new).await.unwrap().unwrap();
    }
    first.app.sync_now().await.unwrap().unwrap();
    fleet.away(1, true);
    let (exit, answer) = ctl(&second.scene, &["sync", "restore", "contacts", "notes"]).await;
    assert_eq!((exit, &answer["error"]["name"]), (Some(69), &json!("Offline")));
    let all = answer["collections"].as_array().unwrap().iter();
    let on = all.filter(|collection| collection["enabled"] == true);
    assert_eq!(on.count(), 2, "{answer}");
    assert_eq!(
        answer["in_cloud"],
        json!({ "records": 0, "bytes": 0 }),
        "{answer}"
    );
    assert_eq!(answer["troubled"], json!([]), "{answer}");
    let text = shown(&second.scene, &["restore", "contacts", "notes"]).await;
    assert!(text.contains("goes on by itself"), "{text}");
    // Nobody asks again.
    fleet.away(1, false);
    for name in NAMES {
        let is_here = async || {
            let rows = second.app.list(name).await.unwrap().unwrap();
            (rows.len() == 1).then_some(())
        };
        until(&format!("{name} to be here"), is_here).await.unwrap();
    }
}

#[tokio::test]
async fn where_nothing_is_switched_on_nothing_is_said_to_be_synced() {
    let scene = adas().await;
    is_idle(&scene).await;
    assert_eq!(good(&scene, &["status"]).await["enabled"], json!([]));
    for verb in ["status", "now"] {
        let text = shown(&scene, &[verb]).await;
        assert!(
            text.contains("nothing is switched on") && text.contains("belayctl sync enable"),
            "{text}"
        );
        assert!(!text.to_lowercase().contains("all is synced"), "{text}");
    }
    good(&scene, &["enable", "notes"]).await;
    let text = shown(&scene, &["now"]).await;
    assert!(text.contains("All is synced."), "{text}");
    assert_eq!(good(&scene, &["status"]).await["enabled"], json!(["notes"]));
}

/// Waits until nothing is left to sync: a round that nobody asked for may be under way.
async fn is_idle(scene: &Scene) {
    let settled = async || (good(scene, &["status"]).await["state"] == "idle").then_some(());
    until("the sync to rest", settled).await.unwrap();
}

/// What a person sees.
async fn shown(scene: &Scene, args: &[&str]) -> String {
    let all: Vec<&str> = ["sync"].into_iter().chain(args.iter().copied()).collect();
    let program = scene.program("belayctl", &all);
    let program = program.as_user(guest::person()).without_terminal();
    program.output().await.unwrap().1
}

#[tokio::test]
async fn a_content_that_is_put_over_another_isnt_said_to_be_as_old() {
    let scene = syncing().await;
    let mut record = framed("grace", 0);
    for (name, value) in [("modified", "1700000000.000000000"), ("folder", "work")] {
        record.attributes.0.insert(name.to_owned(), value.to_owned());
    }
    put_many(&app(&scene), &[record]).await.unwrap();
    let card = file("BEGIN:VCARD\nVERSION:4.0\nUID:grace\nFN:G. Hopper\nEND:VCARD");
    let card = card.path().to_str().unwrap();
    good(&scene, &["put", "contacts", card, "--natural", "grace"]).await;
    let list = good(&scene, &["list", "contacts"]).await;
    assert_eq!(list["records"][0]["attributes"], json!({ "folder": "work" }));
}
