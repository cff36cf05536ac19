//! What is shown on which wrist.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use belay_drivers::Alert;
use belay_drivers::alert::AlertKind;
use belay_proto::id::AccessoryId;

use super::{Band, Effect};
use crate::platform::Incoming;

/// So many texts come through at once, …
const MOST_AT_ONCE: u32 = 5;
/// … and one more each time so long has passed. Who floods the phone doesn't have the wrist vibrate all day.
const ONE_EACH: Duration = Duration::from_secs(10);
/// More calls than any modem has at a time.
const MOST_CALLS: usize = 8;
/// Longer texts no accessory shows; each cuts to its own limit, between characters.
const LONGEST: usize = 256;
/// Who calls without saying so.
const UNKNOWN: &str = "?";

/// What is shown, and how many texts came lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wrists {
    /// The calls that come in, with those that show them.
    calls: BTreeMap<String, BTreeSet<AccessoryId>>,
    /// Texts that count as just come, at `counted`.
    texts: u32,
    counted: Duration,
}

impl Wrists {
    /// A call comes in that can be declined.
    pub(super) fn has_call(&self) -> bool {
        !self.calls.is_empty()
    }

    pub(super) fn incoming(
        &mut self,
        incoming: Incoming,
        bands: &BTreeMap<AccessoryId, Band>,
        at: Duration,
        effects: &mut Vec<Effect>,
    ) {
        match incoming {
            Incoming::Call { call, number } => {
                if self.calls.len() >= MOST_CALLS || self.calls.contains_key(&call) {
                    return;
                }
                let shown: BTreeSet<_> = ready(bands, |band| band.wishes.calls).collect();
                let caller = if number.is_empty() { UNKNOWN } else { &number };
                effects.extend(shown.iter().map(|id| {
                    let caller = cut(caller);
                    Effect::Alert(*id, Alert::Call { caller })
                }));
                self.calls.insert(call, shown);
            }
            Incoming::CallOver { call } => {
                if let Some(shown) = self.calls.remove(&call) {
                    self.end(shown, bands, effects);
                }
            }
            Incoming::Text { number, text } => {
                if !self.may_show(at) {
                    return;
                }
                for id in ready(bands, |band| band.wishes.messages) {
                    let (title, body) = (cut(&number), cut(&text));
                    effects.push(Effect::Alert(id, Alert::Message { title, body }));
                }
            }
        }
    }

    /// The wearer doesn't want to hear of the call: it goes from every wrist.
    pub(super) fn ignore(&mut self, bands: &BTreeMap<AccessoryId, Band>, effects: &mut Vec<Effect>) {
        let mut all = BTreeSet::new();
        for shown in self.calls.values_mut() {
            all.append(shown);
        }
        self.end(all, bands, effects);
    }

    /// Nothing is shown any more.
    pub(super) fn clear(&mut self, bands: &BTreeMap<AccessoryId, Band>, effects: &mut Vec<Effect>) {
        self.ignore(bands, effects);
        self.calls.clear();
    }

    /// Ends a call where nothing else is shown.
    fn end(&self, on: BTreeSet<AccessoryId>, bands: &BTreeMap<AccessoryId, Band>, effects: &mut Vec<Effect>) {
        for id in on {
            let shows_another = self.calls.values().any(|shown| shown.contains(&id));
            if !shows_another && bands.get(&id).is_some_and(|band| band.ready) {
                effects.push(Effect::StopAlert(id, AlertKind::Call));
            }
        }
    }

    fn may_show(&mut self, at: Duration) -> bool {
        let gone = at.saturating_sub(self.counted).as_secs() / ONE_EACH.as_secs();
        let gone = u32::try_from(gone).unwrap_or(u32::MAX);
        if gone > 0 {
            self.texts = self.texts.saturating_sub(gone);
            self.counted = at;
        }
        let may = self.texts < MOST_AT_ONCE;
        self.texts += u32::from(may);
        may
    }
}

fn ready<'a>(
    bands: &'a BTreeMap<AccessoryId, Band>,
    wants: impl Fn(&Band) -> bool + 'a,
) -> impl Iterator<Item = AccessoryId> + 'a {
    let those = bands.iter().filter(move |(_, band)| band.ready && wants(band));
    those.map(|(id, _)| *id)
}

/// One line of at most [`LONGEST`] characters.
fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).take(LONGEST).collect()
}
