//! The calls of sync, as `proto/openapi.yaml` has them.
//!
//! A push needs no idempotency key: what is there already is `ok`. What the cloud answers is counted against what it was
//! asked; whether a record is what it says, its seal tells.

use std::collections::HashSet;
use std::time::Duration;

use belay_proto::keys::sha256;
use belay_proto::sync::{ChunkId, CollectionId, MAX_SEALED_CHUNK};
use belay_proto::wire::header::{REPR_DIGEST, UPLOAD_LENGTH, UPLOAD_OFFSET};
use belay_proto::wire::{
    CHANGES_PAGE, ChangesAnswer, MISSING_CHUNKS, MissingAnswer, MissingRequest, OCTET_STREAM, PushAnswer,
    PushRequest, repr_digest,
};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::spawn_blocking;

use crate::cloud::call::{Auth, Call};
use crate::cloud::client::CloudClient;
use crate::cloud::error::CloudError;
use crate::cloud::problem::{Problem, ProblemKind};
use crate::cloud::retry;
use crate::cloud::transport::{Kind, LARGEST_ANSWER, Limits};
use crate::sync::ports::{Reply, SealedChunk, SyncCloud, SyncFailure};

/// Bytes of the longest cursor that is believed.
const LONGEST_CURSOR: usize = 128;

/// A packed body may be long, and a line slow: at 35 kB/s 1 MiB takes 30 s.
const PACKED: Limits = Limits {
    within: Duration::from_secs(60),
    quiet: Duration::from_secs(45),
    largest: LARGEST_ANSWER,
};

/// A chunk on its way out. What came stays when this is over, and the next call goes on there.
const BRINGING: Limits = Limits {
    within: Duration::from_secs(120),
    quiet: Duration::from_secs(120),
    largest: LARGEST_ANSWER,
};

/// A chunk on its way in: as long as bytes come, up to what the cloud gives a call.
const FETCHING: Limits = Limits {
    within: Duration::from_secs(600),
    quiet: Duration::from_secs(30),
    largest: MAX_SEALED_CHUNK,
};

/// Calls that bring one chunk at most before its upload counts as failed; each goes on where the cloud says.
const PARTS: u32 = 8;

impl SyncCloud for CloudClient {
    fn push(&self, request: PushRequest) -> Reply<'_, PushAnswer> {
        async move {
            let call = Call::post_packed("/v1/sync/push", &request).map(|call| call.within(PACKED));
            let answer = async { self.packed::<PushAnswer>(call?).await };
            let answer = answer
                .await
                .map_err(|error| failed(error, request.cursor.is_some()))?;
            let results = answer.results.len() == request.records.len();
            match results && is_cursor(&answer.cursor) {
                true => Ok(answer),
                false => Err(SyncFailure::Nonsense),
            }
        }
        .boxed()
    }

    fn changes<'a>(
        &'a self,
        cursor: Option<&'a str>,
        collection: CollectionId,
        limit: usize,
    ) -> Reply<'a, ChangesAnswer> {
        async move {
            let limit = limit.clamp(1, CHANGES_PAGE);
            let mut path = format!("/v1/sync/changes?collection={collection}&limit={limit}");
            if let Some(cursor) = cursor {
                if !is_cursor(cursor) {
                    return Err(SyncFailure::BadCursor);
                }
                path.push_str("&cursor=");
                path.push_str(cursor);
            }
            let call = Call::get(path, Auth::Session).within(PACKED);
            let answer: ChangesAnswer = self
                .packed(call)
                .await
                .map_err(|error| failed(error, cursor.is_some()))?;
            match answer.records.len() <= limit && is_cursor(&answer.cursor) {
                true => Ok(answer),
                false => Err(SyncFailure::Nonsense),
            }
        }
        .boxed()
    }

    fn missing(&self, chunks: Vec<ChunkId>) -> Reply<'_, MissingAnswer> {
        async move {
            if chunks.len() > MISSING_CHUNKS {
                return Err(SyncFailure::Refused);
            }
            let mut asked: HashSet<ChunkId> = chunks.iter().copied().collect();
            let call = Call::post_packed("/v1/blobs/missing", &MissingRequest { chunks });
            let answer = async { self.packed::<MissingAnswer>(call?.within(PACKED)).await };
            let answer = answer.await.map_err(|error| failed(error, false))?;
            let mut all_asked = answer.missing.iter();
            let known =
                all_asked.all(|chunk| asked.remove(&chunk.id) && chunk.offset <= MAX_SEALED_CHUNK as u64);
            match known {
                true => Ok(answer),
                false => Err(SyncFailure::Nonsense),
            }
        }
        .boxed()
    }

    fn put_chunk(&self, id: ChunkId, offset: u64, sealed: SealedChunk) -> Reply<'_, ()> {
        async move {
            let mut upload = Upload {
                path: format!("/v1/blobs/{id}"),
                digest: repr_digest(sealed.digest()),
                sealed: sealed.bytes().clone(),
                offset,
                restarted: false,
            };
            for _ in 0..PARTS {
                if self.part(&mut upload).await? {
                    return Ok(());
                }
            }
            Err(SyncFailure::Nonsense)
        }
        .boxed()
    }

    fn get_chunk(&self, id: ChunkId) -> Reply<'_, Vec<u8>> {
        async move {
            let call = Call::get(format!("/v1/blobs/{id}"), Auth::Session).within(FETCHING);
            let answer = self.answer(&call).await.map_err(|error| failed(error, false))?;
            if answer.status != 200 || answer.kind != Kind::Octets {
                return Err(SyncFailure::Nonsense);
            }
            let (body, told) = (Bytes::from(answer.body), answer.digest);
            let right = told == Some(digest(&body).await?);
            match right {
                true => Ok(body.into()),
                false => Err(SyncFailure::Nonsense),
            }
        }
        .boxed()
    }
}

