//! What is shown, and what may begin.

use super::*;

#[test]
fn the_state_that_is_shown_follows_the_warden_first() {
    let locked = State {
        locked: Some(Locked::default()),
        ..registering(Stage::Waiting)
    };
    let ended = State {
        session: Some(Session {
            ended: true,
            ..bound_session(1)
        }),
        ..bound()
    };
    let tampered = State {
        word: word(Binding::Tampered),
        ..bound()
    };
    let forgetful = State {
        session: None,
        ..bound()
    };
    let leftover = State {
        session: Some(bound_session(1)),
        ..unbound()
    };
    for (state, shown) in [
        (State::default(), AccountState::Unknown),
        (unbound(), AccountState::Unbound),
        (registering(Stage::Waiting), AccountState::Registering),
        (locked, AccountState::ActivationLocked),
        (bound(), AccountState::Bound),
        (ended, AccountState::ReauthenticationRequired),
        (forgetful, AccountState::ReauthenticationRequired),
        (tampered, AccountState::ActivationLocked),
        (leftover, AccountState::Unbound),
    ] {
        assert_eq!(state.shown(), shown, "{state:?}");
    }
}

#[test]
fn each_request_begins_only_where_it_makes_sense() {
    let lost = |state: State| State {
        word: Word {
            lost: true,
            ..state.word
        },
        ..state
    };
    let tampered = State {
        word: word(Binding::Tampered),
        ..State::default()
    };
    let locked = State {
        locked: Some(Locked::default()),
        ..unbound()
    };
    let sold = State {
        releases: [key(1)].into(),
        ..locked.clone()
    };
    let over = |deletion_sent| State {
        session: Some(Session {
            ended: true,
            deletion_sent,
            ..bound_session(1)
        }),
        ..bound()
    };
    let id = || ID.to_owned();
    let accepted = Stage::Accepted { code: CODE };
    let done = || State {
        registration: Some(registration(Stage::Bound { code: CODE })),
        ..bound()
    };
    let confirming = State {
        running: [Job::Confirm].into(),
        ..registering(submitting())
    };
    use Refusal as R;
    use Request as Q;
    let table: Vec<(State, Request, Result<Job, Refusal>)> = vec![
        (State::default(), Q::SignIn, Err(R::NoWarden)),
        (State::default(), Q::SignOut, Err(R::NoWarden)),
        (unbound(), Q::Register, Ok(Job::Register)),
        (unbound(), Q::SignIn, Ok(Job::SignIn)),
        (unbound(), Q::SignOut, Err(R::NotBound)),
        (unbound(), Q::Reauthenticate, Err(R::NotBound)),
        (unbound(), Q::ListDevices, Err(R::NotBound)),
        (unbound(), Q::CheckActivation, Ok(Job::CheckActivation)),
        (unbound(), Q::Confirm(id()), Err(R::NotFound)),
        (unbound(), Q::Acknowledge(id()), Err(R::NotFound)),
        (bound(), Q::Register, Err(R::AlreadyBound)),
        (bound(), Q::SignIn, Err(R::AlreadyBound)),
        (bound(), Q::CheckActivation, Err(R::AlreadyBound)),
        (bound(), Q::SignOut, Ok(Job::SignOut)),
        (bound(), Q::Reauthenticate, Ok(Job::Reauthenticate)),
        (bound(), Q::ListDevices, Ok(Job::ListDevices)),
        (unbound(), Q::SendCommand, Err(R::NotBound)),
        (bound(), Q::SendCommand, Ok(Job::SendCommand)),
        (lost(bound()), Q::SendCommand, Err(R::DeviceLost)),
        (
            State {
                session: None,
                ..bound()
            },
            Q::SendCommand,
            Err(R::ReauthenticationRequired),
        ),
        (over(false), Q::DeleteAccount, Err(R::ReauthenticationRequired)),
        (over(true), Q::DeleteAccount, Ok(Job::DeleteAccount)),
        (over(true), Q::ChangePassword, Err(R::ReauthenticationRequired)),
        (bound(), Q::Confirm(id()), Err(R::AlreadyBound)),
        (bound(), Q::Resend(id()), Err(R::NotFound)),
        (
            State {
                session: None,
                ..bound()
            },
            Q::ListDevices,
            Err(R::ReauthenticationRequired),
        ),
        (
            State {
                session: None,
                ..bound()
            },
            Q::SignOut,
            Ok(Job::SignOut),
        ),
        (lost(bound()), Q::SignOut, Err(R::DeviceLost)),
        (lost(bound()), Q::ListDevices, Err(R::DeviceLost)),
        (lost(unbound()), Q::SignIn, Err(R::DeviceLost)),
        (tampered.clone(), Q::SignIn, Ok(Job::SignIn)),
        (tampered.clone(), Q::CheckActivation, Ok(Job::CheckActivation)),
        (tampered.clone(), Q::SignOut, Err(R::Tampered)),
        (tampered, Q::Register, Err(R::Tampered)),
        (locked.clone(), Q::Register, Err(R::ActivationLocked)),
        (locked, Q::SignIn, Ok(Job::SignIn)),
        (sold, Q::Register, Ok(Job::Register)),
        (registering(Stage::Waiting), Q::Register, Ok(Job::Register)),
        (registering(Stage::Waiting), Q::SignIn, Ok(Job::SignIn)),
        (registering(Stage::Waiting), Q::Confirm(id()), Ok(Job::Confirm)),
        (
            registering(Stage::Waiting),
            Q::Confirm("another".into()),
            Err(R::NotFound),
        ),
        (
            registering(Stage::Waiting),
            Q::Acknowledge(id()),
            Err(R::NotBound),
        ),
        (
            registering(Stage::Prepared),
            Q::Confirm(String::new()),
            Err(R::NotFound),
        ),
        (registering(proved()), Q::Resend(id()), Err(R::Conflict)),
        (registering(proved()), Q::Cancel(id()), Ok(Job::Cancel)),
        (registering(submitting()), Q::Register, Err(R::Conflict)),
        (registering(submitting()), Q::Cancel(id()), Ok(Job::Cancel)),
        (confirming.clone(), Q::Cancel(id()), Err(R::Busy)),
        (confirming, Q::Look(id()), Ok(Job::Look)),
        (registering(accepted.clone()), Q::Cancel(id()), Err(R::Conflict)),
        (registering(accepted), Q::Confirm(id()), Ok(Job::Confirm)),
        (done(), Q::Confirm(id()), Ok(Job::Confirm)),
        (done(), Q::Acknowledge(id()), Ok(Job::Acknowledge)),
        (done(), Q::Cancel(id()), Err(R::AlreadyBound)),
        (done(), Q::Resend(id()), Err(R::AlreadyBound)),
        (done(), Q::Look(id()), Ok(Job::Look)),
    ];
    for (state, request, verdict) in table {
        assert_eq!(state.admits(&request), verdict, "{request:?} in {state:?}");
    }
}

#[test]
fn one_of_a_kind_at_a_time_and_one_that_changes_the_binding() {
    let (state, effects) = step(&bound(), Event::Asked(Request::ListDevices));
    assert_eq!(effects, [Effect::Start(Job::ListDevices)]);
    let (state, effects) = step(&state, Event::Asked(Request::ListDevices));
    assert_eq!(refusals(&effects), [Refusal::Busy]);
    let (state, _) = step(&state, Event::Asked(Request::SignOut));
    let (state, effects) = step(&state, Event::Asked(Request::Reauthenticate));
    assert_eq!(refusals(&effects), [Refusal::Busy]);
    let (state, _) = step(&state, Event::Ended(Job::SignOut));
    let (state, _) = step(&state, Event::Ended(Job::ListDevices));
    assert_eq!(state, bound(), "nothing is left of work that has ended");
}
