//! What the owner changed elsewhere comes to the warden: the way of a new password, a new root and new keys. Everything proves
//! itself there; what the cloud says of it counts for nothing.

use std::sync::Arc;

use belay_proto::cbor::Malformed;
use belay_proto::steps::{self, SucceedInput, TakeDelegateInput, TakeKeyringInput, TakenOutput};
use belay_proto::text::with_causes;
use belay_proto::wire::CredentialsAnswer;

use crate::account::ports::Cloud;
use crate::warden::{WardenError, WardenHandle};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The cloud told, and the warden judged it.
    All,
    /// Besides, the owner removed this device, or deleted the account: no session will begin here again before a sign-out.
    Gone,
    /// The cloud didn't tell, or the warden couldn't be asked.
    Nothing,
}

/// Brings what the cloud keeps of the owner's credentials, and for this device, to the warden.
pub(super) async fn keep_up(cloud: &Arc<dyn Cloud>, warden: &WardenHandle) -> Told {
    let answer = match cloud.credentials().await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "no newer credentials");
            return Told::Nothing;
        }
    };
    let is_gone = answer.removed || answer.deleted;
    if is_gone {
        let (removed, deleted) = (answer.removed, answer.deleted);
        tracing::warn!(
            removed,
            deleted,
            "this device belongs to the account no more, but for a sign-out"
        );
    }
    match bring(warden, answer).await {
        Ok(()) if is_gone => Told::Gone,
        Ok(()) => Told::All,
        Err(error) => {
            tracing::warn!(error = %with_causes(&error), "the warden didn't take the newest credentials");
            Told::Nothing
        }
    }
}

async fn bring(warden: &WardenHandle, answer: CredentialsAnswer) -> Result<(), WardenError> {
    for moved in answer.successions {
        let input = SucceedInput {
            succession: moved.succession.into(),
            credentials: moved.credentials.into(),
            certificate: moved.certificate.into(),
        };
        taken(warden, steps::SUCCEED, input.encode()).await?;
    }
    warden.credentials(&answer.credentials).await?;
    if let Some(keyring) = answer.keyring {
        let input = TakeKeyringInput {
            keyring: keyring.into(),
        };
        taken(warden, steps::TAKE_KEYRING, input.encode()).await?;
    }
    if let Some(delegate) = answer.delegate {
        let input = TakeDelegateInput {
            delegate: delegate.into(),
        };
        taken(warden, steps::TAKE_DELEGATE, input.encode()).await?;
    }
    Ok(())
}

async fn taken(warden: &WardenHandle, step: &str, input: Vec<u8>) -> Result<bool, WardenError> {
    let output = warden.use_step("", step, &input).await?;
    let read: Result<TakenOutput, Malformed> = TakenOutput::decode(&output);
    Ok(read.is_ok_and(|output| output.taken))
}
