//! The calls of sync: what goes out, what is believed of what comes back, and where a chunk goes on.

use std::time::Duration;

use belay_proto::keys::sha256;
use belay_proto::sync::{ChunkId, CollectionId, MAX_SEALED_CHUNK, RecordId, Revision};
use belay_proto::wire::{
    ChangesAnswer, MESSAGE_PACK, MissingAnswer, MissingChunk, MissingRequest, OCTET_STREAM, PushAnswer,
    PushRecord, PushRequest, PushStatus, Quota, SyncRecord, repr_digest,
};
use serde::Serialize;

use super::server::Request;
use super::{Bench, Reply, bench};
use crate::sync::ports::{SealedChunk, SyncCloud, SyncFailure};

const COLLECTION: CollectionId = CollectionId::from_bytes([1; 16]);
const CHUNK: ChunkId = ChunkId::from_bytes([2; 32]);

async fn session(replies: impl IntoIterator<Item = Reply>) -> Bench {
    let bench = bench(replies).await;
    bench.vault.put("access", "refresh");
    bench
}

fn packed(answer: &impl Serialize) -> Reply {
    Reply::bytes(200, MESSAGE_PACK, rmp_serde::to_vec_named(answer).unwrap())
}

fn record(seed: u8) -> SyncRecord {
    let sealed = vec![seed; 300];
    SyncRecord {
        collection: COLLECTION,
        id: RecordId::from_bytes([seed; 16]),
        revision: Revision::of(&sealed),
        key_epoch: 1,
        removed: false,
        chunks: Vec::new(),
        sealed: sealed.into(),
    }
}

fn request() -> PushRequest {
    let push = PushRecord {
        base: None,
        record: record(7),
    };
    PushRequest {
        cursor: Some("00000000000000ff.3".to_owned()),
        records: vec![push],
    }
}

fn pushed(results: usize) -> PushAnswer {
    PushAnswer {
        results: vec![PushStatus::Ok.into(); results],
        cursor: "00000000000000ff.4".to_owned(),
        contiguous: true,
        quota: Quota { used: 1, total: 2 },
    }
}

fn page(records: u8, cursor: &str) -> ChangesAnswer {
    ChangesAnswer {
        left: 0,
        records: (0..records).map(record).collect(),
        cursor: cursor.to_owned(),
        more: false,
        quota: Quota::default(),
    }
}

#[tokio::test]
async fn a_push_goes_out_packed_and_again_as_the_same_call() {
    let bench = session([Reply::json(503, ""), packed(&pushed(1))]).await;
    assert_eq!(bench.client.push(request()).await, Ok(pushed(1)));
    let seen = bench.server.seen();
    assert_eq!(seen.len(), 2);
    for seen in &seen {
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str()),
            ("POST", "/v1/sync/push")
        );
        assert_eq!(seen.header("content-type"), MESSAGE_PACK);
        assert_eq!(seen.header("authorization"), "DPoP access");
        // Compression beside what others may put into a body tells its length.
        assert_eq!(
            (seen.header("accept-encoding"), seen.header("content-encoding")),
            ("", "")
        );
        assert_eq!(
            rmp_serde::from_slice::<PushRequest>(&seen.bytes).unwrap(),
            request()
        );
        assert_eq!(seen.header("idempotency-key"), seen_key(&bench));
    }
}

fn seen_key(bench: &Bench) -> String {
    bench.server.seen()[0].header("idempotency-key").to_owned()
}

#[tokio::test]
async fn an_answer_may_have_fields_that_nobody_knows() {
    #[derive(Serialize)]
    struct Newer {
        records: Vec<SyncRecord>,
        cursor: String,
        more: bool,
        quota: Quota,
        news: Vec<u8>,
    }
    let newer = Newer {
        records: vec![record(1)],
        cursor: "1".to_owned(),
        more: true,
        quota: Quota::default(),
        news: vec![1, 2, 3],
    };
    let bench = session([packed(&newer)]).await;
    let answer = bench.client.changes(None, COLLECTION, 10).await.unwrap();
    assert_eq!((answer.records, answer.more), (vec![record(1)], true));
}

