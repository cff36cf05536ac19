//! Which SIM is another one.
//!
//! The SIMs that are there when the device is bound are trusted, and the first to be read within ten minutes of a
//! modem being seen, and of its boot, where none could be read yet. Any other is news once, until yet another one comes:
//! a thief's card is told of each time it comes back after the owner's, the owner's never. A SIM that is gone is no
//! news: modems vanish for many reasons.
//!
//! A lost device trusts none: whoever holds it chooses what is in. A SIM that is the first to be seen then is news as
//! any other, and one that was told of is never trusted later.

use std::time::Duration;

use belay_proto::clock::{Clock, millis};
use serde::{Deserialize, Serialize};

use crate::platform::Sim;

/// More slots than any device has.
const MOST: usize = 8;
/// So long a modem without a SIM that can be read may go on to have a first one: it starts, or wants a PIN. Whatever
/// comes later was put in.
const BEGINNING: Duration = Duration::from_secs(10 * 60);

/// A SIM as it is remembered; empty texts weren't readable yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Card {
    imei: String,
    iccid: String,
    imsi: String,
}

/// The SIMs that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cards {
    /// There from the beginning.
    trusted: Vec<Card>,
    /// Told of since; one a modem.
    told: Vec<Card>,
    /// The first SIMs were seen, or will never be.
    is_begun: bool,
    /// Since when a modem is there, and none was seen.
    waits: Option<Waits>,
}

/// A point of one boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waits {
    boot: String,
    boottime_ms: u64,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    /// The SIMs that are in the device and can be read.
    pub(super) sims: &'a [Sim],
    /// There is a modem.
    pub(super) has_modem: bool,
    /// Whoever holds the device may not be its owner.
    pub(super) is_lost: bool,
}

/// A SIM that the owner is to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    /// The SIM.
    pub(super) sim: Sim,
    /// It is another one; else only its subscriber could be read now.
    pub(super) is_other: bool,
}

impl Card {
    fn of(sim: &Sim) -> Self {
        Self {
            imei: sim.imei.clone(),
            iccid: sim.iccid.clone(),
            imsi: sim.imsi.clone(),
        }
    }

    /// Whether nothing that can be read says otherwise: the same card in the same modem.
    fn is(&self, sim: &Sim) -> bool {
        let differs = |known: &str, seen: &str| !known.is_empty() && !seen.is_empty() && known != seen;
        let same = |known: &str, seen: &str| !known.is_empty() && known == seen;
        let is_same = same(&self.iccid, &sim.iccid) || same(&self.imsi, &sim.imsi);
        is_same
            && !differs(&self.iccid, &sim.iccid)
            && !differs(&self.imsi, &sim.imsi)
            && !differs(&self.imei, &sim.imei)
    }

    /// Notes what could be read now; `true` when the subscriber is among it.
    fn learn(&mut self, sim: &Sim) -> bool {
        let is_new = self.imsi.is_empty() && !sim.imsi.is_empty();
        for (known, seen) in [
            (&mut self.imei, &sim.imei),
            (&mut self.iccid, &sim.iccid),
            (&mut self.imsi, &sim.imsi),
        ] {
            if known.is_empty() {
                known.clone_from(seen);
            }
        }
        is_new
    }
}

impl Cards {
    /// Takes the SIMs that are in the device now, and answers what the owner is to hear.
    pub(super) fn step(&mut self, sight: Sight<'_>, clock: &dyn Clock) -> Vec<News> {
        let seen = sight.sims;
        self.wait(sight.has_modem, clock);
        if !self.is_begun && !sight.is_lost {
            let new = seen.iter().take(MOST).filter(|sim| !self.is_told(sim));
            self.trusted = new.map(Card::of).collect();
            self.is_begun = !self.trusted.is_empty();
        }
        if self.is_begun {
            self.waits = None;
        }
        seen.iter().take(MOST).filter_map(|sim| self.see(sim)).collect()
    }

