//! The reference cloud and the wire, without belayd.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use belay_proto::sync::{CollectionKeys, Revision};
use belay_proto::wire::{MISSING_CHUNKS, MissingAnswer, MissingRequest, PUSH_RECORDS};
use belay_tests::Outcome;
use belay_tests::pusher::{Link, bring, changed, list, made, push};
use tokio::task::JoinSet;

use crate::place::Place;
use crate::{Used, number, print};

const WHO: &str = "belay-cloud, wire alone";

pub async fn measure(place: &Place) -> Outcome {
    contacts(place).await?;
    photos(place).await
}

/// Seals these contacts and pushes them, 500 in memory at once.
pub async fn push_contacts(
    link: &mut Link,
    keys: &CollectionKeys,
    mut cursor: Option<String>,
    numbers: std::ops::Range<usize>,
    base: impl Fn(usize) -> Option<Revision>,
) -> Outcome<(Option<String>, Vec<Revision>)> {
    let (mut next, mut revisions) = (numbers.start, Vec::new());
    while next < numbers.end {
        let end = numbers.end.min(next + PUSH_RECORDS);
        let batch: Vec<_> = (next..end)
            .map(|one| made::sealed_contact(keys, one, base(one)))
            .collect::<Outcome<_>>()?;
        // Those that are changed later.
        revisions.extend(batch.iter().take(10).map(|push| push.record.revision));
        cursor = push(link, cursor, batch).await?;
        next = end;
    }
    Ok((cursor, revisions))
}

async fn contacts(place: &Place) -> Outcome {
    let (keys, cloud) = (made::keys("contacts")?, place.cloud()?);
    let mut link = place.link().await?;
    // For the nonce.
    let cursor = Some(list(&mut link, None).await?.1);
    let used = Used::since_now(cloud)?;
    let begun = Instant::now();
    let many = number("CONTACTS", 10_000);
    let (cursor, first) = push_contacts(&mut link, &keys, cursor, 0..many, |_| None).await?;
    print(WHO, "contacts, first", begun.elapsed(), Some(&used))?;
    let begun = Instant::now();
    let none = changed(&mut link, &keys, cursor.as_deref().unwrap_or_default()).await?;
    print(WHO, "contacts, no change", begun.elapsed(), None)?;
    let begun = Instant::now();
    let base = |number: usize| first.get(number).copied();
    push_contacts(&mut link, &keys, cursor, 0..10.min(many), base).await?;
    print(WHO, "contacts, 10 changed", begun.elapsed(), None)?;
    belay_tests::expect!(none == 0, "{none} records changed by themselves");
    Ok(())
}

async fn photos(place: &Place) -> Outcome {
    let (keys, cloud) = (Arc::new(made::keys("pictures")?), place.cloud()?);
    let many = number("PHOTOS", 2_000);
    let mut link = place.link().await?;
    let (_, start) = list(&mut link, None).await?;
    let used = Used::since_now(cloud)?;
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..8 {
        let (next, keys, mut link) = (Arc::clone(&next), Arc::clone(&keys), place.link().await?);
        workers.spawn(async move {
            let mut records = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= many {
                    return Outcome::Ok(records);
                }
                let (record, sealed) = made::sealed_photo(&keys, number)?;
                bring(&mut link, &record, sealed).await?;
                records.push(record);
            }
        });
    }
    let mut records = Vec::new();
    while let Some(done) = workers.join_next().await {
        records.extend(done??);
    }
    let ids: Vec<_> = records
        .iter()
        .flat_map(|push| push.record.chunks.clone())
        .collect();
    let cursor = push(&mut link, Some(start), records).await?;
    print(WHO, "photos, first", begun.elapsed(), Some(&used))?;
    let begun = Instant::now();
    let none = changed(&mut link, &keys, cursor.as_deref().unwrap_or_default()).await?;
    print(WHO, "photos, no change", begun.elapsed(), None)?;
    belay_tests::expect!(none == 0, "{none} records changed by themselves");
    for some in ids.chunks(MISSING_CHUNKS) {
        let request = MissingRequest {
            chunks: some.to_vec(),
        };
        let answer: MissingAnswer = link.post("/v1/blobs/missing", &request).await?;
        belay_tests::expect!(answer.missing.is_empty(), "chunks are missing");
    }
    Ok(())
}
