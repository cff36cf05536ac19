//! Properties of the core alone: whatever happens in whatever order, without the right password the
//! device stays the owner's, and stays lost once it is.

use std::time::Duration;

use belay_proto::keys::{KdfParameters, SigningKey};
use belay_proto::signed::{CommandEnvelope, Deed, Signed};
use belay_proto::steps::{PolicyChanges, Purpose, RESET_AND_RELEASE};
use belay_proto::text::base64url;
use belay_proto::{AccessoryId, AccountId, CommandId, Epoch, HardwareId, PendingId, Secret, TicketId};
use proptest::prelude::*;

use super::binding::{BOX_SECRET, WARDEN_SEED};
use super::check::Check;
use super::forgeries::{delegation, forged, usurped};
use super::records::Bound;
use super::registration::{CodeRequest, Pending};
use super::samples;
use super::state::{Abilities, Binding, Door, Effect, Event, Lock, State, What, step};
use super::throttle::Presenter;
use crate::disk::sealing::SealingKey;
use crate::moment::Moment;

const RIGHT: [u8; 32] = [0xaa; 32];

/// The owner's key of [`owners_state`].
pub(super) const OWNER_SEED: [u8; 32] = [8; 32];

fn key() -> SealingKey {
    SealingKey::new(&Secret::new([1; 32]))
}

fn bound(owner: &SigningKey) -> Box<Bound> {
    let (key, warden, epoch) = (
        key(),
        SigningKey::from_seed(&Secret::new([2; 32])),
        Epoch::from_bytes([6; 16]),
    );
    Box::new(Bound {
        account: AccountId::from_bytes([3; 16]),
        owner: owner.public(),
        epoch,
        device: belay_proto::id::device_id(&warden.public(), &epoch),
        hardware: HardwareId::from_bytes([4; 32]),
        certificate: Vec::new(),
        warden_key: warden.public(),
        warden_seed: key.seal(WARDEN_SEED, warden.seed().expose()),
        box_secret: key.seal(BOX_SECRET, &[7; 32]),
        verifier: key.verifier(&RIGHT),
        salt: [5; 16],
        parameters: KdfParameters::FLOOR,
        generation: 1,
        presence: 0,
        login: "j•••@e•••.org".to_owned(),
        report_box: None,
        password_score: None,
        password_since: None,
        delegate: None,
        keyring: None,
        removed: None,
        left_owner: None,
        left_generation: None,
    })
}

fn id(number: u8) -> TicketId {
    TicketId::from_bytes([number % 4; 16])
}

/// Something happens; `right` decides whether the owner's password may be among it.
fn what(right: bool) -> impl Strategy<Value = What> {
    let purpose = prop::sample::select(&Purpose::ALL[..]);
    let presenter = || prop_oneof![Just(Presenter::Session), Just(Presenter::Screen)];
    let digest = if right {
        prop_oneof![Just(RIGHT), Just([0; 32])].boxed()
    } else {
        any::<[u8; 32]>().boxed()
    };
    let ticket = || any::<u8>().prop_map(id);
    let thief = SigningKey::from_seed(&Secret::new([9; 32]));
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        Just(What::Woke),
        (ticket(), purpose, presenter(), any::<bool>()).prop_map(|(id, purpose, presenter, releases)| {
            let subject = match (purpose, releases) {
                (Purpose::DeleteAccount, _) => "delete-account",
                (_, true) => RESET_AND_RELEASE,
                (_, false) => "",
            };
            What::Presented {
                id,
                purpose,
                subject: subject.to_owned(),
                presenter,
            }
        }),
        (presenter(), prop::option::of(ticket()), any::<u8>()).prop_map(
            |(presenter, ticket, fingerprint)| {
                What::CheckBegan(Check {
                    presenter,
                    ticket,
                    fingerprint: [fingerprint; 32],
                })
            }
        ),
        digest.prop_map(samples::checked),
        (ticket(), any::<u8>()).prop_map({
            let draft = bound(&thief);
            move |(ticket, number)| {
                let started = Moment {
                    boottime: Duration::ZERO,
                    boot_id: "boot".to_owned(),
                };
                let (id, device) = (PendingId::from_bytes([number % 2; 16]), draft.device);
                let pending = Pending {
                    id,
                    device,
                    started,
                    code: Vec::new(),
                    draft: Some(draft.clone()),
                    wrap: [0; 32],
                    awaits: None,
                    anew: None,
                    wrong_claims: 0,
                };
                What::AccountFounded {
                    ticket,
                    pending: Box::new(pending),
                }
            }
        }),
        any::<u8>().prop_map(|number| What::PendingBound(PendingId::from_bytes([number % 2; 16]))),
        any::<u8>().prop_map(|number| What::PendingDiscarded(PendingId::from_bytes([number % 2; 16]))),
        (any::<u8>(), presenter()).prop_map(|(number, presenter)| {
            let claim = key().recovery_claim(&PendingId::from_bytes([number % 4; 16]));
            What::CodeAsked(CodeRequest { claim, presenter })
        }),
        any::<u8>().prop_map(|number| What::CodeAcknowledged(PendingId::from_bytes([number % 2; 16]))),
        (ticket(), prop::option::of(bytes())).prop_map(move |(ticket, existing)| What::SignedIn {
            ticket,
            bound: bound(&thief),
            existing
        }),
        (ticket(), bytes()).prop_map(|(ticket, record)| What::Reauthenticated {
            ticket,
            record,
            delegate: Vec::new(),
            keyring: None
        }),
        bytes().prop_map(What::CredentialsBrought),
        ticket().prop_map(|ticket| What::SignedOut { ticket }),
        (ticket(), any::<bool>()).prop_map(|(ticket, release)| What::ResetAllowed { ticket, release }),
        Just(What::Tightened {
            reason: String::new()
        }),
        asked_by_belayd(),
        of_the_account(),
    ]
}

