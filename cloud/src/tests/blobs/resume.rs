//! Chunks that come in parts.

use belay_proto::wire::PushStatus;
use rusqlite::params;

use super::*;

#[tokio::test]
async fn an_upload_goes_on_where_it_ended_and_nowhere_else() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 200_000);
    let wrong = async |offset: usize, right: &str| {
        let reply = bring(&home.client, &chunk, offset, 10).await;
        let reply = reply.refuses(409, "wrong-offset");
        assert_eq!(reply.header("upload-offset").as_deref(), Some(right), "{offset}");
    };
    // Before anything came.
    for offset in [1, 199_999, 200_000] {
        wrong(offset, "0").await;
    }
    assert!(files(&rig).is_empty());
    assert_eq!(
        used(&home.client).await,
        0,
        "nothing is kept for what doesn't begin"
    );
    let reply = bring(&home.client, &chunk, 0, 100_000).await.is(202);
    assert_eq!(reply.header("upload-offset").as_deref(), Some("100000"));
    assert_eq!(missing(&home.client, &[&chunk]).await, [chunk.from(100_000)]);
    for offset in [0, 1, 99_999, 100_001, 199_999, 200_000] {
        wrong(offset, "100000").await;
    }
    bring(&home.client, &chunk, 200_001, 0)
        .await
        .refuses(400, "malformed");
    assert_eq!(lengths(&rig), [100_000]);
    home.client.get(&chunk.path()).await.refuses(404, "not-found");
    // One byte, and none.
    let reply = bring(&home.client, &chunk, 100_000, 1).await.is(202);
    assert_eq!(reply.header("upload-offset").as_deref(), Some("100001"));
    bring(&home.client, &chunk, 100_001, 0).await.is(202);
    bring(&home.client, &chunk, 100_001, 100_000).await.is(204);
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
    // Whole is whole, wherever one begins.
    for offset in [0, 7, 200_000] {
        bring(&home.client, &chunk, offset, 10).await.is(204);
    }
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn an_upload_without_an_offset_begins_at_the_start() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    let mut more = chunk.headers(0);
    more.remove("upload-offset");
    call(&home.client, "PUT", &chunk.path(), &more, &chunk.bytes)
        .await
        .is(204);
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn what_isnt_what_was_announced_is_thrown_away() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 100_000);
    bring(&home.client, &chunk, 0, 60_000).await.is(202);
    let lies = vec![0; 40_000];
    call(&home.client, "PUT", &chunk.path(), &chunk.headers(60_000), &lies)
        .await
        .refuses(422, "digest-mismatch");
    assert!(files(&rig).is_empty());
    assert_eq!(used(&home.client).await, 0);
    assert_eq!(missing(&home.client, &[&chunk]).await, [chunk.from(0)]);
    bring_all(&home.client, &chunk).await;
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn an_upload_of_other_bytes_begins_anew_and_never_replaces_a_whole_chunk() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (first, mut second) = (Chunk::new(1, 100_000), Chunk::new(2, 90_000));
    second.id = first.id;
    bring(&home.client, &first, 0, 60_000).await.is(202);
    let reply = bring(&home.client, &second, 60_000, 10).await;
    let reply = reply.refuses(409, "wrong-offset");
    assert_eq!(reply.header("upload-offset").as_deref(), Some("0"));
    bring(&home.client, &second, 0, 50_000).await.is(202);
    until_lengths(&rig, &[50_000]).await;
    assert_eq!(used(&home.client).await, 90_000);
    bring(&home.client, &second, 50_000, 90_000).await.is(204);
    bring(&home.client, &first, 0, 100_000)
        .await
        .refuses(422, "digest-mismatch");
    assert_eq!(home.client.get(&first.path()).await.is(200).body, second.bytes);
}

#[tokio::test]
async fn an_upload_survives_a_restart() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 100_000);
    bring(&home.client, &chunk, 0, 60_000).await.is(202);
    // All of it, but the cloud stopped before it could say so.
    let late = Chunk::new(2, 70_000);
    bring(&home.client, &late, 0, 69_999).await.is(202);
    std::fs::write(file(&rig, 69_999), &late.bytes).unwrap();
    let away = home.leave();
    let rig = rig.restart();
    let home = away.back(&rig);
    assert_eq!(
        missing(&home.client, &[&chunk, &late]).await,
        [chunk.from(60_000), late.from(70_000)]
    );
    bring(&home.client, &late, 70_000, 0).await.is(204);
    bring(&home.client, &chunk, 60_000, 40_000).await.is(204);
    for chunk in [chunk, late] {
        assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
    }
}

