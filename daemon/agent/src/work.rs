//! Carrying out what the core wants: between a source, whose methods block, and a collection, which is asked.

mod compare;
mod long;
mod short;

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use belay_proto::Secret;
use rustix::io::Errno;

use crate::model::{Local, Remote};
use crate::ports::{Arrival, Failure, Put, Records, Source, SourceError};
use crate::queue::{Job, Lane, SMALL};
use crate::state::{Outcome, Work};
use crate::tree::mark_of;

/// Who carries it out.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The source.
    pub source: Arc<dyn Source>,
    /// The collection.
    pub records: Arc<dyn Records>,
    /// A file that was changed less long ago may still be written to.
    pub settle: Duration,
}

/// What became of each item; one that isn't named is to be tried again.
pub type Outcomes = Vec<(String, Outcome)>;

impl Worker {
    /// Carries a job out.
    pub async fn carry_out(self, job: Job) -> Outcomes {
        match job.lane {
            Lane::Puts => self.puts(job.items).await,
            Lane::Fetches => self.fetches(job.items).await,
            Lane::Joins => self.joins(job.items).await,
            Lane::Deletes => self.deletes(job.items).await,
            Lane::Removes => self.removes(job.items).await,
            Lane::LongPuts | Lane::Long => {
                let mut outcomes = Vec::new();
                for (natural, work) in job.items {
                    let outcome = self.long(&natural, work).await;
                    outcomes.push((natural, outcome));
                }
                outcomes
            }
        }
    }

    async fn deletes(&self, items: Vec<(String, Work)>) -> Outcomes {
        let mut outcomes = Vec::new();
        for (natural, work) in items {
            let Work::Delete { id, revision, place } = work else {
                continue;
            };
            let (source, named) = (Arc::clone(&self.source), natural.clone());
            // The last look: it may be back.
            let outcome = match blocking(move || source.is_gone(&named, &place)).await {
                Some(true) => match self.records.delete(id, revision).await {
                    Ok(()) => Outcome::Gone,
                    Err(failure) => failed(failure),
                },
                Some(false) => Outcome::ItemChanged,
                None => Outcome::Later,
            };
            outcomes.push((natural, outcome));
        }
        outcomes
    }

    async fn removes(&self, items: Vec<(String, Work)>) -> Outcomes {
        let ids = items.iter().filter_map(|(_, work)| match work {
            Work::Remove { id, .. } | Work::Ask { id } => Some(id.clone()),
            _ => None,
        });
        // What isn't listed needn't be gone: belayd has to say that somebody deleted it.
        let deleted = match self.records.deleted(ids.collect()).await {
            Ok(deleted) => deleted,
            Err(failure) => {
                let outcome = |(natural, _)| (natural, failed(failure));
                return items.into_iter().map(outcome).collect();
            }
        };
        let source = Arc::clone(&self.source);
        let remove = move |(natural, work)| match &work {
            Work::Remove { id, .. } | Work::Ask { id } if !deleted.contains(id) => {
                tracing::warn!("belayd lists a record no more that nobody deleted; its file stays");
                Some((natural, Outcome::NotDeleted))
            }
            Work::Ask { .. } => Some((natural, Outcome::Deleted)),
            Work::Remove { item, .. } => Some(match source.remove(item) {
                Ok(()) => (natural, Outcome::Gone),
                Err(error) => (natural, outcome_of(&error)),
            }),
            _ => None,
        };
        blocking(move || items.into_iter().filter_map(remove).collect())
            .await
            .unwrap_or_default()
    }

    /// A short item's content, if it stays the same while it is read.
    fn read(&self, item: &Local) -> Result<Secret<Vec<u8>>, Outcome> {
        let file = self.open(item)?;
        let mut bytes = Vec::new();
        let read = (&file).take(SMALL + 1).read_to_end(&mut bytes);
        let is_same = mark_of(&file).ok().flatten() == Some(item.mark);
        match read {
            Ok(count) if is_same && count as u64 == item.mark.size => Ok(Secret::new(bytes)),
            Ok(_) => Err(Outcome::ItemChanged),
            Err(error) => Err(outcome_of(&error.into())),
        }
    }

    fn open(&self, item: &Local) -> Result<File, Outcome> {
        if is_young(item, self.settle) {
            return Err(Outcome::ItemChanged);
        }
        self.source.open(item).map_err(|error| outcome_of(&error))
    }
}

/// Runs it where blocking is no harm; nothing if it panicked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn write(
    source: &dyn Source,
    natural: &str,
    record: &Remote,
    revision: u64,
    over: Option<&Local>,
    (content, from): (&mut dyn Read, Option<u64>),
) -> Outcome {
    let arrival = Arrival {
        natural,
        record,
        content,
        from,
    };
    match source.write(arrival, over) {
        Ok(item) => Outcome::Written { revision, item },
        Err(error) => outcome_of(&error),
    }
}

fn put_of(natural: &str, item: &Local, over: Option<(String, u64)>, keep_both: bool) -> Put {
    Put {
        over,
        natural: natural.to_owned(),
        kind: item.kind.clone(),
        attributes: item.attributes.clone(),
        keep_both,
    }
}

const fn failed(failure: Failure) -> Outcome {
    match failure {
        Failure::Conflict => Outcome::RecordChanged,
        Failure::Refused => Outcome::Refused,
        Failure::Later => Outcome::Later,
    }
}

/// Whether an item was changed a moment ago by the wall clock. One from the future wasn't.
fn is_young(item: &Local, settle: Duration) -> bool {
    let Ok(nanos) = u64::try_from(item.mark.modified) else {
        return false;
    };
    let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age < settle + item.mark.blur())
}

fn outcome_of(error: &SourceError) -> Outcome {
    match error {
        SourceError::Changed => Outcome::ItemChanged,
        SourceError::Refused(why) => {
            tracing::warn!(why, "a record can't be written here");
            Outcome::Refused
        }
        SourceError::CutOff => Outcome::Later,
        SourceError::Io(error) => {
            tracing::warn!(%error, "the source failed");
            match is_final(error) {
                true => Outcome::Refused,
                false => Outcome::Later,
            }
        }
    }
}

/// Whether a file system will say the same again.
fn is_final(error: &io::Error) -> bool {
    let said = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        said,
        Some(
            Errno::INVAL
                | Errno::NAMETOOLONG
                | Errno::ILSEQ
                | Errno::NOTDIR
                | Errno::ISDIR
                | Errno::LOOP
                | Errno::XDEV
                | Errno::FBIG
        )
    )
}
