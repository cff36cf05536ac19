//! New keys in the midst of the third family of histories: the owner makes them on one device, and the others hear of them by
//! themselves, or once something doesn't open.

use super::Chance;
use super::device::NEWEST;
use super::world::World;

/// So many of a hundred steps have to do with keys.
const OF_KEYS: usize = 8;

impl World<'_> {
    /// A step of this number, where there are new keys too; else it is the one of the second family.
    pub fn step_with_keys(&mut self, number: u64) {
        let mut chance = Chance(number.rotate_left(32));
        if !chance.percent(OF_KEYS) {
            return self.step_with_versions(number);
        }
        let who = chance.below(self.devices.len());
        // Whoever makes some has all of before.
        let mut newest = self.devices[who].hears_of_keys();
        if chance.percent(50) && newest < NEWEST {
            newest += 1;
            for device in &*self.devices {
                device.made.lock().unwrap().push(newest);
            }
            self.devices[who].hears_of_keys();
        }
        self.tells(|| format!("device {who} has the keys up to {newest}"));
    }
}
