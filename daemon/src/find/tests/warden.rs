//! A warden that keeps commands, outcomes and effects in memory, over everything that a test restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use belay_proto::dbus::{BindingState, Error, LockState};
use belay_proto::id::{AccountId, CommandId, DeviceId, Epoch};
use belay_proto::keys::SigningKey;
use belay_proto::signed::{Command, CommandEnvelope, CommandState, Outcome, Signed, StateReport};
use belay_proto::steps::{self, Effect};
use tokio::sync::watch;

use crate::warden::testing::{BEAT, COMMAND, FakeWarden};
use crate::warden::{Identity, WardenHandle, WardenView};

#[derive(Clone)]
pub struct Warden {
    inner: Arc<Mutex<Inner>>,
    view: Arc<watch::Sender<WardenView>>,
    signs: Arc<watch::Sender<u64>>,
    pub handle: WardenHandle,
}

pub struct Inner {
    key: SigningKey,
    pub device: DeviceId,
    pub epoch: Epoch,
    account: AccountId,
    sequence: u64,
    /// How often each command was asked about.
    pub asked: BTreeMap<CommandId, u32>,
    pub accepted: BTreeSet<CommandId>,
    outcomes: Vec<(u64, Vec<u8>)>,
    pub waiting: Vec<Effect>,
    pub begun: BTreeSet<CommandId>,
    pub ended: Vec<(CommandId, bool, String)>,
    pub beats: u32,
    pub reports: u32,
    /// What each command is answered with instead of a judgement of its own.
    pub judgement: Option<&'static str>,
    /// Answers that get lost: the warden has acted all the same.
    pub lose: u32,
    /// It judges nothing.
    pub asleep: bool,
    /// How often it was asked to meanwhile.
    pub knocks: u32,
    /// Whether an accepted command ends at once.
    pub finishes: bool,
    /// So often each beginning and each end can't be written down.
    pub full: u32,
    /// Up to which outcome it was told that it needn't keep them.
    pub acknowledged: u64,
}

impl Warden {
    pub fn new() -> Self {
        let inner = Inner {
            key: SigningKey::generate(),
            device: DeviceId::random(),
            epoch: Epoch::random(),
            account: AccountId::random(),
            sequence: 0,
            asked: BTreeMap::new(),
            accepted: BTreeSet::new(),
            outcomes: Vec::new(),
            waiting: Vec::new(),
            begun: BTreeSet::new(),
            ended: Vec::new(),
            beats: 0,
            reports: 0,
            judgement: None,
            lose: 0,
            asleep: false,
            knocks: 0,
            finishes: true,
            full: 0,
            acknowledged: 0,
        };
        let view = bound(&inner);
        let inner = Arc::new(Mutex::new(inner));
        let answers = Arc::clone(&inner);
        let (handle, view, signs) = FakeWarden::with_signs(view, move |_, step, input| {
            answers.lock().unwrap().answer(step, input)
        });
        Self {
            inner,
            view: Arc::new(view),
            signs: Arc::new(signs),
            handle,
        }
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.inner.lock().unwrap())
    }

    /// Says that something may have changed.
    pub fn speak(&self) {
        self.signs.send_modify(|signs| *signs += 1);
    }

    pub fn show(&self, change: impl FnOnce(&mut WardenView)) {
        self.view.send_modify(change);
    }

    pub fn unbind(&self) {
        self.show(|view| {
            view.binding = BindingState::Unbound;
            view.identity = Identity::default();
        });
    }

    /// Another binding of the same device.
    pub fn bind_again(&self) {
        let view = self.with(|inner| {
            inner.epoch = Epoch::random();
            inner.device = DeviceId::random();
            inner.sequence = 0;
            inner.outcomes.clear();
            bound(inner)
        });
        self.show(|shown| *shown = view);
    }

    /// Has an effect done.
    pub fn wants(&self, action: &belay_proto::signed::Action) -> CommandId {
        let command = CommandId::new();
        self.with(|inner| {
            inner.waiting.push(Effect {
                command,
                action: action.verb().as_str().into(),
                arguments: action.encode_arguments(),
                issued_at: 0,
                deadline: 0,
            });
        });
        self.speak();
        command
    }
}

