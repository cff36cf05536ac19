use belay_proto::id::AccountId;

use super::*;

const NOW: Duration = Duration::from_secs(1000);
const WAIT: Duration = Duration::from_secs(7);
const WHOLE: Effect = Effect::Fetch { whole: true };
const NEWS: Effect = Effect::Fetch { whole: false };

fn session(account: u8, presence: u64) -> Session {
    Session {
        account: AccountId::from_bytes([account; 16]),
        owner: None,
        generation: 1,
        presence,
        held_keys: (1, 1),
    }
}

struct Rig {
    state: State,
    now: Duration,
}

impl Rig {
    /// One that has fetched all, and has nothing to bring.
    fn settled() -> Self {
        let mut rig = Self {
            state: State::default(),
            now: NOW,
        };
        rig.happens(Event::Session(Some(session(1, 0))));
        rig.happens(Event::Fetched);
        rig.happens(Event::NothingToBring);
        rig
    }

    fn happens(&mut self, event: Event) -> Vec<Effect> {
        let (state, effects) = step(&self.state, self.now, event);
        self.state = state;
        effects
    }

    fn waits(&mut self) -> Vec<Effect> {
        self.now = self.state.due().expect("something to wait for");
        self.happens(Event::Woken)
    }
}

#[test]
fn a_session_begins_with_the_whole_list_and_then_brings_what_waits() {
    let mut rig = Rig {
        state: State::default(),
        now: NOW,
    };
    assert_eq!(rig.happens(Event::Changed), [], "nobody's");
    assert_eq!(
        rig.happens(Event::Session(Some(session(1, 0)))),
        [Effect::Leave, WHOLE]
    );
    assert_eq!(rig.happens(Event::Session(Some(session(1, 0)))), [], "the same");
    assert_eq!(rig.happens(Event::Fetched), [Effect::Bring]);
    assert_eq!(rig.happens(Event::Brought), [NEWS], "which has it now");
    assert_eq!(rig.happens(Event::Fetched), [Effect::Bring]);
    assert_eq!(rig.happens(Event::NothingToBring), []);
}

#[test]
fn another_session_leaves_what_is_under_way_and_none_does_nothing() {
    let mut rig = Rig::settled();
    assert_eq!(rig.happens(Event::Changed), [Effect::Bring]);
    assert_eq!(rig.happens(Event::Session(None)), [Effect::Leave]);
    for event in [Event::Hinted, Event::Reached, Event::Changed, Event::Woken] {
        assert_eq!(rig.happens(event), []);
    }
    assert_eq!(rig.state.due(), None);
    assert_eq!(
        rig.happens(Event::Session(Some(session(2, 0)))),
        [Effect::Leave, WHOLE]
    );
    assert_eq!(
        rig.happens(Event::Session(Some(session(2, 1)))),
        [Effect::Leave, WHOLE]
    );
}

#[test]
fn a_hint_fetches_what_is_new_and_one_that_comes_meanwhile_is_followed_afterwards() {
    let mut rig = Rig::settled();
    assert_eq!(rig.happens(Event::Hinted), [NEWS]);
    assert_eq!(rig.happens(Event::Hinted), []);
    assert_eq!(rig.happens(Event::Hinted), []);
    assert_eq!(rig.happens(Event::Fetched), [NEWS]);
    assert_eq!(rig.happens(Event::Fetched), [Effect::Bring]);
}

#[test]
fn a_cloud_that_hints_without_end_is_followed_less_and_less() {
    let mut rig = Rig::settled();
    let mut fetches = 0;
    for _ in 0..10_000 {
        let mut effects = rig.happens(Event::Hinted);
        while let Some(effect) = effects.pop() {
            fetches += u32::from(effect == NEWS);
            effects = rig.happens(if effect == NEWS {
                Event::Fetched
            } else {
                Event::NothingToBring
            });
        }
        rig.now += Duration::from_millis(10);
    }
    assert!((1..60).contains(&fetches), "{fetches} in 100 s");
}

