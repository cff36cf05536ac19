//! Holds and bindings that end, and what goes with them.

use super::*;
use crate::account::new_code::NewCode;

fn holding(hold: HoldView) -> Event {
    Event::Warden(Word {
        hold,
        ..word(Binding::Bound)
    })
}

#[test]
fn a_recovery_that_is_waited_out_is_shown_and_leaves_the_session_as_it_is() {
    let (state, effects) = step(&bound(), holding(HoldView::Running));
    assert_eq!(state.shown(), AccountState::RecoveryHold);
    assert_eq!((state.session, effects), (bound().session, vec![]));
}

#[test]
fn one_that_was_ended_is_told_to_the_cloud_and_changes_nothing() {
    let running = step(&bound(), holding(HoldView::Running)).0;
    let (state, effects) = step(&running, holding(HoldView::Ended));
    assert_eq!(state.shown(), AccountState::Bound);
    assert_eq!(effects, [Effect::TellHold]);
    // Once the cloud knows, or at the next start before it does.
    let (state, effects) = step(&state, holding(HoldView::None));
    assert_eq!((state, effects), (bound(), vec![]));
    assert_eq!(step(&bound(), holding(HoldView::Ended)).1, [Effect::TellHold]);
}

#[test]
fn one_that_is_over_ends_the_session_and_brings_the_data_once_more() {
    let running = step(&bound(), holding(HoldView::Running)).0;
    let (state, effects) = step(&running, holding(HoldView::Over));
    assert_eq!(state.shown(), AccountState::ReauthenticationRequired);
    assert!(effects.contains(&Effect::TellHold) && effects.contains(&Effect::Keep(Change::PushAgain)));
    // The new password opens another one, whether the warden still says so or not.
    let again = Event::Reauthenticated(Box::new(bound_session(1)));
    let (state, _) = step(&state, again);
    assert_eq!(state.shown(), AccountState::Bound);
    let (state, effects) = step(&state, holding(HoldView::Over));
    assert_eq!((state.shown(), effects), (AccountState::Bound, vec![]));
}

#[test]
fn a_sign_out_that_was_cut_short_leaves_nothing_of_the_binding_behind() {
    let mut left = unbound();
    left.registration = Some(registration(Stage::Bound { code: [1; 32] }));
    left.proving = Some(proving(Aim::Identifier));
    let (state, _) = step(&left, Event::Warden(left.word));
    assert_eq!((&state.registration, &state.proving), (&None, &None));
    assert_eq!(state.shown(), AccountState::Unbound);

    left.registration = Some(registration(Stage::Waiting));
    left.proving = Some(proving(Aim::Recovery));
    let (state, _) = step(&left, Event::Warden(left.word));
    assert_eq!(state, left, "these are nobody's yet");
}

#[test]
fn a_binding_whose_end_the_warden_tells_takes_the_data_with_it_unless_its_owner_leaves_that_here() {
    for leaves_data in [false, true] {
        let (state, kept) = step(&bound(), Event::SigningOut { leaves_data });
        assert_eq!(kept.is_empty(), !leaves_data, "only what isn't usual is written");
        for end in [Event::Warden(word(Binding::Unbound)), Event::Released(release(1))] {
            let (_, effects) = step(&state, end);
            let goes = effects.contains(&Effect::Keep(Change::ForgetData));
            assert_eq!(goes, !leaves_data);
        }
    }
}

#[test]
fn a_sign_out_that_came_to_nothing_says_nothing_of_the_next_end() {
    let forgets = |state: &State| {
        let (_, effects) = step(state, Event::Warden(word(Binding::Unbound)));
        effects.contains(&Effect::Keep(Change::ForgetData))
    };
    let state = step(&bound(), Event::SigningOut { leaves_data: true }).0;
    let lapsed = step(&state, Event::SignOutLapsed).0;
    assert!(forgets(&lapsed));
    // That the device is bound still says nothing: the warden may be at it.
    let still = step(&state, Event::Warden(word(Binding::Bound))).0;
    assert!(!forgets(&still));

    let running = step(&bound(), Event::Asked(Request::SignOut)).0;
    let running = step(&running, Event::SigningOut { leaves_data: true }).0;
    assert!(!running.may_sign_out_lapse());
    let running = step(&running, Event::SignOutLapsed).0;
    assert!(!forgets(&running));
}

