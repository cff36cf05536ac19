//! The network between devices and a cloud: what is under way comes, is lost, comes twice or late as the history says.

use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex};

use belay_proto::sync::{ChunkId, CollectionId};
use belay_proto::wire::{ChangesAnswer, MissingAnswer, PushAnswer, PushRequest};
use futures_util::FutureExt;
use futures_util::future::ready;
use tokio::sync::oneshot;

use super::super::super::ports::{Reply, SealedChunk, SyncCloud, SyncFailure};
use super::super::rig::Kept;

/// What a device asks of the cloud.
#[derive(Clone, Debug)]
pub enum Asked {
    Push(PushRequest),
    Changes(Option<String>, CollectionId),
}

/// What the cloud answers.
#[derive(Debug)]
pub enum Said {
    Push(PushAnswer),
    Changes(Result<ChangesAnswer, SyncFailure>),
}

/// Where an answer goes; dropped, there is none.
type Back = oneshot::Sender<Said>;

/// A device's way to the cloud: what it has asked, and nobody has taken yet.
#[derive(Default)]
pub struct Line(Mutex<Vec<(Asked, Back)>>);

/// A request or its answer, under way.
pub struct Packet {
    pub device: usize,
    pub what: Either,
    pub back: Option<Back>,
}

pub enum Either {
    Request(Asked),
    Answer(Said),
}

/// What is under way, and the cloud.
#[derive(Default)]
pub struct Network {
    pub cloud: Kept,
    /// The cloud as it was once; empty, as it began.
    pub backup: Kept,
    pub packets: Vec<Packet>,
}

impl Debug for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    async fn asks(&self, asked: Asked) -> Option<Said> {
        let (back, said) = oneshot::channel();
        self.0.lock().unwrap().push((asked, back));
        said.await.ok()
    }
}

impl SyncCloud for Line {
    fn push(&self, request: PushRequest) -> Reply<'_, PushAnswer> {
        self.asks(Asked::Push(request))
            .map(|said| match said {
                Some(Said::Push(answer)) => Ok(answer),
                _ => Err(SyncFailure::Offline(None)),
            })
            .boxed()
    }

    fn changes<'a>(
        &'a self,
        cursor: Option<&'a str>,
        collection: CollectionId,
        _: usize,
    ) -> Reply<'a, ChangesAnswer> {
        self.asks(Asked::Changes(cursor.map(str::to_owned), collection))
            .map(|said| match said {
                Some(Said::Changes(answer)) => answer,
                _ => Err(SyncFailure::Offline(None)),
            })
            .boxed()
    }

    fn missing(&self, _: Vec<ChunkId>) -> Reply<'_, MissingAnswer> {
        ready(Err(SyncFailure::Refused)).boxed()
    }

    fn put_chunk(&self, _: ChunkId, _: u64, _: SealedChunk) -> Reply<'_, ()> {
        ready(Err(SyncFailure::Refused)).boxed()
    }

    fn get_chunk(&self, _: ChunkId) -> Reply<'_, Vec<u8>> {
        ready(Err(SyncFailure::Refused)).boxed()
    }
}

impl Network {
    /// The cloud goes on as it was when it was backed up: what came since is undone. It was stopped for that, so no request of
    /// before comes to it.
    pub fn is_restored(&mut self) {
        self.packets
            .retain(|packet| matches!(packet.what, Either::Answer(_)));
        let epoch = self.cloud.epoch + 1;
        self.cloud = Kept {
            epoch,
            ..self.backup.clone()
        };
    }

    /// Takes up what a device has asked.
    pub fn takes_up(&mut self, device: usize, line: &Arc<Line>) {
        for (asked, back) in line.0.lock().unwrap().drain(..) {
            self.packets.push(Packet {
                device,
                what: Either::Request(asked),
                back: Some(back),
            });
        }
    }

    /// The cloud carries a request out. A page of changes has so many records.
    pub fn carries_out(&mut self, asked: Asked, page: usize) -> Said {
        match asked {
            Asked::Push(request) => Said::Push(self.cloud.push(request)),
            Asked::Changes(cursor, collection) => {
                Said::Changes(self.cloud.changes(cursor.as_deref(), collection, page))
            }
        }
    }
}