/// A chunk on its way out.
struct Upload {
    path: String,
    digest: String,
    sealed: Bytes,
    /// Where its next byte belongs.
    offset: u64,
    /// Whether it began again, since something else had come than was announced.
    restarted: bool,
}

impl CloudClient {
    /// Brings what is left of a chunk; whether the cloud then has all of it.
    async fn part(&self, upload: &mut Upload) -> Result<bool, SyncFailure> {
        let length = upload.sealed.len();
        let offset = usize::try_from(upload.offset).unwrap_or(usize::MAX).min(length);
        let call = Call::put(upload.path.as_str(), Auth::Session, Vec::new())
            .bringing(OCTET_STREAM, upload.sealed.slice(offset..))
            .telling(UPLOAD_OFFSET, offset)
            .telling(UPLOAD_LENGTH, length)
            .telling(REPR_DIGEST, &upload.digest)
            .within(BRINGING);
        let reached = match self.answer(&call).await {
            Ok(answer) if answer.status == 204 => return Ok(true),
            Ok(answer) if answer.status == 202 => answer.offset,
            Ok(_) => None,
            Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::WrongOffset => problem.offset,
            // What had come of it wasn't this chunk, and is thrown away.
            Err(CloudError::Problem(problem))
                if problem.kind == ProblemKind::DigestMismatch && !upload.restarted =>
            {
                upload.restarted = true;
                Some(0)
            }
            Err(error) => return Err(failed(error, false)),
        };
        upload.offset = reached
            .filter(|reached| *reached <= length as u64)
            .ok_or(SyncFailure::Nonsense)?;
        Ok(false)
    }
}

/// SHA-256, on a thread that may take its time: a long chunk's takes ms.
async fn digest(bytes: &Bytes) -> Result<[u8; 32], SyncFailure> {
    let bytes = bytes.clone();
    spawn_blocking(move || sha256(&bytes))
        .await
        .map_err(|_| SyncFailure::Offline(None))
}

/// Whether a text can be a cursor: fit for a query as it is.
fn is_cursor(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=LONGEST_CURSOR).contains(&text.len()) && text.bytes().all(fits)
}

