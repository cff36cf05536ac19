//! Single steps, one after the other.

use super::*;

#[test]
fn a_registration_walks_its_stages_and_each_is_written() {
    let mut state = unbound();
    let accepted = || Event::Accepted {
        id: ID.into(),
        session: Box::new(session(1)),
    };
    for (event, stage) in [
        (
            Event::Prepared(Box::new(registration(Stage::Prepared))),
            Stage::Prepared,
        ),
        (
            Event::Opened {
                pending: pending(1),
                id: ID.into(),
                own_sms: None,
                resend: deadline(),
                expires: deadline(),
            },
            Stage::Waiting,
        ),
        (
            Event::Proved {
                id: ID.into(),
                ticket: "t".into(),
                code: CODE,
            },
            proved(),
        ),
        (
            Event::Submitting {
                id: ID.into(),
                body: "{}".into(),
                key: "k".into(),
            },
            submitting(),
        ),
        (accepted(), Stage::Accepted { code: CODE }),
        (confirmed(), Stage::Bound { code: CODE }),
    ] {
        let (next, effects) = step(&state, event);
        assert_eq!(next.registration.as_ref().map(|r| &r.stage), Some(&stage));
        let written = next
            .registration
            .clone()
            .map(|r| Effect::Keep(Change::Registration(Box::new(r))));
        assert!(effects.contains(&written.unwrap()), "{stage:?}: {effects:?}");
        state = next;
    }
    assert_eq!(state.shown(), AccountState::Bound);
    assert_eq!(state.session, Some(bound_session(1)));
    let (state, effects) = step(&state, Event::Acknowledged { id: ID.into() });
    assert_eq!(state.registration, None);
    assert!(effects.contains(&Effect::Keep(Change::ForgetRegistration)));
}

#[test]
fn a_stage_is_not_reached_twice_or_out_of_order() {
    for (state, event) in [
        (
            registering(Stage::Prepared),
            Event::Proved {
                id: ID.into(),
                ticket: "t".into(),
                code: CODE,
            },
        ),
        (
            registering(proved()),
            Event::Proved {
                id: ID.into(),
                ticket: "u".into(),
                code: CODE,
            },
        ),
        (
            registering(Stage::Waiting),
            Event::Submitting {
                id: ID.into(),
                body: "{}".into(),
                key: "k".into(),
            },
        ),
        (
            registering(proved()),
            Event::Accepted {
                id: ID.into(),
                session: Box::new(session(1)),
            },
        ),
        (registering(submitting()), confirmed()),
        (unbound(), confirmed()),
        (unbound(), Event::Reauthenticated(Box::new(session(1)))),
    ] {
        let (next, effects) = step(&state, event.clone());
        assert_eq!(next, state, "{event:?}");
        assert_eq!(refusals(&effects).len(), 1, "{event:?}");
    }
}

#[test]
fn giving_up_lets_warden_and_cloud_know() {
    let (state, effects) = step(&registering(Stage::Waiting), Event::Cancelled { id: ID.into() });
    assert_eq!(state, unbound());
    assert!(effects.contains(&Effect::Discard(pending(1))) && effects.contains(&Effect::Abandon(ID.into())));
    let newer = Registration {
        pending: pending(2),
        ..registration(Stage::Prepared)
    };
    let (state, effects) = step(
        &registering(Stage::Waiting),
        Event::Prepared(Box::new(newer.clone())),
    );
    assert_eq!(state.registration, Some(newer));
    assert!(effects.contains(&Effect::Discard(pending(1))) && effects.contains(&Effect::Abandon(ID.into())));
}

