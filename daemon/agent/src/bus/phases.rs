//! When what waits may go: the sync goes from one state to another with each round of its own, which is no reason.

/// Follows the property `State` of `org.belay1.Sync`.
#[derive(Debug)]
pub(super) struct Phases {
    /// Whether something was in the way since the last time that nothing was.
    is_held: bool,
    is_paused: bool,
    /// Whether the owner was needed: a session had ended, or a question had to be answered.
    needed_owner: bool,
}

impl Phases {
    pub(super) const fn new() -> Self {
        // How it was before isn't known.
        Self {
            is_held: true,
            is_paused: false,
            needed_owner: false,
        }
    }

    /// Whether what stood in the way is over with this state.
    pub(super) fn is_over(&mut self, state: &str) -> bool {
        let was_paused = std::mem::take(&mut self.is_paused);
        match state {
            "paused" => {
                (self.is_held, self.is_paused) = (true, true);
                false
            }
            "offline" | "quota-exceeded" => {
                self.is_held = true;
                false
            }
            // It only tries: the cloud may be as far away, and as full, as before.
            "syncing" if !was_paused => false,
            "attention" => {
                self.needed_owner = true;
                std::mem::take(&mut self.is_held)
            }
            "idle" => {
                let was_held = std::mem::take(&mut self.is_held);
                std::mem::take(&mut self.needed_owner) || was_held
            }
            "syncing" => std::mem::take(&mut self.is_held),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often what waits is let go.
    fn over(states: &str) -> usize {
        let mut phases = Phases::new();
        phases.is_over("idle");
        let states = states.split(' ').filter(|state| phases.is_over(state));
        states.count()
    }

    #[test]
    fn rounds_of_the_sync_let_nothing_go_and_the_end_of_a_hindrance_does_once() {
        for (states, wanted) in [
            ("syncing idle syncing idle syncing attention syncing attention", 0),
            ("offline syncing offline syncing offline", 0),
            ("offline syncing idle syncing idle", 1),
            ("offline idle", 1),
            ("quota-exceeded syncing quota-exceeded syncing quota-exceeded", 0),
            ("quota-exceeded syncing idle syncing idle", 1),
            ("paused syncing idle syncing idle", 1),
            ("paused idle paused syncing attention", 2),
            ("paused offline syncing idle", 1),
            ("unknown syncing idle", 0),
            // The password was typed, or the question answered.
            ("attention syncing idle syncing idle", 1),
            ("attention syncing attention syncing attention idle", 1),
            ("offline syncing attention syncing idle", 2),
        ] {
            assert_eq!(over(states), wanted, "{states}");
        }
        // What was before the agent came may have been anything.
        assert!(Phases::new().is_over("idle"));
    }
}