#[tokio::test]
async fn a_start_removes_files_that_no_row_has_and_no_others() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    bring_all(&home.client, &chunk).await;
    let blobs = rig.folder.path().join("data/blobs");
    let make = |path: PathBuf| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "x").unwrap();
        path
    };
    let name = "ab".repeat(16);
    let left_over = make(blobs.join("ab").join(&name));
    let others = [
        make(blobs.join("cd").join(&name)),
        make(blobs.join("ab/notes.txt")),
        make(blobs.join("README")),
    ];
    let away = home.leave();
    let rig = rig.restart();
    assert!(!left_over.exists());
    assert!(others.iter().all(|file| file.exists()));
    let home = away.back(&rig);
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn a_chunk_whose_file_is_lost_has_to_come_again_and_its_record_stays() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunks = brought::<2>(&home.client).await;
    let [first, second] = &chunks;
    let named = sync::one(&home.client, &naming(1, &[first, second])).await;
    assert_eq!(named.status, PushStatus::Ok);
    // While it runs, and between two runs.
    std::fs::write(file(&rig, 1001), "short").unwrap();
    home.client.get(&second.path()).await.refuses(404, "not-found");
    std::fs::remove_file(file(&rig, 1000)).unwrap();
    let away = home.leave();
    let rig = rig.restart();
    let home = away.back(&rig);
    let lacking = missing(&home.client, &[first, second]).await;
    assert_eq!(lacking, [first.from(0), second.from(5)]);
    bring_all(&home.client, first).await;
    // The five bytes are no part of it.
    bring(&home.client, second, 5, 1001)
        .await
        .refuses(422, "digest-mismatch");
    assert_eq!(missing(&home.client, &[second]).await, [second.from(0)]);
    bring_all(&home.client, second).await;
    for chunk in &chunks {
        assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
    }
    assert_eq!(used(&home.client).await, 2002 + 2 * 32 + sync::AROUND);
    let account = home.owner.account;
    let uses = move |tx: &rusqlite::Transaction<'_>| {
        let sql = "SELECT count(*) FROM chunks WHERE account = ?1 AND uses = 1 AND until IS NULL";
        Ok(tx.query_row(sql, params![account.as_bytes()], |row| row.get::<_, u32>(0))?)
    };
    assert_eq!(rig.app.store.transact(uses).await.unwrap(), 2);
}

#[tokio::test]
async fn a_chunk_whose_file_went_is_missing_when_it_is_asked_after() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunks = brought::<3>(&home.client).await;
    let [there, gone, cut] = &chunks;
    std::fs::remove_file(file(&rig, 1001)).unwrap();
    std::fs::write(file(&rig, 1002), &cut.bytes[..7]).unwrap();
    let lacking = missing(&home.client, &[there, gone, cut]).await;
    assert_eq!(lacking, [gone.from(0), cut.from(7)]);
    home.client.get(&gone.path()).await.refuses(404, "not-found");
    bring_all(&home.client, gone).await;
    bring(&home.client, cut, 7, 1002).await.is(204);
    for chunk in &chunks {
        assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
    }
}

#[tokio::test]
async fn a_chunk_that_isn_t_what_was_brought_isn_t_told_to_its_end_and_has_to_come_again() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 200_000);
    bring_all(&home.client, &chunk).await;
    let path = file(&rig, 200_000);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[7] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let request = home.client.request("GET", &chunk.path(), None, None);
    let (head, body) = rig.begin(request).await.into_parts();
    assert_eq!(head.status, 200);
    axum::body::to_bytes(body, usize::MAX).await.unwrap_err();
    home.client.get(&chunk.path()).await.refuses(404, "not-found");
    until_lengths(&rig, &[]).await;
    assert_eq!(missing(&home.client, &[&chunk]).await, [chunk.from(0)]);
    bring_all(&home.client, &chunk).await;
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}