#[test]
fn a_cloud_that_disagrees_without_end_is_asked_less_and_less() {
    let mut rig = Rig::settled();
    let (mut tries, until) = (0, NOW + Duration::from_secs(600));
    let mut effects = rig.happens(Event::Changed);
    while rig.now < until {
        effects = match effects.pop() {
            Some(Effect::Bring) => {
                tries += 1;
                rig.happens(Event::Conflicted(Duration::from_millis(1)))
            }
            Some(_) => rig.happens(Event::Fetched),
            None => rig.waits(),
        };
    }
    assert!((2..100).contains(&tries), "{tries} in 10 minutes");
}

#[test]
fn a_change_made_while_the_last_one_is_looked_for_is_not_lost() {
    let mut rig = Rig::settled();
    assert_eq!(rig.happens(Event::Changed), [Effect::Bring]);
    assert_eq!(rig.happens(Event::Changed), []);
    assert_eq!(rig.happens(Event::NothingToBring), [Effect::Bring]);
    assert_eq!(rig.happens(Event::NothingToBring), []);
}

#[test]
fn what_failed_is_tried_again_after_its_wait_or_once_the_cloud_can_be_reached() {
    let mut rig = Rig::settled();
    rig.happens(Event::Changed);
    assert_eq!(rig.happens(Event::Failed(WAIT)), []);
    assert_eq!(rig.happens(Event::Hinted), [], "waits too");
    assert_eq!(rig.state.due(), Some(NOW + WAIT));
    assert_eq!(rig.waits(), [NEWS], "the hint first");
    assert_eq!(rig.happens(Event::Failed(WAIT)), []);
    assert_eq!(rig.happens(Event::Reached), [NEWS]);
    assert_eq!(rig.happens(Event::Fetched), [Effect::Bring]);
    rig.happens(Event::NothingToBring);
    assert_eq!(
        rig.happens(Event::Reached),
        [NEWS],
        "without a stream there are no hints"
    );
}

#[test]
fn a_conflict_fetches_the_whole_list_before_it_brings_again() {
    let mut rig = Rig::settled();
    rig.happens(Event::Changed);
    assert_eq!(rig.happens(Event::Conflicted(WAIT)), []);
    assert_eq!(rig.waits(), [WHOLE]);
    assert_eq!(rig.happens(Event::Fetched), [Effect::Bring]);
}

#[test]
fn the_whole_list_is_fetched_again_after_a_day() {
    let mut rig = Rig::settled();
    assert_eq!(rig.state.due(), Some(NOW + WHOLE_EACH));
    rig.now += WHOLE_EACH / 2;
    assert_eq!(rig.happens(Event::Hinted), [NEWS]);
    rig.happens(Event::Fetched);
    rig.happens(Event::NothingToBring);
    assert_eq!(rig.state.due(), Some(NOW + WHOLE_EACH), "news put nothing off");
    assert_eq!(rig.waits(), [WHOLE]);
    assert_eq!(rig.happens(Event::Failed(WAIT)), []);
    assert_eq!(rig.waits(), [WHOLE], "still all of it");
}

#[test]
fn without_a_cloud_nothing_is_tried_until_there_is_something_to_bring() {
    let mut rig = Rig::settled();
    rig.happens(Event::Changed);
    assert_eq!(rig.happens(Event::NotConfigured), []);
    assert_eq!(rig.happens(Event::Woken), []);
    assert_eq!(rig.happens(Event::Changed), [Effect::Bring]);
}

#[test]
fn a_session_without_a_cloud_rests_until_one_is_reached_and_then_fetches_all() {
    let mut rig = Rig {
        state: State::default(),
        now: NOW,
    };
    assert_eq!(
        rig.happens(Event::Session(Some(session(1, 0)))),
        [Effect::Leave, WHOLE]
    );
    assert_eq!(rig.happens(Event::NotConfigured), []);
    assert_eq!(rig.happens(Event::Woken), []);
    assert_eq!(rig.state.due(), None);
    assert_eq!(rig.happens(Event::Reached), [WHOLE]);
}
