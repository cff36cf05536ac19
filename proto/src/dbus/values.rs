//! Enumerations of the contract. Each begins with `unknown`, which is also what a text reads as that
//! this version doesn't know, so that reading never fails.

macro_rules! bus_enum {
    ($($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            /// Not known, or not known to this version.
            #[default]
            Unknown,
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// All values, `Unknown` first.
            pub const ALL: &'static [Self] = &[Self::Unknown, $(Self::$variant),+];

            /// The text on the bus.
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::Unknown => "unknown",
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    _ => Self::Unknown,
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::from(std::borrow::Cow::<'de, str>::deserialize(deserializer)?.as_ref()))
            }
        }

        impl zbus::Type for $name {
            const SIGNATURE: &'static zbus::Signature = <str as zbus::Type>::SIGNATURE;
        }
    )+};
}

bus_enum! {
    /// `Account.State`.
    AccountState {
        /// Nobody's device.
        Unbound = "unbound",
        /// A registration waits for its code.
        Registering = "registering",
        /// Somebody's device.
        Bound = "bound",
        /// Bound, and the session ended.
        ReauthenticationRequired = "reauthentication-required",
        /// The hardware is another account's.
        ActivationLocked = "activation-locked",
        /// A recovery without code is being waited out.
        RecoveryHold = "recovery-hold",
    }

    /// `Account.Membership`.
    Membership {
        /// Nobody's device.
        None = "none",
        /// One of the account's devices.
        Member = "member",
        /// The owner removed it from the account; it stays bound, and its data stays.
        Removed = "removed",
        /// The owner deleted the account; it stays bound, and its data stays.
        AccountDeleted = "account-deleted",
    }

    /// `Account.BootloaderUnlock`.
    BootloaderUnlock {
        /// Nobody asked.
        None = "none",
        /// Asked for, not decided.
        Pending = "pending",
        /// It may be unlocked.
        Approved = "approved",
        /// It may not.
        Denied = "denied",
    }

    /// `Warden.BindingState`.
    BindingState {
        /// Nobody's device.
        Unbound = "unbound",
        /// Somebody's device.
        Bound = "bound",
        /// The state is missing or wrong.
        Tampered = "tampered",
    }

    /// `Device.LockState` and `Warden.LockState`.
    LockState {
        /// Usable.
        Unlocked = "unlocked",
        /// Lost mode.
        Lost = "lost",
        /// Being wiped.
        Wiping = "wiping",
        /// Wiped.
        Wiped = "wiped",
        /// The warden's state is missing or wrong; shown as lost.
        Tampered = "tampered",
    }

    /// `Device.WipeClass`: what a wipe is worth.
    WipeClass {
        /// No wipe is configured.
        None = "none",
        /// Files are removed.
        Files = "files",
        /// The medium is overwritten.
        Overwrite = "overwrite",
        /// The medium is discarded.
        Discard = "discard",
        /// The keys are destroyed.
        Crypto = "crypto",
    }

    /// `Device.AssuranceLevel`.
    AssuranceLevel {
        /// Verified boot and a secret in hardware.
        A = "A",
        /// Encrypted root and a protected boot medium.
        B = "B",
        /// Encrypted root, open boot medium.
        C = "C",
        /// Unencrypted.
        D = "D",
    }

    /// `Account.VerificationState`.
    VerificationState {
        /// Waits for the code.
        Pending = "pending",
        /// Confirmed through the link.
        Confirmed = "confirmed",
        /// Too late.
        Expired = "expired",
    }

    /// `channel` in `Account.Pending`.
    VerificationChannel {
        /// A code and a link by e-mail.
        Email = "email",
        /// A code by SMS.
        Sms = "sms",
        /// An SMS that this device sends.
        SmsOut = "sms-out",
    }

    /// What measured a [`LocationFix`].
    LocationSource {
        /// Satellites.
        Gnss = "gnss",
        /// Mobile cells.
        Cell = "cell",
        /// Wireless networks.
        Wifi = "wifi",
        /// Cells, networks or addresses, not said which.
        Network = "network",
        /// The last one known from before.
        Last = "last",
    }

    /// `Sync.State`.
    SyncState {
        /// Nothing to do.
        Idle = "idle",
        /// Under way.
        Syncing = "syncing",
        /// By `Pause`, or by the policy.
        Paused = "paused",
        /// The cloud can't be reached.
        Offline = "offline",
        /// The account's space is full.
        QuotaExceeded = "quota-exceeded",
        /// `Question` waits, or `LastError` needs the owner.
        Attention = "attention",
    }

    /// What `Account.CheckActivation` answers.
    Activation {
        /// The hardware is nobody's.
        Free = "free",
        /// The hardware is another account's.
        Locked = "locked",
        /// The cloud couldn't be asked.
        Unchecked = "unchecked",
    }
}

/// What `Device.GetLocation` answers: `(ddddtts)`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, zbus::Type)]
pub struct LocationFix {
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
    /// Radius that holds the device, m.
    pub accuracy: f64,
    /// Above the WGS 84 ellipsoid, m; NaN = unknown.
    pub altitude: f64,
    /// When it was measured: seconds since the epoch.
    pub measured: u64,
    /// How old it is, ms by the boot clock.
    pub age: u64,
    /// What measured it.
    pub source: LocationSource,
}

#[cfg(test)]
mod tests {
    use super::{AccountState, AssuranceLevel, LocationFix, LocationSource, LockState};

    #[test]
    fn a_location_has_the_contracts_signature() {
        assert_eq!(<LocationFix as zbus::Type>::SIGNATURE.to_string(), "(ddddtts)");
        for source in LocationSource::ALL {
            assert_eq!(LocationSource::from(source.as_str()), *source);
        }
        assert_eq!(LocationSource::from("stars"), LocationSource::Unknown);
    }

    #[test]
    fn every_value_reads_back_and_news_read_as_unknown() {
        for state in AccountState::ALL {
            assert_eq!(AccountState::from(state.as_str()), *state);
        }
        assert_eq!("half-bound".parse(), Ok(AccountState::Unknown));
        assert_eq!(LockState::default(), LockState::Unknown);
        assert_eq!(AssuranceLevel::A.to_string(), "A");
        assert_eq!(<LockState as zbus::Type>::SIGNATURE.to_string(), "s");
    }
}
