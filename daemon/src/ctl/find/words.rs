//! What a command to a device says of itself, in words and in JSON.

use std::time::Duration;

use belay_proto::signed::CommandState;
use serde_json::{Value, json};

use crate::account::Fate;
use crate::ctl::error::Error;
use crate::ctl::output::Output;
use crate::ctl::text::{printable, wait_words};

/// How long to listen on after a wipe has begun, in case it fails at once; a device that is being erased says nothing
/// more.
pub const WIPE_FAILS_WITHIN: Duration = Duration::from_secs(30);

/// How long after its own time is over a device may still tell of a command that it had before.
pub const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// How many digits of a device's id are shown where a person compares them.
pub const SHORT: usize = 8;

/// What a command was, for the words about its life.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The command's id.
    pub id: String,
    /// The device's id.
    pub device: String,
    /// What the device is called, by the cloud.
    pub name: String,
    /// What it is, by its certificate.
    pub model: String,
    /// The verb.
    pub action: &'static str,
}

/// A command's life as it is shown: a line for each thing that happens; with JSON all at the end.
pub struct Life {
    sent: Sent,
    output: Output,
    shown: Fate,
    steps: Vec<Value>,
}

impl Life {
    /// The life of a command that was just sent; says so.
    ///
    /// # Errors
    /// [`Error::Io`] when nobody reads.
    pub fn begin(sent: Sent, output: Output) -> Result<Self, Error> {
        let text = format!(
            "{} to {} ({}, {}): {}",
            sent.action,
            printable(&sent.name),
            printable(&sent.model),
            short(&sent.device),
            sent.id
        );
        let mut life = Self {
            sent,
            output,
            shown: Fate::default(),
            steps: Vec::new(),
        };
        life.say(&text)?;
        life.shown.state = CommandState::Unknown;
        Ok(life)
    }

    /// Shows what is new, see [`Fate::follows`]; answers whether it was.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn show(&mut self, fate: &Fate) -> Result<bool, Error> {
        if !fate.follows(&self.shown) {
            return Ok(false);
        }
        self.shown = fate.clone();
        self.steps.push(json!({
            "state": fate.state.as_str(), "reason": fate.reason, "step": fate.step, "steps": fate.steps,
        }));
        self.say(&format!("  {}", words(fate)))?;
        Ok(true)
    }

    /// How far it is.
    pub fn fate(&self) -> &Fate {
        &self.shown
    }

    /// Ends a command whose own time is over while its device has signed nothing about it.
    ///
    /// # Errors
    /// `CommandExpired`, always.
    pub fn expire(&self) -> Result<(), Error> {
        Err(Error::named("CommandExpired", &self.id_words()))
    }

    /// Says that nobody answers any more what becomes of it.
    ///
    /// # Errors
    /// `CommandForgotten`, always.
    pub fn forgotten(&self) -> Result<(), Error> {
        Err(Error::named("CommandForgotten", &self.id_words()))
    }

    /// The command, for a message that has to name it.
    pub fn id_words(&self) -> String {
        format!("command {}", self.sent.id)
    }

    /// The JSON of it all: `id`, `device`, `name`, `model`, `action`, `state`, `reason`, `life` (what was seen to happen).
    pub fn json(&self) -> Value {
        json!({
            "id": self.sent.id,
            "device": self.sent.device,
            "name": self.sent.name,
            "model": self.sent.model,
            "action": self.sent.action,
            "state": self.shown.state.as_str(),
            "reason": self.shown.reason,
            "life": self.steps,
        })
    }

    /// Whether it ended as it was meant to.
    ///
    /// # Errors
    /// `CommandRefused`, `CommandFailed` or `CommandExpired` where it didn't.
    pub fn verdict(&self) -> Result<(), Error> {
        let reason = &self.shown.reason;
        match self.shown.state {
            CommandState::Refused => Err(Error::named("CommandRefused", reason)),
            CommandState::Failed => Err(Error::named("CommandFailed", reason)),
            CommandState::Queued if self.shown.is_final() => Err(Error::named("CommandExpired", reason)),
            _ => Ok(()),
        }
    }

    fn say(&self, text: &str) -> Result<(), Error> {
        self.output.progress(text)
    }
}

