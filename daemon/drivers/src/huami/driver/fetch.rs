//! A fetch of the history: rounds of request, transfer, commit and acknowledgement.
//!
//! The band is told to forget a transfer only when it is on disk, and only when all that was announced came and lies
//! in the past. What is
//! dropped on the way is asked for again: a round begins after the last minute that is on disk, so no minute is lost,
//! and minutes up to there are passed over, so none comes twice.

use std::time::Duration;

use super::core::{Core, FETCH, Purpose, minute};
use super::requests::{Serial, failure};
use super::transfer::Transfer;
use crate::driver::{Event, Failure};
use crate::gatt::{Characteristic, OperationError};
use crate::huami::codec::fetch::{self, Body, Reply};
use crate::huami::uuids::{BAND, FETCH_CONTROL, FETCH_DATA};
use crate::moment::Moment;

/// How long a band may take to the next packet or answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);
/// How long data may come later than the end of their transfer: they take another way.
const LATE: Duration = Duration::from_secs(1);
/// How often a transfer is asked for again.
const RETRIES: u8 = 3;
/// How far back a first fetch goes, seconds.
const FIRST: u64 = 100 * 24 * 3600;
/// After so many packets we tell how far it is.
const PROGRESS: u64 = 64;

/// A fetch under way.
pub(super) struct Fetch {
    serial: Serial,
    control: Characteristic,
    /// The last minute that is on disk, seconds since the epoch.
    cursor: u64,
    now: Moment,
    /// The same, seconds since the epoch.
    today: u64,
    /// The band may forget what is on disk.
    forgets: bool,
    retries: u8,
    /// Minutes that are on disk.
    done: u64,
    stage: Stage,
}

enum Stage {
    /// A transfer is requested.
    Requested,
    /// It comes; `ended`: the band says that this was all.
    Receiving { transfer: Transfer, ended: bool },
    /// It is with the domain; `last` is its last minute, `whole`: all that was announced came and was taken.
    Committing { last: u64, minutes: u64, whole: bool },
    /// The band is told what to do with it.
    Acknowledging,
    /// Until the next round.
    Pausing,
    /// Over.
    Over,
}

impl Fetch {
    /// Begins with the first round; `None` where there is nothing to ask for.
    ///
    /// # Errors
    /// [`Failure::NotSupported`]: no history, or no time.
    pub(super) fn begin(
        core: &mut Core,
        serial: Serial,
        since: Option<Moment>,
        now: Moment,
        forgets: bool,
    ) -> Result<Self, Failure> {
        let control = core
            .find(BAND, FETCH_CONTROL)
            .filter(|_| core.find(BAND, FETCH_DATA).is_some())
            .ok_or(Failure::NotSupported)?;
        let today = minute(now).ok_or(Failure::NotSupported)?;
        let cursor = since.and_then(minute).unwrap_or(today.saturating_sub(FIRST));
        core.requests.hold(serial);
        let mut this = Self {
            serial,
            control,
            cursor,
            now,
            today,
            forgets,
            retries: 0,
            done: 0,
            stage: Stage::Pausing,
        };
        this.round(core);
        Ok(this)
    }

    /// Whether it has ended.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// An operation was answered.
    pub(super) fn answered(&mut self, core: &mut Core, result: Result<(), OperationError>) {
        if let Err(error) = result {
            self.end(core, Err(failure(error)));
        }
    }

    /// The band has answered.
    pub(super) fn told(&mut self, core: &mut Core, value: &[u8]) {
        let reply = fetch::decode(value);
        match (&self.stage, reply) {
            (Stage::Requested, Ok(reply @ Reply { to: 1, .. })) => self.started(core, reply),
            // A time that is none: nothing can be made of what would follow.
            (Stage::Requested, Err(_)) => self.again(core, Failure::Nonsense),
            (Stage::Receiving { ended: false, .. }, Ok(reply @ Reply { to: 2, .. })) => {
                self.ended(core, reply);
            }
            (Stage::Acknowledging, Ok(Reply { to: 3, .. })) => self.next(core),
            _ => {}
        }
    }

    /// The band says that the transfer is over.
    fn ended(&mut self, core: &mut Core, reply: Reply) {
        let Stage::Receiving { transfer, ended } = &mut self.stage else {
            return;
        };
        if !reply.is_ok() {
            // A band may end like this where it has nothing.
            let nothing = reply.status == fetch::NOTHING && transfer.packets() == 0;
            return if nothing {
                self.end(core, Ok(()));
            } else {
                self.again(core, Failure::Refused);
            };
        }
        *ended = true;
        let torn = matches!(reply.body, Body::Ended { crc: Some(crc) } if crc != transfer.crc());
        if torn || transfer.is_broken() {
            self.again(core, Failure::Nonsense);
        } else if transfer.is_complete(core.model.sample) {
            self.deliver(core);
        } else {
            core.wake(FETCH, LATE);
        }
    }

    /// A packet came.
    pub(super) fn data(&mut self, core: &mut Core, packet: &[u8]) {
        let Stage::Receiving { transfer, ended } = &mut self.stage else {
            return;
        };
        transfer.push(packet);
        if transfer.is_endless() {
            return self.end(core, Err(Failure::Nonsense));
        }
        let size = core.model.sample;
        if *ended {
            if transfer.is_broken() {
                self.again(core, Failure::Nonsense);
            } else if transfer.is_complete(size) {
                self.deliver(core);
            }
            return;
        }
        let tell = transfer.packets().is_multiple_of(PROGRESS);
        let (samples, announced) = (transfer.samples(size), transfer.announced());
        core.wake(FETCH, PATIENCE);
        if tell {
            core.event(Event::Progress {
                done: self.done + samples,
                total: self.done + u64::from(announced).max(samples),
            });
        }
    }

