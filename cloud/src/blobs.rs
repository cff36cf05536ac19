//! Chunks of long contents, sealed by an account's devices: which are there, bringing one, fetching one.
//!
//! The bytes lie in [`files`], everything else in the database. What no record needs goes after 30 days, or once its account wants the
//! room.

pub mod copies;
pub mod files;
pub mod range;
mod sending;
pub mod table;
pub mod upload;

use std::io;

use axum::body::Body;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belay_proto::AccountId;
use belay_proto::sync::ChunkId;
use belay_proto::wire::header::REPR_DIGEST;
use belay_proto::wire::{
    MISSING_CHUNKS, MissingAnswer, MissingChunk, MissingRequest, OCTET_STREAM, repr_digest,
};
use futures_util::stream;
use ring::digest::{Context, SHA256};
use rusqlite::Transaction;

use self::files::{FileName, Files};
use self::range::Part;
use self::sending::Sending;
use self::table::Row;
use self::upload::{Announced, Upload, Verdict, blocking};
use crate::app::App;
use crate::http::packed::Packed;
use crate::http::{Session, Shown, id_in_path};
use crate::problem::{Kind, Problem};
use crate::store::{self, Failure};
use crate::{devices, sync};

/// `POST /v1/blobs/missing`: which chunks aren't there, and how much of them is.
///
/// # Errors
/// `malformed`, `not-bound`, `too-large`.
pub async fn missing(State(app): State<App>, request: Request) -> Result<Packed<MissingAnswer>, Problem> {
    let (parts, body) = request.into_parts();
    let shown = Shown::read(&parts, &app)?;
    let Packed(body) = Packed::<MissingRequest>::from_request(Request::from_parts(parts, body), &app).await?;
    let (chunks, now) = (body.chunks, app.now());
    let look = move |tx: &Transaction<'_>, session: &Session| {
        if chunks.len() > MISSING_CHUNKS {
            let why = "a call asks after at most 1,000 chunks";
            return Err(Problem::new(Kind::TooLarge).because(why).into());
        }
        let account = session.account;
        devices::acting(tx, &session.proof.thumbprint, &account)?;
        let found = match table::is_keeping_due(tx, &account, &chunks, now)? {
            false => Ok(rows(tx, &account, &chunks)?),
            true => Err(chunks),
        };
        Ok((account, found))
    };
    let (account, found) = shown.in_session(&app, look).await?;
    let found = match found {
        Ok(found) => found,
        // Who asks names them next.
        Err(chunks) => {
            let keep = move |tx: &Transaction<'_>| {
                table::keep(tx, &account, &chunks, now)?;
                rows(tx, &account, &chunks)
            };
            app.store.transact(keep).await?
        }
    };
    let (missing, lost) = match found.iter().any(|(_, row)| row.is_some()) {
        true => {
            let files = app.files.clone();
            blocking(move || absent(&files, found)).await?
        }
        // There is no file to look at.
        false => (
            found.into_iter().map(|(id, _)| nothing_of(id)).collect(),
            Vec::new(),
        ),
    };
    if !lost.is_empty() {
        let lose = move |tx: &Transaction<'_>| {
            let mut lost = lost.iter();
            lost.try_for_each(|(id, file)| table::lose(tx, &account, id, *file))
        };
        app.store.transact(lose).await?;
    }
    Ok(Packed(MissingAnswer { missing }))
}

/// A chunk, and its row where there is one.
type Found = (ChunkId, Option<Row>);
/// A chunk whose file should be there and isn't.
type Lost = (ChunkId, FileName);

const fn nothing_of(id: ChunkId) -> MissingChunk {
    MissingChunk { id, offset: 0 }
}

/// What there is of these.
fn rows(tx: &Transaction<'_>, account: &AccountId, chunks: &[ChunkId]) -> Result<Vec<Found>, Failure> {
    chunks
        .iter()
        .map(|id| Ok((*id, table::find(tx, account, id)?)))
        .collect()
}

