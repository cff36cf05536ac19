//! What the same bytes take as plain HTTP, without sealing, database or session.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use belay_tests::pusher::{Link, made};
use belay_tests::{Outcome, Surprise};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::{number, print};

/// Answers the folder with the files: they stay until all is measured. An ext4 without a journal passes over the inodes of files
/// that were deleted less than minutes ago, one by one, for each file that is made (`recently_deleted`, fs/ext4/ialloc.c): that would
/// be counted as the cloud's.
pub async fn measure() -> Outcome<TempDir> {
    let folder = tempfile::tempdir()?;
    let server = serve(folder.path())?;
    let (contacts, photos) = (number("CONTACTS", 10_000), number("PHOTOS", 2_000));
    let mut link = Link::open(server, "", None).await?;
    let begun = Instant::now();
    for batch in (0..contacts).collect::<Vec<_>>().chunks(500) {
        let body: Vec<u8> = batch.iter().flat_map(|one| made::contact(*one)).collect();
        put(&mut link, body.into()).await?;
    }
    print(
        "plain HTTP, synced files",
        "contacts, first",
        begun.elapsed(),
        None,
    )?;
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    // As many as `belay-agent` brings, and the wire alone.
    for _ in 0..8 {
        let next = Arc::clone(&next);
        let mut link = Link::open(server, "", None).await?;
        workers.spawn(async move {
            loop {
                let number = usize::try_from(next.fetch_add(1, Ordering::Relaxed))?;
                if number >= photos {
                    return Outcome::Ok(());
                }
                put(&mut link, made::photo(number).into()).await?;
            }
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    print("plain HTTP, synced files", "photos, first", begun.elapsed(), None)?;
    Ok(folder)
}

async fn put(link: &mut Link, body: Bytes) -> Outcome {
    match link.call("PUT", "/", &[], body).await?.status {
        204 => Ok(()),
        status => Err(Surprise::new(format!("the floor answers {status}"))),
    }
}

/// A server on a thread of its own that writes each body into a file of `folder`.
fn serve(folder: &Path) -> Outcome<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (folder, names) = (folder.to_owned(), Arc::new(AtomicU64::new(0)));
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener)?;
            // It ends with the process.
            while let Ok((stream, _)) = listener.accept().await {
                let (folder, names) = (folder.clone(), Arc::clone(&names));
                let service = service_fn(move |request: Request<Incoming>| {
                    let path = folder.join(names.fetch_add(1, Ordering::Relaxed).to_string());
                    keep(request, path)
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            std::io::Result::Ok(())
        })
    });
    Ok(address)
}

async fn keep(request: Request<Incoming>, path: PathBuf) -> std::io::Result<Response<Empty<Bytes>>> {
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(std::io::Error::other)?;
    let body = body.to_bytes();
    let written = tokio::task::spawn_blocking(move || {
        let mut file = File::create(path)?;
        file.write_all(&body)?;
        file.sync_all()
    });
    written.await??;
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = hyper::StatusCode::NO_CONTENT;
    Ok(answer)
}
