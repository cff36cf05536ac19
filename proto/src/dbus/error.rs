//! The errors of the contract. A client switches on the variant; the text is for logs, in English.

use std::fmt;

use zbus::message::{Header, Message};
use zbus::names::ErrorName;

macro_rules! errors {
    ($($(#[$meta:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// Every error of the contract; each variant carries a text for logs.
        ///
        /// Written out instead of derived: the derive can't name
        /// `org.freedesktop.DBus.Error.InteractiveAuthorizationRequired`, and would send a client's own bus
        /// failures out under a name that isn't in the contract.
        #[derive(Debug, Clone)]
        pub enum Error {
            $($(#[$meta])* $variant(String),)+
            /// Client side only: the bus itself failed, or an answer under a foreign name. A server that
            /// answers with it says `Internal`.
            Bus(zbus::Error),
        }

        impl Error {
            /// The names of all errors that a server sends.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The error's name on the bus.
            pub fn name_str(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                    Self::Bus(_) => "org.belay1.Error.Internal",
                }
            }

            /// The text for logs.
            pub fn message(&self) -> &str {
                match self {
                    $(Self::$variant(text) => text,)+
                    Self::Bus(_) => "the bus failed",
                }
            }

            /// From a name on the bus; `None` for names that aren't in the contract.
            pub fn from_name(name: &str, text: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant(text.to_owned())),)+
                    _ => None,
                }
            }
        }
    };
}

errors! {
    /// An argument, option or descriptor isn't what the contract says.
    InvalidArgument = "org.belay1.Error.InvalidArgument",
    /// The caller may not do this.
    NotAuthorized = "org.belay1.Error.NotAuthorized",
    /// The device belongs to nobody.
    NotBound = "org.belay1.Error.NotBound",
    /// The device belongs to somebody already.
    AlreadyBound = "org.belay1.Error.AlreadyBound",
    /// The hardware is another account's.
    ActivationLocked = "org.belay1.Error.ActivationLocked",
    /// The session ended; the owner must type the password again.
    ReauthenticationRequired = "org.belay1.Error.ReauthenticationRequired",
    /// The password is wrong. Final: trying again costs a try.
    WrongPassword = "org.belay1.Error.WrongPassword",
    /// Wait for `RetryAfter`.
    TooManyAttempts = "org.belay1.Error.TooManyAttempts",
    /// The new password is too easy to guess.
    WeakPassword = "org.belay1.Error.WeakPassword",
    /// The ticket is used up, expired, for something else, or never was.
    BadTicket = "org.belay1.Error.BadTicket",
    /// The code is wrong.
    WrongCode = "org.belay1.Error.WrongCode",
    /// The code is too old, or its tries are spent.
    CodeExpired = "org.belay1.Error.CodeExpired",
    /// Not before the cloud's resend time, or not as often as that: the cloud asks to wait.
    TooSoon = "org.belay1.Error.TooSoon",
    /// The identifier is another account's.
    IdentifierTaken = "org.belay1.Error.IdentifierTaken",
    /// The account still has devices or accessories.
    DevicesStillBound = "org.belay1.Error.DevicesStillBound",
    /// The device is lost.
    DeviceLost = "org.belay1.Error.DeviceLost",
    /// The warden's state is missing or wrong; only the door is open.
    Tampered = "org.belay1.Error.Tampered",
    /// A recovery without code is being waited out.
    RecoveryOnHold = "org.belay1.Error.RecoveryOnHold",
    /// The cloud can't be reached.
    Offline = "org.belay1.Error.Offline",
    /// The cloud says no, or nonsense.
    CloudRefused = "org.belay1.Error.CloudRefused",
    /// The account's space is full.
    QuotaExceeded = "org.belay1.Error.QuotaExceeded",
    /// Somebody else changed it meanwhile.
    Conflict = "org.belay1.Error.Conflict",
    /// There is no such thing.
    NotFound = "org.belay1.Error.NotFound",
    /// No Bluetooth adapter.
    AdapterMissing = "org.belay1.Error.AdapterMissing",
    /// The accessory doesn't answer.
    AccessoryUnreachable = "org.belay1.Error.AccessoryUnreachable",
    /// The accessory stopped answering.
    AccessoryTimeout = "org.belay1.Error.AccessoryTimeout",
    /// The accessory says no.
    AccessoryRefused = "org.belay1.Error.AccessoryRefused",
    /// The wearer didn't tap.
    AccessoryNotConfirmed = "org.belay1.Error.AccessoryNotConfirmed",
    /// The accessory holds another key.
    AccessoryKeyMismatch = "org.belay1.Error.AccessoryKeyMismatch",
    /// The accessory needs a key that its maker issues.
    KeyRequired = "org.belay1.Error.KeyRequired",
    /// Not on this device, or not by this accessory.
    NotSupported = "org.belay1.Error.NotSupported",
    /// Something else is under way; try again.
    Busy = "org.belay1.Error.Busy",
    /// The caller, or somebody else, cancelled it.
    Cancelled = "org.belay1.Error.Cancelled",
    /// The state can't be read or written.
    Storage = "org.belay1.Error.Storage",
    /// A mistake of ours.
    Internal = "org.belay1.Error.Internal",
    /// polkit would have to ask, and the message forbids a dialogue.
    InteractiveAuthorizationRequired = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
}

impl Error {
    /// Whether trying again later, unchanged, may work.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(error) => write!(f, "{error}"),
            known => write!(f, "{}: {}", known.name_str(), known.message()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bus(error) => Some(error),
            _ => None,
        }
    }
}

impl zbus::DBusError for Error {
    fn create_reply(&self, msg: &Header<'_>) -> zbus::Result<Message> {
        Message::error(msg, self.name()).build(&(self.message()))
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_static_str_unchecked(self.name_str())
    }

    fn description(&self) -> Option<&str> {
        Some(self.message())
    }
}

/// An error reply under one of our names becomes that variant; all else is [`Error::Bus`].
impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Self {
        let known = match &error {
            zbus::Error::MethodError(name, text, _) => {
                Self::from_name(name.as_str(), text.as_deref().unwrap_or_default())
            }
            zbus::Error::FDO(fdo) => {
                let name = zbus::DBusError::name(fdo.as_ref());
                let text = zbus::DBusError::description(fdo.as_ref()).unwrap_or_default();
                Self::from_name(name.as_str(), text)
            }
            _ => None,
        };
        known.unwrap_or(Self::Bus(error))
    }
}

impl From<zbus::fdo::Error> for Error {
    fn from(error: zbus::fdo::Error) -> Self {
        Self::from(zbus::Error::from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use zbus::DBusError as _;

    const AUTHORISATION_NEEDED: &str = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";

    #[test]
    fn every_name_reads_back_as_its_own_variant() {
        assert_eq!(Error::NAMES.len(), 36);
        for name in Error::NAMES {
            let error = Error::from_name(name, "why").unwrap();
            assert_eq!((error.name_str(), error.message()), (*name, "why"));
            assert!(error.name().as_str() == *name && error.to_string().ends_with(": why"));
            assert!(name.starts_with("org.belay1.Error.") || *name == AUTHORISATION_NEEDED);
        }
        assert!(Error::from_name("org.belay1.Error.New", "").is_none());
    }

    #[test]
    fn a_failure_of_the_bus_goes_out_as_internal_and_tells_nothing() {
        let error = Error::from(zbus::Error::Failure("secret detail".to_owned()));
        assert_eq!(
            (error.name_str(), error.message()),
            ("org.belay1.Error.Internal", "the bus failed")
        );
    }
}