/// Which of these aren't there, or not all of them, and files that should be there and aren't: an error where none is.
fn absent(files: &Files, rows: Vec<Found>) -> io::Result<(Vec<MissingChunk>, Vec<Lost>)> {
    let (mut missing, mut lost) = (Vec::new(), Vec::new());
    for (id, row) in rows {
        let offset = match row {
            Some(row) => files.length(row.file)?.min(row.length),
            None => 0,
        };
        match row.filter(|row| row.whole) {
            Some(row) if offset == row.length => continue,
            Some(row) => {
                files.expect(row.file)?;
                lost.push((id, row.file));
            }
            None => {}
        }
        missing.push(MissingChunk { id, offset });
    }
    Ok((missing, lost))
}

/// `PUT /v1/blobs/{id}`: a chunk, or what is left of it.
///
/// # Errors
/// `malformed`, `not-bound`, `not-found` for an id that is none, `too-large`, `unsupported-media-type`, `wrong-offset`,
/// `chunk-busy`, `digest-mismatch`, `quota-exceeded`, `request-timeout`, `busy`.
pub async fn put(State(app): State<App>, path: Path<String>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let announced = Announced::read(&parts.headers, &body);
    let begun = match Shown::read(&parts, &app) {
        Ok(shown) => begin(&app, shown, path, announced).await,
        Err(problem) => Err(problem),
    };
    match begun {
        // Goes on when the caller has gone: what came is kept.
        Ok(Begun::Upload(upload)) => tokio::spawn(upload.receive(body))
            .await
            .unwrap_or_else(|_| Err(Problem::new(Kind::Internal))),
        refused => {
            // Who waits for a word before he sends doesn't send.
            if !parts.headers.contains_key(header::EXPECT) {
                upload::drain(body);
            }
            match refused? {
                Begun::Answer(response) => Ok(response),
                Begun::Upload(_) => Err(Problem::new(Kind::Internal)),
            }
        }
    }
}

/// What becomes of a chunk's bytes.
enum Begun {
    /// Nobody needs them.
    Answer(Response),
    /// They are written.
    Upload(Box<Upload>),
}

async fn begin(
    app: &App,
    shown: Shown,
    path: Path<String>,
    announced: Result<Announced, Problem>,
) -> Result<Begun, Problem> {
    let inside = app.clone();
    let decide = move |tx: &Transaction<'_>, session: &Session| {
        let id: ChunkId = id_in_path(path)?;
        let announced = announced?;
        let account = session.account;
        let device = devices::acting(tx, &session.proof.thumbprint, &account)?;
        let writing = inside.files.write(account, device, id);
        let row = table::find(tx, &account, &id)?;
        let verdict = announced.judge(row.as_ref());
        if verdict != Verdict::Whole {
            table::keep(tx, &account, &[id], inside.now())?;
        }
        let file = match (verdict, &writing) {
            (Verdict::Whole | Verdict::Differs | Verdict::From(_), _) => None,
            (_, Err(taken)) => return Err(Problem::wait(*taken, upload::WAIT).into()),
            (Verdict::GoOn(file), Ok(_)) => Some(file),
            (Verdict::Begin, Ok(_)) => Some(reserve(&inside, tx, &account, &id, row, announced)?),
        };
        Ok((account, id, announced, verdict, file.zip(writing.ok())))
    };
    // A reserved row is on disk with the one that says that all of the chunk is there. Until then nobody was told that it is,
    // and a file whose row a power cut took is nobody's.
    let (account, id, announced, verdict, writing) = shown.in_session(app, decide).await?;
    if let Some((file, writing)) = writing {
        return Ok(Begun::Upload(Box::new(Upload {
            app: app.clone(),
            account,
            id,
            file,
            announced,
            writing,
        })));
    }
    match verdict {
        Verdict::Differs => {
            Err(Problem::new(Kind::DigestMismatch).because("the cloud has this chunk with other bytes"))
        }
        Verdict::From(offset) => Ok(Begun::Answer(upload::wrong_offset(offset))),
        Verdict::Whole | Verdict::GoOn(_) | Verdict::Begin => {
            let now = app.now();
            let keep = move |tx: &Transaction<'_>| {
                table::keep(tx, &account, &[id], now)?;
                table::find(tx, &account, &id)
            };
            let row = app.store.transact(keep).await?;
            // It may have been over just now.
            Ok(Begun::Answer(match row.is_some_and(|row| row.whole) {
                true => upload::whole(),
                false => upload::wrong_offset(0),
            }))
        }
    }
}

