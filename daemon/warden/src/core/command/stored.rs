//! The stored form of the book: a part of the `lock` concern, so that a command and what it changes are one
//! commit.

use std::time::Duration;

use belay_proto::cbor::{Item, Malformed, MapReader, MapWriter, Value};
use belay_proto::cbor_map;
use belay_proto::signed::{Disposition, Verb};
use belay_proto::steps::Policies;
use belay_proto::{CommandId, Epoch};

use super::book::{Book, Contact, Deed, Fate, Known, Told};
use super::tally::{DelegatedTally, Tally};
use super::time::{OwnTime, Span};
use crate::core::hold::{Ended, Hold};
use crate::moment::Moment;

/// An id, its verb, counter, end and fate: 16 + 1 + 8 + 8 + 1 bytes.
const ENTRY: usize = 34;
const NO_VERB: u8 = u8::MAX;
const RUNNING: u8 = 0;
const OVER: u8 = 1;
const MARKED: u8 = 2;
/// From here on: refused, and why.
const REFUSED: u8 = 16;
/// Added to the fate of what a delegate signed.
const DELEGATED: u8 = 0x80;

cbor_map! {
    struct StoredBook {
        epoch: Option<Epoch>,
        time: Span,
        counter: u64,
        register: u64,
        episode: u64,
        sequence: u64,
        known: Vec<u8>,
        floor: Option<u64>,
        outcomes: Vec<Value>,
        deeds: Vec<Value>,
        farewell: Option<Value>,
        refusals: u64,
        delegated: u64,
        delegated_since: u64,
        rehearsals: u64,
        find: bool,
        policies: Vec<u8>,
        offline: Span,
        lost: Span,
        countdown: Option<Span>,
        rehearsed: bool,
        hold: Option<Vec<u8>>,
        hold_ended: Option<Vec<u8>>,
        leaving: Option<Span>,
    }
}

/// The book as stored.
#[must_use]
pub fn book_to_bytes(book: &Book) -> Vec<u8> {
    StoredBook {
        epoch: book.epoch,
        time: book.time.span().clone(),
        counter: book.counter,
        register: book.register,
        episode: book.episode,
        sequence: book.sequence,
        known: book.known.iter().flat_map(entry).collect(),
        floor: book.floor,
        outcomes: book.outcomes.iter().map(Told::to_value).collect(),
        deeds: book.deeds.iter().map(Deed::to_value).collect(),
        farewell: book.farewell.as_ref().map(Told::to_value),
        refusals: book.refusals.count(),
        delegated: book.delegated.tally.count(),
        delegated_since: book.delegated.since,
        rehearsals: book.rehearsals.count(),
        find: book.find,
        policies: book.policies.encode(),
        offline: book.contact.offline.clone(),
        lost: book.contact.lost.clone(),
        countdown: book.contact.countdown.clone(),
        rehearsed: book.contact.rehearsed,
        hold: book.hold.as_ref().map(Hold::to_bytes),
        hold_ended: book.hold_ended.as_ref().map(Ended::encode),
        leaving: book.leaving.clone(),
    }
    .encode()
}

/// The reverse of [`book_to_bytes`].
///
/// # Errors
/// Other bytes.
pub fn book_from_bytes(bytes: &[u8]) -> Result<Book, Malformed> {
    let stored = StoredBook::decode(bytes)?;
    let (entries, rest) = stored.known.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(Malformed::new("half an id"));
    }
    Ok(Book {
        epoch: stored.epoch,
        time: OwnTime::of(stored.time),
        counter: stored.counter,
        register: stored.register,
        episode: stored.episode,
        sequence: stored.sequence,
        known: entries.iter().map(read_entry).collect::<Result<_, _>>()?,
        floor: stored.floor,
        outcomes: each(stored.outcomes)?,
        deeds: each(stored.deeds)?,
        farewell: stored.farewell.map(Told::from_value).transpose()?,
        refusals: Tally::of(stored.refusals),
        delegated: DelegatedTally {
            since: stored.delegated_since,
            tally: Tally::of(stored.delegated),
        },
        rehearsals: Tally::of(stored.rehearsals),
        find: stored.find,
        policies: Policies::decode(&stored.policies)?,
        contact: Contact {
            offline: stored.offline,
            lost: stored.lost,
            countdown: stored.countdown,
            rehearsed: stored.rehearsed,
        },
        hold: stored.hold.as_deref().map(Hold::from_bytes).transpose()?,
        hold_ended: stored.hold_ended.as_deref().map(Ended::decode).transpose()?,
        leaving: stored.leaving,
    })
}

