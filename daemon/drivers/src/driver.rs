//! The one trait of all drivers.
//!
//! A driver lives as long as one connection. It begins with [`Input::Connected`]; from then on it is told everything
//! that happens and never asks for it. Each [`Request`] ends with exactly one [`Event::Finished`], also when the
//! connection is lost. A driver that was told [`Input::Disconnected`], or has put out [`Output::Fail`], is done with.

use std::time::Duration;

use crate::alert::{Alert, AlertKind};
use crate::gatt::{Characteristic, Gatt, Operation, OperationError};
use crate::key::Key;
use crate::measure::{ActivityMinute, Reading};
use crate::moment::Moment;
use crate::settings::Settings;

/// The protocol of one accessory over one connection.
pub trait Driver: Send {
    /// Takes one input and answers what is to be done, in this order. Bytes of the accessory may be anything: the
    /// answer to nonsense is [`Output::Fail`] or nothing, never a panic, and what is kept of them is bounded.
    fn step(&mut self, input: Input) -> Vec<Output>;
}

/// Tells requests apart; chosen by whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u32);

/// Tells the timers of a driver apart; chosen by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timer(pub u8);

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The device is connected and its services are known. Comes once, first.
    Connected(Gatt),
    /// The operation has ended, with the value that was read (empty but for reads).
    Answered {
        /// As it was put out.
        operation: Operation,
        /// How it ended.
        result: Result<Vec<u8>, OperationError>,
    },
    /// A notification or indication.
    Notified {
        /// Of which characteristic.
        from: Characteristic,
        /// The value.
        value: Vec<u8>,
    },
    /// The timer has run out.
    Elapsed(Timer),
    /// Something is asked.
    Request {
        /// Comes back in [`Event::Finished`].
        id: RequestId,
        /// What.
        request: Request,
    },
    /// What the last [`Event::History`] or [`Event::Readings`] brought is on disk.
    Committed,
    /// The request is to end early; it finishes with [`Failure::Cancelled`].
    Cancel(RequestId),
    /// The connection is gone.
    Disconnected,
}

/// How a connection begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Make the accessory ours, whoever's it was. Where the kind draws its key, this is the new one and the wearer
    /// must tap.
    Pair(Option<Key>),
    /// The same for one that is nobody's: [`Failure::KeyMismatch`] where it holds another key.
    Claim(Option<Key>),
    /// It is ours already.
    Resume(Option<Key>),
}

impl Opening {
    /// The key that it goes by.
    #[must_use]
    pub const fn key(&self) -> Option<&Key> {
        let (Self::Pair(key) | Self::Claim(key) | Self::Resume(key)) = self;
        key.as_ref()
    }
}

/// What is asked of an accessory.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Authenticate, set the clock to `now`, learn battery and device information. Always the first.
    Open {
        /// How.
        opening: Opening,
        /// What the clock shows.
        now: Moment,
        /// Whether the accessory's clock is set to that: one that is set wrongly dates wrongly what it keeps.
        sets_clock: bool,
    },
    /// Set the clock.
    SetTime(Moment),
    /// Fetch the history from `since` (exclusive; where there is none, as far back as the protocol's clients go) to
    /// `now`.
    Fetch {
        /// The last minute that is on disk.
        since: Option<Moment>,
        /// What the clock shows. Of what an accessory dates by a clock without an offset: at the offset that its clock
        /// was set to.
        now: Moment,
        /// Whether the accessory is told to forget what is on disk.
        forgets: bool,
    },
    /// Measure the heart rate once; the value comes as an [`Event::Reading`] before the end.
    MeasureHeartRate,
    /// Measure without pause, or end that.
    FollowHeartRate(bool),
    /// Show an alert; finished when it is shown.
    Alert(Alert),
    /// End it.
    StopAlert(AlertKind),
    /// Change settings.
    Settings(Settings),
    /// The phone that the band asked for was found: the band may stop.
    PhoneFound,
    /// Forget us as far as the protocol can, before an unpairing.
    Forget,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Perform it, after those before it.
    Gatt(Operation),
    /// Tell [`Input::Elapsed`] after this long; a second one for the same timer replaces the first.
    Wake(Timer, Duration),
    /// Forget the timer.
    Sleep(Timer),
    /// Tell the domain.
    Event(Event),
    /// End the connection: nothing more can be done on it.
    Fail(Failure),
}

/// What the domain is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The wearer must tap the accessory now.
    AwaitingConfirmation,
    /// Authenticated, or as far as the accessory wants it.
    Ready,
    /// What it says of itself.
    Information(Information),
    /// Its battery.
    Battery {
        /// Percent.
        level: u8,
        /// Whether it charges.
        charging: bool,
    },
    /// A measurement; `at` is the accessory's own time in seconds since the epoch, `None` where it has none or a
    /// wrong one: then it was just now.
    Reading {
        /// When.
        at: Option<u64>,
        /// What.
        reading: Reading,
    },
    /// How far a fetch is: records so far, and in all as far as is known.
    Progress {
        /// Fetched.
        done: u64,
        /// In all.
        total: u64,
    },
    /// A whole transfer, in order, without gaps in it. The accessory is told to forget it only after
    /// [`Input::Committed`].
    History(Vec<ActivityMinute>),
    /// A whole transfer of dated measurements, in the order in which the accessory keeps them; may be empty. `None`:
    /// nobody knows when, only that it was before this transfer. The accessory is told to forget it only after
    /// [`Input::Committed`]. Measurements that were not forgotten come again.
    Readings(Vec<(Option<u64>, Reading)>),
    /// Its history has news.
    HistoryGrew,
    /// Its wearer looks for the phone (true), or has it (false).
    FindPhone(bool),
    /// Its wearer wants the call declined.
    DeclineCall,
    /// Its wearer wants the call silent.
    IgnoreCall,
    /// A button.
    Button,
    /// It fell asleep with its wearer (true), or woke up.
    Asleep(bool),
    /// Taken off.
    NotWorn,
    /// The request has ended.
    Finished {
        /// Which.
        id: RequestId,
        /// How.
        outcome: Result<(), Failure>,
    },
}

/// What an accessory says of itself; empty where it doesn't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Information {
    /// Serial number.
    pub serial: String,
    /// Version of what it runs, without a leading V.
    pub firmware: String,
    /// Version of what it is.
    pub hardware: String,
}

/// Why something failed: what a person can do is different for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The accessory refused.
    #[error("the accessory refused")]
    Refused,
    /// The wearer didn't tap in time.
    #[error("nobody confirmed at the accessory")]
    NotConfirmed,
    /// The accessory holds another key.
    #[error("the accessory holds another key")]
    KeyMismatch,
    /// The accessory holds no key at all: it was reset, or never paired.
    #[error("the accessory holds no key")]
    NoKey,
    /// A key is needed and there is none.
    #[error("the accessory wants a key")]
    KeyRequired,
    /// It didn't answer in time.
    #[error("the accessory didn't answer in time")]
    TimedOut,
    /// The connection was lost.
    #[error("the connection was lost")]
    Lost,
    /// It isn't what it was taken for, or can't do that.
    #[error("the accessory can't do that")]
    NotSupported,
    /// Another request of this sort runs.
    #[error("the accessory is busy with another request")]
    Busy,
    /// It was asked to end.
    #[error("cancelled")]
    Cancelled,
    /// Its bytes make no sense.
    #[error("the accessory sent what makes no sense")]
    Nonsense,
}
