//! The one task that owns the state: it takes requests in turn, asks the core what to do, and does
//! it. A password check runs within its turn, so there is one at a time and the others queue.

mod secrets;
mod storing;
mod waiting;
mod woken;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::{Clock, unix_seconds};
use belay_proto::dbus::WipeClass;
use belay_proto::keys::{KdfParameters, random};
use belay_proto::signed::Disposition;
use belay_proto::text::with_causes;
use belay_proto::{Secret, TicketId, failpoint};
use ring::hmac;
use tokio::sync::{Notify, mpsc, watch};

use crate::ceremony::{self, Hardware, Session};
use crate::core::refusal::Refusal;
use crate::core::registration::CodeRequest;
use crate::core::state::{Answer, Binding, Effect, Event, State, What, step};
use crate::disk::audit_log::{Entry, Note};
use crate::disk::copies::WriteError;
use crate::disk::vault::Vault;
use crate::enforce::Enforcer;
use crate::enforce::refused::{Tombstone, tombstone};
use crate::enforce::work::Work;
use crate::handle::{Handle, Request, Snapshot};
use crate::moment::Moment;
use crate::quiet::Quiet;
use woken::Woken;

/// How many requests may wait; beyond, `Busy`.
const QUEUE: usize = 256;
const LONGEST_REASON: usize = 200;

/// What doesn't change while the warden runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// This device.
    pub hardware: Hardware,
    /// The cloud's origin, from root-owned configuration; empty without a cloud.
    pub origin: String,
    /// Argon2id's price for new accounts.
    pub new_account_kdf: KdfParameters,
    /// How long to stay without work; zero: for ever.
    pub idle_exit: Duration,
    /// It is later than this, ms since the Unix epoch: when this program was built.
    pub build_time: u64,
    /// Where `belay-wipe` keeps its journal.
    pub wipe_journal: PathBuf,
}

/// The actor.
pub struct Warden {
    pub(crate) state: State,
    pub(crate) facts: Facts,
    pub(crate) clock: Arc<dyn Clock>,
    /// The passwords of live tickets, and what was derived from them.
    pub(crate) sessions: HashMap<TicketId, Session>,
    vault: Vault,
    fingerprint_key: hmac::Key,
    requests: mpsc::Receiver<Request>,
    snapshot: watch::Sender<Snapshot>,
    idle: Arc<Notify>,
    quiet: Quiet,
    work: Work,
    woken: Woken,
    tombstone: Option<Tombstone>,
    /// No intent to wipe is on disk.
    intends_nothing: bool,
}

