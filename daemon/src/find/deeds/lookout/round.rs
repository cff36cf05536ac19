//! One round of the lookout: everything that is to be done now, one after the other. What was done is on disk before
//! the next is begun; what wasn't is done in the next round.

use std::sync::Arc;

use belay_proto::dbus::{BindingState, Error, LockState};
use belay_proto::signed::Disposition;
use belay_proto::sms::{SmsCommand, SmsMark};
use belay_proto::steps::{self, SmsInput, SmsOutput};
use belay_proto::wire::Report;
use belay_proto::{CommandId, Epoch};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{Beside, Desk, Search};
use crate::find::deeds::locate::Locator;
use crate::find::deeds::machine::MachineParts;
use crate::find::deeds::memory::{Memory, Notes};
use crate::find::deeds::search;
use crate::find::deeds::sims::{News, Sight};
use crate::store::StoreError;
use crate::store::find::EndingRow;
use crate::warden::{Identity, WardenError};

/// The reason that the warden is given.
const SIM_CHANGE: &str = "sim-change";
/// More commands by text than these aren't waited for.
const MOST_TEXTED: usize = 16;

pub(super) struct Round {
    pub(super) parts: MachineParts,
    pub(super) locator: Locator,
    pub(super) changes: watch::Sender<u64>,
}

/// What is noted of a text before it is judged.
#[derive(Clone, Copy)]
enum Noted {
    /// It is no command, whoever signed it.
    Nothing,
    /// A text that is news.
    Now(SmsMark),
    /// A text that was noted by a round before, which may not have heard the judgement.
    Before(SmsMark),
}