    /// The last transfer is on disk.
    pub(super) fn committed(&mut self, core: &mut Core) {
        let Stage::Committing { last, minutes, whole } = self.stage else {
            return;
        };
        self.cursor = last;
        self.done += minutes;
        self.retries = 0;
        core.event(Event::Progress {
            done: self.done,
            total: self.done,
        });
        let words = core.model.acknowledge;
        let word = if whole && self.forgets {
            words.delete
        } else {
            words.keep
        };
        if word.is_empty() {
            self.next(core);
        } else {
            core.write(Purpose::Fetch, self.control, word);
            core.wake(FETCH, PATIENCE);
            self.stage = Stage::Acknowledging;
        }
    }

    /// The timer has run out.
    pub(super) fn elapsed(&mut self, core: &mut Core) {
        match &self.stage {
            Stage::Requested | Stage::Receiving { ended: false, .. } => {
                self.again(core, Failure::TimedOut);
            }
            Stage::Receiving { ended: true, .. } => self.deliver(core),
            // It is on disk, and the band is none the worse for keeping it.
            Stage::Acknowledging => self.next(core),
            Stage::Pausing => self.round(core),
            Stage::Committing { .. } | Stage::Over => {}
        }
    }

    /// It isn't wanted any more.
    pub(super) fn cancel(&mut self, core: &mut Core) {
        self.end(core, Err(Failure::Cancelled));
    }

    /// Requests what lies after the cursor.
    fn round(&mut self, core: &mut Core) {
        if self.is_up_to_date() {
            return self.end(core, Ok(()));
        }
        let from = self.cursor.saturating_add(60);
        let Some(from) = Moment::at(from, self.now.offset) else {
            return self.end(core, Err(Failure::NotSupported));
        };
        core.write(
            Purpose::Fetch,
            self.control,
            &fetch::request(fetch::ACTIVITY, from),
        );
        core.wake(FETCH, PATIENCE);
        self.stage = Stage::Requested;
    }

    fn started(&mut self, core: &mut Core, reply: Reply) {
        let Body::Started { count, start } = reply.body else {
            return self.refused(core);
        };
        let Some(start) = start.filter(|_| count > 0) else {
            self.keep(core);
            return self.end(core, Ok(()));
        };
        let Some(start) = minute(start) else {
            return self.again(core, Failure::Nonsense);
        };
        if start > self.today {
            // A time to come: from here on the band only tells what can't be, or what the next fetch is for.
            self.keep(core);
            return self.end(core, Ok(()));
        }
        core.event(Event::Progress {
            done: self.done,
            total: self.done + u64::from(count),
        });
        core.write(Purpose::Fetch, self.control, &fetch::BEGIN);
        core.wake(FETCH, PATIENCE);
        self.stage = Stage::Receiving {
            transfer: Transfer::new(start, count),
            ended: false,
        };
    }

    /// Hands the transfer over.
    fn deliver(&mut self, core: &mut Core) {
        let Stage::Receiving { transfer, .. } = &self.stage else {
            return;
        };
        let size = core.model.sample;
        // What lies ahead of us isn't taken, so the band must not forget it either.
        let whole = transfer.is_complete(size) && transfer.end(size) <= self.today.saturating_add(60);
        match transfer.minutes(size, self.cursor, self.today) {
            None => self.again(core, Failure::Nonsense),
            Some(minutes) => match minutes.last() {
                Some(last) => {
                    core.sleep(FETCH);
                    self.stage = Stage::Committing {
                        last: last.start,
                        minutes: u64::try_from(minutes.len()).unwrap_or(u64::MAX),
                        whole,
                    };
                    core.event(Event::History(minutes));
                }
                None if transfer.packets() == 0 => self.again(core, Failure::Nonsense),
                // Nothing that we haven't: another round would bring the same.
                None => {
                    self.keep(core);
                    self.end(core, Ok(()));
                }
            },
        }
    }

    /// After a round that went well.
    fn next(&mut self, core: &mut Core) {
        if self.is_up_to_date() {
            self.end(core, Ok(()));
        } else {
            self.pause(core);
        }
    }

    /// Whether the minute after the cursor isn't over yet.
    const fn is_up_to_date(&self) -> bool {
        self.cursor.saturating_add(120) > self.today
    }

    /// After a round that went wrong: another try, if there have not been enough.
    fn again(&mut self, core: &mut Core, why: Failure) {
        self.keep(core);
        if self.retries == RETRIES {
            return self.end(core, Err(why));
        }
        self.retries += 1;
        self.pause(core);
    }

    /// The band won't begin. Later bands do so while an earlier transfer isn't acknowledged.
    fn refused(&mut self, core: &mut Core) {
        if core.model.acknowledge.keep.is_empty() {
            self.end(core, Err(Failure::Refused));
        } else {
            self.again(core, Failure::Refused);
        }
    }

    /// Tells the band to keep what it sent, where it wants to be told.
    fn keep(&self, core: &mut Core) {
        let word = core.model.acknowledge.keep;
        if !word.is_empty() {
            core.write(Purpose::Fetch, self.control, word);
        }
    }

    fn pause(&mut self, core: &mut Core) {
        core.wake(FETCH, PAUSE);
        self.stage = Stage::Pausing;
    }

    fn end(&mut self, core: &mut Core, outcome: Result<(), Failure>) {
        if !self.is_over() {
            core.sleep(FETCH);
            self.stage = Stage::Over;
            core.finish(self.serial, outcome);
        }
    }
}