/// Why a call failed; `with_cursor` when it brought one that the cloud may not have taken for one.
fn failed(error: CloudError, with_cursor: bool) -> SyncFailure {
    tracing::info!(
        error = &error as &dyn std::error::Error,
        "sync waits for the cloud"
    );
    let wait = error.retry_after();
    match error {
        CloudError::NotConfigured | CloudError::Misconfigured(_) => SyncFailure::NotConfigured,
        CloudError::SessionEnded => SyncFailure::Reauthentication,
        CloudError::Nonsense(_) => SyncFailure::Nonsense,
        CloudError::Offline { .. } | CloudError::Vault(_) => SyncFailure::Offline(wait),
        CloudError::Problem(problem) => refused(&problem, with_cursor),
    }
}

fn refused(problem: &Problem, with_cursor: bool) -> SyncFailure {
    match (problem.kind, problem.status) {
        (ProblemKind::KeyEpochOld, _) => SyncFailure::KeyEpochOld,
        (ProblemKind::CursorTooOld, _) => SyncFailure::CursorOver,
        (ProblemKind::QuotaExceeded, _) => SyncFailure::Quota,
        (ProblemKind::NotFound, _) => SyncFailure::NotFound,
        (ProblemKind::ChunkBusy, _) => SyncFailure::Offline(retry::kept(problem.retry_after)),
        // All is listed anew on the cloud's own word, and not on that of a page in its place.
        (_, 400) if with_cursor && problem.is_named => SyncFailure::BadCursor,
        // A session ends and begins again without a word here, a binding is brought later, and an older cloud may become
        // a newer one.
        (_, 401 | 403 | 404 | 405 | 408 | 426 | 429) | (_, 500..) => {
            SyncFailure::Offline(retry::kept(problem.retry_after))
        }
        _ => SyncFailure::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, name: &str, with_cursor: bool) -> SyncFailure {
        let body = format!(r#"{{"type":"urn:belay:problem:{name}"}}"#);
        let wait = Some(Duration::from_secs(9));
        let problem = Problem::read(status, body.as_bytes(), wait);
        failed(CloudError::Problem(problem), with_cursor)
    }

    #[test]
    fn what_the_engine_decides_by_is_told_from_what_passes() {
        let later = SyncFailure::Offline(Some(Duration::from_secs(9)));
        for (status, name, failure) in [
            (412, "key-epoch-old", SyncFailure::KeyEpochOld),
            (410, "cursor-too-old", SyncFailure::CursorOver),
            (507, "quota-exceeded", SyncFailure::Quota),
            (404, "not-found", SyncFailure::NotFound),
            (400, "malformed", SyncFailure::Refused),
            (413, "too-large", SyncFailure::Refused),
            (422, "digest-mismatch", SyncFailure::Refused),
            (409, "chunk-busy", later),
            (403, "not-bound", later),
            (408, "request-timeout", later),
            (426, "update-required", later),
            (429, "too-many", later),
            (500, "internal", later),
            (507, "full", later),
        ] {
            assert_eq!(refusal(status, name, false), failure, "{name}");
        }
        assert_eq!(refusal(400, "malformed", true), SyncFailure::BadCursor);
        for page in [
            "",
            "<html>",
            r#"{"type":"about:blank"}"#,
            r#"{"type":"malformed"}"#,
        ] {
            let problem = Problem::read(400, page.as_bytes(), None);
            let failure = failed(CloudError::Problem(problem), true);
            assert_eq!(failure, SyncFailure::Refused, "{page}");
        }
        assert_eq!(
            failed(CloudError::SessionEnded, true),
            SyncFailure::Reauthentication
        );
        assert_eq!(
            failed(CloudError::NotConfigured, true),
            SyncFailure::NotConfigured
        );
    }

    #[test]
    fn a_cursor_that_would_change_the_query_is_none() {
        assert!(is_cursor("0123456789abcdef.17.4"));
        for bad in [
            "",
            "a&limit=1",
            "a b",
            "é",
            "a#",
            "%41",
            &"1".repeat(LONGEST_CURSOR + 1),
        ] {
            assert!(!is_cursor(bad), "{bad}");
        }
    }
}