fn bound(inner: &Inner) -> WardenView {
    WardenView {
        binding: BindingState::Bound,
        lock: LockState::Unlocked,
        identity: Identity {
            device: Some(inner.device),
            epoch: Some(inner.epoch),
            account: Some(inner.account),
            find: true,
            ..Identity::default()
        },
        is_current: true,
        ..WardenView::default()
    }
}

fn lost() -> Error {
    Error::Bus(zbus::Error::InputOutput(
        std::io::Error::other("no answer").into(),
    ))
}

impl Inner {
    fn answer(&mut self, step: &str, input: &[u8]) -> Result<Vec<u8>, Error> {
        if matches!(step, steps::BEGIN | steps::END) && self.full > 0 {
            self.full -= 1;
            return Err(Error::Storage("the disk is full".into()));
        }
        let answer = match step {
            COMMAND if self.asleep => {
                self.knocks += 1;
                return Err(lost());
            }
            COMMAND => self.judge(input).as_bytes().to_vec(),
            BEAT => {
                self.beats += 1;
                Vec::new()
            }
            steps::OUTCOMES => {
                let after = steps::OutcomesInput::decode(input).unwrap().after;
                self.acknowledged = self.acknowledged.max(after);
                self.outcomes.retain(|(sequence, _)| *sequence > after);
                let outcomes = self.outcomes.iter().map(|(_, bytes)| bytes.clone()).collect();
                steps::OutcomesOutput { outcomes }.encode()
            }
            steps::EFFECTS => steps::EffectsOutput {
                waiting: self.waiting.clone(),
                begun: self.begun.iter().copied().collect(),
            }
            .encode(),
            steps::BEGIN => {
                let command = steps::BeginInput::decode(input).unwrap().command;
                let before = self.waiting.len();
                self.waiting.retain(|effect| effect.command != command);
                if self.waiting.len() == before {
                    return Err(Error::NotFound("nothing waits".into()));
                }
                self.begun.insert(command);
                steps::Done {}.encode()
            }
            steps::END => {
                let end = steps::EndInput::decode(input).unwrap();
                if !self.begun.remove(&end.command) {
                    return Err(Error::NotFound("nothing was begun".into()));
                }
                self.ended.push((end.command, end.done, end.reason));
                steps::Done {}.encode()
            }
            steps::STATE_REPORT => {
                self.reports += 1;
                self.sequence += 1;
                let report = self.report();
                steps::StateReportOutput { report }.encode()
            }
            other => panic!("no such step: {other}"),
        };
        if step != BEAT && self.lose > 0 {
            self.lose -= 1;
            return Err(lost());
        }
        Ok(answer)
    }

    fn judge(&mut self, envelope: &[u8]) -> &'static str {
        let Ok(envelope) = CommandEnvelope::decode(envelope) else {
            return "malformed";
        };
        let command: Command = envelope.command.peek_unverified().unwrap();
        *self.asked.entry(command.id).or_default() += 1;
        if let Some(judgement) = self.judgement {
            return judgement;
        }
        if !self.accepted.insert(command.id) {
            return "replayed";
        }
        self.tell(command.id, command.action.verb().as_str(), CommandState::Accepted);
        if self.finishes {
            self.tell(command.id, command.action.verb().as_str(), CommandState::Done);
        }
        "accepted"
    }

    pub fn tell(&mut self, command: CommandId, action: &str, state: CommandState) {
        self.tell_step(command, action, state, 0);
    }

    /// Answers the outcome's number.
    pub fn tell_step(&mut self, command: CommandId, action: &str, state: CommandState, step: u64) -> u64 {
        self.sequence += 1;
        let outcome = Outcome {
            account: self.account,
            device: self.device,
            epoch: self.epoch,
            sequence: self.sequence,
            command,
            action: action.into(),
            state,
            reason: String::new(),
            step,
            steps: step * 2,
            retry: 0,
            presence: 0,
            counter: 0,
            episode: 0,
            lock: "unlocked".into(),
        };
        let signed = Signed::seal(&outcome, &self.key).encode();
        self.outcomes.push((self.sequence, signed));
        self.sequence
    }

    fn report(&self) -> Vec<u8> {
        let report = StateReport {
            account: self.account,
            device: self.device,
            epoch: self.epoch,
            sequence: self.sequence,
            presence: 0,
            counter: 0,
            episode: 0,
            lock: "unlocked".into(),
            time: 0,
            find: true,
        };
        Signed::seal(&report, &self.key).encode()
    }
}
