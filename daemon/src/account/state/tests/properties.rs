//! What holds after any sequence of events.

use proptest::prelude::*;

use belay_proto::signed::CommandState;

use super::*;
use crate::account::evidence::Fate;

/// Every event with which the network, a caller, the store or belayd itself could come: all but the warden's word
/// that the device is free. The binding's name stands for who says it.
fn anything_but_the_wardens_release() -> impl Strategy<Value = Event> {
    let id = prop_oneof![
        Just(ID.to_owned()),
        Just("another".to_owned()),
        Just(String::new())
    ];
    let n = 1_u8..3;
    let hold = prop_oneof![
        Just(HoldView::None),
        Just(HoldView::Running),
        Just(HoldView::Over),
        Just(HoldView::Ended)
    ];
    let binding = prop_oneof![
        Just(Binding::Unknown),
        Just(Binding::Bound),
        Just(Binding::Tampered)
    ];
    let verification = prop_oneof![
        Just(Verification::Pending),
        Just(Verification::Confirmed),
        Just(Verification::Expired)
    ];
    let stage = prop_oneof![
        Just(Stage::Prepared),
        Just(Stage::Waiting),
        Just(proved()),
        Just(submitting()),
        Just(Stage::Accepted { code: CODE }),
        Just(Stage::Bound { code: CODE }),
    ];
    let request = (0_usize..18, id.clone()).prop_map(|(n, id)| match n {
        0 => Request::Register,
        1 => Request::Resend(id),
        2 => Request::Look(id),
        3 => Request::Cancel(id),
        4 => Request::Confirm(id),
        5 => Request::Acknowledge(id),
        6 => Request::SignIn,
        7 => Request::Reauthenticate,
        8 => Request::SignOut,
        9 => Request::CheckActivation,
        10 => Request::SendCommand,
        11 => Request::AddAddress,
        12 => Request::ConfirmAddress(id),
        13 => Request::BeginRecovery,
        14 => Request::CompleteRecovery(id),
        15 => Request::ChangePassword,
        16 => Request::DeleteAccount,
        _ => Request::ListDevices,
    });
    let job = request.clone().prop_map(|request| Event::Ended(request.job()));
    let saved =
        (any::<bool>(), any::<bool>(), proptest::option::of(stage.clone())).prop_map(|(s, b, stage)| Saved {
            session: s.then(|| Session {
                bound: b,
                ..session(1)
            }),
            registration: stage.map(registration),
            locked: b.then(Locked::default),
            releases: if s { vec![key(1)] } else { Vec::new() },
            commands: if s { vec![sent(1)] } else { Vec::new() },
            proving: b.then(|| proving(Aim::Recovery)),
        });
    prop_oneof![
        saved.prop_map(|saved| Event::Loaded(Box::new(saved))),
        (binding, n.clone(), any::<bool>(), hold).prop_map(|(binding, n, lost, hold)| {
            Event::Warden(Word {
                account: (binding == Binding::Bound).then(|| account(n)),
                binding,
                lost,
                hold,
            })
        }),
        request.prop_map(Event::Asked),
        job,
        stage.prop_map(|stage| Event::Prepared(Box::new(registration(stage)))),
        (n.clone(), id.clone()).prop_map(|(n, id)| Event::Opened {
            pending: pending(n),
            id,
            own_sms: None,
            resend: deadline(),
            expires: deadline(),
        }),
        (id.clone(), verification).prop_map(|(id, verification)| Event::Looked {
            id,
            verification,
            resend: deadline(),
            expires: deadline(),
        }),
        id.clone().prop_map(|id| Event::CodeSpent {
            id,
            resend: deadline()
        }),
        id.clone().prop_map(|id| Event::Trying { id, attempt: None }),
        id.clone().prop_map(|id| Event::Cancelled { id }),
        n.clone().prop_map(|n| Event::Failed { pending: pending(n) }),
        id.clone().prop_map(|id| Event::Proved {
            id,
            ticket: "t".into(),
            code: CODE
        }),
        id.clone().prop_map(|id| Event::Submitting {
            id,
            body: "{}".into(),
            key: "k".into()
        }),
        (id.clone(), n.clone()).prop_map(|(id, n)| Event::Accepted {
            id,
            session: Box::new(session(n))
        }),
        (id.clone(), n.clone()).prop_map(|(id, n)| Event::Confirmed {
            id,
            session: Box::new(session(n))
        }),
        id.prop_map(|id| Event::Acknowledged { id }),
        n.clone().prop_map(|n| Event::SigningIn(Box::new(session(n)))),
        n.clone().prop_map(|n| Event::SignedIn(Box::new(session(n)))),
        n.clone()
            .prop_map(|n| Event::Reauthenticated(Box::new(session(n)))),
        n.clone()
            .prop_map(|n| Event::SessionEnded { account: account(n) }),
        n.clone().prop_map(|n| Event::Found(release(n))),
        n.clone().prop_map(|n| Event::Delivered(key(n))),
        proptest::collection::vec(n.clone().prop_map(key), 0..2).prop_map(Event::Waiting),
        n.clone().prop_map(|n| Event::Sending(Box::new(sent(n)))),
        (n.clone(), fate()).prop_map(|(n, fate)| Event::Heard { id: command(n), fate }),
        n.clone().prop_map(|n| Event::Unheard { id: command(n) }),
        Just(Event::HardwareLocked(Locked::default())),
        Just(Event::HardwareFree),
        n.prop_map(|n| Event::Refreshed {
            account: account(n),
            identifiers: Vec::new(),
            profile: Profile::default(),
        }),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    (0..CommandState::ALL.len(), 0_u64..4).prop_map(|(state, sequence)| Fate {
        state: CommandState::ALL[state],
        sequence,
        ..Fate::default()
    })
}

fn run(state: State, events: Vec<Event>) -> Vec<(State, Vec<Effect>)> {
    events
        .into_iter()
        .scan(state, |state, event| {
            let (next, effects) = step(state, event);
            *state = next.clone();
            Some((next, effects))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The account's side of the first promise. Whatever the network, callers and belayd itself do, and in
    /// whatever order, a bound device stays bound, or says that it can't tell: the one way out is the warden's
    /// word, which it gives for the right password alone.
    #[test]
    fn no_sequence_of_events_unbinds_without_the_wardens_word(
        events in proptest::collection::vec(anything_but_the_wardens_release(), 0..60),
    ) {
        for (state, effects) in run(bound(), events) {
            prop_assert_ne!(state.word.binding, Binding::Unbound);
            prop_assert!(!matches!(state.shown(), AccountState::Unbound | AccountState::Registering));
            prop_assert!(!effects.contains(&Effect::Start(Job::Register)), "nor does another owner register");
            let made = effects.iter().any(|effect| matches!(effect, Effect::Recover));
            prop_assert!(!made, "nothing says that the device was freed");
        }
    }

    /// The same with everything allowed: each time a device goes from bound to free, it was the warden's word.
    #[test]
    fn every_way_out_is_the_wardens_word(
        events in proptest::collection::vec(
            prop_oneof![
                8 => anything_but_the_wardens_release(),
                1 => Just(Event::Warden(word(Binding::Unbound))),
                1 => (1_u8..3).prop_map(|n| Event::Released(release(n))),
            ],
            0..60,
        ),
    ) {
        let mut state = bound();
        for event in events {
            let (next, _) = step(&state, event.clone());
            let freed = state.word.binding != Binding::Unbound && next.word.binding == Binding::Unbound;
            if freed {
                let says_so = matches!(event, Event::Released(_) | Event::Warden(Word { binding: Binding::Unbound, .. }));
                prop_assert!(says_so, "{:?}", event);
            }
            state = next;
        }
    }

    /// What is on disk after any prefix is what the state holds: a kill at any point loses nothing of it.
    #[test]
    fn what_is_written_is_what_is_known(
        events in proptest::collection::vec(
            prop_oneof![
                8 => anything_but_the_wardens_release(),
                1 => Just(Event::Warden(word(Binding::Unbound))),
                1 => (1_u8..3).prop_map(|n| Event::Released(release(n))),
            ],
            0..60,
        ),
    ) {
        let mut state = unbound();
        let mut disk = Saved::default();
        for event in events {
            if matches!(event, Event::Loaded(_) | Event::Waiting(_)) {
                // These say what the disk holds; here the disk is our own.
                continue;
            }
            let (next, effects) = step(&state, event);
            for effect in effects {
                if let Effect::Keep(change) = effect {
                    write(&mut disk, change);
                }
            }
            state = next;
            prop_assert_eq!(&disk.session, &state.session);
            prop_assert_eq!(&disk.registration, &state.registration);
            prop_assert_eq!(&disk.locked, &state.locked);
            prop_assert_eq!(&disk.commands, &state.commands);
            prop_assert_eq!(disk.releases.iter().copied().collect::<BTreeSet<_>>(), state.releases.clone());
        }
    }

    /// Nothing takes back what a device has signed of a command: not the cloud, not an older word of its own.
    #[test]
    fn a_command_only_goes_on(fates in proptest::collection::vec(fate(), 0..20)) {
        let mut state = step(&bound(), Event::Sending(Box::new(sent(1)))).0;
        let mut unsigned = 0;
        for fate in fates {
            let before = state.commands[0].clone();
            let says_cloud = fate.sequence == 0
                && matches!(fate.state, CommandState::Unknown | CommandState::Queued | CommandState::Delivered);
            state = step(&state, Event::Heard { id: command(1), fate }).0;
            let after = &state.commands[0];
            prop_assert!(after.sequence >= before.sequence);
            prop_assert!(!before.state.is_final() || before.state == after.state);
            let taken_back = before.sequence > 0
                && matches!(after.state, CommandState::Queued | CommandState::Delivered)
                && after.state != before.state
                && after.sequence == before.sequence;
            prop_assert!(!taken_back, "{:?} after {:?}", after, before);
            unsigned += u32::from(says_cloud && after != &before);
            prop_assert!(unsigned <= 2, "the cloud's word alone changes it twice at most");
        }
    }

    /// Asking is refused or begins, and work that has ended leaves room for the next.
    #[test]
    fn work_never_gets_stuck(
        events in proptest::collection::vec(anything_but_the_wardens_release(), 0..40),
    ) {
        let states = run(State::default(), events);
        let Some((mut state, _)) = states.into_iter().last() else { return Ok(()) };
        for job in state.running.clone() {
            state = step(&state, Event::Ended(job)).0;
        }
        prop_assert!(state.running.is_empty());
        prop_assert_ne!(state.admits(&Request::SignIn), Err(Refusal::Busy));
    }
}

fn write(disk: &mut Saved, change: Change) {
    match change {
        Change::Session(session) => disk.session = Some(*session),
        Change::ForgetAccount => (disk.session, disk.commands) = (None, Vec::new()),
        Change::ForgetDeviceKey | Change::ForgetData | Change::PushAgain => {}
        Change::Registration(registration) => disk.registration = Some(*registration),
        Change::ForgetRegistration => disk.registration = None,
        Change::Locked(locked) => disk.locked = locked,
        Change::Commands(commands) => disk.commands = commands,
        Change::AddRelease(release) => disk.releases.push(release.key),
        Change::Proving(proving) => disk.proving = proving.map(|proving| *proving),
        Change::DropRelease(key) => disk.releases.retain(|kept| *kept != key),
    }
}
