//! What the warden signs to let a device go.

use super::{Signed, object};
use crate::cbor::Malformed;
use crate::id::{AccountId, DeviceId, Epoch, HardwareId};
use crate::text::{base64url, from_base64url};

crate::cbor_map! {
    /// Signed by the warden key when the owner signed out: the hardware is free. It proves itself,
    /// works once for its epoch, and anyone may bring it to the cloud.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Release {
        /// The account that lets go.
        pub account: AccountId,
        /// The device as the account knew it.
        pub device: DeviceId,
        /// The binding that ends.
        pub epoch: Epoch,
        /// The hardware that is free.
        pub hardware: HardwareId,
    }

    /// Signed by the warden key: a factory reset is allowed, for this boot and a while.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ResetAuthorisation {
        /// The device.
        pub device: DeviceId,
        /// The binding.
        pub epoch: Epoch,
        /// The boot it is for, as the kernel's `boot_id` has it.
        pub boot_id: String,
        /// Void once the boot clock shows more: ms since boot, suspend included.
        pub expires_boottime_ms: u64,
        /// Whether the device was signed out too.
        pub release: bool,
    }
}

object!(Release, b"belay-release/1\0");
object!(ResetAuthorisation, b"belay-reset/1\0");

/// Before the base64url in a release's text form.
const TEXT_PREFIX: &str = "belay-release:";

impl Release {
    /// A signed release as text for a QR code: `belay-release:` and base64url.
    pub fn to_text(signed: &Signed) -> String {
        format!("{TEXT_PREFIX}{}", base64url(&signed.encode()))
    }

    /// Reads what [`Release::to_text`] wrote; space around it is forgiven.
    ///
    /// # Errors
    /// [`Malformed`] for any other text, also when the payload is no release.
    pub fn from_text(text: &str) -> Result<Signed, Malformed> {
        let encoded = text
            .trim()
            .strip_prefix(TEXT_PREFIX)
            .ok_or_else(|| Malformed::new("not a release's text"))?;
        let bytes = from_base64url(encoded).map_err(|_| Malformed::new("not base64url"))?;
        let signed = Signed::decode(&bytes)?;
        signed.peek_unverified::<Self>()?;
        Ok(signed)
    }
}
