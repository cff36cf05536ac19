//! What the bus names records and pages by.

use belay_proto::dbus::records::{MAX_LISTED, MAX_NAMED};
use belay_proto::sync::RecordId;

use crate::bus::Error;
use crate::sync::Choice;

pub(super) fn record(id: &str) -> Result<RecordId, Error> {
    id.parse()
        .map_err(|_| Error::InvalidArgument("a record's id is 32 hexadecimal digits".into()))
}

pub(super) fn records(ids: &[String]) -> Result<Vec<RecordId>, Error> {
    few(ids.len())?;
    ids.iter().map(|id| record(id)).collect()
}

pub(super) fn chosen(choice: &str) -> Result<Choice, Error> {
    match choice {
        "mine" => Ok(Choice::Mine),
        "theirs" => Ok(Choice::Theirs),
        "both" => Ok(Choice::Both),
        _ => Err(Error::InvalidArgument(
            "the choice is mine, theirs or both".into(),
        )),
    }
}

pub(super) fn texts(records: Vec<(RecordId, u64)>) -> Vec<(String, u64)> {
    let one = |(id, revision): (RecordId, u64)| (id.to_string(), revision);
    records.into_iter().map(one).collect()
}

pub(super) fn of_page(limit: u32) -> Result<usize, Error> {
    match (1..=MAX_LISTED).contains(&limit) {
        true => Ok(limit as usize),
        false => Err(Error::InvalidArgument("a page has 1 to 1,000 records".into())),
    }
}

pub(super) fn few(named: usize) -> Result<(), Error> {
    match named <= MAX_NAMED {
        true => Ok(()),
        false => Err(Error::InvalidArgument("at most 10,000 at once".into())),
    }
}
