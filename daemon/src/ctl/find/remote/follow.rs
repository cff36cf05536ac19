//! A command on its way, and what becomes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::id::{CommandId, ReportId};
use belay_proto::signed::{Action, CommandState, default_life};
use belay_proto::wire::{CommandLife, Report};

use super::session::{Access, cloud, untrue};
use crate::account::{Orders as _, Witness};
use crate::cloud::{CloudError, Problem, ProblemKind};
use crate::ctl::error::{Error, Refusal};
use crate::ctl::find::report;
use crate::ctl::find::words::{Life, TOLD_WITHIN, WIPE_FAILS_WITHIN};
use crate::ctl::output::Output;

/// The longest time that the cloud is asked to wait for news.
const NEWS_WITHIN: Duration = Duration::from_secs(50);

/// The same for a command whose reports are looked for in between.
const REPORTS_EACH: Duration = Duration::from_secs(3);

/// How long a position may come after its command is done.
const REPORTS_WITHIN: Duration = Duration::from_secs(20);

/// The longest wait before a cloud that can't be reached, or says nothing new, is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The shortest such wait.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// How often a command is brought whose answer nobody waits for, or is none that can be understood.
const TRIES: usize = 3;

/// How many reports of one command are taken; a device sends two.
const MOST_REPORTS: usize = 16;

/// How many answers full of reports are read at a time.
const MOST_PAGES: usize = 64;

/// What is followed.
pub struct Order<'a> {
    access: &'a Access,
    witness: &'a Witness,
    id: CommandId,
    action: Action,
    output: Output,
    /// What is said where the cloud calls the command over at once.
    clock: String,
    /// When its own time is over, in boot time; nothing for one that is good for ever.
    over: Option<Duration>,
    /// Up to which number the device's reports are known.
    reports: u64,
    /// Until when the cloud asked not to be asked for more of them, in boot time.
    look_after: Duration,
    /// The reports that it brought.
    found: Vec<Report>,
    known: BTreeSet<ReportId>,
}

