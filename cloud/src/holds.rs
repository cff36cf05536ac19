//! The end of a hold at a device: its warden's own word. Anyone may bring it.

use axum::extract::State;
use belay_proto::failpoint;
use belay_proto::signed::{HoldEnd, Signed};
use belay_proto::wire;

use crate::accounts::waiting;
use crate::app::App;
use crate::devices;
use crate::devices::standing::Standing;
use crate::http::{Answer, Call};
use crate::problem::{Kind, Problem};

/// `POST /v1/holds`: needs no proof and no token, since the word proves itself, and names the credentials that it is about. A word
/// that isn't of its device's warden is answered as one of a device that isn't there: anybody may ask.
///
/// # Errors
/// `malformed`, `not-found`, `other-epoch`.
pub async fn bring(State(app): State<App>, call: Call<wire::HoldRequest>) -> Result<Answer, Problem> {
    let (now, inside) = (app.now(), app.clone());
    app.store
        .transact(move |tx| {
            let malformed = |_| Problem::malformed("`hold` is not a hold's end");
            let signed = Signed::decode(&call.body.hold).map_err(malformed)?;
            let claim: HoldEnd = signed.peek_unverified().map_err(malformed)?;
            let nothing = || Problem::new(Kind::NotFound);
            let binding = devices::table::binding(tx, &claim.device)?;
            // Under the key that the owner certified, not one that it brings.
            let warden = binding
                .as_ref()
                .map_or(inside.dummy.warden, |binding| binding.warden);
            let end: HoldEnd = signed.open(&warden).map_err(|_| nothing())?;
            let binding = binding.filter(|binding| binding.account == end.account);
            let binding = binding.ok_or_else(nothing)?;
            if end.epoch != binding.epoch || binding.standing != Standing::Active || binding.removed {
                return Err(Problem::new(Kind::OtherEpoch).into());
            }
            waiting::ended(&inside, tx, &end, now)?;
            failpoint!("cloud.hold.ended");
            Ok(Answer::empty())
        })
        .await
}