#[test]
fn a_start_picks_up_where_a_kill_left_off() {
    let start = |saved: Saved, word: Word| {
        let (state, first) = step(&State::default(), Event::Loaded(Box::new(saved)));
        let (state, second) = step(&state, Event::Warden(word));
        (state, [first, second].concat())
    };
    let accepted = registration(Stage::Accepted { code: CODE });
    let half = || Saved {
        session: Some(session(1)),
        ..Saved::default()
    };
    let registered = || Saved {
        registration: Some(accepted.clone()),
        ..half()
    };

    // Killed before the cloud heard of the registration.
    let prepared = Saved {
        registration: Some(registration(Stage::Prepared)),
        ..Saved::default()
    };
    let (state, effects) = start(prepared, word(Binding::Unbound));
    assert_eq!(state.registration, None);
    assert!(effects.contains(&Effect::Discard(pending(1))));
    // Killed between the cloud's account and the warden's binding: confirming again goes on.
    let (state, _) = start(registered(), word(Binding::Unbound));
    assert_eq!(state.registration.as_ref(), Some(&accepted));
    assert_eq!(state.session, Some(session(1)));
    // Killed between the warden's binding and our note of it.
    let (state, _) = start(registered(), word(Binding::Bound));
    assert_eq!(
        state.registration.map(|r| r.stage),
        Some(Stage::Bound { code: CODE })
    );
    assert_eq!(state.session, Some(bound_session(1)));
    // Killed in a sign-in, before and after the binding.
    assert_eq!(start(half(), word(Binding::Unbound)).0.session, None);
    assert_eq!(
        start(half(), word(Binding::Bound)).0.session,
        Some(bound_session(1))
    );
    // Killed between the warden's release and our note of it: the account goes, the release is fetched.
    let signed_out = Saved {
        session: Some(bound_session(1)),
        ..Saved::default()
    };
    let (state, effects) = start(signed_out, word(Binding::Unbound));
    assert_eq!(state.session, None);
    assert!(effects.contains(&Effect::Keep(Change::ForgetAccount)) && effects.contains(&Effect::Recover));
    // A release that waited goes on waiting.
    let (state, effects) = start(
        Saved {
            releases: vec![key(1)],
            ..Saved::default()
        },
        word(Binding::Unbound),
    );
    assert!(!state.releases.is_empty() && effects.contains(&Effect::Deliver));
}

#[test]
fn a_sign_out_leaves_the_release_and_nothing_else() {
    let done = State {
        registration: Some(registration(Stage::Bound { code: CODE })),
        ..bound()
    };
    let (state, effects) = step(&done, Event::Released(release(1)));
    assert_eq!(
        state,
        State {
            releases: [key(1)].into(),
            ..unbound()
        }
    );
    for change in [
        Change::AddRelease(release(1)),
        Change::ForgetAccount,
        Change::ForgetDeviceKey,
        Change::ForgetRegistration,
    ] {
        assert!(effects.contains(&Effect::Keep(change.clone())), "{change:?}");
    }
    assert!(effects.contains(&Effect::Deliver));
    let (state, effects) = step(&state, Event::Delivered(key(1)));
    assert_eq!(state, unbound());
    assert_eq!(effects, [Effect::Keep(Change::DropRelease(key(1)))]);
}

#[test]
fn what_was_asked_of_an_account_that_has_gone_meanwhile_isnt_shown() {
    let told = |n| Event::Unlock {
        account: account(n),
        unlock: BootloaderUnlock::Approved,
    };
    assert_eq!(step(&bound(), told(1)).0.unlock, BootloaderUnlock::Approved);
    assert_eq!(step(&bound(), told(2)).0.unlock, BootloaderUnlock::Unknown);
    let left = step(&bound(), Event::Released(release(1))).0;
    assert_eq!(step(&left, told(1)).0.unlock, BootloaderUnlock::Unknown);
}

#[test]
fn a_sign_in_that_fails_keeps_the_device_key_of_a_registration_under_way() {
    let state = State {
        running: [Job::SignIn].into(),
        ..registering(Stage::Waiting)
    };
    let (state, _) = step(&state, Event::SigningIn(Box::new(session(2))));
    let (state, effects) = step(&state, Event::Ended(Job::SignIn));
    assert_eq!(state, registering(Stage::Waiting));
    assert_eq!(effects, [Effect::Keep(Change::ForgetAccount)]);
}

