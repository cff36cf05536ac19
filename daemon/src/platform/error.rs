//! Why the platform didn't do what it was asked.

use std::io;

/// What a platform's method answers, a future.
pub type Answer<'a, T = ()> = futures_util::future::BoxFuture<'a, Result<T, PlatformError>>;

/// The platform didn't do it. Nothing is tried again by itself.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The device has no such part, or what speaks for it isn't running.
    #[error("not supported here: {0}")]
    NotSupported(&'static str),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// Whoever speaks for the part says that belayd may not.
    #[error("not allowed")]
    Denied(#[source] zbus::Error),
    /// Whoever speaks for the part answered an error.
    #[error("the service failed")]
    Service(#[source] zbus::Error),
    /// The answer isn't what the interface says.
    #[error("an answer that can't be read: {0}")]
    Unreadable(&'static str),
    /// A configured command can't be run.
    #[error("platform.exec.{key}: can't be run")]
    Start {
        /// The key in the configuration.
        key: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A configured command ended with a failure.
    #[error("platform.exec.{key}: ended with {status}")]
    Failed {
        /// The key in the configuration.
        key: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// What was to be played ended before it can have been heard.
    #[error("no sound came of it")]
    Silent,
    /// What was asked for is nothing that one may ask for, such as a number that isn't one.
    #[error("refused: {0}")]
    Refused(&'static str),
}

impl PlatformError {
    /// The same in one word, for the owner: kebab-case, stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotSupported(_) => "unsupported",
            Self::TimedOut => "timeout",
            Self::Denied(_) => "not-allowed",
            Self::Service(_) | Self::Unreadable(_) | Self::Start { .. } | Self::Failed { .. } => "failed",
            Self::Silent => "no-sound",
            Self::Refused(_) => "refused",
        }
    }
}

impl From<zbus::Error> for PlatformError {
    fn from(error: zbus::Error) -> Self {
        use zbus::Error::{FDO, InputOutput, MethodError};
        let name = match &error {
            InputOutput(source) if source.kind() == io::ErrorKind::TimedOut => return Self::TimedOut,
            MethodError(name, ..) => name.to_string(),
            FDO(standard) => zbus::DBusError::name(&**standard).to_string(),
            _ => return Self::Service(error),
        };
        let standard = name.strip_prefix("org.freedesktop.DBus.Error.");
        match standard.unwrap_or(&name) {
            // Nobody is there, or it lacks the part.
            "ServiceUnknown"
            | "NameHasNoOwner"
            | "UnknownObject"
            | "UnknownInterface"
            | "UnknownMethod"
            | "UnknownProperty"
            | "NotSupported"
            | "org.freedesktop.ModemManager1.Error.Core.Unsupported" => {
                Self::NotSupported("nobody serves it")
            }
            // Where there is a file to start the service but it doesn't start.
            name if name.starts_with("Spawn.") => Self::NotSupported("its service doesn't start"),
            "NoReply" | "Timeout" | "TimedOut" => Self::TimedOut,
            "AccessDenied"
            | "AuthFailed"
            | "InteractiveAuthorizationRequired"
            | "org.freedesktop.ModemManager1.Error.Core.Unauthorized"
            | "org.freedesktop.NetworkManager.PermissionDenied" => Self::Denied(error),
            _ => Self::Service(error),
        }
    }
}
