//! Sync as pure code: no I/O but a reader that it is given, no clock.
//!
//! | module | what it decides |
//! |---|---|
//! | [`judge`] | what a record from the cloud does to the device's own |
//! | [`merge`] | three versions of a text, a vCard or an iCalendar object made one |
//! | [`guard`] | when so much would be deleted that the owner is asked |
//! | [`record`] | what edits and the cloud do to a record on the device |
//! | [`compress`] | how a content is compressed before it is sealed |
//! | [`chunker`] | where a long content is cut |

pub mod chunker;
pub mod compress;
pub mod guard;
pub mod judge;
pub mod merge;
pub mod record;
