//! Discovery: who asked for it, and what was heard.

use std::collections::BTreeSet;
use std::time::Duration;

use belay_drivers::{Kind, Reading};
use belay_proto::id::AccessoryId;

use super::super::error::AccessoryError;
use super::{Accessory, Answer, Asker, At, Effect, MOST_STRANGERS, STAYS, Sighting, State, TimerOf, wait};

/// The most discoveries at once; each is somebody's call.
const MOST_DISCOVERIES: usize = 16;
/// After a scan that failed it is waited as after so many connections that failed: half a minute.
const LISTENS_AGAIN: u32 = 3;
/// A measurement that isn't a person's is kept once in this many seconds.
pub(super) const KEPT_EACH: u64 = 60;

/// Somebody's discovery.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Discovery {
    kinds: Vec<Kind>,
    power_on: bool,
}

impl State {
    /// Whether a discovery runs.
    #[must_use]
    pub fn discovering(&self) -> bool {
        !self.discoveries.is_empty()
    }

    pub(super) fn discover(
        &mut self,
        asker: Asker,
        kinds: Vec<Kind>,
        lasting: Duration,
        power_on: bool,
        effects: &mut Vec<Effect>,
    ) {
        let refused = if !self.adapter.available {
            self.radio().err()
        } else if !self.adapter.powered && !power_on {
            Some(AccessoryError::PoweredOff)
        } else if self.discoveries.len() >= MOST_DISCOVERIES {
            Some(AccessoryError::Busy)
        } else {
            None
        };
        if let Some(error) = refused {
            effects.push(Effect::Answer(asker, Err(error)));
            return;
        }
        self.discoveries.insert(asker, Discovery { kinds, power_on });
        effects.push(Effect::Wake(TimerOf::Discovery(asker), lasting));
        effects.push(Effect::Answer(asker, Ok(Answer::Done)));
    }

    pub(super) fn end_discovery(&mut self, asker: Asker, effects: &mut Vec<Effect>) {
        if self.discoveries.remove(&asker).is_some() {
            effects.push(Effect::Sleep(TimerOf::Discovery(asker)));
        }
    }

    /// The radio can't: every discovery is over, and what needs it says so.
    pub(super) fn scan_failed(&mut self, error: AccessoryError, at: &At, effects: &mut Vec<Effect>) {
        self.scanning = None;
        for asker in self.discoveries.keys().copied().collect::<Vec<_>>() {
            self.end_discovery(asker, effects);
        }
        for id in std::mem::take(&mut self.listening) {
            effects.push(Effect::Deafen(id));
            if let Some(one) = self.accessories.get_mut(&id) {
                one.problem = Some(error);
            }
        }
        // An adapter that is gone or off comes back by its own signal; one that is there is tried again.
        self.resting = true;
        effects.push(Effect::Wake(TimerOf::Listening, wait(LISTENS_AGAIN, at.dice)));
    }

    pub(super) fn settle_scan(&mut self, effects: &mut Vec<Effect>) {
        let asked = !self.discoveries.is_empty();
        let power_on = self.discoveries.values().any(|one| one.power_on) && !self.adapter.powered;
        let wanted = (asked || !self.listening.is_empty()).then_some(power_on);
        if wanted == self.scanning {
            return;
        }
        match (wanted, self.scanning) {
            // The adapter that was to be switched on is on: the scan that did it goes on.
            (Some(false), Some(true)) => {}
            (Some(power_on), _) => effects.push(Effect::Scan { power_on }),
            (None, _) => effects.push(Effect::EndScan),
        }
        self.scanning = wanted;
    }

    /// Has the radio listen to those that advertise what they measure.
    pub(super) fn settle_listening(&mut self, at: &At, effects: &mut Vec<Effect>) {
        let usable = self.adapter.powered && self.account.is_some() && !self.resting;
        let mut wanted = BTreeSet::new();
        for (id, one) in &self.accessories {
            if one.paired.is_some() && one.kind.advertises() && usable {
                wanted.insert(*id);
            }
        }
        for id in self.listening.difference(&wanted) {
            effects.push(Effect::Deafen(*id));
        }
        for id in wanted.difference(&self.listening) {
            if let Some(one) = self.accessories.get_mut(id) {
                effects.push(Effect::Listen {
                    offset: *one.clock_offset.get_or_insert(at.wall.offset),
                    id: *id,
                    kind: one.kind,
                    address: one.address,
                    key: one.kept_key().cloned(),
                    counter: self.counters.get(id).copied(),
                });
            }
        }
        self.listening = wanted;
    }

