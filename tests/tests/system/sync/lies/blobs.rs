//! Lies about chunks: what comes back is the photo's beginning or nothing, never other bytes.

use belay_proto::Secret;
use belay_proto::keys::sha256;
use belay_proto::signed::EpochKeys;
use belay_proto::sync::{ChunkId, CollectionKeys, seal_chunk};
use belay_proto::wire::header::REPR_DIGEST;
use belay_proto::wire::{MESSAGE_PACK, MissingAnswer, MissingChunk, repr_digest};
use belay_tests::app::{ACCOUNT, Answer, New};
use belay_tests::bluez::Chance;
use belay_tests::owner::Console;
use belay_tests::proxy::{Reply, Trick};

use super::ALWAYS;
use super::mixed::foreign;
use crate::owner::{ADA, PASSWORD};
use crate::sync::Fleet;

const BLOBS: &str = "/v1/blobs/";
const MISSING: &str = "/v1/blobs/missing";

struct Album {
    fleet: Fleet,
}

/// Photos of 600 KB.
fn photo(number: u64) -> Vec<u8> {
    let mut chance = Chance::new(number);
    (0..600_000).map(|_| chance.byte()).collect()
}

impl Album {
    async fn with(photos: u64) -> Self {
        let album = Self {
            fleet: Fleet::of(1, &["pictures"]).await,
        };
        for number in 0..photos {
            album.puts(number).await.unwrap();
        }
        album.fleet.devices[0].app.sync_now().await.unwrap().unwrap();
        album
    }

    async fn puts(&self, number: u64) -> Answer<u64> {
        let app = &self.fleet.devices[0].app;
        let (natural, content) = (format!("{number}.jpg"), photo(number));
        let new = New {
            natural: &natural,
            kind: "image/jpeg",
            content: &content,
        };
        let id = app.identify("pictures", &natural).await.unwrap().unwrap();
        let rows = app.list("pictures").await.unwrap().unwrap();
        match rows.iter().find(|row| row.id == id) {
            Some(row) => app.put("pictures", &id, row.revision, &new).await.unwrap(),
            None => app.put_new("pictures", &new).await.unwrap(),
        }
    }

    async fn gets(&self, number: u64) -> Answer<Vec<u8>> {
        let app = &self.fleet.devices[0].app;
        let natural = format!("{number}.jpg");
        let id = app.identify("pictures", &natural).await.unwrap().unwrap();
        let answer = app.content("pictures", &id).await.unwrap();
        answer.map(|(content, _)| content)
    }

