//! What follows from what accessories and the phone tell: pure.

mod absence;
mod wrist;

use std::collections::BTreeMap;
use std::time::Duration;

use belay_drivers::Alert;
use belay_drivers::alert::AlertKind;
use belay_proto::id::AccessoryId;

use crate::accessory::Wishes;
use crate::platform::Incoming;
pub(super) use absence::Kept;
use absence::{Absences, Due};
use wrist::Wrists;

/// How long a band has the phone ring; its wearer may ask again.
pub(super) const SEARCH: Duration = Duration::from_secs(60);

/// Everything that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    phone: Phone,
    bands: BTreeMap<AccessoryId, Band>,
    /// Bluetooth is on.
    powered: bool,
    /// A band looks for the phone.
    searching: bool,
    /// The bell is rung for a band that is gone.
    alarm: bool,
    absences: Absences,
    /// The warden is being told that a band is gone.
    telling: bool,
    /// It couldn't be told, and isn't tried again before this boot time.
    tell_at: Option<Duration>,
    wrists: Wrists,
}

/// The device, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Phone {
    /// The warden has said so.
    pub(super) known: bool,
    /// Everything but the way back is closed, or nothing is known of it.
    pub(super) lost: bool,
    /// Its owner wants it locked when a band is gone.
    pub(super) guarded: bool,
    /// What policies would do is only written down.
    pub(super) dry_run: bool,
}

/// A paired accessory, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    /// It can be asked something now.
    pub(super) ready: bool,
    /// Its link was lost and not regained.
    pub(super) away: bool,
    /// Somebody had it disconnected.
    pub(super) held: bool,
    /// A person wears it.
    pub(super) worn: bool,
    /// What its owner has switched on.
    pub(super) wishes: Wishes,
}

/// Something happened at this boot time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// The device is like this.
    Phone(Phone),
    /// The paired accessories are like this, and Bluetooth is on or off.
    Bands(BTreeMap<AccessoryId, Band>, bool),
    /// A band looks for the phone, or its wearer has it.
    FindPhone(bool),
    /// A wearer declines the call that comes in.
    DeclineCall,
    /// A wearer doesn't want to hear of it.
    IgnoreCall,
    /// The device has ceased to ring.
    Silent,
    /// The device can't ring.
    Mute,
    /// The modem tells of a call or a text.
    Incoming(Incoming),
    /// The modem is followed no longer: nobody says when its calls end.
    Deaf,
    /// The warden has heard that a band is gone, or couldn't be told and may be tried again after this wait.
    Tightened(Result<(), Duration>),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Ring for so long.
    Ring(Duration),
    /// Ring no more.
    Silence,
    /// Tell the bands that they may stop looking.
    PhoneFound,
    /// Decline the calls that come in.
    Decline,
    /// Show an alert.
    Alert(AccessoryId, Alert),
    /// End it.
    StopAlert(AccessoryId, AlertKind),
    /// Tell the warden that a band is gone; answered by [`What::Tightened`].
    Tighten,
}

/// One step: what is known after `event`, and what is to be done.
#[must_use]
pub(super) fn step(state: &State, event: Event) -> (State, Vec<Effect>) {
    let mut next = state.clone();
    let mut effects = Vec::new();
    next.take(event, &mut effects);
    (next, effects)
}

impl State {
    /// Goes on from what was kept.
    #[must_use]
    pub(super) fn restored(kept: &Kept) -> Self {
        Self {
            absences: Absences::restored(kept),
            ..Self::default()
        }
    }

    /// What is to outlive belayd; a restart ends none of it.
    #[must_use]
    pub(super) fn kept(&self) -> Kept {
        self.absences.kept()
    }

    /// Whether the modem is to be followed: while nobody wants its calls and texts they are nobody's business.
    pub(super) fn wants_modem(&self) -> bool {
        let wants = |band: &Band| band.wishes.calls || band.wishes.messages;
        !self.phone.lost && self.bands.values().any(wants)
    }

    /// When time matters next.
    pub(super) fn next_tick(&self, now: Duration) -> Option<Duration> {
        let look = self.absences.next_tick(now);
        look.into_iter().chain(self.tell_at.map(|at| at.max(now))).min()
    }

    fn take(&mut self, Event { at, what }: Event, effects: &mut Vec<Effect>) {
        match what {
            What::Phone(phone) => {
                self.phone = phone;
                if phone.lost {
                    self.wrists.clear(&self.bands, effects);
                }
                self.look_after(at, effects);
            }
            What::Bands(bands, powered) => {
                self.bands = bands;
                self.powered = powered;
                self.look_after(at, effects);
            }
            // A lost device takes no orders but its owner's: a band may have been lost with it.
            What::FindPhone(true) if self.phone.lost => effects.push(Effect::PhoneFound),
            What::FindPhone(true) => {
                self.searching = true;
                effects.push(Effect::Ring(SEARCH));
            }
            What::FindPhone(false) => {
                if std::mem::take(&mut self.searching) && !self.alarm {
                    effects.push(Effect::Silence);
                }
            }
            What::Silent | What::Mute => {
                if std::mem::take(&mut self.alarm) && what == What::Silent {
                    self.absences.silence();
                }
                if std::mem::take(&mut self.searching) {
                    effects.push(Effect::PhoneFound);
                }
            }
            What::DeclineCall => {
                if !self.phone.lost && self.wrists.has_call() {
                    effects.push(Effect::Decline);
                }
            }
            What::IgnoreCall => self.wrists.ignore(&self.bands, effects),
            What::Incoming(_) if self.phone.lost => {}
            What::Incoming(incoming) => self.wrists.incoming(incoming, &self.bands, at, effects),
            What::Deaf => self.wrists.clear(&self.bands, effects),
            What::Tightened(outcome) => {
                self.telling = false;
                match outcome {
                    Ok(()) => self.absences.told(),
                    Err(wait) => self.tell_at = Some(at + wait),
                }
            }
            What::Tick => self.look_after(at, effects),
        }
    }

    /// Sees whether a band is gone. Until the warden has said whether that matters, nothing counts or is forgotten.
    fn look_after(&mut self, at: Duration, effects: &mut Vec<Effect>) {
        if !self.phone.known {
            return;
        }
        let guarded = self.phone.guarded && !self.phone.lost;
        self.tell_at = self.tell_at.filter(|tell_at| *tell_at > at);
        match self.absences.look(&self.bands, self.powered, guarded, at) {
            Due::Nothing => {
                if std::mem::take(&mut self.alarm) && !self.searching {
                    effects.push(Effect::Silence);
                }
            }
            Due::Waiting => {}
            Due::Alarm => {
                if !self.alarm && !self.phone.dry_run {
                    self.alarm = true;
                    effects.push(Effect::Ring(absence::ALARM));
                }
            }
            Due::Lock if self.telling || self.tell_at.is_some() => {}
            Due::Lock => {
                self.telling = true;
                effects.push(Effect::Tighten);
            }
        }
    }
}

#[cfg(test)]
mod tests;
