//! ResendCode, VerificationState, CancelVerification: of a registration, an address, a recovery.

use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::id::PendingId;

use super::Flow;
use crate::account::error::AccountError;
use crate::account::model::{Deadline, OwnSms, Stage, Verification};
use crate::account::ports::LookedUp;
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, Problem, ProblemKind};

/// How long another code is waited for where the cloud doesn't say.
const BETWEEN_CODES: Duration = Duration::from_secs(15 * 60);

/// What every verification has.
struct Verifying {
    resend: Deadline,
    /// The code was right, or the link was opened.
    is_proved: bool,
    /// The keys of a registration.
    pending: Option<PendingId>,
    /// The SMS that this device sends, instead of the cloud a code.
    own_sms: Option<OwnSms>,
}

/// What the cloud says of a verification, in this device's time.
pub(in crate::account) struct Looked {
    pub(in crate::account) verification: Verification,
    resend: Deadline,
    expires: Deadline,
}

impl Looked {
    /// Reads the cloud's answer; `resend` stays in force where the verification is over.
    ///
    /// # Errors
    /// Where the answer says nothing of the verification.
    pub(in crate::account) fn of(
        clock: &dyn Clock,
        answer: Result<LookedUp, CloudError>,
        resend: Deadline,
    ) -> Result<Self, CloudError> {
        let deadline = |span| Deadline::after(span, clock.boottime(), &clock.boot_id());
        match answer {
            Ok(LookedUp { verification, waits }) => Ok(Self {
                verification,
                resend: deadline(waits.resend_in),
                expires: deadline(waits.expires_in),
            }),
            Err(CloudError::Problem(problem))
                if matches!(problem.kind, ProblemKind::NotFound | ProblemKind::CodeExpired) =>
            {
                Ok(Self {
                    verification: Verification::Expired,
                    resend,
                    expires: deadline(Duration::ZERO),
                })
            }
            Err(error) => Err(error),
        }
    }

    pub(in crate::account) fn event(self, id: String) -> Event {
        Event::Looked {
            id,
            verification: self.verification,
            resend: self.resend,
            expires: self.expires,
        }
    }
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
                own_sms: None,
            });
        }
        let registration = saved.registration.filter(|found| found.id == id);
        let registration = registration.ok_or(AccountError::Refused(Refusal::Cancelled))?;
        let awaits = registration.awaits_own_sms();
        Ok(Verifying {
            is_proved: registration.stage != Stage::Waiting,
            resend: registration.resend,
            pending: Some(registration.pending),
            own_sms: registration.own_sms.filter(|_| awaits),
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
            // What can be sent again has a code that may be over; where no other is to be had, all of it is.
            Err(AccountError::Cloud(CloudError::Problem(problem)))
                if matches!(problem.kind, ProblemKind::NotFound | ProblemKind::CodeExpired) =>
            {
                self.report(verifying.over(&id)).await?;
                return Err(AccountError::Expired);
            }
            // What it gave leave for hasn't left this device: the modem refused.
            Err(AccountError::Cloud(ref error @ CloudError::Problem(ref problem)))
                if problem.kind == ProblemKind::TooSoon && verifying.own_sms.is_some() =>
            {
                let resend = self.deadline(error.retry_after().unwrap_or(BETWEEN_CODES));
                self.report(Event::CodeSpent {
                    id: id.clone(),
                    resend,
                })
                .await?;
                return self.send_own_again(id, verifying.own_sms).await;
            }
            Err(error) => {
                self.waits_longer(id, &error).await?;
                return Err(too_many_are_too_soon(error));
            }
            Ok(waits) => waits,
        };
        let (resend, expires) = self.deadlines(waits);
        self.report(Event::Looked {
            id: id.clone(),
            verification: Verification::Pending,
            resend,
            expires,
        })
        .await?;
        self.send_own_again(id, verifying.own_sms).await
    }

    /// What the cloud asks to wait for this verification's next code is what is shown and waited for from then on. Not a budget that
    /// is used up: a network's is another's once this device is elsewhere, so the cloud is asked again.
    async fn waits_longer(&self, id: String, error: &AccountError) -> Result<(), AccountError> {
        if let AccountError::Cloud(error @ CloudError::Problem(problem)) = error
            && problem.kind == ProblemKind::TooSoon
            && let Some(wait) = error.retry_after()
        {
            let resend = self.deadline(wait);
            self.report(Event::CodeSpent { id, resend }).await?;
        }
        Ok(())
    }

    /// Where nothing was sent, nothing is to be waited for.
    async fn send_own_again(&self, id: String, sms: Option<OwnSms>) -> Result<(), AccountError> {
        let Some(sms) = sms else { return Ok(()) };
        if let Err(error) = self.send_own(&sms).await {
            let resend = self.deadline(Duration::ZERO);
            self.report(Event::CodeSpent { id, resend }).await?;
            return Err(error);
        }
        Ok(())
    }

    pub(crate) async fn look(self, id: String) -> Result<Verification, AccountError> {
        let verifying = self.verifying(&id).await?;
        if verifying.is_proved {
            return Ok(Verification::Confirmed);
        }
        let answer = self
            .stay(async { Ok::<_, AccountError>(self.parts.cloud.look(&id).await) })
            .await?;
        let looked = Looked::of(self.parts.clock.as_ref(), answer, verifying.resend)?;
        let verification = looked.verification;
        self.report(looked.event(id)).await?;
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
