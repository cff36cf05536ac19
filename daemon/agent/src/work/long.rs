//! What is long: a descriptor each, streamed whatever its length.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::{Worker, blocking, failed, outcome_of, put_of, write};
use crate::model::{Local, MODIFIED, Remote};
use crate::ports::{Coming, Failure, Source, SourceError};
use crate::state::{Alike, Outcome, Work};

/// Read at once, bytes.
const STRIDE: usize = 64 * 1024;

impl Worker {
    pub(super) async fn long(&self, natural: &str, work: Work) -> Outcome {
        match work {
            Work::Put { item, over } => self.long_put(natural, item, over, false).await,
            Work::Fetch { record, over, like } => {
                if over.is_none()
                    && let Some(outcome) = self.placeless(natural).await
                {
                    return outcome;
                }
                if let Some(like) = like
                    && let Some(outcome) = self.long_copy(natural, &record, like).await
                {
                    return outcome;
                }
                self.long_fetch(natural, record, over).await
            }
            Work::Join { item, record } => self.long_join(natural, item, record).await,
            Work::Compare { item, record } => self.compare(item, record).await,
            Work::Delete { .. } | Work::Remove { .. } | Work::Ask { .. } => Outcome::Refused,
        }
    }

    /// What comes of a record that has no place here, before any of it is fetched; nothing where it has one.
    async fn placeless(&self, natural: &str) -> Option<Outcome> {
        let (source, natural) = (Arc::clone(&self.source), natural.to_owned());
        let found = blocking(move || source.has_place_for(&natural)).await?;
        found.err().map(|error| outcome_of(&error))
    }

    async fn long_put(
        &self,
        natural: &str,
        item: Local,
        over: Option<(String, u64)>,
        keep_both: bool,
    ) -> Outcome {
        let put = put_of(natural, &item, over, keep_both);
        let worker = self.clone();
        let file = match blocking(move || worker.open(&item)).await {
            Some(Ok(file)) => file,
            Some(Err(outcome)) => return outcome,
            None => return Outcome::Later,
        };
        // Written to while it was read, it differs from what was named, and the next scan puts it again.
        match self.records.put(put, file.into()).await {
            Ok(_) if keep_both => Outcome::Beside,
            Ok((id, revision)) => Outcome::Stored { id, revision },
            Err(failure) => failed(failure),
        }
    }

    /// Writes a record from an item that says the same, as before a rename; nothing where it doesn't, or nobody can tell.
    async fn long_copy(&self, natural: &str, record: &Remote, like: Alike) -> Option<Outcome> {
        let Alike { item: like, spare } = like;
        let (source, item, length) = (Arc::clone(&self.source), like.clone(), record.length);
        // Without room for both belayd would read it for nothing.
        let is_of_use = spare.is_some();
        let open = move || match is_of_use || source.has_room(length) {
            true => source.open(&item).ok(),
            false => None,
        };
        let file = blocking(open).await??;
        let same = self
            .records
            .matches(record.id.clone(), record.revision, file.into())
            .await;
        if !same.is_ok_and(|same| same) {
            return None;
        }
        if let Some(id) = spare
            && let Some(outcome) = self.moved(natural, record, like.clone(), id).await
        {
            return Some(outcome);
        }
        let (source, natural, record) = (Arc::clone(&self.source), natural.to_owned(), record.clone());
        blocking(move || {
            if !source.has_room(record.length) {
                return None;
            }
            let file = source.open(&like).ok()?;
            let mut content = Unchanged {
                file,
                source: &*source,
                item: &like,
            };
            let revision = record.revision;
            let written = write(&*source, &natural, &record, revision, None, (&mut content, None));
            // One that was changed meanwhile says something else.
            (written != Outcome::Later).then_some(written)
        })
        .await?
    }

    /// Has an item that says what a record does become that one's, if its own record was deleted: that needs neither room nor time.
    /// Nothing where it can't.
    async fn moved(&self, natural: &str, record: &Remote, item: Local, id: String) -> Option<Outcome> {
        let deleted = self.records.deleted(vec![id.clone()]).await.ok()?;
        if !deleted.contains(&id) {
            return None;
        }
        let (source, natural, record) = (Arc::clone(&self.source), natural.to_owned(), record.clone());
        let revision = record.revision;
        match blocking(move || source.relocate(&item, &natural, &record)).await? {
            Ok(item) => Some(Outcome::Moved { revision, item }),
            Err(error @ SourceError::Refused(_)) => Some(outcome_of(&error)),
            Err(error) => {
                tracing::debug!(%error, "a file that was renamed elsewhere can't be moved, and is copied");
                None
            }
        }
    }