/// What belayd may walk and bring of the account's life: steps without a ticket that proves, and grants of a stranger.
fn of_the_account() -> impl Strategy<Value = What> {
    let ticket = || any::<u8>().prop_map(id);
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let thief = SigningKey::from_seed(&Secret::new([9; 32]));
    prop_oneof![
        (ticket(), any::<u64>()).prop_map(samples::password_chosen),
        (ticket(), any::<u64>()).prop_map(samples::recovered),
        ticket().prop_map(|ticket| What::RecoveryOver { ticket }),
        (ticket(), any::<bool>()).prop_map(|(ticket, deletes)| What::OrderSigned {
            ticket,
            deed: match deletes {
                true => Deed::DeleteAccount,
                false => Deed::RemoveIdentifier("0".repeat(32)),
            }
        }),
        Just(What::AccountGone),
        Just(What::AccountStays),
        bytes().prop_map(What::KeyringBrought),
        bytes().prop_map(What::DelegateBrought),
        Just(What::DelegateBrought(
            Signed::seal(&delegation(&thief), &thief).encode()
        )),
        any::<u64>()
            .prop_map(move |generation| What::SuccessionBrought(Box::new(usurped(&thief, generation)))),
    ]
}

/// What belayd may bring about the owner's commands, with any bytes: rubbish, and commands that fit this device in
/// everything but the signature.
fn asked_by_belayd() -> impl Strategy<Value = What> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let command = || any::<u8>().prop_map(|number| CommandId::from_bytes([number % 4; 16]));
    let ticket = || any::<u8>().prop_map(id);
    prop_oneof![
        bytes().prop_map(What::Commanded),
        (forged(), any::<bool>()).prop_map(|(command, delegated)| {
            let thief = SigningKey::from_seed(&Secret::new([9; 32]));
            let delegate = delegated.then(|| Signed::seal(&delegation(&thief), &thief));
            let command = Signed::seal(&command, &thief);
            What::Commanded(CommandEnvelope { command, delegate }.encode())
        }),
        any::<[u8; 104]>().prop_map(|bytes| What::Texted(format!("belay:{}", base64url(&bytes)))),
        Just(What::Beat),
        Just(What::Ticked),
        Just(What::Stopping),
        any::<u64>().prop_map(What::OutcomesAsked),
        Just(What::ReportAsked),
        command().prop_map(What::Begun),
        (command(), any::<bool>()).prop_map(|(command, done)| What::Ended {
            command,
            done,
            reason: String::new()
        }),
        ticket().prop_map(|ticket| What::Unpaired {
            ticket,
            accessory: AccessoryId::from_bytes([7; 16])
        }),
        (ticket(), any::<bool>()).prop_map(|(ticket, enabled)| What::FindSet { ticket, enabled }),
        (ticket(), any::<u64>()).prop_map(|(ticket, after)| What::PoliciesSet {
            ticket,
            changes: PolicyChanges {
                wipe_after_offline: Some(after),
                ..PolicyChanges::default()
            }
        }),
        ticket().prop_map(|ticket| What::CommandSigned { ticket }),
    ]
}