#[test]
fn a_sign_in_ends_a_registration_under_way_and_the_lock() {
    let state = State {
        locked: Some(Locked::default()),
        ..registering(Stage::Waiting)
    };
    let (state, _) = step(&state, Event::SigningIn(Box::new(session(2))));
    let (state, effects) = step(&state, Event::SignedIn(Box::new(session(2))));
    assert_eq!((state.registration, state.locked), (None, None));
    assert_eq!(state.session, Some(bound_session(2)));
    assert_eq!(state.word.account, Some(account(2)));
    assert!(effects.contains(&Effect::Discard(pending(1))) && effects.contains(&Effect::Refresh));
}

#[test]
fn only_the_end_of_its_own_session_asks_for_the_password() {
    let (state, _) = step(&bound(), Event::SessionEnded { account: account(2) });
    assert_eq!(state, bound());
    let (state, _) = step(&bound(), Event::SessionEnded { account: account(1) });
    assert_eq!(state.shown(), AccountState::ReauthenticationRequired);
    let (state, _) = step(&state, Event::Reauthenticated(Box::new(session(1))));
    assert_eq!(state, bound());
    let (state, effects) = step(&state, Event::Reauthenticated(Box::new(session(2))));
    assert_eq!(
        state,
        bound(),
        "a session of another account doesn't move the device"
    );
    assert_eq!(refusals(&effects), [Refusal::NotBound]);
}

#[test]
fn the_warden_bound_to_another_account_makes_us_forget_ours() {
    let (state, _) = step(
        &bound(),
        Event::Warden(Word {
            account: Some(account(2)),
            ..word(Binding::Bound)
        }),
    );
    assert_eq!(state.session, None);
    assert_eq!(state.shown(), AccountState::ReauthenticationRequired);
}

#[test]
fn a_cancellation_that_comes_too_late_is_refused() {
    let mut state = registering(submitting());
    state.running.insert(Job::Confirm);
    let (next, effects) = step(&state, Event::Cancelled { id: ID.into() });
    assert_eq!(next, state);
    assert_eq!(refusals(&effects), [Refusal::Busy]);
    // Killed while the cloud made the account: the tokens may have come.
    state.running.clear();
    let (next, effects) = step(&state, Event::Cancelled { id: ID.into() });
    assert_eq!(next, unbound());
    assert!(effects.contains(&Effect::Keep(Change::ForgetAccount)));
}

#[test]
fn an_account_that_was_given_up_while_the_cloud_made_it_leaves_no_tokens() {
    let (_, effects) = step(
        &unbound(),
        Event::Accepted {
            id: ID.into(),
            session: Box::new(session(1)),
        },
    );
    assert_eq!(refusals(&effects), [Refusal::Cancelled]);
    assert!(effects.contains(&Effect::Keep(Change::ForgetAccount)));
}

#[test]
fn a_registration_is_bound_after_a_sign_in_elsewhere_led_nowhere() {
    let state = State {
        session: Some(session(1)),
        ..registering(Stage::Accepted { code: CODE })
    };
    let admitted = step(&state, Event::Asked(Request::SignIn)).0;
    let elsewhere = step(&admitted, Event::SigningIn(Box::new(session(2)))).0;
    let failed = step(&elsewhere, Event::Ended(Job::SignIn)).0;
    assert_eq!(failed.session, None);
    let (state, effects) = step(&failed, confirmed());
    assert_eq!(refusals(&effects), []);
    assert_eq!(state.session, Some(bound_session(1)));
    assert_eq!(
        state.registration.map(|r| r.stage),
        Some(Stage::Bound { code: CODE })
    );
}

#[test]
fn a_sign_in_that_led_nowhere_leaves_nothing_on_a_tampered_device_either() {
    let state = State {
        word: word(Binding::Tampered),
        running: [Job::SignIn].into(),
        session: Some(session(1)),
        ..State::default()
    };
    assert_eq!(step(&state, Event::Ended(Job::SignIn)).0.session, None);
    let bound = State {
        session: Some(bound_session(1)),
        ..state
    };
    let kept = step(&bound, Event::Ended(Job::SignIn)).0.session;
    assert_eq!(kept, Some(bound_session(1)), "what the owner's return will need");
}