impl Warden {
    /// Takes over what was loaded, and lets time do its part: waits start again after a reboot. What
    /// can't be written now is tried again before the first request is answered.
    #[must_use]
    pub fn new(
        vault: Vault,
        mut state: State,
        facts: Facts,
        clock: Arc<dyn Clock>,
        enforcer: Arc<dyn Enforcer>,
    ) -> (Self, Handle) {
        let (sender, requests) = mpsc::channel(QUEUE);
        let time = std::mem::take(&mut state.book.time);
        state.book.time = time.not_before(facts.build_time, &Moment::now(clock.as_ref()));
        state.abilities.wipe = facts.hardware.wipe_class != WipeClass::None.as_str();
        let tombstone = tombstone(&facts.wipe_journal);
        let (snapshot, watching) = watch::channel(Snapshot::of(&state, tombstone.as_ref()));
        let idle = Arc::new(Notify::new());
        let handle = Handle::new(sender, watching, Arc::clone(&idle));
        let mut warden = Self {
            quiet: Quiet::since(clock.boottime()),
            fingerprint_key: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()),
            sessions: HashMap::new(),
            state,
            facts,
            clock,
            vault,
            requests,
            snapshot,
            idle,
            work: Work::new(enforcer),
            woken: Woken::new(),
            tombstone,
            intends_nothing: false,
        };
        warden.heed_tombstone();
        warden.wake();
        (warden, handle)
    }

    /// Serves until each handle is gone.
    pub async fn run(mut self) {
        loop {
            self.pursue();
            let wakes = self.next_wake();
            let clock = Arc::clone(&self.clock);
            let timer = async move {
                match wakes {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                request = self.requests.recv() => {
                    let Some(request) = request else { return };
                    self.serve(request).await;
                    self.quiet = Quiet { leaving: self.quiet.leaving, ..Quiet::since(self.clock.boottime()) };
                }
                Some(report) = self.work.finished.recv() => self.carried_out(report),
                () = timer => {
                    self.wake();
                    self.count_quiet_half();
                }
            }
        }
    }

    async fn serve(&mut self, request: Request) {
        // Who asked may have left meanwhile; then nobody wants the answer.
        match request {
            Request::Present {
                purpose,
                subject,
                presenter,
                secrets,
                reply,
            } => {
                let _ = reply.send(self.present(purpose, &subject, presenter, secrets));
            }
            Request::Unlock {
                presenter,
                password,
                reply,
            } => {
                let _ = reply.send(self.unlock(presenter, password).await);
            }
            Request::Use {
                ticket,
                step,
                input,
                reply,
            } => {
                let answer = self.use_ticket(&ticket, &step, &input).await;
                failpoint!("warden.step.done");
                let _ = reply.send(answer);
            }
            Request::Credentials { record, reply } => {
                let answer = self.apply(What::CredentialsBrought(record));
                failpoint!("warden.credentials.judged");
                let _ = reply.send(answer.map(|answer| answer == Answer::Taken(true)));
            }
            Request::Tighten { reason, reply } => {
                let _ = reply.send(self.tighten(&reason));
            }
            Request::Command { envelope, reply } => {
                let _ = reply.send(self.command(envelope));
            }
            Request::Beat { reply } => {
                let _ = reply.send(self.apply(What::Beat).map(|_| ()));
            }
            Request::Stop { reply } => {
                let _ = reply.send(self.apply(What::Stopping).map(|_| ()));
            }
            Request::RecoveryCode { request, reply } => {
                let _ = reply.send(self.recovery_code(request));
            }
            Request::History { since, reply } => {
                let _ = reply.send(self.history(since));
            }
        }
    }

    fn command(&mut self, envelope: Vec<u8>) -> Result<Disposition, Refusal> {
        self.not_leaving()?;
        match self.apply(What::Commanded(envelope))? {
            Answer::Judged(disposition, _) => Ok(disposition),
            _ => Err(Refusal::Internal("no judgement")),
        }
    }

    /// What is accepted now would be carried out by the next warden, whom nobody starts.
    pub(crate) const fn not_leaving(&self) -> Result<(), Refusal> {
        if self.quiet.leaving {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    fn tighten(&mut self, reason: &str) -> Result<(), Refusal> {
        self.not_leaving()?;
        let printable = reason
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_REASON)
            .collect();
        self.apply(What::Tightened { reason: printable }).map(|_| ())
    }

    fn recovery_code(&mut self, request: CodeRequest) -> Result<Secret<String>, Refusal> {
        match self.apply(What::CodeAsked(request))? {
            Answer::RecoveryCode(sealed) => ceremony::recovery_code(&self.state.key, &sealed),
            _ => Err(Refusal::Internal("a recovery code without one")),
        }
    }

    fn history(&self, since: u64) -> Result<Vec<Entry>, Refusal> {
        match self.state.binding {
            Binding::Uninitialised => self.state.bound().map(|_| Vec::new()),
            Binding::Tampered(_) => Err(Refusal::Tampered),
            _ => self.vault.history(since).map_err(|error| storage(&error)),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::now(self.clock.as_ref())
    }

    /// Asks the core, performs the effects in order, and only then takes the new state over: what is
    /// answered is on disk. Where one of them fails, what is on disk already is taken over, and nothing else.
    pub(crate) fn apply(&mut self, what: What) -> Result<Answer, Refusal> {
        let at = self.now();
        let (next, effects) = step(&self.state, Event { at: at.clone(), what });
        let mut verdict = Err(Refusal::Internal("no answer"));
        let mut tried = Vec::new();
        for effect in effects {
            match effect {
                Effect::Answer(answer) => verdict = Ok(answer),
                Effect::Refuse(refusal) => verdict = Err(refusal),
                work => {
                    if let Effect::Persist(concern) = &work {
                        tried.push(*concern);
                    }
                    if let Err(error) = self.perform(work, &next, &at) {
                        tracing::error!(
                            error = with_causes(&error),
                            "nothing is done that can't be stored"
                        );
                        self.take_over_stored(&tried, &next, &at);
                        // No ticket, and no password, outlives its time for want of a disk.
                        self.state.tickets.expire(&at);
                        self.settle();
                        return Err(storage(&error));
                    }
                    failpoint!("warden.effect.done");
                }
            }
        }
        self.state = next;
        self.settle();
        verdict
    }

    /// Lets the rest follow the state.
    fn settle(&mut self) {
        self.heed_tombstone();
        let tickets = &self.state.tickets;
        self.sessions.retain(|id, _| tickets.contains(id));
        let shown = Snapshot::of(&self.state, self.tombstone.as_ref());
        self.snapshot
            .send_if_modified(|old| (*old != shown).then(|| *old = shown).is_some());
    }

    fn perform(&mut self, effect: Effect, next: &State, at: &Moment) -> Result<(), WriteError> {
        match effect {
            Effect::Persist(concern) => self.vault.persist(concern, next),
            Effect::Note { event, actor, detail } => {
                tracing::info!(event, actor, "audit");
                let time = unix_seconds(self.clock.wall());
                let note = Note {
                    time,
                    boot_time_ms: at.boottime_ms(),
                    boot: at.boot_id.clone(),
                    event,
                    actor,
                    detail,
                };
                // The reset-proof record is written along: what it says of a tampered device must be
                // the owner who just proved it, all else what is on disk.
                let said = if matches!(self.state.binding, Binding::Tampered(_)) {
                    next
                } else {
                    &self.state
                };
                self.vault.note(note, said)
            }
            Effect::BeginAnew => self.vault.begin_anew(&TicketId::random().to_string()),
            Effect::AuthoriseReset(authorisation) => self.vault.authorise_reset(&authorisation),
            Effect::Answer(_) | Effect::Refuse(_) => Ok(()),
        }
    }
}

fn storage(error: &dyn std::error::Error) -> Refusal {
    Refusal::Storage(error.to_string())
}
