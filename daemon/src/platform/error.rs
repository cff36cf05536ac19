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
            Self::Refused(_) => "refused",
        }
    }
}

impl From<zbus::Error> for PlatformError {
    fn from(error: zbus::Error) -> Self {
        use zbus::Error::{InputOutput, MethodError};
        /// Nobody is there, or it lacks the part.
        const ABSENT: [&str; 9] = [
            "org.freedesktop.DBus.Error.ServiceUnknown",
            "org.freedesktop.DBus.Error.NameHasNoOwner",
            "org.freedesktop.DBus.Error.UnknownObject",
            "org.freedesktop.DBus.Error.UnknownInterface",
            "org.freedesktop.DBus.Error.UnknownMethod",
            "org.freedesktop.DBus.Error.UnknownProperty",
            "org.freedesktop.DBus.Error.NotSupported",
            "org.freedesktop.ModemManager1.Error.Core.Unsupported",
            "org.freedesktop.DBus.Error.Disconnected",
        ];
        match &error {
            InputOutput(source) if source.kind() == io::ErrorKind::TimedOut => Self::TimedOut,
            MethodError(name, ..) => match name.as_str() {
                name if ABSENT.contains(&name) => Self::NotSupported("nobody serves it"),
                // Where there is a file to start the service but it doesn't start.
                name if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
                    Self::NotSupported("its service doesn't start")
                }
                "org.freedesktop.DBus.Error.NoReply" | "org.freedesktop.DBus.Error.Timeout" => Self::TimedOut,
                "org.freedesktop.DBus.Error.AccessDenied"
                | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
                | "org.freedesktop.ModemManager1.Error.Core.Unauthorized"
                | "org.freedesktop.NetworkManager.PermissionDenied" => Self::Denied(error),
                _ => Self::Service(error),
            },
            _ => Self::Service(error),
        }
    }
}