/// What an account uses once it uses `used` bytes, as far as its quota has room for that: where it hasn't, chunks that no record
/// needs make room. `None` where they don't.
///
/// # Errors
/// A broken database.
pub fn fit(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    counted: &sync::table::Counted,
    used: u64,
) -> Result<Option<u64>, Failure> {
    let over = used.saturating_sub(counted.quota(app.settings.limits.quota).total);
    if over == 0 {
        return Ok(Some(used));
    }
    let (free, gone) = table::make_room(tx, &app.files, account, over, app.now())?;
    if free < over {
        return Ok(None);
    }
    let files = app.files.clone();
    store::after_commit(move || files.remove(gone));
    Ok(Some(used.saturating_sub(free)))
}

/// Takes room for a chunk, in place of what came of it before.
fn reserve(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    id: &ChunkId,
    before: Option<Row>,
    announced: Announced,
) -> Result<FileName, Failure> {
    let mut counted = sync::table::counted(tx, account)?;
    let replaced = before.map_or(0, |row| row.length);
    let used = counted
        .used
        .saturating_sub(replaced)
        .saturating_add(announced.length);
    counted.used = match used > counted.used {
        false => used,
        true => fit(app, tx, account, &counted, used)?.ok_or_else(|| Problem::new(Kind::QuotaExceeded))?,
    };
    sync::table::count(tx, account, &counted)?;
    let file = FileName::draw();
    let row = Row {
        file,
        length: announced.length,
        digest: announced.digest,
        whole: false,
    };
    table::put(tx, account, id, &row, app.now())?;
    if let Some(before) = before {
        let files = app.files.clone();
        store::after_commit(move || files.remove(vec![before.file]));
    }
    Ok(file)
}

/// `GET /v1/blobs/{id}`: a chunk, or a part of it.
///
/// # Errors
/// `not-found`, `range-not-satisfiable`.
pub async fn get(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: ChunkId = id_in_path(path)?;
    let account = session.account;
    let not_found = || Problem::new(Kind::NotFound);
    let find = move |tx: &Transaction<'_>| table::find(tx, &account, &id);
    let row = app.store.transact(find).await?.filter(|row| row.whole);
    let row = row.ok_or_else(not_found)?;
    let part = range::asked(&headers, row.length);
    let (status, first, last) = match part {
        Part::Whole => (StatusCode::OK, 0, row.length.saturating_sub(1)),
        Part::Range(first, last) => (StatusCode::PARTIAL_CONTENT, first, last),
        Part::Nowhere => return Ok(nowhere(row.length)),
    };
    let files = app.files.clone();
    let Some(file) = blocking(move || files.read(row.file, row.length, first)).await? else {
        let lose = move |tx: &Transaction<'_>| table::lose(tx, &account, &id, row.file);
        app.store.transact(lose).await?;
        return Err(not_found());
    };
    let length = last - first + 1;
    let mut answer = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(OCTET_STREAM)),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    if let Ok(digest) = HeaderValue::from_str(&repr_digest(&row.digest)) {
        answer.insert(HeaderName::from_static(REPR_DIGEST), digest);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        answer.insert(
            header::CONTENT_RANGE,
            content_range(&format!("{first}-{last}"), row.length)?,
        );
    }
    let sending = Sending {
        file,
        left: length,
        check: (part == Part::Whole).then(|| Context::new(&SHA256)),
        spoilt: (app, account, id, row),
    };
    let body = Body::from_stream(stream::try_unfold(sending, Sending::piece));
    Ok((status, answer, body).into_response())
}

fn nowhere(length: u64) -> Response {
    let mut response = Problem::new(Kind::RangeNotSatisfiable).into_response();
    if let Ok(range) = content_range("*", length) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

fn content_range(part: &str, length: u64) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(&format!("bytes {part}/{length}")).map_err(|_| Problem::new(Kind::Internal))
}