#[tokio::test]
async fn what_isnt_an_answer_to_the_push_is_nonsense() {
    let bytes = rmp_serde::to_vec_named(&pushed(1)).unwrap();
    let cursor = |cursor: &str| PushAnswer {
        cursor: cursor.to_owned(),
        ..pushed(1)
    };
    for reply in [
        Reply::bytes(200, "application/json", bytes.clone()),
        Reply::bytes(200, MESSAGE_PACK, [&bytes[..], &[0xc0]].concat()),
        Reply::bytes(200, MESSAGE_PACK, bytes[..bytes.len() - 1].to_vec()),
        Reply::bytes(200, MESSAGE_PACK, vec![0x91; 100_000]),
        Reply::bytes(200, MESSAGE_PACK, vec![0xc1; 3 * 1024 * 1024]),
        Reply::json(204, ""),
        Reply::Endless,
        packed(&pushed(0)),
        packed(&pushed(2)),
        packed(&cursor("")),
        packed(&cursor("a&limit=1")),
        packed(&cursor(&"1".repeat(1000))),
    ] {
        let bench = session([reply]).await;
        assert_eq!(bench.client.push(request()).await, Err(SyncFailure::Nonsense));
        assert_eq!(bench.server.seen().len(), 1, "nonsense isn't asked for twice");
    }
}

#[tokio::test]
async fn changes_are_asked_for_after_a_cursor_and_no_more_than_asked_are_believed() {
    let bench = session([
        packed(&page(2, "ff.9")),
        packed(&page(3, "ff.9")),
        packed(&page(0, "#")),
    ])
    .await;
    let ask = async |cursor| bench.client.changes(cursor, COLLECTION, 2).await;
    assert_eq!(ask(Some("ff.3")).await, Ok(page(2, "ff.9")));
    let path = format!("/v1/sync/changes?collection={COLLECTION}&limit=2");
    assert_eq!(bench.server.seen()[0].path, format!("{path}&cursor=ff.3"));
    assert_eq!(ask(None).await, Err(SyncFailure::Nonsense));
    assert_eq!(bench.server.seen()[1].path, path);
    assert_eq!(ask(None).await, Err(SyncFailure::Nonsense));
    assert_eq!(ask(Some("ff.3&limit=1000")).await, Err(SyncFailure::BadCursor));
    assert_eq!(bench.server.seen().len(), 3, "what isn't a cursor isn't sent");
}

#[tokio::test]
async fn nothing_is_missing_that_wasnt_asked_after() {
    let missing = |ids: &[u8], offset| {
        let chunk = |id: &u8| MissingChunk {
            id: ChunkId::from_bytes([*id; 32]),
            offset,
        };
        MissingAnswer {
            missing: ids.iter().map(chunk).collect(),
        }
    };
    let asked: Vec<ChunkId> = [4, 5].map(|id| ChunkId::from_bytes([id; 32])).to_vec();
    for (answer, good) in [
        (missing(&[], 0), true),
        (missing(&[5], 9), true),
        (missing(&[4, 5], 0), true),
        (missing(&[6], 0), false),
        (missing(&[4, 4], 0), false),
        (missing(&[4], MAX_SEALED_CHUNK as u64 + 1), false),
    ] {
        let bench = session([packed(&answer)]).await;
        let expected = if good {
            Ok(answer)
        } else {
            Err(SyncFailure::Nonsense)
        };
        assert_eq!(bench.client.missing(asked.clone()).await, expected);
        let sent = &bench.server.seen()[0];
        let request: MissingRequest = rmp_serde::from_slice(&sent.bytes).unwrap();
        assert_eq!(
            (sent.path.as_str(), request.chunks),
            ("/v1/blobs/missing", asked.clone())
        );
    }
}

fn sealed() -> SealedChunk {
    SealedChunk::new((0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect())
}

/// What a call that brought a chunk said and brought.
fn brought(request: &Request) -> (u64, Vec<u8>) {
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("PUT", format!("/v1/blobs/{CHUNK}").as_str())
    );
    assert_eq!(request.header("content-type"), OCTET_STREAM);
    assert_eq!(request.header("upload-length"), "200000");
    assert_eq!(
        request.header("repr-digest"),
        repr_digest(&sha256(sealed().bytes()))
    );
    (
        request.header("upload-offset").parse().unwrap(),
        request.bytes.clone(),
    )
}

#[tokio::test]
async fn a_chunk_goes_on_where_the_cloud_says() {
    let at = |status: u16, offset: &str| Reply::bytes(status, "", Vec::new()).with("upload-offset", offset);
    let wrong = |offset: &str| Reply::problem(409, "wrong-offset").with("upload-offset", offset);
    let done = || Reply::bytes(204, "", Vec::new());
    for (replies, offsets) in [
        (vec![done()], vec![50]),
        (vec![at(202, "60"), done()], vec![50, 60]),
        (vec![wrong("0"), at(202, "199999"), done()], vec![50, 0, 199_999]),
        (vec![wrong("200000"), done()], vec![50, 200_000]),
        (vec![Reply::problem(422, "digest-mismatch"), done()], vec![50, 0]),
        (vec![Reply::json(503, ""), wrong("70"), done()], vec![50, 50, 70]),
    ] {
        let bench = session(replies).await;
        assert_eq!(bench.client.put_chunk(CHUNK, 50, sealed()).await, Ok(()));
        let seen: Vec<_> = bench.server.seen().iter().map(brought).collect();
        for (offset, bytes) in &seen {
            assert!(
                *bytes == sealed().bytes()[usize::try_from(*offset).unwrap()..],
                "from {offset}"
            );
        }
        assert_eq!(
            seen.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(),
            offsets
        );
    }
}

