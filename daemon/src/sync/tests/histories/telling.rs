//! What happens, in words, for whoever looks into a history that goes wrong.

use belay_proto::sync::{Content, Revision};
use belay_proto::text::hex;
use belay_proto::wire::{PushResult, SyncRecord};
use belay_sync::record;

use super::book::tokens;
use super::network::{Asked, Said};
use super::world::World;

fn short(revision: Option<Revision>) -> String {
    revision.map_or("nothing".to_owned(), |revision| hex(&revision.as_bytes()[..2]))
}

impl World<'_> {
    pub fn tells(&self, what: impl FnOnce() -> String) {
        if self.told {
            println!("{}", what());
        }
    }

    /// What the cloud says, or is asked, in short.
    fn says(&self, record: &SyncRecord) -> String {
        let keys = self.keys.get().unwrap();
        let content = Content::open(keys, &record.id, record.key_epoch, &record.sealed.0).unwrap();
        let what = match content.removed {
            true => "removal".to_owned(),
            false => tokens(&String::from_utf8_lossy(
                record::bytes(&content).unwrap().expose(),
            ))
            .into_iter()
            .collect::<Vec<_>>()
            .join("+"),
        };
        let natural: String = content.natural.chars().take(8).collect();
        format!(
            "{natural:?} {what} {} as {}",
            content.number,
            short(Some(record.revision))
        )
    }

    pub fn asked(&self, asked: &Asked) -> String {
        match asked {
            Asked::Changes(cursor, _) => format!("changes after {cursor:?}"),
            Asked::Push(request) => {
                let all = request.records.iter();
                all.map(|push| format!("{} over {}; ", self.says(&push.record), short(push.base)))
                    .collect()
            }
        }
    }

    pub fn said(&self, said: &Said) -> String {
        match said {
            Said::Push(answer) => {
                let current = |result: &PushResult| result.current.as_ref().map(|record| self.says(record));
                let all = answer.results.iter();
                all.map(|result| format!("{:?} {:?}; ", result.status, current(result)))
                    .collect()
            }
            Said::Changes(Ok(answer)) => {
                let all = answer.records.iter();
                all.map(|record| format!("{}; ", self.says(record))).collect()
            }
            Said::Changes(Err(failure)) => failure.to_string(),
        }
    }
}
