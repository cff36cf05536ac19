//! What can go wrong with the device's methods.

use belay_proto::cbor::Malformed;

use super::name::BadName;
use crate::store::StoreError;
use crate::warden::WardenError;

/// The failure of a device method.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device is lost.
    #[error("the device is lost")]
    Lost,
    /// The name can't be used.
    #[error("not a name for a device")]
    Name(#[from] BadName),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The warden refused or failed.
    #[error("the warden refused or failed")]
    Warden(#[from] WardenError),
    /// The warden's answer to a step isn't what the step answers.
    #[error("the warden's answer isn't understood")]
    Answer(#[from] Malformed),
    /// The actor is being restarted, or belayd is stopping.
    #[error("belayd is stopping, or the request hit an internal error")]
    Gone,
}
