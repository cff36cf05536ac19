//! What a band says in messages of the protocol of 2021.

use super::core::Purpose;
use super::{Band, Phase};
use crate::driver::Event;
use crate::huami::codec::config;
use crate::huami::v2021::endpoint;
use crate::huami::v2021::messages::{FIND_PHONE_HEARD, STILL_HERE, Said, decode};
use crate::huami::v2021::tunnel::{Seal, Told};

impl Band {
    /// A chunk came.
    pub(super) fn heard(&mut self, chunk: &[u8]) {
        let Some(told) = self.core.hear(chunk) else {
            return;
        };
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Opening(opening) if !opening.is_authenticated() => {
                if told.endpoint == endpoint::AUTHENTICATION && told.seal == Seal::Open {
                    let progress = opening.told(&mut self.core, &told.data);
                    self.opened(progress);
                }
            }
            Phase::Opening(_) | Phase::Ready => self.said(&told),
        }
    }

    fn said(&mut self, told: &Told) {
        let core = &mut self.core;
        let event = match decode(told) {
            Ok(Said::Mtu(mtu)) => {
                core.announced = Some(mtu);
                return;
            }
            Ok(Said::StillThere) => {
                return core.message_again(Purpose::StillHere, endpoint::CONNECTION, &STILL_HERE);
            }
            Ok(Said::Steps(totals)) => return self.has_totals(totals),
            Ok(Said::Battery(battery)) => return self.has_battery(battery.level, battery.charging),
            Ok(Said::WearerTaken) => return self.replies.wearer_taken(core),
            Ok(Said::Configuration(value)) => return self.replies.told(core, &value),
            Ok(Said::Found) => return self.show.forget(core),
            Ok(Said::FindPhone(wanted)) => {
                self.looks_for_phone(wanted);
                Event::FindPhone(wanted)
            }
            Ok(Said::Asleep(asleep)) => Event::Asleep(asleep),
            Ok(Said::DeclineCall) => Event::DeclineCall,
            Ok(Said::IgnoreCall) => Event::IgnoreCall,
            Ok(Said::Nothing) | Err(_) => return,
        };
        self.core.event(event);
    }

    /// The band looks for the phone, or doesn't any more. It is told once that it is heard, and once more where it looked again
    /// meanwhile: that may have been after it heard.
    pub(super) fn looks_for_phone(&mut self, looks: bool) {
        let heard = Purpose::FindPhoneHeard;
        self.is_sought_again = looks && self.core.is_under_way(heard);
        if !looks || self.is_sought_again {
            return;
        }
        // A band without a place for it is only told less.
        let _ = match self.core.is_zepp() {
            true => self.core.message(heard, endpoint::FIND, &FIND_PHONE_HEARD),
            false => self.core.config(heard, &config::FIND_PHONE_HEARD),
        };
    }

    /// A part of the word that a search is heard was taken by the link, or not.
    pub(super) fn search_was_answered(&mut self) {
        if self.is_sought_again {
            self.looks_for_phone(true);
        }
    }
}
