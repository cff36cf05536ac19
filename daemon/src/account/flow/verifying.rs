//! ResendCode, VerificationState, CancelVerification: of a registration, an address, a recovery.

use std::time::Duration;

use belay_proto::id::PendingId;

use super::Flow;
use crate::account::error::AccountError;
use crate::account::model::{Deadline, Stage, Verification};
use crate::account::ports::LookedUp;
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, Problem, ProblemKind};

/// What every verification has.
struct Verifying {
    resend: Deadline,
    /// The code was right, or the link was opened.
    is_proved: bool,
    /// The keys of a registration.
    pending: Option<PendingId>,
}

impl Verifying {
    /// What the cloud's forgetting it means.
    fn over(&self, id: &str) -> Event {
        match self.pending {
            Some(pending) => Event::Failed { pending },
            None => Event::ProvingOver { id: id.to_owned() },
        }
    }
}

impl Flow {
    async fn verifying(&self, id: &str) -> Result<Verifying, AccountError> {
        let saved = self.parts.rows.load().await?;
        if let Some(proving) = saved.proving.filter(|proving| proving.id == id) {
            return Ok(Verifying {
                is_proved: proving.ticket.is_some(),
                resend: proving.resend,
                pending: None,
            });
        }
        let registration = saved.registration.filter(|found| found.id == id);
        let registration = registration.ok_or(AccountError::Refused(Refusal::Cancelled))?;
        Ok(Verifying {
            is_proved: registration.stage != Stage::Waiting,
            resend: registration.resend,
            pending: Some(registration.pending),
        })
    }

    pub(crate) async fn resend(self, id: String) -> Result<(), AccountError> {
        let verifying = self.verifying(&id).await?;
        let (now, boot) = (self.parts.clock.boottime(), self.parts.clock.boot_id());
        if !verifying.resend.is_over(now, &boot) {
            return Err(AccountError::TooSoon(verifying.resend.left(now, &boot)));
        }
        let work = self.stay(self.parts.cloud.work()).await?;
        let waits = match self.stay(self.parts.cloud.resend(&id, work)).await {
            Err(AccountError::Cloud(CloudError::Problem(problem)))
                if problem.kind == ProblemKind::NotFound =>
            {
                self.report(verifying.over(&id)).await?;
                return Err(AccountError::Expired);
            }
            waits => waits.map_err(too_many_are_too_soon)?,
        };
        let (resend, expires) = self.deadlines(waits);
        self.report(Event::Looked {
            id,
            verification: Verification::Pending,
            resend,
            expires,
        })
        .await
    }

    pub(crate) async fn look(self, id: String) -> Result<Verification, AccountError> {
        let verifying = self.verifying(&id).await?;
        if verifying.is_proved {
            return Ok(Verification::Confirmed);
        }
        let (verification, resend, expires) = match self.stay(self.parts.cloud.look(&id)).await {
            Ok(LookedUp { verification, waits }) => {
                let (resend, expires) = self.deadlines(waits);
                (verification, resend, expires)
            }
            Err(AccountError::Cloud(CloudError::Problem(problem)))
                if matches!(problem.kind, ProblemKind::NotFound | ProblemKind::CodeExpired) =>
            {
                (
                    Verification::Expired,
                    verifying.resend,
                    self.deadline(Duration::ZERO),
                )
            }
            Err(error) => return Err(error),
        };
        self.report(Event::Looked {
            id,
            verification,
            resend,
            expires,
        })
        .await?;
        Ok(verification)
    }

    pub(crate) async fn cancel(self, id: String) -> Result<(), AccountError> {
        self.report(Event::Cancelled { id }).await
    }
}

/// A used-up budget of codes is a wait like any other to whoever wants one.
pub(super) fn too_many_are_too_soon(error: AccountError) -> AccountError {
    match error {
        AccountError::Cloud(CloudError::Problem(problem)) if problem.kind == ProblemKind::TooMany => {
            CloudError::Problem(Problem {
                kind: ProblemKind::TooSoon,
                ..problem
            })
            .into()
        }
        other => other,
    }
}
