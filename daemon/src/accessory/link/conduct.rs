//! A driver and the state around it: what happens goes in, what is to be done comes out.

use belay_drivers::{Driver, Input};

use super::state::{Effect, Event, State, step};

/// A connection's driver at work.
pub(super) struct Conductor {
    driver: Box<dyn Driver>,
    state: State,
}

impl Conductor {
    pub(super) fn new(driver: Box<dyn Driver>) -> Self {
        Self {
            driver,
            state: State::default(),
        }
    }

    pub(super) fn takes_orders(&self, most_waiting: usize) -> bool {
        self.state.takes_orders(most_waiting)
    }

    /// What is to be done after `event`, in this order; never [`Effect::Tell`], which is done in here.
    pub(super) fn on(&mut self, event: Event) -> Vec<Effect> {
        let mut done = Vec::new();
        // The last is the next: what follows from an effect comes before the effects after it.
        let mut due = self.step(event);
        while let Some(effect) = due.pop() {
            match effect {
                Effect::Tell(input) if !self.state.hears(&input) => {}
                Effect::Tell(input) => {
                    let outputs = self.driver.step(input);
                    due.extend(self.step(Event::Put(outputs)));
                }
                effect => done.push(effect),
            }
        }
        done
    }

    /// The effects, the first at the end.
    fn step(&mut self, event: Event) -> Vec<Effect> {
        let (state, mut effects) = step(std::mem::take(&mut self.state), event);
        self.state = state;
        effects.reverse();
        effects
    }
}

impl State {
    /// Whether the driver is still to be told this.
    pub(super) fn hears(&self, input: &Input) -> bool {
        self.is_at_work() || (self.is_ending() && *input == Input::Disconnected)
    }
}
