//! A long content on its way: what `Progress` says, what `belayctl` shows of it, and what becomes of it when it is interrupted.

use std::fs;
use std::sync::Arc;

use belay_proto::sync::CHUNK;
use belay_tests::app::{New, SYNC};
use belay_tests::guest;
use belay_tests::openapi::Exchange;
use belay_tests::proxy::Trick;
use belay_tests::terminal::Terminal;
use belay_tests::until::until;
use tokio::sync::Notify;

use super::Fleet;
use super::agent::Home;

const CHUNKS: usize = 6;
/// Words of 4 bytes, as many as they have at least.
const WORDS: u32 = 6 * 1024 * 1024;
/// So many calls about chunks are answered: a chunk was brought then, since four at most are under way, and not all were.
const ANSWERED: usize = 8;

/// Chunks of which no two are alike.
fn content() -> Vec<u8> {
    let words = (0..WORDS).flat_map(|n| (n ^ n.rotate_left(7)).to_le_bytes());
    let mut all: Vec<u8> = words.collect();
    all.truncate(CHUNKS * CHUNK);
    all
}

#[tokio::test]
async fn an_upload_that_is_held_half_way_says_how_many_of_how_many_bytes_are_done() {
    let fleet = Fleet::of(1, &["notes", "videos"]).await;
    let app = fleet.devices[0].app.clone();
    let network = fleet.network();
    let go = Arc::new(Notify::new());
    network.plan("/v1/blobs/", ANSWERED, &Trick::rewrite(|_, _| {}));
    network.plan("/v1/blobs/", 100, &Trick::Hold(Arc::clone(&go)));
    let film: Vec<u8> = content();
    let put = tokio::spawn({
        let app = app.clone();
        async move {
            let new = New {
                natural: "film.mp4",
                kind: "video/mp4",
                content: &film,
            };
            app.put_new("videos", &new).await.unwrap()
        }
    });
    let said = async || app.get::<(u64, u64)>(SYNC, "Progress").await.unwrap();
    let half = async || {
        let (done, all) = said().await;
        (done > 0 && all > done).then_some((done, all))
    };
    let (done, all) = until("a part of it to be done", half).await.unwrap();
    assert_eq!((done % CHUNK as u64, all), (0, (CHUNKS * CHUNK) as u64));
    // Who syncs something else meanwhile sees it on the terminal.
    let args = ["sync", "now", "notes"];
    let belayctl = fleet.devices[0].scene.program("belayctl", &args);
    let belayctl = belayctl.as_user(guest::person());
    let (mut belayctl, terminal) = belayctl.start_before(Terminal::wide(80).unwrap()).unwrap();
    assert_eq!(belayctl.wait().await.unwrap().code(), Some(0));
    let shown = terminal.all().await.unwrap();
    assert!(
        shown.contains(" %  ") && shown.contains(" of 24.7 MB"),
        "{shown:?}"
    );
    network.behave();
    let ends = async || {
        go.notify_waiters();
        put.is_finished().then_some(())
    };
    until("the rest to come", ends).await.unwrap();
    put.await.unwrap().unwrap();
    let over = async || (said().await == (0, 0)).then_some(());
    until("nothing to be under way", over).await.unwrap();
}

/// So many chunks come before the network goes,
const CAME: usize = 3;
/// and so many calls find it gone: belayd gives a content up after six tries, and the agent asks for it again, twice in vain.
const LOST: usize = 13;

#[tokio::test]
async fn a_download_that_is_interrupted_goes_on_where_it_ended_in_the_folder_of_its_user() {
    let fleet = Fleet::of(2, &["pictures"]).await;
    let photograph: Vec<u8> = content();
    let new = New {
        natural: "IMG 1.jpg",
        kind: "image/jpeg",
        content: &photograph,
    };
    let first = &fleet.devices[0].app;
    first.put_new("pictures", &new).await.unwrap().unwrap();
    fleet.settled(&["pictures"], "-").await;
    let network = fleet.network();
    network.plan("/v1/blobs/", CAME, &Trick::rewrite(|_, _| {}));
    network.plan("/v1/blobs/", LOST, &Trick::Cut);
    let home = Home::of(&fleet.devices[1]);
    let before = network.exchanges().len();
    let agent = home.agent(&fleet.devices[1], &[]).start().unwrap();
    let path = home.at("Pictures/IMG 1.jpg");
    let came = async || fs::read(&path).ok();
    let content = until("the photograph to come", came).await.unwrap();
    assert!(content == photograph);
    let fetched = |exchange: &&Exchange| {
        exchange.method == "GET" && exchange.path.starts_with("/v1/blobs/") && exchange.status == 200
    };
    let chunks = network.exchanges()[before..].iter().filter(fetched).count();
    assert!((CHUNKS..=CHUNKS + 1).contains(&chunks), "{chunks} chunks came");
    let left = fs::read_dir(home.at("Pictures")).unwrap().count();
    assert_eq!(left, 1, "nothing but the photograph");
    assert!(agent.stop().await.unwrap().success());
}
