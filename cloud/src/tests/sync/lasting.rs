//! What lasts, for how long, and whose it is.

use rusqlite::params;

use super::super::rig::START;
use super::*;

const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn removals_are_told_for_180_days_and_an_older_cursor_has_to_list() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let (gone, kept) = (new(1, b"a"), new(2, b"b"));
    let start = push(&home.client, None, &[gone.clone(), kept]).await;
    let after = push(&home.client, None, &[removal(&gone)]).await;
    rig.advance(179 * DAY);
    home.owner.sign_in(&mut home.client).await.is(200);
    let told = changes(&home.client, &format!("cursor={}", start.cursor)).await;
    assert!(matches!(told.records.as_slice(), [record] if record.removed));
    rig.advance(2 * DAY);
    home.owner.sign_in(&mut home.client).await.is(200);
    let path = format!("/v1/sync/changes?cursor={}", start.cursor);
    home.client.get(&path).await.refuses(410, "cursor-too-old");
    // Who has seen the removal hasn't missed anything.
    assert!(
        changes(&home.client, &format!("cursor={}", after.cursor))
            .await
            .records
            .is_empty()
    );
    let all = changes(&home.client, "").await;
    assert_eq!(all.records.len(), 1);
    assert_eq!(all.quota.used, 1 + AROUND);
}

#[tokio::test]
async fn a_listing_goes_on_over_what_was_forgotten_before_it_began() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let gone = new(9, b"z");
    push(
        &home.client,
        None,
        &[new(1, b"a"), new(2, b"b"), new(3, b"c"), gone.clone()],
    )
    .await;
    push(&home.client, None, &[removal(&gone)]).await;
    let early = changes(&home.client, "limit=1").await;
    rig.advance(181 * DAY);
    home.owner.sign_in(&mut home.client).await.is(200);
    let mut page = changes(&home.client, "limit=1").await;
    let mut seen = told(&page).len();
    while page.more {
        page = changes(&home.client, &format!("limit=1&cursor={}", page.cursor)).await;
        seen += told(&page).len();
    }
    assert_eq!(seen, 3);
    assert_eq!(page.cursor.matches('.').count(), 1);
    // One that began before may have listed what was removed since.
    let path = format!("/v1/sync/changes?cursor={}", early.cursor);
    home.client.get(&path).await.refuses(410, "cursor-too-old");
}

#[tokio::test]
async fn after_a_restore_every_device_of_the_account_lists() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let kept = push(&home.client, None, &[new(1, b"a")]).await.cursor;
    let backup = rig.backup();
    let middle = push(&home.client, None, &[new(2, b"b")]).await.cursor;
    let last = push(&home.client, None, &[new(3, b"c")]).await.cursor;
    let away = home.leave();
    let rig = rig.restore(&backup, START + 60_000);
    let mut home = away.back(&rig);
    home.owner.sign_in(&mut home.client).await.is(200);
    let client = &home.client;
    let refused = async |cursor: &str| {
        let path = format!("/v1/sync/changes?cursor={cursor}");
        client.get(&path).await.refuses(410, "cursor-too-old");
    };
    refused(&last).await;
    // Now that more was pushed, these numbers lie among those of this database.
    let now = push(client, None, &[new(4, b"d")]).await.cursor;
    for cursor in [&kept, &middle, &last] {
        refused(cursor).await;
    }
    let all = changes(client, "").await;
    assert_eq!((told(&all).len(), &all.cursor), (2, &now));
}

#[tokio::test]
async fn a_cursor_of_another_database_or_of_the_future_has_to_list() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let cursor = push(&home.client, None, &[new(1, b"a")]).await.cursor;
    let (epoch, sequence) = cursor.split_once('.').unwrap();
    let other = format!("{:016x}", u64::from_str_radix(epoch, 16).unwrap() ^ 1);
    for bad in [
        format!("{other}.{sequence}"),
        format!("{epoch}.{}", 1 + sequence.parse::<u64>().unwrap()),
    ] {
        let path = format!("/v1/sync/changes?cursor={bad}");
        home.client.get(&path).await.refuses(410, "cursor-too-old");
    }
    for bad in [
        "cursor=x",
        "collection=x",
        "limit=x",
        "limit=1&limit=2",
        "after=1",
    ] {
        let path = format!("/v1/sync/changes?{bad}");
        home.client.get(&path).await.refuses(400, "malformed");
    }
}

#[tokio::test]
async fn only_a_device_of_the_account_pushes_and_each_account_has_its_own() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "eve@example.org").await;
    one(&home.client, &new(1, b"a")).await;
    assert!(changes(&other.client, "").await.records.is_empty());
    assert_eq!(one(&other.client, &new(1, b"z")).await.status, PushStatus::Ok);
    assert_eq!(told(&changes(&home.client, "").await), [(1, &b"a"[..])]);
    let mut guest = rig.client();
    home.owner.sign_in(&mut guest).await.is(200);
    let body = rmp_serde::to_vec_named(&request(None, &[new(2, b"b")])).unwrap();
    send(&guest, body.clone()).await.refuses(403, "not-bound");
    assert_eq!(told(&changes(&guest, "").await), [(1, &b"a"[..])]);
    send(&rig.client(), body).await.refuses(401, "invalid-token");
}

#[tokio::test]
async fn removals_and_quotas_are_counted_where_the_operator_sees_them() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    one(&home.client, &new(1, b"abc")).await;
    let account = home.owner.account;
    let set = move |tx: &rusqlite::Transaction<'_>| {
        tx.execute(
            "UPDATE sync_accounts SET quota = ?2 WHERE account = ?1",
            params![account.as_bytes(), 4 + 2 * AROUND],
        )?;
        Ok(())
    };
    rig.app.store.transact(set).await.unwrap();
    assert_eq!(one(&home.client, &new(2, b"de")).await.status, PushStatus::Quota);
    let answer = push(&home.client, None, &[new(3, b"d")]).await;
    let all = 4 + 2 * AROUND;
    assert_eq!((answer.quota.used, answer.quota.total), (all, all));
}
