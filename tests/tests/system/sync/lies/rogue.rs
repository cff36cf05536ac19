//! A device with the account's keys that was taken over.

use std::path::Path;

use belay_proto::sync::Content;
use belay_proto::wire::SyncRecord;
use belay_tests::app::{Options, SYNC, entry};

use super::{CHANGES, Victim, content, removal, sealed};

#[tokio::test]
async fn a_device_that_deletes_nearly_everything_is_not_followed_unasked() {
    let victim = Victim::with(30).await;
    let before = victim.notes().await;
    let removals: Vec<SyncRecord> = (0..30)
        .map(|number| {
            let natural = format!("note-{number}");
            let base = victim.pushed(&natural).remove(0);
            sealed(&victim.keys, &removal(&natural, 2, &base.revision))
        })
        .collect();
    victim.lied_to(1, move |answer| answer.records.clone_from(&removals));
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(CHANGES).await;
    assert_eq!(victim.notes().await, before);
    let app = &victim.device().app;
    app.reads(SYNC, "State", "attention").await.unwrap();
    let question = app.get(SYNC, "Question").await.unwrap();
    let answer = (entry(&question, "id"), false, Options::new());
    app.call::<_, ()>(SYNC, "Confirm", &answer)
        .await
        .unwrap()
        .unwrap();
    victim.is_unharmed(&before).await;
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push(path.display().to_string()),
        }
    }
    all.sort();
    all
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_names() {
    let victim = Victim::with(2).await;
    let before = victim.notes().await;
    let names = [
        "../../../etc/passwd".to_owned(),
        "/etc/cron.d/belay".to_owned(),
        "..".to_owned(),
        String::new(),
        "a\0b".to_owned(),
        "a\nb\u{202e}c\u{1b}[2J".to_owned(),
        "C:\\windows\\system32".to_owned(),
        "x".repeat(60_000),
    ];
    let records: Vec<SyncRecord> = names
        .iter()
        .map(|name| sealed(&victim.keys, &content(name, 1, None, "a lie")))
        .collect();
    let root = victim.device().scene.place().at("belayd");
    let (root_before, count) = (files(&root), names.len());
    victim.lied_to(1, move |answer| answer.records.clone_from(&records));
    victim.syncs().await.unwrap();
    victim.was_lied_to(CHANGES).await;
    victim.fleet.network().behave();
    // All can be listed, read and deleted, whatever they are called.
    let app = &victim.device().app;
    let rows = app.list("notes").await.unwrap().unwrap();
    assert!(rows.len() <= before.len() + count, "{rows:?}");
    for row in rows {
        if before.contains_key(&row.natural) {
            continue;
        }
        let (content, revision) = app.content("notes", &row.id).await.unwrap().unwrap();
        assert_eq!(content, b"a lie");
        app.delete("notes", &row.id, revision).await.unwrap().unwrap();
    }
    assert_eq!(files(&root), root_before);
    victim.is_unharmed(&before).await;
}

#[tokio::test]
async fn contents_of_nonsense_are_skipped_or_shown_and_stop_nothing() {
    let victim = Victim::with(3).await;
    let before = victim.notes().await;
    let base = victim.pushed("note-0").remove(0);
    // Sealed with the right key, and no content at all.
    let odd: [fn(&mut Content); 4] = [
        |odd| odd.number = 1 << 60,
        |odd| odd.length = 1 << 40,
        |odd| odd.removed = true,
        |odd| odd.number = 0,
    ];
    let records: Vec<SyncRecord> = odd
        .iter()
        .map(|change| {
            let mut odd = content("note-0", 2, Some(&base.revision), "odd");
            change(&mut odd);
            sealed(&victim.keys, &odd)
        })
        .collect();
    victim.lied_to(1, move |answer| answer.records.clone_from(&records));
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(CHANGES).await;
    let mut notes = victim.notes().await;
    notes.retain(|natural, _| before.contains_key(natural));
    assert_eq!(notes, before);
    victim.is_unharmed(&before).await;
}
