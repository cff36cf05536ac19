//! Which chunks the cloud lacks, asked for several contents in one call.
//!
//! While one question is on its way the parts of other contents are read; they wait and go together with the next. Of short
//! contents, such as photos, each would be a call of its own otherwise, with a proof to sign and to verify.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use belay_proto::sync::ChunkId;
use belay_proto::wire::MISSING_CHUNKS;
use tokio::sync::oneshot;

use crate::sync::ports::{SyncCloud, SyncFailure};

/// How many bytes the cloud has of each of those chunks that it hasn't whole.
pub(super) type Lacking = HashMap<ChunkId, u64>;

type Answer = Result<Lacking, SyncFailure>;

/// What contents want to know.
#[derive(Debug, Default)]
pub(super) struct Questions {
    waiting: Mutex<Waiting>,
    /// Whoever has it asks, for all who wait then.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they came.
    questions: VecDeque<Question>,
    numbered: u64,
}

#[derive(Debug)]
struct Question {
    number: u64,
    chunks: Vec<ChunkId>,
    /// Dropped where whoever asked was given up.
    answer: oneshot::Sender<Answer>,
}

impl Questions {
    /// Which of these chunks, at most [`MISSING_CHUNKS`], the cloud lacks.
    ///
    /// # Errors
    /// What became of the call; all whose questions went with it hear the same.
    pub(super) async fn lacking(&self, cloud: &dyn SyncCloud, chunks: Vec<ChunkId>) -> Answer {
        let (answer, mut answered) = oneshot::channel();
        let number = self.waiting().ask(chunks.clone(), answer);
        let _turn = self.turn.lock().await;
        if let Ok(answer) = answered.try_recv() {
            return answer;
        }
        let others = self.waiting().take_along(number, chunks.len());
        let asked = others.iter().flat_map(|other| &other.chunks).chain(&chunks);
        let asked: HashSet<ChunkId> = asked.copied().collect();
        let answer = cloud.missing(asked.into_iter().collect()).await;
        let missing = answer.map(|answer| {
            let missing = answer.missing.into_iter();
            missing.map(|chunk| (chunk.id, chunk.offset)).collect::<Lacking>()
        });
        let of = |chunks: &[ChunkId]| {
            missing
                .as_ref()
                .map(|missing| of(missing, chunks))
                .map_err(|failure| *failure)
        };
        for other in others {
            // Who was given up meanwhile wants no answer.
            let _ = other.answer.send(of(&other.chunks));
        }
        of(&chunks)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn ask(&mut self, chunks: Vec<ChunkId>, answer: oneshot::Sender<Answer>) -> u64 {
        self.numbered += 1;
        self.questions.push_back(Question {
            number: self.numbered,
            chunks,
            answer,
        });
        self.numbered
    }

    /// The questions that go along with this one, which has so many chunks and waits no more.
    fn take_along(&mut self, number: u64, chunks: usize) -> Vec<Question> {
        self.questions
            .retain(|question| question.number != number && !question.answer.is_closed());
        let mut room = MISSING_CHUNKS.saturating_sub(chunks);
        let fit = self.questions.iter().take_while(|question| {
            let rest = room.checked_sub(question.chunks.len());
            room = rest.unwrap_or(0);
            rest.is_some()
        });
        let fit = fit.count();
        self.questions.drain(..fit).collect()
    }
}

/// What of these chunks is among the missing.
fn of(missing: &Lacking, chunks: &[ChunkId]) -> Lacking {
    let found = chunks.iter().filter_map(|id| missing.get_key_value(id));
    found.map(|(id, offset)| (*id, *offset)).collect()
}