/// One thing that happened.
fn words(fate: &Fate) -> String {
    let state = match fate.state {
        CommandState::Queued if fate.is_final() => return "expired before the device was there".to_owned(),
        CommandState::Queued => "queued: the cloud has it",
        CommandState::Delivered => "delivered: the device has it",
        CommandState::Accepted => "accepted",
        CommandState::Deferred => "deferred",
        CommandState::Running => "running",
        CommandState::Done => "done",
        CommandState::Failed => "failed",
        CommandState::Refused => "refused by the device",
        CommandState::Unknown => "unknown",
    };
    let mut text = state.to_owned();
    if fate.steps > 0 {
        text.push_str(&format!(" (step {} of {})", fate.step, fate.steps));
    }
    if !fate.reason.is_empty() {
        text.push_str(&format!(": {}", printable(&fate.reason)));
    }
    if fate.retry > 0 {
        let wait = wait_words(Duration::from_millis(fate.retry));
        text.push_str(&format!("; again in {wait}"));
    }
    text
}

/// The beginning of a device's id, for people.
pub fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// What a wipe is worth on a device, by its certificate.
pub fn wipe_words(class: &str) -> &'static str {
    match class {
        "crypto" => "its keys are destroyed: nothing can be read any more, by anyone",
        "discard" => "its storage is discarded: little can be read again, with a laboratory",
        "overwrite" => "its storage is overwritten: it takes long, and worn-out parts may stay readable",
        "files" => "its files are removed: they can be recovered with ordinary tools",
        _ => "it can't erase itself: nothing would happen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::cli::Global;

    fn fate(state: CommandState, reason: &str) -> Fate {
        Fate {
            state,
            reason: reason.into(),
            ..Fate::default()
        }
    }

    fn life() -> Life {
        let sent = Sent {
            id: "01".into(),
            device: "02".into(),
            name: "Pocket".into(),
            model: "Phone 1".into(),
            action: "lock",
        };
        let output = Output::new(Global {
            json: true,
            ..Global::default()
        });
        Life::begin(sent, output).unwrap()
    }

    #[test]
    fn each_state_is_said_with_its_reason_steps_and_wait() {
        assert_eq!(words(&fate(CommandState::Queued, "")), "queued: the cloud has it");
        assert_eq!(
            words(&fate(CommandState::Refused, "stale")),
            "refused by the device: stale"
        );
        let running = Fate {
            step: 2,
            steps: 5,
            ..fate(CommandState::Running, "")
        };
        assert_eq!(words(&running), "running (step 2 of 5)");
        let deferred = Fate {
            retry: 60_000,
            ..fate(CommandState::Deferred, "no-network")
        };
        assert_eq!(words(&deferred), "deferred: no-network; again in 1 min");
        assert_eq!(
            words(&fate(CommandState::Queued, "expired")),
            "expired before the device was there"
        );
        assert_eq!(words(&fate(CommandState::Failed, "a\u{1b}b")), "failed: a?b");
    }

    #[test]
    fn the_life_is_told_once_each_and_in_order() {
        let mut life = life();
        for state in [
            CommandState::Queued,
            CommandState::Queued,
            CommandState::Accepted,
            CommandState::Unknown,
            CommandState::Done,
        ] {
            life.show(&fate(state, "")).unwrap();
        }
        let states: Vec<_> = life.json()["life"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["state"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(states, ["queued", "accepted", "done"]);
        assert_eq!(life.json()["state"], "done");
        assert!(life.verdict().is_ok());
    }

    #[test]
    fn a_cloud_that_changes_its_mind_for_ever_is_told_of_twice() {
        let mut life = life();
        let shown = (0..1_000)
            .filter(|round| {
                let state = match round % 2 {
                    0 => CommandState::Queued,
                    _ => CommandState::Delivered,
                };
                life.show(&fate(state, "")).unwrap()
            })
            .count();
        assert_eq!(shown, 2);
        assert_eq!(life.json()["state"], "delivered");
    }

    #[test]
    fn what_did_not_end_well_has_a_name_and_an_exit_code() {
        for (state, reason, name, exit) in [
            (CommandState::Refused, "stale", "CommandRefused", 77),
            (CommandState::Failed, "no-modem", "CommandFailed", 69),
            (CommandState::Queued, "expired", "CommandExpired", 69),
        ] {
            let mut life = life();
            life.show(&fate(state, reason)).unwrap();
            let error = life.verdict().unwrap_err();
            assert_eq!(error.exit_code(), exit, "{name}");
            assert_eq!(error.json()["error"]["name"], name);
            assert_eq!(error.json()["error"]["message"], reason);
        }
    }

    #[test]
    fn every_wipe_class_says_what_it_is_worth() {
        for class in ["crypto", "discard", "overwrite", "files", "none", "unknown"] {
            assert!(wipe_words(class).len() > 20);
        }
        assert_eq!(wipe_words("none"), wipe_words("something later"));
    }
}
