//! Sync by hand: pushes to the cloud in a device's session without belayd, as somebody else's client would.

mod link;
pub mod made;

use std::path::Path;

use belay::cloud::Vault;
use belay::store::account::AccountRows;
use belay::store::{SealingKey, Store};
use belay_proto::keys::sha256;
use belay_proto::sync::CollectionKeys;
use belay_proto::wire::header::{REPR_DIGEST, UPLOAD_LENGTH, UPLOAD_OFFSET};
use belay_proto::wire::{
    ChangesAnswer, OCTET_STREAM, PUSH_RECORDS, PushAnswer, PushRecord, PushRequest, PushStatus, repr_digest,
};

use crate::{Outcome, Surprise};

pub use link::{Link, Reply};

/// The session of a device.
#[derive(Debug, Clone)]
pub struct Session {
    /// The seed of the device key.
    pub seed: [u8; 32],
    /// The access token.
    pub token: String,
}

impl Session {
    /// What belayd, which doesn't run, left in its state folder.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn of_belayd(state: &Path) -> Outcome<Self> {
        let rows = AccountRows::new(Store::open(state, SealingKey::new(None)).await?);
        let seed = *rows.device_key().await?.seed().expose();
        let tokens = rows.tokens().await?;
        let tokens = tokens.ok_or_else(|| Surprise::new("belayd has no session"))?;
        Ok(Self {
            seed,
            token: tokens.access.expose().clone(),
        })
    }
}

/// Pushes records, by 500; the cursor after the last.
///
/// # Errors
/// Where the cloud doesn't store each of them, or somebody else pushed.
pub async fn push(
    link: &mut Link,
    mut cursor: Option<String>,
    records: Vec<PushRecord>,
) -> Outcome<Option<String>> {
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let request = PushRequest {
            cursor: cursor.clone(),
            records: records.by_ref().take(PUSH_RECORDS).collect(),
        };
        let answer: PushAnswer = link.post("/v1/sync/push", &request).await?;
        let stored = |result: &belay_proto::wire::PushResult| result.status == PushStatus::Ok;
        crate::expect!(
            answer.results.iter().all(stored) && answer.contiguous,
            "the cloud didn't store all of a push"
        );
        cursor = Some(answer.cursor);
    }
    Ok(cursor)
}

/// Follows pages from this cursor, or from the start, to their end; how many records there were, and the cursor there.
///
/// # Errors
/// Where the cloud refuses.
pub async fn list(link: &mut Link, cursor: Option<&str>) -> Outcome<(usize, String)> {
    let from = |cursor: &str| format!("/v1/sync/changes?cursor={cursor}");
    let first = cursor.map_or_else(|| "/v1/sync/changes".to_owned(), from);
    let mut page: ChangesAnswer = link.get(&first).await?;
    let mut records = page.records.len();
    while page.more {
        page = link.get(&from(&page.cursor)).await?;
        records += page.records.len();
    }
    Ok((records, page.cursor))
}

/// How many records of a collection changed after a cursor.
///
/// # Errors
/// Where the cloud refuses.
pub async fn changed(link: &mut Link, keys: &CollectionKeys, cursor: &str) -> Outcome<usize> {
    let of = keys.collection_id();
    let path = format!("/v1/sync/changes?cursor={cursor}&collection={of}");
    let answer: ChangesAnswer = link.get(&path).await?;
    Ok(answer.records.len())
}

/// Brings the one chunk that a record names.
///
/// # Errors
/// Where the cloud doesn't take it.
pub async fn bring(link: &mut Link, record: &PushRecord, sealed: Vec<u8>) -> Outcome {
    let id = record.record.chunks.first().copied();
    let id = id.ok_or_else(|| Surprise::new("a record without a chunk"))?;
    let headers = [
        ("content-type", OCTET_STREAM.to_owned()),
        (UPLOAD_OFFSET, "0".to_owned()),
        (UPLOAD_LENGTH, sealed.len().to_string()),
        (REPR_DIGEST, repr_digest(&sha256(&sealed))),
    ];
    let reply = link
        .call("PUT", &format!("/v1/blobs/{id}"), &headers, sealed.into())
        .await?;
    crate::expect!(
        reply.status == 204,
        "the cloud answers {} to a chunk",
        reply.status
    );
    Ok(())
}
