//! What can happen, and what can be done about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::before::{Before, Radio};

/// Something to be done outside, at most once at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// Write the former values to disk; none left: remove the file.
    Save,
    /// Switch a radio on or off.
    Radio(Radio, bool),
    /// Set USBGuard's target.
    Usb(String),
    /// Ask for the sessions.
    Sessions,
    /// End one.
    End(String),
    /// Block power-off, suspend, the power key and the lid.
    Inhibit,
    /// No longer.
    Release,
    /// Start the lost screen's target.
    Target,
    /// Tell the warden that time has passed.
    Tick,
}

impl Job {
    /// Whether two jobs would get into each other's way.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Radio(one, _), Self::Radio(other, _)) => one == other,
            (Self::Usb(_), Self::Usb(_)) => true,
            (Self::Inhibit | Self::Release, Self::Inhibit | Self::Release) => true,
            (one, other) => one == other,
        }
    }
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The warden says whether the device is lost or wiping.
    Lock {
        /// It is.
        guarded: bool,
        /// Something else may have changed as well, such as a policy.
        changed: bool,
    },
    /// The warden has answered when to ask again, ms of boot time; 0: never.
    Ticked(u64),
    /// That time has come.
    Due,
    /// The radios as they are; empty: nobody speaks for them.
    Radios(BTreeMap<Radio, bool>),
    /// The radios that a switch in the hardware holds off, told ahead of [`Event::Radios`].
    Held(BTreeSet<Radio>),
    /// USBGuard's target as it is; `None`: it isn't there.
    Usb(Option<String>),
    /// The login manager came, again or for the first time, or left.
    Login(bool),
    /// A session appeared.
    SessionNew,
    /// The sessions that have to end, by their ids.
    Strangers(BTreeSet<String>),
    /// Whether the target is up; `None`: there is none.
    Target(Option<bool>),
    /// The file holds this now.
    Saved(Before),
    /// A job is done.
    Done(Job),
    /// A job failed.
    Failed(Job),
    /// It may be tried again.
    Again(Job),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the file hold this.
    Save(Before),
    /// Do it, and say how it went.
    Do(Job),
    /// Say [`Event::Again`] after a while, a longer one after each try.
    Later(Job, u32),
    /// Say [`Event::Due`] at this boot time in ms, and at no other; 0: never.
    DueAt(u64),
    /// Nothing is left to watch.
    Leave,
}
