//! Whatever the owner asks for, in whatever order and however often: an id is accepted once, never after it was
//! cancelled, and the book neither grows without end nor ends.

use std::collections::BTreeSet;
use std::time::Duration;

use belay_proto::keys::SigningKey;
use belay_proto::signed::{Action, Command, CommandEnvelope, DelegateCertificate, Disposition, Signed, Verb};
use belay_proto::{CommandId, Secret};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{DELEGATES, OWNERS};
use crate::core::command::book::{Fate, Known};
use crate::core::command::stored::{book_from_bytes, book_to_bytes};
use crate::core::forgeries::delegation;
use crate::core::records::Bound;
use crate::core::state::{Answer, Binding, Effect, Event, Lock, State, What, step};
use crate::core::state_properties::{OWNER_SEED, owners_state};
use crate::moment::Moment;

/// A point in time that the owner's console takes for now, ms since the Unix epoch.
const NOW: u64 = 1_800_000_000_000;

/// A device, and everything that was ever signed for it.
struct Story {
    state: State,
    at: Moment,
    owner: SigningKey,
    delegate: SigningKey,
    /// The issuer's clock, ms since the Unix epoch.
    now: u64,
    signed: Vec<(CommandId, Vec<u8>)>,
    accepted: BTreeSet<CommandId>,
    /// Cancelled before they came.
    void: BTreeSet<CommandId>,
}

impl Story {
    fn begin() -> Self {
        Self {
            state: owners_state(),
            at: Moment {
                boottime: Duration::ZERO,
                boot_id: "0".to_owned(),
            },
            owner: SigningKey::from_seed(&Secret::new(OWNER_SEED)),
            delegate: SigningKey::from_seed(&Secret::new([0x55; 32])),
            now: NOW,
            signed: Vec::new(),
            accepted: BTreeSet::new(),
            void: BTreeSet::new(),
        }
    }

    fn take(&mut self, what: What) -> Vec<Effect> {
        let at = self.at.clone();
        let (next, effects) = step(&self.state, Event { at, what });
        self.state = next;
        effects
    }