#[tokio::test]
async fn a_cloud_that_never_has_a_chunk_is_left() {
    let at = |offset: &str| Reply::bytes(202, "", Vec::new()).with("upload-offset", offset);
    let mismatch = || Reply::problem(422, "digest-mismatch");
    let busy = Reply::problem(409, "chunk-busy").with("retry-after", "5");
    for (replies, calls, failure) in [
        ((0..20).map(|_| at("50")).collect(), 8, SyncFailure::Nonsense),
        (vec![at("200001")], 1, SyncFailure::Nonsense),
        (vec![at("-1")], 1, SyncFailure::Nonsense),
        (vec![Reply::bytes(202, "", Vec::new())], 1, SyncFailure::Nonsense),
        (
            vec![Reply::problem(409, "wrong-offset")],
            1,
            SyncFailure::Nonsense,
        ),
        (vec![mismatch(), mismatch()], 2, SyncFailure::Refused),
        (vec![Reply::problem(507, "quota-exceeded")], 1, SyncFailure::Quota),
        (vec![busy], 1, SyncFailure::Offline(Some(Duration::from_secs(5)))),
        (vec![Reply::Close], 1, SyncFailure::Offline(None)),
    ] {
        let bench = session(replies).await;
        assert_eq!(bench.client.put_chunk(CHUNK, 50, sealed()).await, Err(failure));
        assert_eq!(bench.server.seen().len(), calls, "{failure}");
    }
}

#[tokio::test]
async fn a_chunk_comes_with_the_digest_that_it_has() {
    let of = |bytes: &[u8], digest: &[u8]| {
        Reply::bytes(200, OCTET_STREAM, bytes.to_vec()).with("repr-digest", &repr_digest(&sha256(digest)))
    };
    let longest = vec![7; MAX_SEALED_CHUNK];
    let too_long = vec![7; MAX_SEALED_CHUNK + 1];
    for (reply, answer) in [
        (of(b"sealed", b"sealed"), Ok(b"sealed".to_vec())),
        (of(&longest, &longest), Ok(longest.clone())),
        (of(&too_long, &too_long), Err(SyncFailure::Nonsense)),
        (of(b"sealed", b"other"), Err(SyncFailure::Nonsense)),
        (
            Reply::bytes(200, OCTET_STREAM, b"sealed".to_vec()),
            Err(SyncFailure::Nonsense),
        ),
        (Reply::json(200, "{}"), Err(SyncFailure::Nonsense)),
        (Reply::Endless, Err(SyncFailure::Nonsense)),
        (Reply::Short, Err(SyncFailure::Offline(None))),
        (Reply::problem(404, "not-found"), Err(SyncFailure::NotFound)),
    ] {
        let bench = session([reply]).await;
        assert!(bench.client.get_chunk(CHUNK).await == answer);
    }
}

#[tokio::test]
async fn an_answer_that_promises_gigabytes_is_none_and_no_room_is_made_for_it() {
    // One that nobody measures is a connection that broke: three bytes come.
    for length in [1 << 32, 1 << 40, 1 << 62] {
        let bench = session([Reply::Promise(OCTET_STREAM, length)]).await;
        let chunk = bench.client.get_chunk(CHUNK).await;
        assert_eq!(chunk, Err(SyncFailure::Nonsense), "{length}");
        let bench = session([Reply::Promise(MESSAGE_PACK, length)]).await;
        let changes = bench.client.changes(None, COLLECTION, 2).await;
        assert_eq!(changes, Err(SyncFailure::Nonsense), "{length}");
    }
}

#[tokio::test]
async fn a_chunk_may_take_its_time_as_long_as_something_comes() {
    let bench = session([Reply::Hang]).await;
    let (outcome, ()) = tokio::join!(bench.client.get_chunk(CHUNK), async {
        bench.server.requests(1).await;
        bench.clock.advance(Duration::from_secs(30));
    });
    assert_eq!(outcome, Err(SyncFailure::Offline(None)));
}

#[tokio::test]
async fn without_a_session_nothing_is_sent() {
    let bench = bench([]).await;
    assert_eq!(
        bench.client.push(request()).await,
        Err(SyncFailure::Reauthentication)
    );
    assert_eq!(
        bench.client.get_chunk(CHUNK).await,
        Err(SyncFailure::Reauthentication)
    );
    assert!(bench.server.seen().is_empty());
}
