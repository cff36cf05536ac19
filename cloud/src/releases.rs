//! Releases: a device's own word that its owner let it go. Anyone may bring one.

use axum::extract::State;
use belay_proto::failpoint;
use belay_proto::signed::{Release, Signed};
use belay_proto::wire;
use rusqlite::Transaction;

use crate::app::App;
use crate::clock::Millis;
use crate::devices::standing::Standing;
use crate::http::{Answer, Call};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::{channel, devices};

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The binding ended, now or when the release came before.
    Released,
    /// The bytes aren't a release.
    Malformed,
    /// There is no such device, or its warden didn't sign it, or it names something else: anybody may ask which.
    BadSignature,
    /// The account has bound the hardware anew since.
    OtherEpoch,
}

/// `POST /v1/releases`: needs no proof and no token, since the release proves itself.
///
/// # Errors
/// `malformed`, `bad-release`, `other-epoch`.
pub async fn bring(State(app): State<App>, call: Call<wire::ReleaseRequest>) -> Result<Answer, Problem> {
    let (now, inside) = (app.now(), app.clone());
    app.store
        .transact(move |tx| {
            let kind = match apply(&inside, tx, &call.body.release, now)? {
                Applied::Released => return Ok(Answer::empty()),
                Applied::Malformed => return Err(Problem::malformed("not a release").into()),
                Applied::BadSignature => Kind::BadRelease,
                Applied::OtherEpoch => Kind::OtherEpoch,
            };
            Err(Problem::new(kind).into())
        })
        .await
}

/// Ends the binding that a release is for, if the device's warden signed it.
///
/// # Errors
/// A broken database.
pub fn apply(app: &App, tx: &Transaction<'_>, bytes: &[u8], now: Millis) -> Result<Applied, Failure> {
    let Ok(signed) = Signed::decode(bytes) else {
        return Ok(Applied::Malformed);
    };
    let Ok(claim) = signed.peek_unverified::<Release>() else {
        return Ok(Applied::Malformed);
    };
    let binding = devices::table::binding(tx, &claim.device)?;
    // Verified under the key that the owner certified, not one that the release brings.
    let warden = binding
        .as_ref()
        .map_or(app.dummy.warden, |binding| binding.warden);
    let (Ok(release), Some(binding)) = (signed.open::<Release>(&warden), binding) else {
        return Ok(Applied::BadSignature);
    };
    let hardware = devices::hardware_mac(app, release.hardware.as_bytes());
    if release.account != binding.account || release.epoch != binding.epoch || hardware != binding.hardware {
        return Ok(Applied::BadSignature);
    }
    match binding.standing {
        Standing::Active => {
            devices::release(tx, &release.device, &binding, now)?;
            failpoint!("cloud.device.released");
            channel::end(app, &release.device);
            channel::account_changed(app, tx, &release.account, &release.device)?;
            Ok(Applied::Released)
        }
        Standing::Released => Ok(Applied::Released),
        Standing::Superseded => Ok(Applied::OtherEpoch),
    }
}

impl Applied {
    /// For a release that comes along with something else: only bytes that aren't one are an error there.
    ///
    /// # Errors
    /// `malformed`.
    pub fn malformed_is_an_error(self) -> Result<(), Problem> {
        match self {
            Self::Malformed => Err(Problem::malformed("`release` is not a release")),
            _ => Ok(()),
        }
    }
}