    fn bound(&self) -> Bound {
        match &self.state.binding {
            Binding::Bound(bound) => (**bound).clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A command as an honest client makes it, a moment after the one before.
    fn command(&mut self, action: Action) -> Command {
        self.now = (self.now + 1).max(self.state.book.counter + 1);
        let (bound, verb) = (self.bound(), action.verb());
        Command {
            id: CommandId::new(),
            account: bound.account,
            device: bound.device,
            epoch: bound.epoch,
            counter: self.now,
            issued_at: self.now,
            expires_at: Command::default_expiry(verb, self.now),
            presence: 0,
            episode: self.state.book.episode,
            action,
        }
    }

    fn sign(&mut self, action: Action) -> (CommandId, Vec<u8>) {
        let command = self.command(action);
        let envelope = CommandEnvelope {
            command: Signed::seal(&command, &self.owner),
            delegate: None,
        };
        self.signed.push((command.id, envelope.encode()));
        (command.id, envelope.encode())
    }

    fn sign_as_delegate(&mut self, action: Action) -> (CommandId, Vec<u8>) {
        let certificate = DelegateCertificate {
            issued_at: self.now,
            expires_at: self.now + 3_600_000,
            ..delegation(&self.delegate)
        };
        let command = self.command(action);
        let envelope = CommandEnvelope {
            command: Signed::seal(&command, &self.delegate),
            delegate: Some(Signed::seal(&certificate, &self.owner)),
        };
        self.signed.push((command.id, envelope.encode()));
        (command.id, envelope.encode())
    }

    fn deliver(&mut self, (id, envelope): (CommandId, Vec<u8>)) -> Disposition {
        let effects = self.take(What::Commanded(envelope));
        let Some(Effect::Answer(Answer::Judged(disposition, _))) = effects.last() else {
            panic!("{effects:?}")
        };
        if *disposition == Disposition::Accepted {
            assert!(self.accepted.insert(id), "accepted twice");
            assert!(!self.void.contains(&id), "accepted though it was cancelled");
        }
        *disposition
    }

    fn cancel(&mut self, id: CommandId) {
        let is_unseen = !self.state.book.known.contains_key(&id) && !self.accepted.contains(&id);
        let cancels = self.sign(Action::Cancel { id });
        assert_eq!(self.deliver(cancels), Disposition::Accepted);
        if is_unseen {
            self.void.insert(id);
        }
    }

    /// belayd does what there is to do.
    fn perform(&mut self) {
        for command in self.state.effects(&self.at).waiting.iter().map(|e| e.command) {
            self.take(What::Begun(command));
            let (done, reason) = (true, String::new());
            self.take(What::Ended {
                command,
                done,
                reason,
            });
        }
    }

    /// What is on disk, in another boot.
    fn reboot(&mut self) {
        self.state.book = book_from_bytes(&book_to_bytes(&self.state.book)).unwrap();
        self.at = Moment {
            boottime: Duration::ZERO,
            boot_id: format!("{}1", self.at.boot_id),
        };
        self.take(What::Woke);
    }

    fn is_bounded(&self) {
        let known = self.state.book.known.values();
        let (delegated, own): (Vec<Known>, Vec<Known>) = known.copied().partition(|known| known.delegated);
        assert!(own.len() <= OWNERS && delegated.len() <= DELEGATES);
    }

    /// The owner's own commands still work.
    fn still_obeys(&mut self) {
        self.perform();
        let (message, phone) = (format!("call {}", self.now), String::new());
        let locks = self.sign(Action::Lock { message, phone });
        assert_eq!(self.deliver(locks), Disposition::Accepted);
        assert!(matches!(self.state.lock, Lock::Lost { .. }));
        let rings = self.sign(Action::Ring { seconds: 1 });
        assert_eq!(self.deliver(rings), Disposition::Accepted);
        let unlocks = self.sign(Action::Unlock);
        assert_eq!(self.deliver(unlocks), Disposition::Accepted);
        assert_eq!(self.state.lock, Lock::Unlocked);
        let wipes = self.sign(wipe());
        assert_eq!(self.deliver(wipes), Disposition::Accepted);
        assert!(matches!(self.state.lock, Lock::Wiping(_)));
    }

    fn play(&mut self, turn: &Turn) {
        match turn {
            Turn::Send(action) => {
                let command = self.sign(action.clone());
                self.deliver(command);
            }
            Turn::HoldBack(action) => drop(self.sign(action.clone())),
            Turn::Delegate(times) => {
                for _ in 0..*times {
                    let command = self.sign_as_delegate(Action::Ring { seconds: 1 });
                    self.deliver(command);
                }
            }
            Turn::Again(index) if !self.signed.is_empty() => {
                let command = index.get(&self.signed).clone();
                self.deliver(command);
            }
            Turn::CancelOne(index) if !self.signed.is_empty() => {
                let (id, _) = *index.get(&self.signed);
                self.cancel(id);
            }
            Turn::Again(_) | Turn::CancelOne(_) => {}
            Turn::CancelNothing(times) => (0..*times).for_each(|_| self.cancel(CommandId::new())),
            Turn::Perform => self.perform(),
            Turn::Pass(seconds) => {
                let passed = Duration::from_secs(*seconds);
                self.at.boottime += passed;
                self.now += seconds * 1000;
                self.take(What::Woke);
            }
            Turn::Reboot => self.reboot(),
        }
        self.is_bounded();
    }
}

fn wipe() -> Action {
    Action::Wipe {
        external: false,
        keep_esim: false,
    }
}

#[derive(Clone, Debug)]
enum Turn {
    Send(Action),
    HoldBack(Action),
    Delegate(usize),
    Again(Index),
    CancelOne(Index),
    CancelNothing(usize),
    Perform,
    Pass(u64),
    Reboot,
}

fn action() -> impl Strategy<Value = Action> {
    let text = "[a-c]";
    prop_oneof![
        text.prop_map(|message| Action::Lock {
            message,
            phone: String::new()
        }),
        Just(Action::Unlock),
        Just(Action::Ring { seconds: 1 }),
        Just(Action::StopRing),
        Just(Action::Locate),
        text.prop_map(|text| Action::Message { text }),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => action().prop_map(Turn::Send),
        3 => action().prop_map(Turn::HoldBack),
        1 => (1..60_usize).prop_map(Turn::Delegate),
        8 => any::<Index>().prop_map(Turn::Again),
        2 => any::<Index>().prop_map(Turn::CancelOne),
        3 => (1..120_usize).prop_map(Turn::CancelNothing),
        2 => Just(Turn::Perform),
        1 => prop_oneof![0..60_u64, 0..86_400_u64, 0..4_000_000_u64].prop_map(Turn::Pass),
        1 => Just(Turn::Reboot),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn no_id_is_accepted_twice_nor_after_its_cancel_whatever_was_forgotten(
        turns in prop::collection::vec(turn(), 1..80)
    ) {
        let mut story = Story::begin();
        for turn in &turns {
            story.play(turn);
        }
        for command in story.signed.clone() {
            story.deliver(command);
        }
        story.still_obeys();
    }
}

#[test]
fn ten_thousand_cancels_leave_the_owner_every_command_and_a_replay_none() {
    let mut story = Story::begin();
    let rings = story.sign(Action::Ring { seconds: 1 });
    assert_eq!(story.deliver(rings.clone()), Disposition::Accepted);
    story.perform();
    let held_back = story.sign(Action::Ring { seconds: 1 });
    story.cancel(held_back.0);
    for _ in 0..10_000 {
        story.cancel(CommandId::new());
    }
    story.is_bounded();
    let first = story.signed[2].clone();
    story.reboot();
    for forgotten in [&rings, &held_back, &first] {
        assert!(!story.state.book.known.contains_key(&forgotten.0));
        assert_eq!(story.deliver(forgotten.clone()), Disposition::Superseded);
    }
    story.still_obeys();
}

#[test]
fn a_flood_of_any_kind_of_command_leaves_the_owner_every_command() {
    let kinds: [fn(usize) -> Action; 4] = [
        // Not taken while the device isn't lost, and with no end of its own.
        |number| Action::Message {
            text: number.to_string(),
        },
        // The operating system follows none of them.
        |number| Action::Lock {
            message: number.to_string(),
            phone: String::new(),
        },
        |_| Action::Unlock,
        |_| Action::Locate,
    ];
    for kind in kinds {
        let mut story = Story::begin();
        for number in 0..600 {
            let command = story.sign(kind(number));
            story.deliver(command);
            story.is_bounded();
        }
        let running = |fate: &Fate| *fate == Fate::Running;
        let running = story
            .state
            .book
            .known
            .values()
            .filter(|known| running(&known.fate));
        assert!(running.count() <= 40);
        story.still_obeys();
    }
}

#[test]
fn bringing_forgotten_commands_again_and_again_writes_nothing_in_the_end() {
    let mut story = Story::begin();
    let rings = story.sign(Action::Ring { seconds: 1 });
    story.deliver(rings);
    for _ in 0..OWNERS {
        story.cancel(CommandId::new());
    }
    let forgotten: Vec<_> = (story.signed.iter())
        .filter(|(id, _)| !story.state.book.known.contains_key(id))
        .cloned()
        .collect();
    assert!(forgotten.len() > 100);
    let mut written = 0;
    for _ in 0..10 {
        for command in &forgotten {
            let effects = story.take(What::Commanded(command.1.clone()));
            written += usize::from(effects.iter().any(|e| matches!(e, Effect::Persist(_))));
        }
    }
    assert!(written < 300, "{written} writes");
}

#[test]
fn delegates_have_places_of_their_own_and_move_no_floor() {
    let mut story = Story::begin();
    let mut judged = Vec::new();
    for _ in 0..2 * DELEGATES {
        let rings = story.sign_as_delegate(Action::Ring { seconds: 1 });
        judged.push(story.deliver(rings));
        story.perform();
    }
    let taken = |end: &[Disposition]| end.iter().filter(|d| **d == Disposition::Accepted).count();
    assert_eq!((taken(&judged), taken(&judged[DELEGATES..])), (DELEGATES, 0));
    assert_eq!(story.state.book.floor, None);
    // A flood of the owner's takes none of theirs, and theirs are free once they are over.
    for _ in 0..OWNERS {
        story.cancel(CommandId::new());
    }
    story.play(&Turn::Pass(11 * 60));
    story.cancel(CommandId::new());
    let locks = story.sign_as_delegate(Action::Lock {
        message: String::new(),
        phone: String::new(),
    });
    assert_eq!(story.deliver(locks), Disposition::Accepted);
    assert!(
        story
            .state
            .book
            .known
            .values()
            .any(|known| known.verb == Some(Verb::Lock))
    );
}
