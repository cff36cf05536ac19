//! What records need, what the account may keep, and what goes.

use belay_proto::wire::{PushResult, PushStatus};

use super::sync::AROUND;
use super::*;

/// Lets so much time pass, and has the next call sweep.
async fn pass(home: &mut Home<'_>, seconds: u64) {
    home.client.rig.advance(seconds);
    home.owner.sign_in(&mut home.client).await.is(200);
}

#[tokio::test]
async fn a_record_comes_after_its_chunks() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (a, b, c) = (Chunk::new(1, 1000), Chunk::new(2, 1001), Chunk::new(3, 1002));
    bring_all(&home.client, &b).await;
    bring(&home.client, &c, 0, 1000).await.is(202);
    let push = naming(1, &[&a, &b, &c, &a]);
    let result = sync::one(&home.client, &push).await;
    assert_eq!(result.status, PushStatus::MissingChunks);
    assert_eq!(result.missing, [a.id, c.id]);
    assert!(sync::changes(&home.client, "").await.records.is_empty());
    bring_all(&home.client, &a).await;
    bring(&home.client, &c, 1000, 2).await.is(204);
    assert_eq!(sync::one(&home.client, &push).await.status, PushStatus::Ok);
    let told = sync::changes(&home.client, "").await;
    assert_eq!(told.records, [push.record]);
    // The record, with four ids, and its chunks, each once.
    assert_eq!(told.quota.used, 1 + AROUND + 4 * 32 + 1000 + 1001 + 1002);
}

#[tokio::test]
async fn an_answer_names_a_thousand_missing_chunks_and_refuses_the_records_all_the_same() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let many = |id: u8| {
        let mut push = naming(id, &[]);
        push.record.chunks = (0..700_u16)
            .map(|n| ChunkId::from_bytes(sha256(&[&[id], &n.to_be_bytes()[..]].concat())))
            .collect();
        push
    };
    let answer = sync::push(&home.client, None, &[many(1), many(2), many(3)]).await;
    let counts: Vec<_> = answer.results.iter().map(|result| result.missing.len()).collect();
    assert_eq!(counts, [700, 300, 0]);
    let refused = |result: &PushResult| result.status == PushStatus::MissingChunks;
    assert!(answer.results.iter().all(refused));
    let ids = |count: u16| {
        let id = |n: u16| ChunkId::from_bytes(sha256(&n.to_be_bytes()));
        (0..count).map(id).collect()
    };
    ask(&home.client, ids(1000)).await.is(200);
    ask(&home.client, ids(1001)).await.refuses(413, "too-large");
}

#[tokio::test]
async fn a_record_pays_for_each_id_that_it_names_however_often() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    bring_all(&home.client, &chunk).await;
    let again = |id: u8, times: usize| naming(id, &vec![&chunk; times]);
    let one = async |push: &PushRecord| sync::one(&home.client, push).await.status;
    assert_eq!(one(&again(1, 5000)).await, PushStatus::Ok);
    let each = 1 + AROUND + 5000 * 32;
    assert_eq!(used(&home.client).await, 1000 + each);
    for id in 2..=6 {
        assert_eq!(one(&again(id, 5000)).await, PushStatus::Ok);
    }
    // 1 MB are the account's.
    assert_eq!(one(&again(7, 5000)).await, PushStatus::Quota);
    assert_eq!(one(&again(7, 1000)).await, PushStatus::Ok);
    // What names fewer makes room.
    let mut fewer = sync::change(&again(1, 5000), b"b");
    fewer.record.chunks.truncate(1);
    assert_eq!(one(&fewer).await, PushStatus::Ok);
    let now = 1000 + 5 * each + (1 + AROUND + 1000 * 32) + (1 + AROUND + 32);
    assert_eq!(used(&home.client).await, now);
}

#[tokio::test]
async fn a_chunk_that_no_record_needs_goes_after_thirty_days() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let (needed, unneeded, cut) = (Chunk::new(1, 1000), Chunk::new(2, 1001), Chunk::new(3, 1002));
    for chunk in [&needed, &unneeded] {
        bring_all(&home.client, chunk).await;
    }
    bring(&home.client, &cut, 0, 500).await.is(202);
    sync::one(&home.client, &naming(1, &[&needed])).await;
    pass(&mut home, 30 * DAY - 60).await;
    assert_eq!(lengths(&rig), [500, 1000, 1001]);
    pass(&mut home, 120).await;
    until_lengths(&rig, &[1000]).await;
    assert_eq!(used(&home.client).await, 1 + AROUND + 32 + 1000);
    home.client.get(&unneeded.path()).await.refuses(404, "not-found");
    pass(&mut home, 400 * DAY).await;
    assert_eq!(home.client.get(&needed.path()).await.is(200).body, needed.bytes);
    let lacking = missing(&home.client, &[&needed, &unneeded, &cut]).await;
    assert_eq!(lacking, [unneeded.from(0), cut.from(0)]);
}

