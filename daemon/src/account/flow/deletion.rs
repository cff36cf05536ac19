//! The account's end by its owner's order, and this device's with it.

use belay_proto::dbus::Error as BusError;
use belay_proto::failpoint;
use belay_proto::id::AccountId;
use belay_proto::signed::Deed;
use belay_proto::steps::{self, Done};
use belay_proto::text::with_causes;

use super::Flow;
use super::owner::Sent;
use crate::account::error::AccountError;
use crate::account::model::Departure;
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, ProblemKind, idempotency_key};
use crate::warden::WardenError;

impl Flow {
    pub(super) async fn deletion_order(
        &self,
        account: AccountId,
        ticket: &str,
    ) -> Result<Vec<u8>, AccountError> {
        let _alone = self.parts.orders.lock().await;
        let noted = async |is_sent| self.report(Event::DeletionSent { account, is_sent }).await;
        // The warden knows one order only: with this one another before it is over, and a process that ends before this one is
        // noted has sent none.
        noted(false).await?;
        let order = match self.signed_order(ticket, &Deed::DeleteAccount).await {
            Ok(order) => noted(true).await.map(|()| order),
            Err(error) => Err(error),
        };
        if order.is_err() {
            // Signed it may be, and nobody will bring it.
            self.stay_bound().await;
        }
        order
    }

    /// Deletes the account, and lets this device go. Asked again after a lost reply it ends what was begun.
    pub(crate) async fn delete_account(self, ticket: String) -> Result<(), AccountError> {
        let session = self.session().await?;
        // Carried out unheard, it has left nobody to prove the password to.
        if session.as_ref().is_some_and(|session| session.deletion_sent) && self.is_deleted().await {
            match self.go().await {
                // What was ordered then is void by now; what the cloud says may not be so.
                Err(AccountError::Warden(WardenError::Refused(BusError::BadTicket(_)))) => {}
                gone => return gone,
            }
        }
        if session.is_none_or(|session| session.ended) {
            return Err(Refusal::ReauthenticationRequired.into());
        }
        let (owner, order) = self.order_of(&ticket, &Deed::DeleteAccount).await?;
        failpoint!("belayd.delete.noted");
        let key = idempotency_key();
        let (deleted, sent) = self.tried(|| self.parts.cloud.delete_account(&order, &key)).await;
        if let Err(error) = deleted {
            let is_over = ends_order(&error, sent);
            // The sessions went with the account: where the first answer was lost, the next can be that there is none.
            if is_over || !self.is_deleted().await {
                self.end_login(owner.tokens).await;
                // A call that never left is the order's end too.
                if is_over || !sent.any {
                    self.stay_bound().await;
                } else {
                    // Otherwise it may be done, or done yet, and the keeper hears of it: it asks until it is known. A cloud that can be
                    // reached doesn't come back, and where it can't the keeper waits for that.
                    self.parts.stale.notify_one();
                }
                return Err(match (is_over, sent.before) {
                    (true, _) => error.into(),
                    (false, true) => error.after_another().into(),
                    (false, false) => error.in_its_place().into(),
                });
            }
        }
        failpoint!("belayd.delete.deleted");
        self.go().await
    }

    /// There is no account any more: what is left of it here goes, and the cloud gets the release.
    async fn go(&self) -> Result<(), AccountError> {
        match self.leave().await {
            // The keeper heard of it first.
            Err(AccountError::Warden(WardenError::Refused(BusError::NotBound(_)))) => Ok(()),
            left => {
                if left.as_ref().is_err_and(AccountError::is_passing) {
                    // The keeper has it done.
                    self.parts.stale.notify_one();
                }
                left
            }
        }
    }

    /// Whether the cloud says that the account is deleted.
    async fn is_deleted(&self) -> bool {
        let told = self.keep_up().await;
        told.is_some_and(|told| told.departure == Some(Departure::AccountDeleted))
    }

    /// Tells the warden that the account stays; where it can't be told now, it is as soon as it can.
    async fn stay_bound(&self) {
        let stays = self.step("", steps::STAY, Done {}.encode(), Done::decode).await;
        failpoint!("belayd.delete.withdrawn");
        let Some(account) = self.parts.warden.view().identity.account else {
            return;
        };
        let is_sent = false;
        if let Err(error) = self.report(Event::DeletionSent { account, is_sent }).await {
            tracing::warn!(error = %with_causes(&error), "the order's end was not kept");
        }
        failpoint!("belayd.delete.stays");
        let Err(error) = stays else { return };
        tracing::debug!(error = %with_causes(&error), "the warden isn't told yet that the account stays");
        if error.is_passing()
            && let Err(error) = self.report(Event::DeletionStands).await
        {
            tracing::warn!(error = %with_causes(&error), "the warden will forget the order by itself");
        }
    }
}

/// Whether an order to delete the account ends with this error. A refusal by a name of the contract's does it: a cloud that says later
/// that it was done, after all, lets nobody go. So does a budget that is used up. No refusal is one without such a name: a proxy that
/// gives it may have passed the order on before. Nor is one of the proof alone, which another copy of the call may have used, or that
/// the order was done before; and where a copy may have arrived before, only one that judges the order says anything of that one.
fn ends_order(error: &CloudError, sent: Sent) -> bool {
    let CloudError::Problem(problem) = error else {
        return false;
    };
    let judges = matches!(
        problem.kind,
        ProblemKind::BadOrder | ProblemKind::GenerationConflict | ProblemKind::DevicesStillBound
    );
    let is_budget = problem.status == 429 && problem.is_named;
    let refuses = error.is_decided() && problem.kind != ProblemKind::OrderUsed;
    (refuses || is_budget) && (judges || !sent.before)
}
