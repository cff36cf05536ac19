use super::*;
use crate::testing;
use proptest::prelude::*;

/// Plays a run in which the steps fail as `fails` says, in the order they are worked on.
fn play(plan: &Plan, fails: &[bool]) -> (Vec<usize>, State, Stopped) {
    let mut state = State::new(plan, true, false, &[]);
    let mut fails = fails.iter().copied().chain(std::iter::repeat(false));
    let mut worked = Vec::new();
    let mut event = Event::Begin;
    loop {
        let (next, effects) = step(&state, event);
        state = next;
        event = Event::Begin;
        for effect in effects {
            match effect {
                Effect::Work(step) if fails.next() == Some(true) => {
                    worked.push(step);
                    let reason = "I/O error".to_owned();
                    event = Event::Failed { step, reason };
                }
                Effect::Work(step) => {
                    worked.push(step);
                    let notes = Vec::new();
                    event = Event::Done { step, notes };
                }
                Effect::Stop(stopped) => return (worked, state, stopped),
                Effect::Record(_) | Effect::Pause { .. } | Effect::Finish { .. } => {}
            }
        }
    }
}

/// The plan with a second key step.
fn two_keys() -> Plan {
    let mut plan = testing::plan();
    plan.steps.insert(1, plan.steps[0].clone());
    plan
}

#[test]
fn a_key_step_that_fails_does_not_keep_the_other_one_waiting() {
    let (worked, state, stopped) = play(&two_keys(), &[true]);
    assert_eq!(worked[..3], [0, 1, 0]);
    assert!(state.irrevocable());
    assert_eq!(stopped, Stopped::Wiped);
}

/// The plan without its key step: the discard is what it is worth.
fn no_keys() -> Plan {
    let mut plan = testing::plan();
    plan.steps.remove(0);
    plan
}

#[test]
fn a_plan_without_keys_tries_again_and_then_goes_on() {
    let (worked, state, stopped) = play(&no_keys(), &[false, true, true, true]);
    assert_eq!(worked[..5], [0, 1, 1, 1, 2]);
    assert_eq!((state.given_up(), stopped), (vec![1], Stopped::Wiped));
}

#[test]
fn a_plan_without_keys_that_did_not_reach_the_data_is_no_wipe_and_begins_again() {
    let plan = no_keys();
    let (worked, state, stopped) = play(&plan, &[true, true, true]);
    assert_eq!(stopped, Stopped::DataLeft);
    assert_eq!(
        worked,
        [0, 0, 0, 1, 2, 3, 4],
        "the rest is done, and the power stays on"
    );
    assert!(state.irrevocable(), "something was begun");
    // The next run, by what the journal tells.
    let done = |step| Entry::Done {
        step,
        notes: Vec::new(),
    };
    let failed = |step| Entry::Failed {
        step,
        reason: String::new(),
        given_up: true,
    };
    let entries = [failed(0), done(1), done(2), done(3), done(4)];
    let state = State::new(&plan, true, false, &entries);
    let (state, effects) = step(&state, Event::Begin);
    assert_eq!(effects, [Effect::Work(0)]);
    let (_, effects) = step(
        &state,
        Event::Done {
            step: 0,
            notes: Vec::new(),
        },
    );
    assert!(
        effects.contains(&Effect::Finish { failed: Vec::new() }),
        "{effects:?}"
    );
}

proptest! {
    #[test]
    fn nothing_else_is_begun_while_keys_are_left(fails in prop::collection::vec(any::<bool>(), 0..30)) {
        let plan = two_keys();
        let (worked, state, stopped) = play(&plan, &fails);
        let other = worked.iter().position(|step| !plan.steps[*step].is_key());
        let last_key = worked.iter().rposition(|step| plan.steps[*step].is_key());
        if let (Some(other), Some(last_key)) = (other, last_key) {
            prop_assert!(last_key < other);
        }
        match stopped {
            Stopped::DataLeft => prop_assert!(other.is_none() && !state.irrevocable()),
            Stopped::Wiped | Stopped::PowerLeft => prop_assert!(state.irrevocable()),
        }
        // Every run ends, and the power is last.
        prop_assert!(worked.len() <= 2 * usize::try_from(KEY_TRIES).unwrap() + plan.steps.len() + 3);
        if stopped == Stopped::Wiped {
            prop_assert_eq!(worked.last(), Some(&(plan.steps.len() - 1)));
        }
    }
}