#[tokio::test]
async fn a_chunk_goes_thirty_days_after_the_last_record_lets_it_go() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let (shared, own) = (Chunk::new(1, 1000), Chunk::new(2, 1001));
    for chunk in [&shared, &own] {
        bring_all(&home.client, chunk).await;
    }
    let (first, second) = (naming(1, &[&shared, &own, &own]), naming(2, &[&shared]));
    sync::push(&home.client, None, &[first.clone(), second.clone()]).await;
    // The same again needs nothing more.
    sync::push(&home.client, None, std::slice::from_ref(&first)).await;
    pass(&mut home, 90 * DAY).await;
    let mut without = sync::change(&first, b"b");
    without.record.chunks.clear();
    assert_eq!(sync::one(&home.client, &without).await.status, PushStatus::Ok);
    pass(&mut home, 30 * DAY - 60).await;
    assert_eq!(lengths(&rig), [1000, 1001]);
    pass(&mut home, 120).await;
    until_lengths(&rig, &[1000]).await;
    let mut removal = sync::removal(&second);
    removal.record.chunks.clear();
    assert_eq!(sync::one(&home.client, &removal).await.status, PushStatus::Ok);
    pass(&mut home, 30 * DAY + 60).await;
    until_lengths(&rig, &[]).await;
    assert_eq!(used(&home.client).await, 1 + 7 + 2 * AROUND);
}

#[tokio::test]
async fn a_chunk_that_was_named_or_asked_after_stays_another_thirty_days() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let (named, asked, unasked) = (Chunk::new(1, 1000), Chunk::new(2, 1001), Chunk::new(3, 1002));
    for chunk in [&named, &asked, &unasked] {
        bring_all(&home.client, chunk).await;
    }
    pass(&mut home, 30 * DAY - 60).await;
    let lacks_one = naming(1, &[&named, &Chunk::new(9, 5)]);
    let result = sync::one(&home.client, &lacks_one).await;
    assert_eq!(result.status, PushStatus::MissingChunks);
    assert!(missing(&home.client, &[&asked]).await.is_empty());
    pass(&mut home, 30 * DAY - 60).await;
    until_lengths(&rig, &[1000, 1001]).await;
    assert_eq!(
        sync::one(&home.client, &naming(2, &[&named, &asked]))
            .await
            .status,
        PushStatus::Ok
    );
}

#[tokio::test]
async fn chunks_count_from_their_first_byte_and_a_full_account_takes_no_more() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let (first, second) = (Chunk::new(1, 600_000), Chunk::new(2, 400_001));
    bring(&home.client, &first, 0, 1).await.is(202);
    assert_eq!(used(&home.client).await, 600_000);
    bring(&home.client, &second, 0, 10)
        .await
        .refuses(507, "quota-exceeded");
    assert_eq!(lengths(&rig), [1]);
    let exact = Chunk::new(3, 400_000);
    bring_all(&home.client, &exact).await;
    // What has its room goes on.
    bring(&home.client, &first, 1, 600_000).await.is(204);
    assert_eq!(used(&home.client).await, 1_000_000);
    assert_eq!(
        sync::one(&home.client, &sync::new(1, b"a")).await.status,
        PushStatus::Quota
    );
    pass(&mut home, 30 * DAY + 60).await;
    until_lengths(&rig, &[]).await;
    assert_eq!(used(&home.client).await, 0);
    bring_all(&home.client, &second).await;
}

#[tokio::test]
async fn where_an_account_is_full_what_no_record_needed_for_a_day_makes_room_for_what_is_new() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let (first, second) = (Chunk::new(1, 300_000), Chunk::new(2, 300_001));
    let (needed, new) = (Chunk::new(3, 300_002), Chunk::new(4, 500_000));
    bring_all(&home.client, &first).await;
    bring_all(&home.client, &needed).await;
    let record = naming(1, &[&needed]);
    assert_eq!(sync::one(&home.client, &record).await.status, PushStatus::Ok);
    pass(&mut home, 60).await;
    bring_all(&home.client, &second).await;
    // The first is a day old then, which isn't enough.
    for seconds in [0, DAY - 30] {
        pass(&mut home, seconds).await;
        let refused = bring(&home.client, &new, 0, 500_000).await;
        refused.refuses(507, "quota-exceeded");
        assert_eq!(lengths(&rig), [300_000, 300_001, 300_002]);
    }
    pass(&mut home, 120).await;
    // A backup needs the files that rows have now.
    let held = rig.app.files.hold().unwrap().unwrap();
    let refused = bring(&home.client, &new, 0, 500_000).await;
    refused.refuses(507, "quota-exceeded");
    drop(held);
    bring_all(&home.client, &new).await;
    until_lengths(&rig, &[300_002, 500_000]).await;
    assert_eq!(used(&home.client).await, 800_002 + 1 + AROUND + 32);
    // A record makes room likewise.
    let mut freed = sync::change(&record, b"b");
    freed.record.chunks.clear();
    let (other, long) = (naming(2, &[&new]), sync::new(3, &vec![7; 200_000]));
    for push in [freed, other] {
        assert_eq!(sync::one(&home.client, &push).await.status, PushStatus::Ok);
    }
    assert_eq!(sync::one(&home.client, &long).await.status, PushStatus::Quota);
    pass(&mut home, DAY + 60).await;
    assert_eq!(sync::one(&home.client, &long).await.status, PushStatus::Ok);
    until_lengths(&rig, &[500_000]).await;
    let now = 500_000 + (1 + AROUND) + (1 + AROUND + 32) + (200_000 + AROUND);
    assert_eq!(used(&home.client).await, now);
}
