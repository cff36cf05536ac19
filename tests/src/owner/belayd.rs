//! belayd's place at the warden, taken by the test: hands in what it likes and asks what belayd would.

use belay_proto::CommandId;
use belay_proto::cbor::MapWriter;
use belay_proto::signed::{CommandState, StateReport};
use belay_proto::steps::{
    BeginInput, EffectsOutput, EndInput, OutcomesInput, OutcomesOutput, SmsInput, SmsOutput,
    StateReportOutput, TickOutput,
};
use zbus::Connection;

use super::{Owner, Told};
use crate::app::{Answer, App, WARDEN};
use crate::until::within;
use crate::{Outcome, Stage, guest};

/// A connection that has belayd's name.
#[derive(Debug)]
pub struct Belayd {
    bus: Connection,
    app: App,
}

impl Belayd {
    /// Kills belayd and takes its name.
    ///
    /// # Errors
    /// Where it doesn't die, or the bus refuses.
    pub async fn taken(stage: &mut Stage) -> Outcome<Self> {
        stage.kill_belayd().await?;
        let belayd = Self::beside(stage).await?;
        belayd.bus.request_name(crate::stage::BELAYD).await?;
        Ok(belayd)
    }

    /// A process of belayd's user beside the running belayd: it may hand commands in, and nothing else.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn beside(stage: &Stage) -> Outcome<Self> {
        let user = guest::programs().unwrap_or_else(guest::person);
        let bus = stage.connect(user).await?;
        Ok(Self {
            app: App::new(&bus),
            bus,
        })
    }

    /// Gives the name back and starts belayd again.
    ///
    /// # Errors
    /// Where belayd doesn't come up.
    pub async fn give_back(self, stage: &mut Stage) -> Outcome {
        self.bus.release_name(crate::stage::BELAYD).await?;
        stage.start_belayd().await
    }

    /// A client on its connection.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// `Warden.Command`; the disposition.
    ///
    /// # Errors
    /// Where the warden answers an error.
    pub async fn command(&self, envelope: &[u8]) -> Outcome<String> {
        Ok(self.app.call(WARDEN, "Command", &(envelope,)).await??)
    }

    /// `Warden.Beat`.
    ///
    /// # Errors
    /// Where the warden answers an error.
    pub async fn beat(&self) -> Outcome {
        Ok(self.app.call(WARDEN, "Beat", &()).await??)
    }

    /// A step that needs no ticket.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn step(&self, step: &str, input: Vec<u8>) -> Outcome<Answer<Vec<u8>>> {
        self.app.call(WARDEN, "Use", &("", step, input)).await
    }

    /// The outcomes after a number; those up to it the warden forgets.
    ///
    /// # Errors
    /// Where the warden answers an error, or one isn't its own.
    pub async fn outcomes(&self, owner: &Owner, after: u64) -> Outcome<Vec<Told>> {
        let output = self.step("outcomes", OutcomesInput { after }.encode()).await??;
        let output = OutcomesOutput::decode(&output)?;
        output.outcomes.iter().map(|o| owner.hear(o)).collect()
    }

    /// What the warden says became of a command so far, forgetting nothing.
    ///
    /// # Errors
    /// As [`Belayd::outcomes`].
    pub async fn told_of(&self, owner: &Owner, id: CommandId) -> Outcome<Vec<Told>> {
        let mut told = self.outcomes(owner, 0).await?;
        told.retain(|t| t.command == id);
        Ok(told)
    }

    /// Waits until the warden says of a command that it is in this state.
    ///
    /// # Errors
    /// Where it doesn't come to that.
    pub async fn until(&self, owner: &Owner, id: CommandId, state: CommandState) -> Outcome<Told> {
        let mut news = self.app.watch(WARDEN).await?;
        within(&format!("the command to be {state}"), async {
            loop {
                let told = self.told_of(owner, id).await?;
                if let Some(found) = told.into_iter().find(|t| t.state == state) {
                    return Ok(found);
                }
                news.until("news of the warden", "LockState", |_| true).await?;
            }
        })
        .await?
    }

    /// A fresh state report; the owner hears it.
    ///
    /// # Errors
    /// Where the warden answers an error.
    pub async fn report(&self, owner: &Owner) -> Outcome<StateReport> {
        let output = self.step("state-report", nothing()).await??;
        owner.hear_report(&StateReportOutput::decode(&output)?.report)
    }

    /// What the warden wants done.
    ///
    /// # Errors
    /// Where the warden answers an error.
    pub async fn effects(&self) -> Outcome<EffectsOutput> {
        let output = self.step("effects", nothing()).await??;
        Ok(EffectsOutput::decode(&output)?)
    }

    /// The effect begins.
    ///
    /// # Errors
    /// Where there is no reply; the inner error is an error reply.
    pub async fn begin(&self, command: CommandId) -> Outcome<Answer<()>> {
        let answer = self.step("begin", BeginInput { command }.encode()).await?;
        Ok(answer.map(drop))
    }

    /// The effect ended.
    ///
    /// # Errors
    /// Where the warden answers an error.
    pub async fn end(&self, command: CommandId, done: bool, reason: &str) -> Outcome {
        let input = EndInput {
            command,
            done,
            reason: reason.to_owned(),
        };
        self.step("end", input.encode()).await??;
        Ok(())
    }

    /// A text message came.
    ///
    /// # Errors
    /// Where the warden answers an error.
    pub async fn sms(&self, text: &str) -> Outcome<SmsOutput> {
        let text = text.to_owned();
        let output = self.step("sms", SmsInput { text }.encode()).await??;
        Ok(SmsOutput::decode(&output)?)
    }

    /// Time has passed; when to ask again, ms of boot time.
    ///
    /// # Errors
    /// Where the warden answers an error.
    pub async fn tick(&self) -> Outcome<u64> {
        let output = self.step("tick", nothing()).await??;
        Ok(TickOutput::decode(&output)?.next)
    }
}

/// The input of a step that takes nothing.
fn nothing() -> Vec<u8> {
    MapWriter::versioned().finish()
}