/// Why something is left for the next round.
#[derive(Debug, thiserror::Error)]
enum Left {
    #[error("the warden didn't answer")]
    Warden(#[from] WardenError),
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the warden's answer isn't understood")]
    Answer(#[from] belay_proto::cbor::Malformed),
    #[error("a report couldn't be kept")]
    Report(#[from] crate::find::DeedFailed),
}

impl Round {
    fn memory(&self) -> &Memory {
        &self.locator.memory
    }

    /// Makes the round.
    pub(super) async fn make(self: Arc<Self>, mut desk: Desk) -> Desk {
        desk.is_unfinished = false;
        if let Err(left) = self.go(&mut desk).await {
            tracing::warn!(error = &left as &dyn std::error::Error, "something is left to do");
            desk.is_unfinished = true;
        }
        desk
    }

    async fn go(&self, desk: &mut Desk) -> Result<(), Left> {
        let view = self.parts.warden.view();
        let Some(epoch) = view.identity.epoch else {
            if view.binding == BindingState::Unbound && view.is_current && !desk.is_clear {
                self.memory().forget().await?;
                *desk = Desk {
                    is_clear: true,
                    ..Desk::default()
                };
            }
            return Ok(());
        };
        let mut notes = match desk.notes.take().filter(|notes| notes.epoch == *epoch.as_bytes()) {
            Some(notes) => notes,
            None => self.memory().notes(epoch).await?,
        };
        desk.is_clear = false;
        let done = self.act(desk, &mut notes, &view.identity, epoch).await;
        desk.notes = Some(notes);
        done
    }

    async fn act(
        &self,
        desk: &mut Desk,
        notes: &mut Notes,
        identity: &Identity,
        epoch: Epoch,
    ) -> Result<(), Left> {
        self.texts(desk, notes).await?;
        self.endings(notes).await?;
        self.sims(notes, identity).await?;
        self.battery(desk, notes, identity, epoch).await?;
        self.pay(desk, notes, identity).await
    }

    /// Has the warden judge each text that looks like a command, then deletes it.
    async fn texts(&self, desk: &mut Desk, notes: &mut Notes) -> Result<(), Left> {
        let modem = &self.parts.platform.modem;
        let texts = modem.view().borrow().texts.clone();
        desk.judged.retain(|judged| texts.contains(judged));
        for text in texts {
            if !desk.judged.contains(&text) {
                let noted = self.note(&text.text, notes).await?;
                let judged = self.judge(text.text.clone()).await?;
                desk.judged.insert(text.clone());
                self.answer(judged, noted, notes).await?;
            }
            // One that stays is judged no second time here, and by the warden as `replayed`.
            if let Err(error) = modem.delete_text(&text.id).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a command's text stays on the modem"
                );
            }
        }
        Ok(())
    }

    /// Notes what looks like a command before it is judged: whoever is killed between the judgement and the note would
    /// never tell how it ended, as the warden judges it `replayed` from then on. The text is noted with its signature:
    /// the id is whoever's who writes another signature below.
    async fn note(&self, text: &str, notes: &mut Notes) -> Result<Noted, Left> {
        let Ok(mark) = SmsCommand::parse(text).map(|command| command.mark()) else {
            return Ok(Noted::Nothing);
        };
        if notes.judging.contains(&mark) {
            return Ok(Noted::Before(mark));
        }
        let mut next = notes.clone();
        push_bounded(&mut next.judging, mark);
        self.memory().keep_notes(&next).await?;
        *notes = next;
        Ok(Noted::Now(mark))
    }

    /// The warden's judgement; `None` where it refuses to judge.
    async fn judge(&self, text: String) -> Result<Option<SmsOutput>, Left> {
        let input = SmsInput { text }.encode();
        let judged = self.parts.warden.use_step("", steps::SMS, &input).await;
        let output = match judged {
            Ok(output) => SmsOutput::decode(&output)?,
            Err(error) => return final_word(error).map(|()| None).map_err(Left::from),
        };
        tracing::info!(judgement = %output.disposition.escape_debug(), "a command by text was judged");
        Ok(Some(output))
    }

    /// Owes the trusted number a word about a command that its owner has signed, once. Anybody can send a text, also
    /// one of the owner's again, and may not have the device send others for it.
    async fn answer(&self, judged: Option<SmsOutput>, noted: Noted, notes: &mut Notes) -> Result<(), Left> {
        use Disposition::{Accepted, Already, Cancelled, Expired, Replayed, Stale, Superseded, Unsupported};
        let before = notes.clone();
        let (disposition, command, word) = match judged {
            Some(judged) => (
                judged.disposition.parse().ok(),
                judged.command,
                judged.disposition,
            ),
            None => (None, None, String::new()),
        };
        if let Noted::Now(mark) | Noted::Before(mark) = noted {
            notes.judging.retain(|noted| *noted != mark);
        }
        match (disposition, command) {
            (Some(Accepted), Some(command)) => notes.wait_for(command),
            // Accepted before, and its end is still to be told.
            (Some(Replayed), Some(command)) if matches!(noted, Noted::Before(_)) => notes.wait_for(command),
            (Some(Already | Cancelled | Expired | Stale | Superseded | Unsupported), Some(command)) => {
                notes
                    .owed
                    .answer(command, format!("the command was refused: {word}"));
            }
            _ => {}
        }
        match *notes == before {
            true => Ok(()),
            false => Ok(self.memory().keep_notes(notes).await?),
        }
    }

    /// Owes the trusted number a word about each command by text that has ended.
    async fn endings(&self, notes: &mut Notes) -> Result<(), Left> {
        if notes.texted.is_empty() {
            return Ok(());
        }
        let mut next = notes.clone();
        let ended = self.memory().endings().await?;
        let ended = ended.iter().filter(|row| next.ended(row));
        let ended: Vec<_> = ended.map(|row| row.command).collect();
        if !ended.is_empty() {
            self.memory().note_endings(&next, ended).await?;
            *notes = next;
        }
        Ok(())
    }

    /// Tells of a SIM that is another one.
    async fn sims(&self, notes: &mut Notes, identity: &Identity) -> Result<(), Left> {
        let seen = self.parts.platform.modem.view().borrow().clone();
        let mut next = notes.clone();
        let sight = Sight {
            sims: &seen.sims,
            has_modem: seen.present,
            is_lost: self.parts.warden.view().lock != LockState::Unlocked,
        };
        let news = next.cards.step(sight, &*self.parts.clock);
        if next == *notes {
            return Ok(());
        }
        let is_other = news.iter().any(|news| news.is_other);
        if is_other {
            tracing::warn!("another SIM is in the device");
            self.parts.warden.tighten(SIM_CHANGE).await.or_else(final_word)?;
        }
        for News { sim, .. } in news.iter().filter(|_| identity.find) {
            let report = Report::Sim {
                at: self.locator.reporter.now(),
                iccid: sim.iccid.clone(),
                imsi: sim.imsi.clone(),
                operator: sim.operator.clone(),
                changed: true,
            };
            self.locator.reporter.queue(&report).await?;
        }
        if is_other && identity.find && !identity.policies.dry_run {
            next.owed
                .owe("another SIM is in it, and this text comes from its number".to_owned());
        }
        // Last: whoever is interrupted before tells it all once more.
        self.memory().keep_notes(&next).await?;
        *notes = next;
        if is_other {
            self.changes.send_modify(|changes| *changes += 1);
        }
        Ok(())
    }

    /// Reports the place and the battery once before it is empty.
    async fn battery(
        &self,
        desk: &mut Desk,
        notes: &mut Notes,
        identity: &Identity,
        epoch: Epoch,
    ) -> Result<(), Left> {
        let power = *self.parts.platform.power.view().borrow();
        let is_news = power.is_critical() && !notes.battery_told;
        if (is_news && !identity.find) || (!is_news && power.is_critical() == notes.battery_told) {
            return Ok(());
        }
        if is_news && desk.search == Search::UnderWay {
            return Ok(());
        }
        if is_news && desk.search == Search::No {
            let reporter = &self.locator.reporter;
            let report = Report::Battery {
                at: reporter.now(),
                percentage: power.percentage.unwrap_or(0),
                state: power.state.as_str().to_owned(),
            };
            reporter.queue(&report).await?;
            // What is known goes out before a search that may outlast the battery.
            let known = self.memory().place(epoch, &*self.parts.clock).await?;
            if let Some(known) = &known {
                reporter.place(known, None).await?;
            }
            desk.search = Search::UnderWay;
            return Ok(());
        }
        desk.search = Search::No;
        notes.battery_told = power.is_critical();
        Ok(self.memory().keep_notes(notes).await?)
    }

    /// Searches for the place and reports it, beside the rounds: an order by text doesn't wait for satellites.
    pub(super) fn search(self: Arc<Self>) -> BoxFuture<'static, Beside> {
        Box::pin(async move {
            let asked_at = self.parts.clock.boottime();
            let found = self.locator.gather(asked_at, false).await.place;
            if let Some(found) = found.filter(|found| search::is_after(&found.fix, asked_at))
                && let Err(error) = self.locator.reporter.place(&found, None).await
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "the last place");
            }
            Beside::Searched
        })
    }

    /// Sends a text, beside the rounds: a network may take a minute for it.
    pub(super) fn send(self: Arc<Self>, number: String, text: String) -> BoxFuture<'static, Beside> {
        Box::pin(async move {
            let sent = self.parts.platform.modem.send_text(&number, &text).await;
            Beside::Sent(text, sent)
        })
    }

    /// Sends what is owed to the trusted number, one after the other. What wasn't sent is tried again at [`Desk::pay_at`], whatever happens
    /// meanwhile.
    async fn pay(&self, desk: &mut Desk, notes: &mut Notes, identity: &Identity) -> Result<(), Left> {
        let sims = self.parts.platform.modem.view().borrow().sims.clone();
        if let Some(sent) = desk.sent.take() {
            desk.sending = None;
            match &sent {
                Ok(()) => notes.owed.sent(),
                Err(error) => {
                    tracing::debug!(error = error as &dyn std::error::Error, "a text waits");
                    let pause = notes.owed.failed(error);
                    desk.pay_at = Some(self.parts.clock.boottime() + pause);
                }
            }
            self.memory().keep_notes(notes).await?;
        }
        let Some(number) = &identity.trusted_number else {
            desk.pay_at = None;
            if !notes.owed.is_empty() {
                notes.owed.clear();
                self.memory().keep_notes(notes).await?;
            }
            return Ok(());
        };
        let is_early = desk.pay_at.is_some_and(|at| self.parts.clock.boottime() < at);
        if desk.sending.is_some() || notes.owed.is_empty() || (is_early && desk.unpaid_with == sims) {
            return Ok(());
        }
        desk.pay_at = None;
        let text = notes.owed.begin();
        // Counted before it is done.
        self.memory().keep_notes(notes).await?;
        if let Some(text) = text {
            // Not the prefix of a command: the number may be of another of the owner's devices.
            let text = format!("{}: {text}.", self.parts.device.borrow().name);
            desk.sending = Some((number.clone(), text));
            desk.unpaid_with = sims;
        }
        Ok(())
    }
}

/// What the warden has decided stays decided; anything else may be otherwise the next time.
fn final_word(error: WardenError) -> Result<(), WardenError> {
    match &error {
        WardenError::Refused(Error::NotBound(_) | Error::NotSupported(_) | Error::InvalidArgument(_)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the warden doesn't judge it"
            );
            Ok(())
        }
        _ => Err(error),
    }
}

/// The oldest gives way.
fn push_bounded<T>(all: &mut Vec<T>, one: T) {
    all.push(one);
    let surplus = all.len().saturating_sub(MOST_TEXTED);
    all.drain(..surplus);
}

impl Notes {
    fn wait_for(&mut self, command: CommandId) {
        if !self.texted.contains(command.as_bytes()) {
            push_bounded(&mut self.texted, *command.as_bytes());
        }
    }

    /// Takes the end of a command; `true` where it came by text.
    fn ended(&mut self, told: &EndingRow) -> bool {
        let waiting = self.texted.iter().position(|id| *id == told.command);
        let Some(waiting) = waiting else {
            return false;
        };
        self.texted.remove(waiting);
        let reason = match told.reason.as_str() {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        self.owed.owe(format!("{}: {}{reason}", told.action, told.state));
        true
    }
}
