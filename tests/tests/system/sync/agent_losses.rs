//! What belayd lost of its store is nobody's wish to remove a file.

use std::fs;

use belay_proto::sync::RecordId;
use rusqlite::Connection;

use super::agent::Pair;

const ALL: &[&str] = &["documents"];

/// Two devices with the same documents.
async fn same(names: &[&str]) -> Pair {
    let pair = Pair::of(ALL).await;
    pair.homes[0].folder("Documents");
    for name in names {
        pair.homes[0].write(&format!("Documents/{name}"), name);
        pair.told(0, "documents", name, name).await;
    }
    pair.fleet.settled(ALL, "").await;
    for name in names {
        let path = format!("Documents/{name}");
        pair.homes[1].says(&path, |text| text == *name).await;
    }
    pair
}

/// The second device's belayd loses some of its store, and can't reach the cloud.
async fn lose(pair: &mut Pair, change: impl Fn(&Connection)) {
    pair.fleet.devices[1].scene.stop_belayd().await.unwrap();
    let store = pair.fleet.devices[1].scene.place().at("belayd/belay.sqlite3");
    let store = Connection::open(store).unwrap();
    change(&store);
    store.execute("UPDATE collection SET cursor = NULL", []).unwrap();
    store.close().unwrap();
    pair.fleet.away(1, true);
    pair.fleet.devices[1].scene.start_belayd().await.unwrap();
}

/// The second device's files bring what it lost again, and it comes back to the cloud.
async fn has_again(pair: &Pair, names: &[&str]) {
    pair.has(1, "documents", names.len()).await;
    pair.fleet.away(1, false);
    pair.fleet.settled(ALL, "").await;
    assert_eq!(pair.homes[1].files("Documents"), names);
    for name in names {
        pair.told(1, "documents", name, name).await;
    }
}

/// What somebody removed goes.
async fn removes_the_first(pair: &Pair, names: &[&str]) {
    let first = format!("Documents/{}", names[0]);
    fs::remove_file(pair.homes[0].at(&first)).unwrap();
    pair.has(0, "documents", names.len() - 1).await;
    pair.fleet.settled(ALL, "").await;
    pair.homes[1].lacks(&first).await;
    assert_eq!(pair.homes[1].files("Documents"), names[1..]);
}

#[tokio::test]
async fn a_record_that_cant_be_read_and_one_that_has_yet_to_be_fetched_again_cost_no_file() {
    let names = ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"];
    let mut pair = same(&names).await;

    // One row of the second device is spoilt, another isn't there, and all are to be fetched anew.
    let mut ids = Vec::new();
    for name in &names[..2] {
        let id = pair.fleet.devices[1]
            .app
            .identify("documents", name)
            .await
            .unwrap()
            .unwrap();
        ids.push(id.parse::<RecordId>().unwrap());
    }
    lose(&mut pair, |store| {
        for (sql, id) in [
            ("UPDATE record SET content = x'00' WHERE id = ?1", ids[0]),
            ("DELETE FROM record WHERE id = ?1", ids[1]),
        ] {
            assert_eq!(store.execute(sql, [id.as_bytes()]).unwrap(), 1);
        }
    })
    .await;

    has_again(&pair, &names).await;
    removes_the_first(&pair, &names).await;
}

#[tokio::test]
async fn a_store_that_lost_all_of_a_collection_has_it_again_from_the_files_and_nothing_is_doubted() {
    let names = ["a.txt", "b.txt", "c.txt", "d.txt"];
    let mut pair = same(&names).await;
    lose(&mut pair, |store| {
        assert_eq!(
            store
                .execute("DELETE FROM record WHERE collection = 'documents'", [])
                .unwrap(),
            names.len()
        );
    })
    .await;
    has_again(&pair, &names).await;
    for name in names {
        pair.told(0, "documents", name, name).await;
    }
    removes_the_first(&pair, &names).await;
}
