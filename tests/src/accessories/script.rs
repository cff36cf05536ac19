//! What an accessory does otherwise than it should, by script.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::bluez::AttError;

/// How an accessory takes a write, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// It refuses; where it was a command nobody hears of it.
    Refuses(AttError),
    /// It takes it, does nothing and says nothing.
    Ignores,
    /// It does nothing and notifies this of the same characteristic, in this order.
    Answers(Vec<Vec<u8>>),
    /// It drops the link.
    HangsUp,
}

/// Writes that are yet to come and how they are taken.
#[derive(Debug, Default)]
pub struct Script(VecDeque<(Uuid, Manner)>);

impl Script {
    /// The next write to `characteristic` that nothing is said of yet is taken in this manner.
    pub fn next(&mut self, characteristic: Uuid, manner: Manner) {
        self.0.push_back((characteristic, manner));
    }

    /// What was said of this write.
    pub(super) fn take(&mut self, characteristic: Uuid) -> Option<Manner> {
        let at = self.0.iter().position(|(of, _)| *of == characteristic)?;
        self.0.remove(at).map(|(_, manner)| manner)
    }
}