    async fn long_fetch(&self, natural: &str, record: Remote, over: Option<Local>) -> Outcome {
        let (source, natural) = (Arc::clone(&self.source), natural.to_owned());
        let (named, listed, item) = (natural.clone(), record.clone(), over.clone());
        let kept = blocking(move || source.kept(&named, &listed, item.as_ref())).await;
        let from = kept.unwrap_or(0);
        let coming = match self.coming(&record, from).await {
            Ok(coming) => coming,
            Err(failure) => return failed(failure),
        };
        let source = Arc::clone(&self.source);
        let written = blocking(move || {
            let record = Remote {
                revision: coming.revision,
                length: coming.length,
                attributes: coming.attributes,
                ..record
            };
            let mut content = coming.content;
            write(
                &*source,
                &natural,
                &record,
                coming.revision,
                over.as_ref(),
                (&mut content, Some(from)),
            )
        });
        written.await.unwrap_or(Outcome::Later)
    }

    /// A record, or what is left of it.
    async fn coming(&self, record: &Remote, from: u64) -> Result<Coming, Failure> {
        let id = record.id.clone();
        if from == 0 {
            return self.records.get(id).await;
        }
        Ok(Coming {
            revision: record.revision,
            length: record.length,
            attributes: record.attributes.clone(),
            content: self.records.get_from(id, record.revision, from).await?,
        })
    }

    async fn long_join(&self, natural: &str, item: Local, record: Remote) -> Outcome {
        if item.mark.size != record.length {
            return self.long_put(natural, item, None, true).await;
        }
        let modified = item.attributes.get(MODIFIED);
        if modified.is_some() && modified == record.attributes.get(MODIFIED) {
            // As rsync does: the same time to the nanosecond, and the same length. Else a memory that was lost would
            // bring every film down again.
            let (id, revision) = (record.id, record.revision);
            return match record.lacking {
                true => self.long_put(natural, item, Some((id, revision)), false).await,
                false => Outcome::Stored { id, revision },
            };
        }
        let coming = match self.records.get(record.id.clone()).await {
            Ok(coming) => coming,
            Err(failure) => return failed(failure),
        };
        let (worker, wanted) = (self.clone(), item.clone());
        let compared = blocking(move || {
            let file = worker.open(&wanted)?;
            let mut content = coming.content;
            let equal = are_equal(&mut &file, &mut content, coming.length);
            match equal {
                Ok(_) if !worker.source.is_still(&wanted) => Err(Outcome::ItemChanged),
                Ok(equal) => Ok((equal, coming.revision)),
                Err(error) => Err(outcome_of(&error)),
            }
        });
        match compared.await {
            Some(Ok((true, revision))) => Outcome::Stored {
                id: record.id,
                revision,
            },
            Some(Ok((false, _))) => self.long_put(natural, item, None, true).await,
            Some(Err(outcome)) => outcome,
            None => Outcome::Later,
        }
    }
}

/// The content of an item, which ends well only where that is still as named.
struct Unchanged<'a> {
    file: File,
    source: &'a dyn Source,
    item: &'a Local,
}

impl Read for Unchanged<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(room)?;
        match count > 0 || self.source.is_still(self.item) {
            true => Ok(count),
            false => Err(io::Error::other("it was changed meanwhile")),
        }
    }
}

/// Whether both say the same to their ends. Of another one that ends before this length nothing can be said.
pub(super) fn are_equal(one: &mut dyn Read, other: &mut dyn Read, length: u64) -> Result<bool, SourceError> {
    let (mut left, mut right) = (vec![0; STRIDE], vec![0; STRIDE]);
    let mut came = 0;
    loop {
        let (count, of_other) = (fill(one, &mut left)?, fill(other, &mut right)?);
        came += of_other as u64;
        if of_other < STRIDE && came < length {
            return Err(SourceError::CutOff);
        }
        if of_other != count || left.get(..count) != right.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

fn fill(from: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
