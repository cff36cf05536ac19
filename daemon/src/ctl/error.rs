//! What can go wrong with a command: in words for people, in JSON for scripts, as an exit code.

use std::io;
use std::time::Duration;

use belay_proto::dbus::told::{self, Reason};
use belay_proto::text::with_causes;
use serde_json::{Map, Value, json};
use zbus::DBusError;

use super::advice::{self, Advice, exit};
use super::text::{printable, wait_words};

/// Where the daemons' own error names begin.
const PREFIX: &str = "org.belay1.Error.";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments don't fit, or a question can't be asked here.
    #[error("{0}")]
    Usage(String),
    /// A question that no terminal is there to answer. What would have answered it is added by whoever knows the arguments.
    #[error("there is no terminal to ask on")]
    NoTerminal {
        /// The arguments that would have.
        instead: Vec<String>,
    },
    /// What was typed or read isn't right.
    #[error("{0}")]
    Data(String),
    /// A file, the terminal or the output failed.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The bus can't be reached, or what came over it wasn't an answer.
    #[error("the bus can't be reached")]
    Bus(#[source] zbus::Error),
    /// The daemon or the bus answered with an error.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

/// An error reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The error's name: without prefix for `org.belay1.Error.`, in full for any other.
    pub name: String,
    /// The text that came along: for logs.
    pub message: String,
    /// How long the same is refused, where the daemon's text says so; passwords, when the warden does.
    pub retry_after: Option<Duration>,
    /// How many tries are left before a wait, when the warden says so.
    pub tries_left: Option<u32>,
    /// What it means in this case, where that is more than the name tells.
    pub advice: Option<Advice>,
    /// What it is about.
    pub more: Box<More>,
}

/// What a refusal is about, where its command knows that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// A line each.
    pub lines: Vec<String>,
    /// The same for scripts: more fields of the error.
    pub fields: Map<String, Value>,
}

impl Error {
    /// An input or output error and what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// An error by its D-Bus name.
    pub fn named(name: &str, message: &str) -> Self {
        Self::Refused(Refusal {
            name: name.strip_prefix(PREFIX).unwrap_or(name).to_owned(),
            message: message.to_owned(),
            retry_after: told::wait_of(message),
            ..Refusal::default()
        })
    }

    /// The same where an address was given with the password, which may be the wrong one.
    pub fn of_login(self) -> Self {
        self.means("WrongPassword", advice::here::WRONG_LOGIN)
    }

    /// The same, where the refusal of this name, without prefix, means `advice` for the command that got it.
    pub fn means(mut self, name: &str, advice: Advice) -> Self {
        if let Self::Refused(refusal) = &mut self
            && refusal.name == name
        {
            refusal.advice = Some(advice);
        }
        self
    }

    /// The same, unless the command has said already what the refusal means for it.
    pub fn otherwise_means(self, name: &str, advice: Advice) -> Self {
        match &self {
            Self::Refused(refusal) if refusal.advice.is_none() => self.means(name, advice),
            _ => self,
        }
    }

    /// The same, where besides this has happened: one name, and several things that it stands for.
    pub fn means_where(self, name: &str, reason: Reason, advice: Advice) -> Self {
        match &self {
            Self::Refused(refusal) if told::reason_of(&refusal.message) == Some(reason) => {
                self.means(name, advice)
            }
            _ => self,
        }
    }

    /// The same, where besides it is the cloud that refused passwords or codes, not the warden.
    pub fn means_at_the_cloud(self, name: &str, advice: Advice) -> Self {
        match &self {
            Self::Refused(refusal) if refusal.is_by_cloud() => self.means(name, advice),
            _ => self,
        }
    }

    /// Whether it is the refusal of this name, without prefix.
    pub fn is_named(&self, name: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.name == name)
    }

    /// The exit code, one of [`exit`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NoTerminal { .. } => exit::USAGE,
            Self::Data(_) => exit::DATA,
            Self::Io { .. } => exit::IO,
            Self::Bus(_) => exit::UNAVAILABLE,
            Self::Refused(refusal) => refusal.meaning().exit,
        }
    }

    /// The refusal of this name, without prefix, to be completed with the wait: where it doesn't tell that itself.
    pub fn without_a_wait(&mut self, name: &str) -> Option<&mut Refusal> {
        match self {
            Self::Refused(refusal) if refusal.name == name && refusal.retry_after.is_none() => Some(refusal),
            _ => None,
        }
    }

    /// The refusal when the warden judged a password, to be completed with its wait and tries.
    pub fn about_password(&mut self) -> Option<&mut Refusal> {
        match self {
            Self::Refused(refusal) => match refusal.name.as_str() {
                "WrongPassword" | "TooManyAttempts" if !refusal.is_by_cloud() => Some(refusal),
                _ => None,
            },
            _ => None,
        }
    }

    /// For people: what happened, and what to do next on a line of its own.
    pub fn words(&self) -> String {
        match self {
            Self::Usage(text) | Self::Data(text) => text.clone(),
            Self::NoTerminal { instead } => no_terminal_words(instead),
            Self::Io { what, source } => format!("{what}: {source}"),
            Self::Bus(source) => format!(
                "Belay can't be reached: {}.\n{}",
                with_causes(source),
                advice::of(NO_SERVER).next
            ),
            Self::Refused(refusal) => {
                let happened = refusal.meaning().happened;
                let mut said = format!("{happened}{}\n", refusal.detail());
                for line in &refusal.more.lines {
                    said.push_str(line);
                    said.push('\n');
                }
                said + &refusal.next_step()
            }
        }
    }

    /// For scripts: `{"error": {"name", "message", "advice", "exit_code", "retry_after_ms"?, "tries_left"?}}`. Errors
    /// of belayctl's own are named `Usage`, `Data`, `Io`, `Unreachable`; some have more fields, which their commands name.
    pub fn json(&self) -> Value {
        let mut fields = Map::new();
        let (name, message, advice) = match self {
            Self::Usage(text) => ("Usage", text.clone(), String::new()),
            Self::NoTerminal { instead } => ("Usage", no_terminal_words(instead), String::new()),
            Self::Data(text) => ("Data", text.clone(), String::new()),
            Self::Io { what, source } => ("Io", format!("{what}: {source}"), String::new()),
            Self::Bus(source) => (
                "Unreachable",
                with_causes(source),
                advice::of(NO_SERVER).next.to_owned(),
            ),
            Self::Refused(refusal) => (
                refusal.name.as_str(),
                refusal.message.clone(),
                refusal.next_step(),
            ),
        };
        fields.insert("name".into(), name.into());
        fields.insert("message".into(), message.into());
        fields.insert("advice".into(), advice.into());
        fields.insert("exit_code".into(), self.exit_code().into());
        if let Self::Refused(refusal) = self {
            if let Some(wait) = refusal.retry_after {
                fields.insert(
                    "retry_after_ms".into(),
                    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into(),
                );
            }
            if let Some(tries) = refusal.tries_left {
                fields.insert("tries_left".into(), tries.into());
            }
            fields.extend(refusal.more.fields.clone());
        }
        json!({ "error": fields })
    }
}

