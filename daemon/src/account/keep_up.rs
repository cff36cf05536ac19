//! What the owner changed elsewhere comes to the warden: the way of a new password, a new root and new keys. Everything proves
//! itself there; what the cloud says of it counts for nothing.

use std::sync::Arc;

use belay_proto::cbor::Malformed;
use belay_proto::failpoint;
use belay_proto::keys::sha256;
use belay_proto::signed::{CredentialsRecord, Signed};
use belay_proto::steps::{
    self, HoldInput, HoldOutput, SucceedInput, TakeDelegateInput, TakeKeyringInput, TakenOutput,
};
use belay_proto::text::with_causes;
use belay_proto::wire::{Bytes, CredentialsAnswer, NewCredentialsRequest, SuccessionAnswer};
use futures_util::future::BoxFuture;

use crate::account::model::Departure;
use crate::account::new_code::CodeKept;
use crate::account::ports::Cloud;
use crate::cloud::CloudError;
use crate::warden::{HoldView, Records, WardenError, WardenHandle};

/// What the owner changed elsewhere, for a typed password that is wrong here: after a new root the record alone proves nothing.
#[derive(Clone)]
pub struct NewestRecord {
    cloud: Arc<dyn Cloud>,
    warden: WardenHandle,
}

impl NewestRecord {
    /// What `cloud` keeps, brought to `warden`.
    #[must_use]
    pub fn new(cloud: Arc<dyn Cloud>, warden: WardenHandle) -> Self {
        Self { cloud, warden }
    }
}

impl Records for NewestRecord {
    fn newest(&self) -> BoxFuture<'_, Option<Vec<u8>>> {
        let told = keep_up(&self.cloud, &self.warden);
        Box::pin(async { told.await.ok().map(|told| told.kept) })
    }
}

/// What the cloud told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The owner removed this device, or deleted the account: no session will begin here again before a sign-out.
    pub(super) departure: Option<Departure>,
    /// What the record says of the recovery code, where it is the owner's.
    pub(super) recovery_code: Option<CodeKept>,
    /// The credentials record that the cloud keeps, signed bytes.
    pub(super) kept: Vec<u8>,
    /// Whether the warden has judged it. Where it couldn't be asked, or took all of it for a lie, the rest counts for nothing.
    pub(super) judged: bool,
}

/// Brings what the cloud keeps of the owner's credentials, and for this device, to the warden.
///
/// # Errors
/// What the cloud says in place of telling.
pub(super) async fn keep_up(cloud: &Arc<dyn Cloud>, warden: &WardenHandle) -> Result<Told, CloudError> {
    // Before the cloud is asked: what it told then says nothing of a hold that has begun meanwhile.
    let holds = warden.view().identity.hold == HoldView::Running;
    let answer = cloud.credentials().await.inspect_err(|error| {
        tracing::debug!(error = %with_causes(error), "no newer credentials");
    })?;
    let departure = match (answer.deleted, answer.removed) {
        (true, _) => Some(Departure::AccountDeleted),
        (false, true) => Some(Departure::Removed),
        (false, false) => None,
    };
    if let Some(departure) = departure {
        tracing::warn!(
            ?departure,
            "this device belongs to the account no more, but for a sign-out"
        );
    }
    let record = answer.credentials.clone();
    let brought = bring(warden, answer, holds).await;
    if let Err(error) = &brought {
        tracing::warn!(error = %with_causes(error), "the warden didn't take the newest credentials");
    }
    let judged = brought.is_ok();
    Ok(Told {
        departure: departure.filter(|_| judged),
        recovery_code: match judged {
            true => recovery_code(warden, &record).await,
            false => None,
        },
        kept: record.to_vec(),
        judged,
    })
}

/// Read for display alone. A cloud that shows an older record of the owner's can withhold what is newer, here as everywhere.
async fn recovery_code(warden: &WardenHandle, record: &[u8]) -> Option<CodeKept> {
    // After a new root the owner's key is another one.
    let identity = warden.refresh().await.ok()?.identity;
    let record: CredentialsRecord = Signed::decode(record).ok()?.open(&identity.owner?).ok()?;
    (Some(record.account) == identity.account).then(|| CodeKept::of(&record))
}

