//! Times of another zone: cards keep local ones.

use super::{EMPTIED, Effect, State};
use crate::model::Known;

impl State {
    /// Where everything that is as long as it was has the time of one other zone, nothing of it was edited, and it is remembered by the
    /// time that it has now. That it is the same card was found before. What a timer writes anew each hour has moved alike too, but all
    /// of it was written within one: it lies no further apart than it moved.
    pub(super) fn follow_zone(&mut self, effects: &mut Vec<Effect>) {
        let Some(local) = &self.local else {
            return;
        };
        let (mut all, mut by): (Vec<_>, Option<i64>) = (Vec::new(), None);
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for (natural, known) in self.memory.known() {
            let Some(mark) = local.get(natural).map(|item| item.mark) else {
                continue;
            };
            if mark == known.mark {
                return;
            }
            if mark.is_of_another_zone(&known.mark) {
                let before = known.mark.modified;
                let moved = mark.modified.saturating_sub(before);
                (first, last) = (first.min(before), last.max(before));
                if *by.get_or_insert(moved) != moved {
                    return;
                }
                let known = Known {
                    mark,
                    ..known.clone()
                };
                all.push((natural.clone(), known));
            }
        }
        let lies_apart = by.is_some_and(|by| last.saturating_sub(first) > by.saturating_abs());
        if all.len() >= EMPTIED && lies_apart {
            effects.push(Effect::Save);
            for (natural, known) in all {
                self.memory.remember(natural, known);
            }
        }
    }
}