fn no_terminal_words(instead: &[String]) -> String {
    match instead {
        [] => "There is no terminal to ask on.".to_owned(),
        instead => format!(
            "There is no terminal to ask on. What would be asked can be given: {}.",
            instead.join(", ")
        ),
    }
}

const NO_SERVER: &str = "org.freedesktop.DBus.Error.NoServer";

impl Refusal {
    /// What the refusal means.
    fn meaning(&self) -> Advice {
        let named = || match self.name.as_str() {
            "TooManyAttempts" if self.is_by_cloud() => advice::account::TRIES_AT_THE_CLOUD,
            name => advice::of(name),
        };
        self.advice.unwrap_or_else(named)
    }

    /// Whether it is the cloud that refused passwords or codes: the warden's wait and tries are others.
    fn is_by_cloud(&self) -> bool {
        told::is_by_cloud(&self.message)
    }

    /// The daemon's own text where the name alone says too little.
    fn detail(&self) -> String {
        let says_little = match self.name.as_str() {
            "InvalidArgument" | "CloudRefused" | "Storage" | "Internal" | "CommandRefused"
            | "CommandFailed" | "CommandExpired" | "CommandForgotten" | "AnswerLost" | "ClockWrong"
            | "Interrupted" => true,
            "TooManyAttempts" => self.retry_after.is_none() && !self.is_by_cloud(),
            _ => false,
        };
        if says_little && !self.message.is_empty() {
            format!("\n({})", printable(&self.message))
        } else {
            String::new()
        }
    }

    /// What to do next, with the wait or the tries left where they are known.
    fn next_step(&self) -> String {
        match (self.name.as_str(), self.retry_after, self.tries_left) {
            ("TooManyAttempts", Some(wait), _) if self.is_by_cloud() && !wait.is_zero() => {
                format!("Wait {}, then try again.", wait_words(wait))
            }
            ("TooManyAttempts", Some(wait), _) if !wait.is_zero() => {
                format!(
                    "Wait {}, then try again. Restarting the device starts the wait again.",
                    wait_words(wait)
                )
            }
            ("TooManyCommands", Some(wait), _) if !wait.is_zero() => {
                format!("Send it again in {}.", wait_words(wait))
            }
            ("TooSoon", Some(wait), _) if !wait.is_zero() => {
                format!("Try again in {}.", wait_words(wait))
            }
            ("RecoveryOnHold", Some(wait), _) if !wait.is_zero() => {
                format!(
                    "The new password takes hold in {} at the earliest; until then the old one ends it.",
                    wait_words(wait)
                )
            }
            ("WrongPassword", Some(wait), _) if !wait.is_zero() => {
                format!("The next try is possible in {}.", wait_words(wait))
            }
            ("WrongPassword", _, Some(1)) => "Try again: one try is left before a wait.".to_owned(),
            ("WrongPassword", _, Some(tries)) if tries > 1 => {
                format!("Try again: {tries} tries are left before a wait.")
            }
            _ => self.meaning().next.to_owned(),
        }
    }
}

impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, message, _) => {
                Self::named(name.as_str(), message.as_deref().unwrap_or_default())
            }
            zbus::Error::FDO(error) => (*error).into(),
            zbus::Error::DBus(error) => {
                Self::named(error.name().as_str(), error.description().unwrap_or_default())
            }
            zbus::Error::InputOutput(cause) if cause.kind() == io::ErrorKind::TimedOut => {
                Self::named("org.freedesktop.DBus.Error.Timeout", "no answer in time")
            }
            other => Self::Bus(other),
        }
    }
}

impl From<belay_proto::dbus::Error> for Error {
    fn from(error: belay_proto::dbus::Error) -> Self {
        match error {
            belay_proto::dbus::Error::Bus(error) => error.into(),
            known => Self::named(known.name_str(), known.message()),
        }
    }
}

impl From<zbus::fdo::Error> for Error {
    fn from(error: zbus::fdo::Error) -> Self {
        match error {
            zbus::fdo::Error::ZBus(error) => error.into(),
            other => Self::named(
                other.name().as_str(),
                DBusError::description(&other).unwrap_or_default(),
            ),
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