/// Events with the seconds that pass before each.
fn story(right: bool) -> impl Strategy<Value = Vec<(u64, What)>> {
    prop::collection::vec(
        (prop_oneof![4 => 0..5_u64, 1 => 0..100_000_u64], what(right)),
        1..60,
    )
}

fn play(mut state: State, story: Vec<(u64, What)>, mut judge: impl FnMut(&State, &What, &State, &[Effect])) {
    let mut boottime = Duration::ZERO;
    for (seconds, what) in story {
        boottime += Duration::from_secs(seconds);
        let at = Moment {
            boottime,
            boot_id: "boot".to_owned(),
        };
        let (next, effects) = step(
            &state,
            Event {
                at,
                what: what.clone(),
            },
        );
        judge(&state, &what, &next, &effects);
        state = next;
    }
}

/// The ticket is for that, and its password was the owner's.
fn proved(state: &State, ticket: &TicketId, purpose: Purpose, subject: &str) {
    let ticket = state.tickets.any(ticket).unwrap();
    assert_eq!(
        (ticket.purpose, &ticket.proof),
        (purpose, &super::tickets::Proof::Right)
    );
    assert!(subject.is_empty() || ticket.subject == subject);
}

fn is_leaving(state: &State) -> bool {
    state.bound().is_ok() && state.book.leaving.is_some()
}

pub(super) fn owners_binding() -> Box<Bound> {
    bound(&SigningKey::from_seed(&Secret::new(OWNER_SEED)))
}

/// A bound device in its owner's hands.
pub(super) fn owners_state() -> State {
    State {
        abilities: Abilities { wipe: true },
        ..State::new(key(), Binding::Bound(owners_binding()))
    }
}

proptest! {
    #[test]
    fn without_the_right_password_a_device_stays_its_owners(story in story(false), lost in any::<bool>()) {
        let mut state = owners_state();
        if lost {
            state.lock = Lock::Lost {
                reason: String::new(),
                message: String::new(),
                phone: String::new(),
                episode: 1,
            };
        }
        let mine = state.binding.clone();
        let mut locked = lost;
        play(state, story, |_, _, next, _| {
            locked |= next.lock != Lock::Unlocked;
            assert_eq!(next.binding, mine);
            assert_eq!(locked, next.lock != Lock::Unlocked);
            assert!(!matches!(next.lock, Lock::Wiping(_)), "nobody but the owner wipes");
        });
    }

    #[test]
    fn only_a_proved_ticket_unbinds_and_only_a_right_password_unlocks(story in story(true)) {
        play(owners_state(), story, |before, what, next, effects| {
            let was_mine = matches!(before.binding, Binding::Bound(_));
            if was_mine && matches!(next.binding, Binding::Unbound { .. }) {
                match what {
                    What::SignedOut { ticket } => proved(before, ticket, Purpose::SignOut, ""),
                    What::ResetAllowed { ticket, release: true } => {
                        proved(before, ticket, Purpose::Reset, RESET_AND_RELEASE);
                    }
                    What::AccountGone => assert!(is_leaving(before)),
                    what => panic!("unbound by {what:?}"),
                }
            }
            if !is_leaving(before) && is_leaving(next) {
                let What::OrderSigned { ticket, deed: Deed::DeleteAccount } = what else {
                    panic!("leaving by {what:?}")
                };
                proved(before, ticket, Purpose::DeleteAccount, "delete-account");
            }
            assert!(!matches!(next.lock, Lock::Wiping(_)), "nobody but the owner wipes");
            if before.lock != Lock::Unlocked && next.lock == Lock::Unlocked {
                assert!(matches!(what, What::CheckEnded { verify_digest: RIGHT, .. }), "unlocked by {what:?}");
            }
            let ends = effects.iter().filter(|effect| matches!(effect, Effect::Answer(_) | Effect::Refuse(_)));
            assert_eq!(ends.count(), 1);
            assert!(matches!(effects.last(), Some(Effect::Answer(_) | Effect::Refuse(_))));
        });
    }

    #[test]
    fn a_tampered_device_opens_to_nobody_else(story in story(true), survivor in any::<bool>()) {
        let owner = survivor.then(|| SigningKey::from_seed(&Secret::new([8; 32])).public());
        let state = State::new(key(), Binding::Tampered(Door { owner }));
        play(state, story, |_, _, next, effects| {
            assert_eq!(next.binding, Binding::Tampered(Door { owner }));
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Persist(_))));
        });
    }
}
