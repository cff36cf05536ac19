//! What can go wrong with a command: in words for people, in JSON for scripts, as an exit code.

use std::io;
use std::time::Duration;

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
    /// How long passwords are refused, when the warden says so, or commands and other codes, when the cloud does.
    pub retry_after: Option<Duration>,
    /// How many tries are left before a wait, when the warden says so.
    pub tries_left: Option<u32>,
    /// What it means in this case, where that is more than the name tells.
    pub advice: Option<Advice>,
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

    /// Whether it is the refusal of this name, without prefix.
    pub fn is_named(&self, name: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.name == name)
    }

    /// The exit code, one of [`exit`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Data(_) => exit::DATA,
            Self::Io { .. } => exit::IO,
            Self::Bus(_) => exit::UNAVAILABLE,
            Self::Refused(refusal) => refusal.meaning().exit,
        }
    }

    /// The refusal when the cloud sends no other code yet, to be completed with the wait.
    pub fn about_sending(&mut self) -> Option<&mut Refusal> {
        match self {
            Self::Refused(refusal) if refusal.name == "TooSoon" => Some(refusal),
            _ => None,
        }
    }

    /// The refusal when the warden judged a password, to be completed with its wait and tries.
    pub fn about_password(&mut self) -> Option<&mut Refusal> {
        match self {
            Self::Refused(refusal)
                if matches!(refusal.name.as_str(), "WrongPassword" | "TooManyAttempts") =>
            {
                Some(refusal)
            }
            _ => None,
        }
    }

    /// For people: what happened, and what to do next on a line of its own.
    pub fn words(&self) -> String {
        match self {
            Self::Usage(text) | Self::Data(text) => text.clone(),
            Self::Io { what, source } => format!("{what}: {source}"),
            Self::Bus(source) => format!(
                "Belay can't be reached: {}.\n{}",
                with_causes(source),
                advice::of(NO_SERVER).next
            ),
            Self::Refused(refusal) => {
                let happened = refusal.meaning().happened;
                format!("{happened}{}\n{}", refusal.detail(), refusal.next_step())
            }
        }
    }

    /// For scripts: `{"error": {"name", "message", "advice", "exit_code", "retry_after_ms"?, "tries_left"?}}`. Errors
    /// of belayctl's own are named `Usage`, `Data`, `Io`, `Unreachable`.
    pub fn json(&self) -> Value {
        let mut fields = Map::new();
        let (name, message, advice) = match self {
            Self::Usage(text) => ("Usage", text.clone(), String::new()),
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
        }
        json!({ "error": fields })
    }
}

const NO_SERVER: &str = "org.freedesktop.DBus.Error.NoServer";

impl Refusal {
    /// What the refusal means.
    fn meaning(&self) -> Advice {
        self.advice.unwrap_or_else(|| advice::of(&self.name))
    }

    /// The daemon's own text where the name alone says too little.
    fn detail(&self) -> String {
        let says_little = match self.name.as_str() {
            "InvalidArgument" | "CloudRefused" | "Storage" | "Internal" | "CommandRefused"
            | "CommandFailed" | "CommandExpired" | "CommandForgotten" | "AnswerLost" | "ClockWrong"
            | "Interrupted" => true,
            "TooManyAttempts" => self.retry_after.is_none(),
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
mod tests {
    use super::*;

    fn refusal(name: &str, retry_after: Option<u64>, tries_left: Option<u32>) -> Error {
        Error::Refused(Refusal {
            name: name.to_owned(),
            message: "for the log".to_owned(),
            retry_after: retry_after.map(Duration::from_secs),
            tries_left,
            advice: None,
        })
    }

    #[test]
    fn too_many_attempts_says_how_long_to_wait() {
        assert_eq!(
            refusal("TooManyAttempts", Some(60), None).words(),
            "Too many wrong passwords.\nWait 1 min, then try again. Restarting the device starts the wait again."
        );
    }

    #[test]
    fn too_soon_says_when_another_code_can_be_sent_where_that_is_known() {
        assert_eq!(
            refusal("TooSoon", Some(240), None).words(),
            "It is too soon: the cloud asks to wait.\nTry again in 4 min."
        );
        let unknown = refusal("TooSoon", None, None).words();
        assert!(
            unknown.ends_with("belayctl status shows when another code can be sent."),
            "{unknown}"
        );
    }

    #[test]
    fn a_wrong_password_says_how_many_tries_are_left() {
        let words = refusal("WrongPassword", Some(0), Some(3)).words();
        assert_eq!(
            words,
            "That isn't the account password. Nothing was changed.\nTry again: 3 tries are left before a wait."
        );
        assert!(
            refusal("WrongPassword", None, Some(1))
                .words()
                .contains("one try is left")
        );
        assert!(
            refusal("WrongPassword", Some(300), Some(0))
                .words()
                .contains("in 5 min")
        );
        assert!(
            refusal("WrongPassword", None, None)
                .words()
                .ends_with("Try again.")
        );
    }

    #[test]
    fn a_login_that_is_refused_may_have_the_wrong_address() {
        let words = Error::named("WrongPassword", "").of_login().words();
        assert!(words.contains("or no account is called so"), "{words}");
        assert!(words.ends_with("Check both and try again."), "{words}");
        let offline = Error::named("Offline", "").of_login();
        assert_eq!(offline.words(), Error::named("Offline", "").words());
    }

    #[test]
    fn json_names_the_error_and_leaves_out_what_is_unknown() {
        assert_eq!(
            refusal("TooManyAttempts", Some(60), Some(0)).json(),
            json!({"error": {
                "name": "TooManyAttempts",
                "message": "for the log",
                "advice": "Wait 1 min, then try again. Restarting the device starts the wait again.",
                "exit_code": 77,
                "retry_after_ms": 60_000,
                "tries_left": 0,
            }})
        );
        assert_eq!(
            Error::Usage("no terminal".into()).json(),
            json!({"error": {"name": "Usage", "message": "no terminal", "advice": "", "exit_code": 64}})
        );
    }

    #[test]
    fn a_name_that_says_little_is_shown_with_its_text() {
        assert_eq!(
            Error::named("org.belay1.Error.InvalidArgument", "unknown option \u{1b}x").words(),
            "What was given can't be right.\n(unknown option ?x)\nCheck how it is written and try again."
        );
    }

    #[test]
    fn names_lose_the_prefix_of_belay_alone() {
        let Error::Refused(refusal) = Error::named("org.belay1.Error.Offline", "") else {
            panic!()
        };
        assert_eq!(refusal.name, "Offline");
        let Error::Refused(refusal) = Error::named("org.freedesktop.DBus.Error.Timeout", "") else {
            panic!()
        };
        assert_eq!(refusal.name, "org.freedesktop.DBus.Error.Timeout");
    }

    #[test]
    fn replies_of_the_bus_itself_are_told_apart_from_a_missing_bus() {
        let error = Error::from(zbus::Error::from(zbus::fdo::Error::ServiceUnknown("gone".into())));
        assert_eq!(error.exit_code(), 69);
        assert!(
            error.words().starts_with("The Belay daemon isn't running."),
            "{}",
            error.words()
        );
        let error = Error::from(zbus::Error::Address("none".into()));
        assert_eq!(error.exit_code(), 69);
        assert!(error.words().contains("can't be reached"));
    }

    #[test]
    fn exit_codes_of_our_own_errors_are_those_of_sysexits() {
        assert_eq!(Error::Usage(String::new()).exit_code(), 64);
        assert_eq!(Error::Data(String::new()).exit_code(), 65);
        assert_eq!(Error::io("read")(io::Error::other("x")).exit_code(), 74);
    }
}