impl<'a> Order<'a> {
    /// The command `id` that was just signed for the device of `witness`.
    pub fn new(
        access: &'a Access,
        witness: &'a Witness,
        id: CommandId,
        action: Action,
        clock: String,
        output: Output,
    ) -> Self {
        let now = access.session.clock.boottime();
        Self {
            access,
            witness,
            id,
            over: default_life(action.verb()).map(|life| now + life),
            action,
            output,
            clock,
            reports: 0,
            look_after: Duration::ZERO,
            found: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    /// Brings the command, and shows what becomes of it until nothing more comes. Answers the reports that it brought.
    ///
    /// # Errors
    /// What the cloud says; `AnswerLost`, `ForgedOutcome`, `CommandExpired`, `CommandForgotten`.
    pub async fn send(mut self, envelope: &[u8], life: &mut Life, wait: bool) -> Result<Vec<Report>, Error> {
        let sent = self.bring(envelope, life, wait).await?;
        self.show(&sent, life)?;
        if wait {
            self.follow(sent.revision, life).await?;
        }
        Ok(self.found)
    }

    /// Brings it until there is an answer. The same command again changes nothing, so one whose answer was lost is
    /// brought once more.
    async fn bring(&self, envelope: &[u8], life: &Life, wait: bool) -> Result<CommandLife, Error> {
        let client = &self.access.session.client;
        let mut pauses = Backoff::new(Duration::from_secs(1), LONGEST_PAUSE);
        let mut tries = 0;
        loop {
            let error = match client.send(self.witness.device, envelope).await {
                Ok(life) => return Ok(life),
                Err(error) if error.is_decided() => return Err(self.refused(error)),
                Err(error) if tries == 0 && error.is_unsent() => return Err(cloud(error)),
                // It wasn't taken; where an answer was lost before, an earlier one may have been.
                Err(CloudError::Problem(problem)) if tries == 0 && problem.status == 429 => {
                    return Err(too_many(&problem));
                }
                Err(error) => error,
            };
            if tries == 0 {
                self.output
                    .progress("  the answer was lost; the command may be on its way")?;
            }
            tries += 1;
            let given_up = tries >= TRIES && (!wait || !error.is_offline());
            if given_up || self.is_over() {
                return Err(Error::named("AnswerLost", &life.id_words()));
            }
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE).max(asked(&error));
            let left = self.over.map(|over| over.saturating_sub(self.now()));
            self.rest(left.map_or(pause, |left| pause.min(left))).await;
        }
    }

    async fn follow(&mut self, mut seen: u64, life: &mut Life) -> Result<(), Error> {
        let locates = matches!(self.action, Action::Locate);
        let mut pauses = Backoff::new(Duration::from_secs(1), LONGEST_PAUSE);
        let (mut erasing, mut unreachable) = (None, false);
        while !life.fate().is_final() {
            if matches!(self.action, Action::Wipe { .. }) && life.fate().state == CommandState::Running {
                let since = *erasing.get_or_insert_with(|| self.now());
                if self.now().saturating_sub(since) >= WIPE_FAILS_WITHIN {
                    return Ok(());
                }
            }
            let within = match (locates, erasing) {
                (true, _) => REPORTS_EACH,
                (false, Some(_)) => WIPE_FAILS_WITHIN,
                (false, None) => NEWS_WITHIN,
            };
            let within = match self.left(life) {
                Some(left) if left.is_zero() => return life.expire(),
                Some(left) => within.min(left),
                None => within,
            };
            let (since, client) = (self.now(), &self.access.session.client);
            match client
                .life(self.witness.device, self.id, Some(seen), within)
                .await
            {
                Ok(news) => {
                    (seen, unreachable) = (news.revision, false);
                    if self.show(&news, life)? {
                        pauses.reset();
                    } else if self.now().saturating_sub(since) < within {
                        // A cloud that answers at once, and nothing new, isn't asked at once again.
                        self.rest(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
                    }
                }
                Err(CloudError::Problem(problem)) if problem.kind == ProblemKind::NotFound => {
                    return life.forgotten();
                }
                Err(error) if passes(&error) => {
                    if !unreachable {
                        self.output.progress("  the cloud can't be reached; trying on")?;
                    }
                    unreachable = true;
                    let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
                    self.rest(pause.max(asked(&error)).max(Duration::from_secs(1)))
                        .await;
                }
                Err(error) => return Err(cloud(error)),
            }
            if locates {
                self.look().await?;
            }
        }
        if locates {
            self.wait_for_reports(life).await?;
        }
        Ok(())
    }

    /// How long it can still be told of, while the device hasn't signed anything about it.
    fn left(&self, life: &Life) -> Option<Duration> {
        let end = self.over.filter(|_| life.fate().sequence == 0)?;
        Some((end + TOLD_WITHIN).saturating_sub(self.now()))
    }

    fn is_over(&self) -> bool {
        self.over.is_some_and(|over| over <= self.now())
    }

    fn now(&self) -> Duration {
        self.access.session.clock.boottime()
    }

    /// Outcome and report come one after the other.
    async fn wait_for_reports(&mut self, life: &Life) -> Result<(), Error> {
        let end = self.now() + REPORTS_WITHIN;
        let mut pauses = Backoff::new(Duration::from_millis(500), Duration::from_secs(3));
        self.look().await?;
        while self.found.is_empty()
            && life.fate().state == CommandState::Done
            && self.access.opens()
            && self.now() < end
        {
            self.rest(pauses.next().unwrap_or_default()).await;
            self.look().await?;
        }
        Ok(())
    }

    /// Shows the reports that this command brought, each once.
    async fn look(&mut self) -> Result<(), Error> {
        for _ in 0..MOST_PAGES {
            if !self.access.opens() || self.now() < self.look_after {
                break;
            }
            let (sealed, last) = match self.access.news(self.witness.device, self.reports).await {
                Ok(news) => news,
                // They are asked for again: the command goes on, whatever the cloud can't say of its reports.
                Err(error) if passes(&error) || matches!(error, CloudError::Nonsense(_)) => {
                    self.look_after = self.now() + asked(&error);
                    break;
                }
                Err(error) => return Err(cloud(error)),
            };
            self.reports = last;
            if sealed.is_empty() {
                break;
            }
            for sealed in &sealed {
                let opened = self.access.open(self.witness, sealed);
                let Some(report) = opened.filter(|report| asked_by(report) == Some(self.id)) else {
                    continue;
                };
                if self.found.len() >= MOST_REPORTS || !self.known.insert(sealed.id) {
                    continue;
                }
                if let Some(text) = report::words(&report) {
                    self.output.progress(&text)?;
                }
                self.found.push(report);
            }
        }
        Ok(())
    }

    /// Shows a life as far as the device's word for it goes; answers whether that was new.
    fn show(&self, news: &CommandLife, life: &mut Life) -> Result<bool, Error> {
        let fate = self.witness.fate(self.id, news, self.is_over()).map_err(untrue)?;
        life.show(&fate)
    }

    async fn rest(&self, pause: Duration) {
        let until = self.now() + pause.max(SHORTEST_PAUSE);
        self.access.session.clock.sleep_until(until).await;
    }

    /// Why a command isn't taken, where that has a name of its own.
    fn refused(&self, error: CloudError) -> Error {
        match &error {
            CloudError::Problem(problem) if problem.kind == ProblemKind::NotFound => {
                Error::named("NoSuchDevice", "the device isn't the account's any more")
            }
            CloudError::Problem(problem) => match problem.name.as_str() {
                "queue-full" => Error::named("QueueFull", "too many commands wait for the device"),
                "no-such-delegate" => Error::named("RememberedOver", "the remembered key is void"),
                "command-expired" => Error::named("ClockWrong", &self.clock),
                _ => cloud(error),
            },
            _ => cloud(error),
        }
    }
}

/// Whether the cloud may answer again later: it has the command, and what it can't say now ends nothing.
fn passes(error: &CloudError) -> bool {
    error.is_offline()
        || matches!(error, CloudError::Problem(problem) if problem.status >= 500 || problem.status == 429)
}

/// How long the cloud asked to wait, as far as somebody who waits for a command can.
fn asked(error: &CloudError) -> Duration {
    error.retry_after().unwrap_or_default().min(LONGEST_PAUSE)
}

/// A command that wasn't taken because there were too many.
fn too_many(problem: &Problem) -> Error {
    Error::Refused(Refusal {
        name: "TooManyCommands".to_owned(),
        message: "the cloud takes no more commands for a while".to_owned(),
        retry_after: problem.retry_after,
        ..Refusal::default()
    })
}

fn asked_by(report: &Report) -> Option<CommandId> {
    match report {
        Report::Location { command, .. } | Report::Evidence { command, .. } => *command,
        _ => None,
    }
}