#[test]
fn a_device_leaves_with_its_account_only_while_nobody_signs_out_and_changes_nothing_about_the_data() {
    let asked = step(&bound(), Event::SigningOut { leaves_data: true }).0;
    for state in [bound(), asked] {
        assert_eq!(step(&state, Event::LeavingWithAccount), (state.clone(), vec![]));
        let running = step(&state, Event::Asked(Request::SignOut)).0;
        assert_eq!(
            step(&running, Event::LeavingWithAccount),
            (running.clone(), vec![Effect::Refuse(Refusal::Busy)])
        );
    }
}

#[test]
fn an_order_to_delete_the_account_that_is_not_on_disk_is_withdrawn_as_the_device_is_first_seen_bound() {
    let sends = |account: u8, is_sent| Event::DeletionSent {
        account: super::account(account),
        is_sent,
    };
    let begun = |session: Session| State {
        session: Some(session),
        ..State::default()
    };
    let withdraws = |state: &State, event: Event| step(state, event).1.contains(&Effect::WithdrawDeletion);
    let is_bound = || Event::Warden(word(Binding::Bound));
    let is_lost = Word {
        lost: true,
        ..word(Binding::Bound)
    };
    assert!(withdraws(&begun(bound_session(1)), is_bound()));
    assert!(!withdraws(&begun(bound_session(1)), Event::Warden(is_lost)));
    let lost = step(&begun(bound_session(1)), Event::Warden(is_lost)).0;
    assert!(withdraws(&lost, is_bound()), "a lost device can't be told before");
    assert!(!withdraws(&bound(), is_bound()), "once");

    let (state, effects) = step(&bound(), sends(1, true));
    let session = state.session.clone().unwrap();
    assert_eq!(
        effects,
        [Effect::Keep(Change::Session(Box::new(session.clone())))]
    );
    assert!(!withdraws(&begun(session.clone()), is_bound()));
    // The root was opened since.
    let again = Event::Reauthenticated(Box::new(session));
    assert!(!step(&state, again).0.has_sent_deletion());
    assert!(!step(&state, sends(1, false)).0.has_sent_deletion());
    // The warden couldn't be told; an order that is on its way since is another one.
    assert!(withdraws(&bound(), Event::DeletionStands));
    assert!(!withdraws(&state, Event::DeletionStands));
    let (other, effects) = step(&bound(), sends(2, true));
    assert_eq!(
        (other, effects),
        (bound(), vec![Effect::Refuse(Refusal::ReauthenticationRequired)])
    );
}

#[test]
fn work_that_the_account_went_from_under_says_so_and_not_that_somebody_cancelled_it() {
    let code = NewCode {
        pending: pending(1),
        wrap: [0; 32],
        holds: None,
    };
    let session_gone = State {
        session: None,
        ..bound()
    };
    for (state, refusal) in [
        (unbound(), Refusal::NotBound),
        (session_gone, Refusal::ReauthenticationRequired),
    ] {
        for event in [
            Event::Sending(Box::new(sent(1))),
            Event::RecoveryCodeMaking {
                account: account(1),
                code: code.clone(),
            },
            Event::DeletionSent {
                account: account(1),
                is_sent: true,
            },
        ] {
            let (next, effects) = step(&state, event.clone());
            assert_eq!((&next, refusals(&effects)), (&state, vec![refusal]), "{event:?}");
        }
    }
}

#[test]
fn a_device_that_the_warden_has_bound_is_signed_in_whatever_was_forgotten_meanwhile() {
    let signing_in = State {
        running: [Job::SignIn].into(),
        ..registering(Stage::Accepted { code: CODE })
    };
    let state = step(&signing_in, Event::SigningIn(Box::new(session(1)))).0;
    // The end of a registration of the same account, which the cloud has made after all.
    let failed = step(&state, Event::Failed { pending: pending(1) }).0;
    assert_eq!(failed.session, Some(session(1)));
    let forgotten = State {
        session: None,
        ..failed
    };
    let (state, effects) = step(&forgotten, Event::SignedIn(Box::new(session(1))));
    assert_eq!(state.session, Some(bound_session(1)));
    assert_eq!(refusals(&effects), []);
    assert_eq!(state.shown(), AccountState::Bound);
}
