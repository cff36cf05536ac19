//! Contents that a device of the owner's sealed, and that are bombs.

use belay_proto::Secret;
use belay_proto::sync::{Content, Encoding};
use serde_json::json;

use super::{CHANGES, Victim, content, sealed};
use crate::belayctl::ctl;
use crate::sync_ctl::folder;

/// What belayd may grow by, KiB.
const GROWTH: u64 = 48 * 1024;

/// A Zstandard frame (RFC 8878) that says nothing of its length and unfolds to `blocks` times 128 KiB.
fn bomb(blocks: usize) -> Vec<u8> {
    // The magic number, no content size, a window of 2 MiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for block in 1..=blocks {
        // One byte that is repeated.
        let header = (128 * 1024) << 3 | 1 << 1 | u32::from(block == blocks);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// The victim's cloud brings two bombs of 8 GiB, said to be short and as long as may be, and one that is what it says.
async fn bombed(victim: &Victim) {
    let bombs: Vec<Content> = [(64 * 1024, 10), (64 * 1024, 4 * 1024 * 1024), (8, 1024 * 1024)]
        .into_iter()
        .enumerate()
        .map(|(number, (blocks, length))| Content {
            encoding: Encoding::Zstd,
            length,
            body: Secret::new(bomb(blocks)),
            ..content(&format!("bomb-{number}"), 1, None, "")
        })
        .collect();
    let records: Vec<_> = bombs.iter().map(|bomb| sealed(&victim.keys, bomb)).collect();
    victim.lied_to(1, move |answer| answer.records.clone_from(&records));
    let _answered_or_refused = victim.syncs().await;
    victim.was_lied_to(CHANGES).await;
    victim.fleet.network().behave();
}

#[tokio::test]
async fn an_export_brings_all_but_the_contents_that_dont_unfold_and_names_those() {
    let victim = Victim::with(3).await;
    bombed(&victim).await;
    let folder = folder();
    let to = folder.path().join("out");
    let args = ["sync", "export", to.to_str().unwrap(), "notes"];
    let (exit, answer) = ctl(&victim.device().scene, &args).await;
    assert_eq!(
        (exit, &answer["error"]["name"]),
        (Some(69), &json!("CutShort")),
        "{answer}"
    );
    let missing = answer["missing"].as_array().unwrap().iter();
    let mut missing: Vec<_> = missing
        .map(|record| {
            (
                record["natural"].as_str().unwrap(),
                record["why"].as_str().unwrap(),
            )
        })
        .collect();
    missing.sort_unstable();
    assert_eq!(missing, [("bomb-0", "Storage"), ("bomb-1", "Storage")]);
    assert_eq!(answer["written"], 4);
    let names = std::fs::read_dir(to.join("notes")).unwrap();
    assert_eq!(names.count(), 4);
}

#[tokio::test]
async fn contents_that_unfold_to_gigabytes_take_no_memory() {
    let victim = Victim::with(3).await;
    let before = victim.notes().await;
    let peak = victim.peak().await;
    bombed(&victim).await;
    let app = &victim.device().app;
    for number in 0..2 {
        let natural = format!("bomb-{number}");
        let id = app.identify("notes", &natural).await.unwrap().unwrap();
        let answer = app.content("notes", &id).await.unwrap();
        // Refused, or nothing of it.
        assert!(
            answer.as_ref().map_or(true, |(content, _)| content.is_empty()),
            "{natural} is {} bytes long",
            answer.map_or(0, |(content, _)| content.len())
        );
    }
    let id = app.identify("notes", "bomb-2").await.unwrap().unwrap();
    let (whole, _) = app.content("notes", &id).await.unwrap().unwrap();
    assert!(whole == vec![0; 1024 * 1024]);
    let grown = victim.peak().await.saturating_sub(peak);
    assert!(grown < GROWTH, "it has grown by {grown} KiB");
    let listed = app.list("notes").await.unwrap().unwrap();
    let naturals: Vec<&str> = listed.iter().map(|row| row.natural.as_str()).collect();
    for note in before.keys() {
        assert!(naturals.contains(&note.as_str()), "{note} is gone: {naturals:?}");
    }
    victim.writes("afterwards", "well").await;
    victim.syncs().await.unwrap();
    assert!(!victim.pushed("afterwards").is_empty());
}
