//! How much room an account has, and what the cloud gives back.

use std::fs;

use belay_proto::wire::PushStatus;

use super::backup::data;
use super::*;
use crate::admin::{AdminError, compact, quota};
use crate::store::{self, FILE};
use crate::tests::rig::START;

fn free(rig: &Rig) -> u64 {
    store::free_pages(&store::connect(&data(rig).join(FILE)).unwrap()).unwrap()
}

#[tokio::test]
async fn a_quota_is_of_an_account_by_its_id_or_address_until_it_is_taken_back() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (data, id) = (data(&rig), home.owner.account.to_string());
    let set = |who: &str, bytes: Option<&str>| quota::quota(&data, who, bytes, 1_000_000);
    assert!(
        set(&id, None)
            .unwrap()
            .ends_with("used=0 quota=1000000 (default)")
    );
    assert!(
        set("jo@example.org", Some("132"))
            .unwrap()
            .ends_with("used=0 quota=132 (own)")
    );
    assert_eq!(
        sync::one(&home.client, &sync::new(1, b"abcde")).await.status,
        PushStatus::Quota
    );
    assert_eq!(
        sync::one(&home.client, &sync::new(1, b"abcd")).await.status,
        PushStatus::Ok
    );
    assert!(
        set(&id, Some("default"))
            .unwrap()
            .ends_with("used=132 quota=1000000 (default)")
    );
    assert_eq!(
        sync::one(&home.client, &sync::new(2, b"abcde")).await.status,
        PushStatus::Ok
    );
    assert!(matches!(set("eve@example.org", None), Err(AdminError::NoAccount)));
    assert!(matches!(
        set(&"00".repeat(16), Some("1")),
        Err(AdminError::NoAccount)
    ));
    assert!(matches!(set(&id, Some("much")), Err(AdminError::Usage(_))));
}

#[tokio::test]
async fn room_that_nothing_needs_goes_back_to_the_file_system_by_itself_and_at_once_on_demand() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    quota::quota(&data(&rig), "jo@example.org", Some("1GiB"), 0).unwrap();
    let long: Vec<u8> = vec![7; 100_000];
    let pushes: Vec<_> = (1..=80)
        .map(|id| sync::new(id, &[&[id], &long[..]].concat()))
        .collect();
    for some in pushes.chunks(8) {
        sync::push(&home.client, None, some).await;
    }
    let removals: Vec<_> = pushes.iter().map(sync::removal).collect();
    sync::push(&home.client, None, &removals).await;
    let chunk = Chunk::new(1, 1000);
    bring_all(&home.client, &chunk).await;
    fs::write(data(&rig).join("blobs/00").join("00".repeat(16)), "nobody's")
        .or_else(|_| {
            fs::create_dir(data(&rig).join("blobs/00"))?;
            fs::write(data(&rig).join("blobs/00").join("00".repeat(16)), "nobody's")
        })
        .unwrap();
    let before = free(&rig);
    assert!(before > 1500, "{before} pages");
    rig.advance(120);
    home.owner.sign_in(&mut home.client).await.is(200);
    let swept = free(&rig);
    assert!(
        swept <= before - 200 && swept >= 1024,
        "{before}, then {swept} pages"
    );
    let told = compact::compact(&data(&rig), false, START + 200 * DAY * 1000).unwrap();
    for part in ["forgot 80 removals and 1 chunks", "0 chunks were lost"] {
        assert!(told.contains(part), "{told}");
    }
    // Whoever comes first removes that of the chunk.
    let nobodys = data(&rig).join("blobs/00").join("00".repeat(16));
    assert!(!nobodys.exists(), "{told}");
    assert_eq!(free(&rig), 0);
    assert!(
        fs::metadata(data(&rig).join(FILE)).unwrap().len() < 1_000_000,
        "{told}"
    );
    assert!(sync::changes(&home.client, "").await.records.is_empty());
    compact::compact(&data(&rig), true, START + 200 * DAY * 1000).unwrap();
    until_lengths(&rig, &[]).await;
}
