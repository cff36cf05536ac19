//! Whether an item says what its record does. Nothing is brought or fetched for it.

use super::long::are_equal;
use super::{Worker, blocking, failed, outcome_of};
use crate::model::{Local, Remote};
use crate::ports::Failure;
use crate::queue::SMALL;
use crate::state::Outcome;

/// A longer record is one of chunks in any case, bytes; whether a shorter one is belayd alone knows.
const LONGEST_WHOLE: u64 = 4 * 1024 * 1024;

impl Worker {
    pub(super) async fn compare(&self, item: Local, record: Remote) -> Outcome {
        if item.mark.size > SMALL {
            match self.has_the_chunks(&item, &record).await {
                // So it is also said of one that has no chunks.
                Ok(false) if item.mark.size <= LONGEST_WHOLE => {}
                Ok(same) => return told(same),
                Err(outcome) => return outcome,
            }
        }
        let got = match self.records.get_many(vec![record.id.clone()]).await {
            Ok(got) => got,
            // It has chunks after all.
            Err(Failure::Refused) => return Outcome::Differs,
            Err(failure) => return failed(failure),
        };
        let Some(got) = got.into_iter().find(|got| got.revision == record.revision) else {
            return Outcome::RecordChanged;
        };
        let worker = self.clone();
        let compared = blocking(move || {
            let file = match worker.open(&item) {
                Ok(file) => file,
                Err(outcome) => return outcome,
            };
            let mut content = got.content.expose().as_slice();
            let length = content.len() as u64;
            match are_equal(&mut &file, &mut content, length) {
                Ok(same) => told(same),
                Err(error) => outcome_of(&error),
            }
        });
        compared.await.unwrap_or(Outcome::Later)
    }

    async fn has_the_chunks(&self, item: &Local, record: &Remote) -> Result<bool, Outcome> {
        let (worker, item) = (self.clone(), item.clone());
        let open = blocking(move || worker.open(&item)).await;
        let file = open.ok_or(Outcome::Later)??;
        let same = self
            .records
            .matches(record.id.clone(), record.revision, file.into());
        same.await.map_err(failed)
    }
}

const fn told(same: bool) -> Outcome {
    match same {
        true => Outcome::Same,
        false => Outcome::Differs,
    }
}