    /// A device was heard.
    pub(super) fn heard(&mut self, sighting: Sighting, at: &At, effects: &mut Vec<Effect>) {
        let known = self
            .accessories
            .iter()
            .find(|(_, one)| one.address == sighting.address)
            .map(|(id, _)| *id);
        let id = match known {
            Some(id) => id,
            None => {
                // What BlueZ only remembers isn't there; and nobody is shown what nobody looks for.
                let wanted = |one: &Discovery| one.kinds.is_empty() || one.kinds.contains(&sighting.kind);
                if sighting.rssi.is_none() || !self.discoveries.values().any(wanted) {
                    return;
                }
                if self.strangers() >= MOST_STRANGERS {
                    return;
                }
                sighting.fresh
            }
        };
        let one = self
            .accessories
            .entry(id)
            .or_insert_with(|| Accessory::new(sighting.address, sighting.kind, String::new()));
        one.bonded = sighting.bonded;
        // Its name, which tells the kind, may come later than its first advertisement, and be missing again.
        if one.paired.is_none() && one.connection.is_none() && sighting.kind.is_spoken() {
            one.kind = sighting.kind;
        }
        if one.kind == sighting.kind {
            one.need = sighting.need;
        }
        if !sighting.name.is_empty() {
            one.name = sighting.name;
        }
        let Some(rssi) = sighting.rssi else { return };
        one.rssi = rssi;
        let last = one.heard_at.replace(at.boot);
        let is_back = last.is_none_or(|last| at.boot.saturating_sub(last) >= STAYS);
        match &one.paired {
            None => effects.push(Effect::Wake(TimerOf::Leaving(id), STAYS)),
            // It wasn't there and is: the wait for it is over. One that was there all the while has its turn when it has it.
            Some(_) if is_back && one.waiting && one.connection.is_none() => {
                one.waiting = false;
                effects.push(Effect::Sleep(TimerOf::Retry(id)));
            }
            Some(_) => {}
        }
    }

    fn strangers(&self) -> usize {
        let all = self.accessories.values();
        all.filter(|one| one.paired.is_none()).count()
    }

    pub(super) fn forget_strangers_at(&mut self, address: belay_drivers::Address, effects: &mut Vec<Effect>) {
        let is_stranger = |one: &Accessory| one.address == address && one.paired.is_none();
        let all = self.accessories.iter();
        let ids: Vec<_> = all
            .filter(|(_, one)| is_stranger(one))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if let Some(one) = self.accessories.remove(&id) {
                effects.push(Effect::Sleep(TimerOf::Leaving(id)));
                one.leave(id, AccessoryError::Cancelled, effects);
            }
        }
    }

    /// Readings of a paired accessory, from its advertisements or its connection.
    pub(super) fn measured(
        &mut self,
        id: AccessoryId,
        at: &At,
        (readings, counter): (Vec<(Option<u64>, Reading)>, Option<u32>),
        effects: &mut Vec<Effect>,
    ) {
        let Some(one) = self.accessories.get_mut(&id) else {
            return;
        };
        if one.paired.is_none() {
            return;
        }
        one.problem = None;
        one.is_understood(id, effects);
        // On the disk before anything that the frame says, else it could be played again.
        if let Some(counter) = counter
            && self.counters.insert(id, counter) != Some(counter)
        {
            effects.push(Effect::StoreCounter(id, Some(counter)));
        }
        let now = at.dated();
        let mut kept = Vec::new();
        for (second, reading) in readings {
            let second = second.filter(|second| at.may_be(*second)).unwrap_or(now);
            if let Reading::Battery(level) = reading {
                one.battery = Some(level);
                continue;
            }
            // A sensor says the same ten times a second; a person steps on a scale once.
            let quantity = std::mem::discriminant(&reading);
            let last = one
                .latest
                .iter()
                .find(|(_, old)| std::mem::discriminant(old) == quantity);
            let personal = matches!(
                reading,
                Reading::Weight(_)
                    | Reading::Impedance(_)
                    | Reading::SecondImpedance(_)
                    | Reading::BodyFat(_)
            );
            let due = last.is_none_or(|(kept, _)| second >= kept.saturating_add(KEPT_EACH));
            if personal || due {
                kept.push((second, reading));
                one.remember(second, reading);
            }
        }
        one.heard_records(&kept, at);
        if !kept.is_empty() {
            one.store(id, kept, effects);
            effects.push(Effect::MeasurementChanged(id));
        }
    }

    /// A paired accessory's advertisements can't be understood.
    pub(super) fn unheard(&mut self, id: AccessoryId, error: AccessoryError) {
        if let Ok(one) = self.get(id) {
            one.problem = Some(error);
        }
    }
}