    /// While chunks come so, the photo doesn't; afterwards it does.
    async fn is_lied_to(&self, lie: impl Fn(&mut Reply<'_>) + Send + Sync + 'static) {
        let network = self.fleet.network();
        // With the digest of what is sent: a liar can count.
        let lie = Trick::rewrite(move |_, reply| {
            lie(reply);
            let digest = repr_digest(&sha256(reply.body)).parse().unwrap();
            reply.headers.insert(REPR_DIGEST, digest);
        });
        network.plan(BLOBS, ALWAYS, &lie);
        let whole = photo(0);
        if let Ok(content) = self.gets(0).await {
            assert!(
                content.len() < whole.len() && whole.starts_with(&content),
                "{} B came",
                content.len()
            );
        }
        network.played(BLOBS).await.unwrap();
        network.behave();
        assert!(
            self.gets(0).await.unwrap() == whole,
            "it doesn't come afterwards either"
        );
    }

    /// The photo is put while the cloud says this of what it lacks; put once more afterwards it is there.
    async fn is_lied_to_of_what_lacks(&self, lie: impl Fn(&mut MissingAnswer) + Send + Sync + 'static) {
        let network = self.fleet.network();
        let lie = Trick::rewrite(move |_, reply| {
            let mut answer: MissingAnswer = rmp_serde::from_slice(reply.body).unwrap();
            lie(&mut answer);
            let body = rmp_serde::to_vec_named(&answer).unwrap();
            reply.becomes(200, MESSAGE_PACK, body);
        });
        network.plan(MISSING, 4, &lie);
        let app = &self.fleet.devices[0].app;
        let _answered_or_refused = self.puts(7).await;
        let _answered_or_refused = app.sync_now().await.unwrap();
        network.played(MISSING).await.unwrap();
        network.behave();
        self.puts(7).await.unwrap();
        app.sync_now().await.unwrap().unwrap();
        assert_eq!(self.fleet.devices[0].pending("pictures").await, 0);
        assert!(self.gets(7).await.unwrap() == photo(7));
    }
}

#[tokio::test]
async fn a_chunk_of_another_photo_is_not_this_ones() {
    let album = Album::with(2).await;
    let network = album.fleet.network();
    album.gets(1).await.unwrap();
    let exchanges = network.exchanges();
    let chunk = exchanges
        .iter()
        .rev()
        .find(|exchange| exchange.method == "GET" && exchange.path.starts_with(BLOBS));
    let other = chunk.unwrap().answer.clone();
    album.is_lied_to(move |reply| reply.body.clone_from(&other)).await;
}

#[tokio::test]
async fn a_chunk_of_another_account_collection_or_key_epoch_is_not_this_ones() {
    let album = Album::with(1).await;
    let scene = &album.fleet.devices[0].scene;
    let console = Console::sign_in(scene, ADA, PASSWORD).await.unwrap();
    let own = console.collection_keys("pictures");
    // With the right keys it is: what is refused is refused for the keys.
    let (_, right) = seal_chunk(&own, &photo(0)).unwrap();
    let network = album.fleet.network();
    let swap = Trick::rewrite(move |_, reply| {
        let digest = repr_digest(&sha256(&right)).parse().unwrap();
        reply.headers.insert(REPR_DIGEST, digest);
        reply.body.clone_from(&right);
    });
    network.plan(BLOBS, ALWAYS, &swap);
    assert!(album.gets(0).await.unwrap() == photo(0));
    network.behave();
    let account: String = album.fleet.devices[0].app.get(ACCOUNT, "UserId").await.unwrap();
    let account = account.parse().unwrap();
    let root = |byte: u8| Secret::new([byte; 32]);
    let later = EpochKeys::new(vec![(1, root(1)), (2, root(2))]).unwrap();
    let other_epoch = CollectionKeys::new(account, "pictures".to_owned(), later, root(3));
    let other_collection = console.collection_keys("documents");
    for keys in [foreign("pictures"), other_collection, other_epoch] {
        let (_, sealed) = seal_chunk(&keys, &photo(0)).unwrap();
        album
            .is_lied_to(move |reply| reply.body.clone_from(&sealed))
            .await;
    }
}

#[tokio::test]
async fn a_changed_torn_or_endless_chunk_is_none() {
    let album = Album::with(1).await;
    album
        .is_lied_to(|reply| *reply.body.last_mut().unwrap() ^= 1)
        .await;
    album.is_lied_to(|reply| reply.body.truncate(300_000)).await;
    album.is_lied_to(|reply| reply.body.clear()).await;
    album
        .is_lied_to(|reply| reply.body.resize(64 * 1024 * 1024, 0))
        .await;
}

#[tokio::test]
async fn a_cloud_that_says_that_it_has_what_it_has_not_gets_it_the_next_time() {
    let album = Album::with(0).await;
    album
        .is_lied_to_of_what_lacks(|answer| answer.missing.clear())
        .await;
}

#[tokio::test]
async fn a_cloud_that_lacks_what_nobody_asked_after_or_has_too_much_of_it_is_no_trouble() {
    let album = Album::with(0).await;
    album
        .is_lied_to_of_what_lacks(|answer| {
            let never = MissingChunk {
                id: ChunkId::from_bytes([7; 32]),
                offset: 0,
            };
            answer.missing.push(never);
        })
        .await;
    let album = Album::with(0).await;
    album
        .is_lied_to_of_what_lacks(|answer| {
            for chunk in &mut answer.missing {
                chunk.offset = u64::MAX;
            }
        })
        .await;
}
