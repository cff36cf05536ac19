//! A command on its way, and what becomes of it.

use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::id::CommandId;
use belay_proto::signed::{Action, CommandState};
use belay_proto::wire::Report;

use super::session::{Access, cloud, untrue};
use crate::account::{Fate, Orders as _, Witness};
use crate::cloud::{CloudError, ProblemKind};
use crate::ctl::error::Error;
use crate::ctl::find::report;
use crate::ctl::find::words::Life;
use crate::ctl::output::Output;

/// The longest time that the cloud is asked to wait for news.
const NEWS_WITHIN: Duration = Duration::from_secs(50);

/// The same for a command whose reports are looked for in between.
const REPORTS_EACH: Duration = Duration::from_secs(3);

/// How long to listen on after a wipe has begun, in case it fails at once; a device that is being erased says nothing
/// more.
const WIPE_FAILS_WITHIN: Duration = Duration::from_secs(30);

/// How long a position may come after its command is done.
const REPORTS_WITHIN: Duration = Duration::from_secs(20);

/// The longest wait before a cloud that can't be reached is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is followed.
pub struct Order<'a> {
    /// The session.
    pub access: &'a Access,
    /// Whose word counts.
    pub witness: &'a Witness,
    /// The command.
    pub id: CommandId,
    /// What it asks for.
    pub action: Action,
    /// Up to which number the device's reports are known.
    pub reports: u64,
}

impl Order<'_> {
    /// Brings the command, and shows what becomes of it until nothing more comes. Answers the reports that it brought.
    ///
    /// # Errors
    /// What the cloud says; `ForgedOutcome`.
    pub async fn send(
        mut self,
        envelope: &[u8],
        life: &mut Life,
        wait: bool,
        output: Output,
    ) -> Result<Vec<Report>, Error> {
        let client = &self.access.session.client;
        let sent = client
            .send(self.witness.device, envelope)
            .await
            .map_err(refused)?;
        self.show(&sent, life)?;
        let mut found = Vec::new();
        if wait {
            self.follow(sent.revision, life, &mut found, output).await?;
        }
        Ok(found)
    }

    async fn follow(
        &mut self,
        mut seen: u64,
        life: &mut Life,
        found: &mut Vec<Report>,
        output: Output,
    ) -> Result<(), Error> {
        let locates = matches!(self.action, Action::Locate);
        let mut pauses = Backoff::new(Duration::from_secs(1), LONGEST_PAUSE);
        let mut erasing = None;
        while !life.fate().is_final() {
            if matches!(self.action, Action::Wipe { .. }) && life.fate().state == CommandState::Running {
                let since = *erasing.get_or_insert_with(|| self.access.session.clock.boottime());
                if self.access.session.clock.boottime().saturating_sub(since) >= WIPE_FAILS_WITHIN {
                    return Ok(());
                }
            }
            let within = match (locates, erasing) {
                (true, _) => REPORTS_EACH,
                (false, Some(_)) => WIPE_FAILS_WITHIN,
                (false, None) => NEWS_WITHIN,
            };
            let client = &self.access.session.client;
            match client
                .life(self.witness.device, self.id, Some(seen), within)
                .await
            {
                Ok(news) => {
                    let again = news.revision == seen;
                    seen = news.revision;
                    self.show(&news, life)?;
                    if !again {
                        pauses.reset();
                    }
                }
                Err(error) if error.is_offline() => {
                    output.progress("  the cloud can't be reached; trying on")?;
                    let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
                    self.rest(pause.max(Duration::from_secs(1))).await;
                }
                Err(error) => return Err(cloud(error)),
            }
            if locates {
                self.look(found, output).await?;
            }
        }
        if locates {
            self.wait_for_reports(life, found, output).await?;
        }
        Ok(())
    }

    /// Outcome and report come one after the other.
    async fn wait_for_reports(
        &mut self,
        life: &Life,
        found: &mut Vec<Report>,
        output: Output,
    ) -> Result<(), Error> {
        let end = self.access.session.clock.boottime() + REPORTS_WITHIN;
        let mut pauses = Backoff::new(Duration::from_millis(500), Duration::from_secs(3));
        self.look(found, output).await?;
        while found.is_empty()
            && life.fate().state == CommandState::Done
            && self.access.opens()
            && self.access.session.clock.boottime() < end
        {
            self.rest(pauses.next().unwrap_or_default().max(Duration::from_millis(100)))
                .await;
            self.look(found, output).await?;
        }
        Ok(())
    }

    /// Shows the reports that this command brought.
    async fn look(&mut self, found: &mut Vec<Report>, output: Output) -> Result<(), Error> {
        let (sealed, last) = self.access.news(self.witness.device, self.reports).await?;
        self.reports = last;
        for sealed in &sealed {
            let Some(report) = self.access.open(self.witness, sealed) else {
                continue;
            };
            if asked_by(&report) == Some(self.id) {
                if let Some(text) = report::words(&report) {
                    output.progress(&text)?;
                }
                found.push(report);
            }
        }
        Ok(())
    }

    /// Shows a life as far as the device's word for it goes; what it said before isn't taken back.
    fn show(&self, news: &belay_proto::wire::CommandLife, life: &mut Life) -> Result<(), Error> {
        let fate = self.witness.fate(self.id, news).map_err(untrue)?;
        if goes_on(life.fate(), &fate) {
            life.show(&fate)?;
        }
        Ok(())
    }

    async fn rest(&self, pause: Duration) {
        let clock = &self.access.session.clock;
        clock.sleep_until(clock.boottime() + pause).await;
    }
}

fn goes_on(shown: &Fate, news: &Fate) -> bool {
    shown.sequence == 0 || news.sequence > shown.sequence
}

fn asked_by(report: &Report) -> Option<CommandId> {
    match report {
        Report::Location { command, .. } | Report::Evidence { command, .. } => *command,
        _ => None,
    }
}

/// Why a command isn't taken, where that has a name of its own.
fn refused(error: CloudError) -> Error {
    match &error {
        CloudError::Problem(problem) if problem.kind == ProblemKind::NotFound => {
            Error::named("NoSuchDevice", "the device isn't the account's any more")
        }
        CloudError::Problem(problem) if problem.name == "queue-full" => {
            Error::named("QueueFull", "too many commands wait for the device")
        }
        CloudError::Problem(problem) if problem.name == "no-such-delegate" => {
            Error::named("RememberedOver", "the remembered key is void")
        }
        _ => cloud(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_device_said_is_not_taken_back() {
        let fate = |state, sequence| Fate {
            state,
            sequence,
            ..Fate::default()
        };
        let (queued, running) = (fate(CommandState::Queued, 0), fate(CommandState::Running, 4));
        assert!(goes_on(&queued, &running));
        assert!(!goes_on(&running, &queued));
        assert!(!goes_on(&running, &fate(CommandState::Accepted, 3)));
        assert!(goes_on(&running, &fate(CommandState::Done, 5)));
    }
}