async fn bring(warden: &WardenHandle, answer: CredentialsAnswer, holds: bool) -> Result<(), WardenError> {
    let waits = answer.recovery_ms.is_some() && answer.recovery_here != Some(false);
    if holds && !waits && !leads_to(warden, &answer.credentials).await? {
        // The owner has said no there, or another device's recovery has taken its place. Of a cloud that lies, nothing comes but
        // that everything stays as it is.
        tracing::info!("nothing waits at the cloud for the recovery here: it ends");
        let input = HoldInput {
            told: None,
            end: Some(true),
        };
        warden.use_step("", steps::HOLD, &input.encode()).await?;
        failpoint!("belayd.keep-up.hold-ended");
    }
    take(warden, answer).await
}

/// Whether the hold that runs here leads to these credentials, which hold already: the device was left behind, and nothing else waits
/// for it. Once the owner has others, it leads nowhere, unless the password that was typed here opens them too, as after another
/// recovery code: that the warden judges, and leads it on.
async fn leads_to(warden: &WardenHandle, credentials: &[u8]) -> Result<bool, WardenError> {
    let these = Some(sha256(credentials));
    let towards = leads(warden).await?;
    if towards.is_none() || towards == these {
        return Ok(towards.is_some());
    }
    warden.credentials(credentials).await?;
    Ok(leads(warden).await? == these)
}

/// The credentials that a hold which runs here leads to, where they are the account's already.
async fn leads(warden: &WardenHandle) -> Result<Option<[u8; 32]>, WardenError> {
    let input = HoldInput {
        told: None,
        end: None,
    };
    let output = warden.use_step("", steps::HOLD, &input.encode()).await?;
    Ok(HoldOutput::decode(&output).ok().and_then(|output| output.towards))
}

/// Brings to the warden what the cloud has taken: all of it proves itself, whether the cloud can be asked about it or not.
pub(super) async fn follow(warden: &WardenHandle, taken: NewCredentialsRequest) -> Result<(), WardenError> {
    let own = warden.view().identity.device;
    let grant = taken.grants.into_iter().find(|grant| Some(grant.device) == own);
    let (keyring, delegate, certificate) = grant.map_or((None, None, None), |grant| {
        (grant.keyring, grant.delegate, grant.certificate)
    });
    let moved = taken.succession.zip(certificate);
    let successions = moved.map(|(succession, certificate)| SuccessionAnswer {
        succession,
        credentials: taken.credentials.clone(),
        certificate,
    });
    let answer = CredentialsAnswer {
        credentials: taken.credentials,
        successions: successions.into_iter().collect(),
        keyring,
        delegate,
        ..CredentialsAnswer::default()
    };
    take(warden, answer).await?;
    // After a new root the owner's key is another one.
    warden.refresh().await.map(drop)
}

async fn take(warden: &WardenHandle, answer: CredentialsAnswer) -> Result<(), WardenError> {
    for moved in answer.successions {
        let input = SucceedInput {
            succession: moved.succession.into(),
            credentials: moved.credentials.into(),
            certificate: moved.certificate.into(),
        };
        taken(warden, steps::SUCCEED, input.encode()).await?;
        failpoint!("belayd.keep-up.succeeded");
    }
    warden.credentials(&answer.credentials).await?;
    failpoint!("belayd.keep-up.credentials");
    take_keys(warden, answer.keyring).await?;
    if let Some(delegate) = answer.delegate {
        let input = TakeDelegateInput {
            delegate: delegate.into(),
        };
        taken(warden, steps::TAKE_DELEGATE, input.encode()).await?;
        failpoint!("belayd.keep-up.delegate");
    }
    Ok(())
}

/// Brings the keyring that was sealed to this device's box, where there is one.
pub(super) async fn take_keys(warden: &WardenHandle, keyring: Option<Bytes>) -> Result<(), WardenError> {
    let Some(keyring) = keyring else { return Ok(()) };
    let input = TakeKeyringInput {
        keyring: keyring.into(),
    };
    taken(warden, steps::TAKE_KEYRING, input.encode()).await?;
    failpoint!("belayd.keep-up.keyring");
    Ok(())
}

async fn taken(warden: &WardenHandle, step: &str, input: Vec<u8>) -> Result<bool, WardenError> {
    let output = warden.use_step("", step, &input).await?;
    let read: Result<TakenOutput, Malformed> = TakenOutput::decode(&output);
    Ok(read.is_ok_and(|output| output.taken))
}