fn each<T: Item, C: FromIterator<T>>(values: Vec<Value>) -> Result<C, Malformed> {
    values.into_iter().map(T::from_value).collect()
}

fn entry((id, known): (&CommandId, &Known)) -> Vec<u8> {
    let mut bytes = id.as_bytes().to_vec();
    bytes.push(known.verb.map_or(NO_VERB, |verb| index_of(&Verb::ALL, &verb)));
    bytes.extend_from_slice(&known.counter.to_be_bytes());
    // No command ends at the end of time.
    bytes.extend_from_slice(&known.void_after.unwrap_or(u64::MAX).to_be_bytes());
    let fate = match known.fate {
        Fate::Running => RUNNING,
        Fate::Over => OVER,
        Fate::Marked => MARKED,
        Fate::Refused(why) => REFUSED + index_of(&Disposition::ALL, &why),
    };
    bytes.push(if known.delegated { fate | DELEGATED } else { fate });
    bytes
}

fn read_entry(bytes: &[u8; ENTRY]) -> Result<(CommandId, Known), Malformed> {
    let broken = || Malformed::new("not an id with its fate");
    let (id, rest) = bytes.split_first_chunk::<16>().ok_or_else(broken)?;
    let (verb, rest) = rest.split_first().ok_or_else(broken)?;
    let (counter, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
    let (end, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
    let fate = *rest.first().ok_or_else(broken)?;
    let delegated = fate & DELEGATED != 0;
    let fate = match fate & !DELEGATED {
        RUNNING => Fate::Running,
        OVER => Fate::Over,
        MARKED => Fate::Marked,
        code => {
            let index = usize::from(code.checked_sub(REFUSED).ok_or_else(broken)?);
            Fate::Refused(*Disposition::ALL.get(index).ok_or_else(broken)?)
        }
    };
    let verb = match *verb {
        NO_VERB => None,
        index => Some(*Verb::ALL.get(usize::from(index)).ok_or_else(broken)?),
    };
    let end = u64::from_be_bytes(*end);
    let known = Known {
        verb,
        counter: u64::from_be_bytes(*counter),
        void_after: (end != u64::MAX).then_some(end),
        fate,
        delegated,
    };
    Ok((CommandId::from_bytes(*id), known))
}

fn index_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let index = all.iter().position(|other| other == one);
    index
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or(NO_VERB)
}

impl Item for Span {
    fn to_value(&self) -> Value {
        MapWriter::new()
            .put("counted", &belay_proto::clock::millis(self.counted))
            .put("boot", &self.since.as_ref().map(|since| since.boot_id.clone()))
            .put("boottime", &self.since.as_ref().map(Moment::boottime_ms))
            .into_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut map = MapReader::of(value)?;
        let counted = Duration::from_millis(map.take("counted")?);
        let (boot, boottime): (Option<String>, Option<u64>) = (map.take("boot")?, map.take("boottime")?);
        map.finish()?;
        let since = boot.zip(boottime).map(|(boot_id, ms)| Moment {
            boottime: Duration::from_millis(ms),
            boot_id,
        });
        Ok(Self { counted, since })
    }
}

impl Item for Told {
    fn to_value(&self) -> Value {
        MapWriter::new()
            .put("sequence", &self.sequence)
            .put("command", &self.command)
            .put("bytes", &self.bytes)
            .into_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut map = MapReader::of(value)?;
        let told = Self {
            sequence: map.take("sequence")?,
            command: map.take("command")?,
            bytes: map.take("bytes")?,
        };
        map.finish()?;
        Ok(told)
    }
}

impl Item for Deed {
    fn to_value(&self) -> Value {
        MapWriter::new()
            .put("command", &self.command)
            .put("verb", &self.verb.as_str().to_owned())
            .put("arguments", &self.arguments)
            .put("issued_at", &self.issued_at)
            .put("void_after", &self.void_after)
            .put("begun", &self.begun)
            .into_value()
    }

    fn from_value(value: Value) -> Result<Self, Malformed> {
        let mut map = MapReader::of(value)?;
        let deed = Self {
            command: map.take("command")?,
            verb: Verb::parse(&map.take::<String>("verb")?)?,
            arguments: map.take("arguments")?,
            issued_at: map.take("issued_at")?,
            void_after: map.take("void_after")?,
            begun: map.take("begun")?,
        };
        map.finish()?;
        Ok(deed)
    }
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