    /// Ends the beginning where it has lasted long enough, or the boot that it began in is over.
    fn wait(&mut self, has_modem: bool, clock: &dyn Clock) {
        let (boot, now) = (clock.boot_id(), clock.boottime());
        match &self.waits {
            Some(waits) => {
                let since = Duration::from_millis(waits.boottime_ms);
                self.is_begun |= waits.boot != boot || now.saturating_sub(since) >= BEGINNING;
            }
            None if has_modem && !self.is_begun => {
                self.waits = Some(Waits {
                    boot,
                    boottime_ms: millis(now),
                });
            }
            None => {}
        }
    }

    fn is_told(&self, sim: &Sim) -> bool {
        self.told.iter().any(|card| card.is(sim))
    }

    fn see(&mut self, sim: &Sim) -> Option<News> {
        let news = |is_other| {
            Some(News {
                sim: sim.clone(),
                is_other,
            })
        };
        if let Some(card) = self.trusted.iter_mut().find(|card| card.is(sim)) {
            card.learn(sim);
            // Whichever was told of in this modem is out again.
            self.told.retain(|card| card.imei != sim.imei);
            return None;
        }
        if let Some(card) = self.told.iter_mut().find(|card| card.is(sim)) {
            return card.learn(sim).then(|| news(false)).flatten();
        }
        self.told.retain(|card| card.imei != sim.imei);
        self.told.push(Card::of(sim));
        let surplus = self.told.len().saturating_sub(MOST);
        self.told.drain(..surplus);
        news(true)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belay_proto::clock::FakeClock;

    use super::{BEGINNING, Cards, News, Sight};
    use crate::platform::Sim;

    fn step(cards: &mut Cards, sims: &[Sim], is_lost: bool, clock: &FakeClock) -> Vec<News> {
        let sight = Sight {
            sims,
            has_modem: true,
            is_lost,
        };
        cards.step(sight, clock)
    }

    fn sim(imei: &str, iccid: &str, imsi: &str) -> Sim {
        Sim {
            imei: imei.into(),
            iccid: iccid.into(),
            imsi: imsi.into(),
            operator: String::new(),
        }
    }

    /// What comes of each sight: `o` another SIM, `l` learned, nothing else.
    fn told(sights: &[&[Sim]]) -> Vec<String> {
        let (mut cards, clock) = (Cards::default(), FakeClock::new());
        let mut all = Vec::new();
        for sight in sights {
            let news = step(&mut cards, sight, false, &clock);
            all.push(news.iter().map(|n| if n.is_other { 'o' } else { 'l' }).collect());
            // A restart between any two sights changes nothing.
            cards = serde_json::from_slice(&serde_json::to_vec(&cards).unwrap()).unwrap();
        }
        all
    }

    #[test]
    fn each_history_of_sims_tells_what_it_must() {
        let (a, b, c) = (sim("m", "1", "i1"), sim("m", "2", "i2"), sim("m", "3", "i3"));
        let none: &[Sim] = &[];
        for (name, sights, expected) in [
            (
                "the first is trusted",
                vec![none, std::slice::from_ref(&a), std::slice::from_ref(&a)],
                vec!["", "", ""],
            ),
            (
                "taking it out and putting it back is no news",
                vec![std::slice::from_ref(&a), none, std::slice::from_ref(&a)],
                vec!["", "", ""],
            ),
            (
                "another is told once, over removal and restarts",
                vec![
                    std::slice::from_ref(&a),
                    none,
                    std::slice::from_ref(&b),
                    none,
                    std::slice::from_ref(&b),
                ],
                vec!["", "", "o", "", ""],
            ),
            (
                "each further one too, and the same again after the owner's",
                vec![
                    std::slice::from_ref(&a),
                    std::slice::from_ref(&b),
                    std::slice::from_ref(&c),
                    std::slice::from_ref(&a),
                    std::slice::from_ref(&b),
                ],
                vec!["", "o", "o", "", "o"],
            ),
        ] {
            assert_eq!(told(&sights), expected, "{name}");
        }
    }

    #[test]
    fn the_first_sim_of_a_lost_device_is_another_and_isn_t_trusted_later() {
        let (thiefs, own) = ([sim("m", "8", "i8")], [sim("m", "1", "i1")]);
        let (mut cards, clock) = (Cards::default(), FakeClock::new());
        assert_eq!(step(&mut cards, &[], true, &clock), []);
        let news = step(&mut cards, &thiefs, true, &clock);
        assert!(news.len() == 1 && news[0].is_other);
        assert_eq!(step(&mut cards, &thiefs, true, &clock), [], "once");
        assert_eq!(
            step(&mut cards, &thiefs, false, &clock),
            [],
            "found, and still in"
        );
        // The owner's comes into a device that isn't lost any more.
        assert_eq!(step(&mut cards, &own, false, &clock), []);
        let news = step(&mut cards, &thiefs, false, &clock);
        assert!(news.len() == 1 && news[0].is_other);
        assert_eq!(
            step(&mut cards, &own, true, &clock),
            [],
            "trusted, whatever happens later"
        );
    }

    #[test]
    fn a_first_sim_that_comes_late_or_after_a_reboot_is_another() {
        let own = [sim("m", "1", "i1")];
        for (waits, reboots, is_other) in [
            (Duration::ZERO, false, false),
            (BEGINNING - Duration::from_secs(1), false, false),
            (BEGINNING, false, true),
            (Duration::ZERO, true, true),
        ] {
            let (mut cards, clock) = (Cards::default(), FakeClock::new());
            assert_eq!(step(&mut cards, &[], false, &clock), []);
            cards = serde_json::from_slice(&serde_json::to_vec(&cards).unwrap()).unwrap();
            clock.advance(waits);
            if reboots {
                clock.set_boot_id("another");
            }
            let news = step(&mut cards, &own, false, &clock);
            let others = news.iter().filter(|news| news.is_other).count();
            assert_eq!(others == 1, is_other, "{waits:?}, another boot: {reboots}");
            assert_eq!(step(&mut cards, &own, false, &clock), [], "once");
        }
    }

    #[test]
    fn a_modem_that_isn_t_there_yet_keeps_nobody_waiting() {
        let (mut cards, clock) = (Cards::default(), FakeClock::new());
        let none = Sight {
            sims: &[],
            has_modem: false,
            is_lost: false,
        };
        assert_eq!(cards.step(none, &clock), []);
        clock.advance(BEGINNING * 2);
        assert_eq!(step(&mut cards, &[sim("m", "1", "i1")], false, &clock), []);
    }

    #[test]
    fn a_sim_that_wants_its_pin_is_told_apart_by_its_number_and_again_when_it_can_be_read() {
        let a = [sim("m", "1", "i1")];
        let locked = [sim("m", "2", "")];
        let open = [sim("m", "2", "i2")];
        assert_eq!(told(&[&a, &locked, &open, &open]), ["", "o", "l", ""]);
        // The owner's own, before its PIN was typed.
        assert_eq!(
            told(&[&[sim("m", "1", "")], &a, &[sim("m", "1", "")]]),
            ["", "", ""]
        );
    }

    #[test]
    fn the_same_card_for_another_subscriber_or_in_another_modem_is_another() {
        let a = [sim("m", "1", "i1")];
        assert_eq!(told(&[&a, &[sim("m", "1", "i9")]]), ["", "o"]);
        assert_eq!(told(&[&a, &[sim("n", "1", "i1")]]), ["", "o"]);
        assert_eq!(
            told(&[&a, &[sim("m", "9", "i1")]]),
            ["", "o"],
            "a copy of the card"
        );
    }

    #[test]
    fn a_second_modem_is_watched_beside_the_first() {
        let (a, b) = (sim("m", "1", "i1"), sim("n", "2", "i2"));
        let both = [a.clone(), b.clone()];
        assert_eq!(told(&[&both, std::slice::from_ref(&b), &both]), ["", "", ""]);
        let (x, y) = (sim("m", "8", "i8"), sim("n", "9", "i9"));
        assert_eq!(told(&[&both, &[x.clone(), y.clone()], &[y, x]]), ["", "oo", ""]);
    }
}
