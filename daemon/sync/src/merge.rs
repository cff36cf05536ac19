//! Three versions made one: the last that the device and the cloud had in common, the device's, the cloud's.
//!
//! vCards and iCalendar objects are merged property by property and keep the text of what nobody changed, unknown
//! properties with it; other texts line by line; anything else isn't merged.

use std::iter::zip;

use belay_proto::Secret;

mod component;
mod content_lines;
mod groups;
mod lists;
mod properties;
mod series;
mod three_way;
mod uid;
mod zones;

pub use uid::{Renamed, with_uid};

/// Lines of a text, removed and added, over which finding out what was changed takes too long: its time grows with their
/// square (Myers, Algorithmica 1986).
const MOST_LINES: usize = 5000;

/// What became of three versions.
#[derive(Debug)]
pub enum Merged {
    /// One that has the changes of both.
    Whole(Secret<Vec<u8>>),
    /// Both changed the same thing, or the format isn't known. The cloud's is kept, with the device's other changes where
    /// they could be told apart; the device's version has to be kept beside it.
    Conflict(Secret<Vec<u8>>),
}

/// Merges `mine` and `theirs`, which both came of `base`; without a `base`, what differs is a conflict. `kind` is a media
/// type.
#[must_use]
pub fn merge(kind: &str, base: Option<&[u8]>, mine: &[u8], theirs: &[u8]) -> Merged {
    let copy = |bytes: &[u8]| Secret::new(bytes.to_vec());
    if mine == theirs {
        return Merged::Whole(copy(theirs));
    }
    match base {
        Some(base) if base == mine => return Merged::Whole(copy(theirs)),
        Some(base) if base == theirs => return Merged::Whole(copy(mine)),
        _ => {}
    }
    let merged = match kind.split(';').next().map(str::trim) {
        Some("text/vcard" | "text/calendar") => objects(base, mine, theirs),
        Some("text/plain" | "text/markdown") => lines(base, mine, theirs),
        _ => None,
    };
    merged.unwrap_or_else(|| Merged::Conflict(copy(theirs)))
}

fn objects(base: Option<&[u8]>, mine: &[u8], theirs: &[u8]) -> Option<Merged> {
    let parse = |bytes| content_lines::parse(std::str::from_utf8(bytes).ok()?);
    // Without a base nothing says what was removed: all that either has is kept.
    let base = base.and_then(parse);
    let (mine, theirs) = (parse(mine)?, parse(theirs)?);
    // Two versions of vCard say one thing in two ways: their lines don't go together.
    if mine.value("VERSION") != theirs.value("VERSION") {
        return None;
    }
    let (merged, clash) = three_way::merge(base.as_ref(), &mine, &theirs)?;
    let bytes = Secret::new(merged.to_string().into_bytes());
    Some(match clash {
        false => Merged::Whole(bytes),
        true => Merged::Conflict(bytes),
    })
}

fn lines(base: Option<&[u8]>, mine: &[u8], theirs: &[u8]) -> Option<Merged> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (base, mine, theirs) = (text(base?)?, text(mine)?, text(theirs)?);
    if between(base, mine) > MOST_LINES || between(base, theirs) > MOST_LINES {
        return None;
    }
    let merged = diffy::merge(base, mine, theirs).ok()?;
    Some(Merged::Whole(Secret::new(merged.into_bytes())))
}

/// How many lines of two texts lie between what they begin and end with alike.
fn between(one: &str, other: &str) -> usize {
    let [one, other] = [one, other].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let shorter = one.len().min(other.len());
    let is_same = |(one, other): &(&&str, &&str)| one == other;
    let start = zip(&one, &other).take_while(is_same).count();
    let end = zip(one.iter().rev(), other.iter().rev())
        .take(shorter - start)
        .take_while(is_same)
        .count();
    one.len() + other.len() - 2 * (start + end)
}

#[cfg(test)]
mod tests;
