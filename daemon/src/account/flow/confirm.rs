//! ConfirmRegistration and AcknowledgeRecoveryCode.

use std::time::Duration;

use belay_proto::clock::unix_seconds;
use belay_proto::dbus::Error as BusError;
use belay_proto::failpoint;
use belay_proto::identifier::Identifier as Address;
use belay_proto::keys::{RecoveryClaim, same};
use belay_proto::secret::Secret;
use belay_proto::steps::{self, Done, PendingBindOutput};

use super::Flow;
use crate::account::error::AccountError;
use crate::account::model::{Attempt, Identifier, Locked, Registration, Session, Stage, Verification};
use crate::account::ports::NewAccount;
use crate::account::state::{Event, Refusal};
use crate::cloud::{CloudError, Problem, ProblemKind, idempotency_key};
use crate::warden::WardenError;

impl Flow {
    /// Walks the stages from where the registration stands, so that asking again after a lost reply, or after
    /// a kill between any two of them, goes on or answers the same: the claim to the recovery code, which belayd
    /// itself can't use.
    pub(crate) async fn confirm(
        self,
        id: String,
        code: Secret<String>,
    ) -> Result<RecoveryClaim, AccountError> {
        let mut registration = self.registration(&id, Refusal::Cancelled).await?;
        if let Some(right) = registration.stage.code()
            && !same(right, &registration.code_digest(code.expose()))
        {
            return Err(AccountError::WrongCode);
        }
        loop {
            match &registration.stage {
                Stage::Prepared => return Err(AccountError::Refused(Refusal::NotFound)),
                Stage::Waiting => self.prove(&registration, &code).await?,
                Stage::Proved { ticket, .. } => self.submit(&registration, ticket).await?,
                Stage::Submitting { body, key, .. } => self.create(&registration, body, key).await?,
                Stage::Accepted { .. } => self.bind(&registration).await?,
                // Told again by the step that bound: nothing of it is kept here.
                Stage::Bound { .. } => return Ok(self.bind_step(&registration).await?.claim),
            }
            registration = self.registration(&id, Refusal::Cancelled).await?;
        }
    }

    async fn prove(&self, registration: &Registration, code: &Secret<String>) -> Result<(), AccountError> {
        let id = registration.id.clone();
        let digest = registration.code_digest(code.expose());
        let key = match &registration.attempt {
            Some(attempt) if attempt.code == digest => attempt.key.clone(),
            _ => {
                let attempt = Attempt {
                    code: digest,
                    key: idempotency_key(),
                };
                let key = attempt.key.clone();
                self.report(Event::Trying {
                    id: id.clone(),
                    attempt: Some(attempt),
                })
                .await?;
                failpoint!("belayd.confirm.trying");
                key
            }
        };
        match self.stay(self.parts.cloud.prove(&id, code.expose(), &key)).await {
            Ok(ticket) => {
                failpoint!("belayd.confirm.code-right");
                self.report(Event::Proved {
                    id,
                    ticket,
                    code: digest,
                })
                .await?;
                failpoint!("belayd.confirm.proved");
                Ok(())
            }
            Err(AccountError::Cloud(CloudError::Problem(problem))) => {
                Err(self.not_proved(registration, problem).await)
            }
            Err(error) => Err(error),
        }
    }

    async fn not_proved(&self, registration: &Registration, problem: Problem) -> AccountError {
        match self.learn_from(registration, &problem).await {
            Ok(true) => AccountError::Expired,
            Ok(false) => AccountError::from(CloudError::Problem(problem)).of_tries(),
            Err(error) => error,
        }
    }

    /// Notes what a refused code means; answers whether the registration is over.
    async fn learn_from(&self, registration: &Registration, problem: &Problem) -> Result<bool, AccountError> {
        let id = registration.id.clone();
        if CloudError::Problem(problem.clone()).is_decided() {
            self.report(Event::Trying {
                id: id.clone(),
                attempt: None,
            })
            .await?;
        }
        let spent = match problem.kind {
            ProblemKind::WrongCode => problem.tries_left == Some(0),
            // The code alone, or all of the verification.
            ProblemKind::CodeExpired if !self.is_over(&id).await => true,
            ProblemKind::CodeExpired | ProblemKind::NotFound => {
                self.report(Event::Failed {
                    pending: registration.pending,
                })
                .await?;
                return Ok(true);
            }
            _ => false,
        };
        if spent {
            // Another code may be sent at once.
            let resend = self.deadline(Duration::ZERO);
            self.report(Event::CodeSpent { id, resend }).await?;
        }
        Ok(false)
    }

    pub(super) async fn is_over(&self, id: &str) -> bool {
        match self.parts.cloud.look(id).await {
            Ok(found) => found.verification == Verification::Expired,
            Err(CloudError::Problem(problem)) => {
                matches!(problem.kind, ProblemKind::NotFound | ProblemKind::CodeExpired)
            }
            Err(_) => false,
        }
    }

    async fn submit(&self, registration: &Registration, ticket: &str) -> Result<(), AccountError> {
        let body = self.parts.cloud.account_body(NewAccount {
            ticket,
            material: &registration.material,
            profile: &registration.profile,
            device_name: &self.device_name().await?,
            device_kind: self.parts.device_kind,
        })?;
        self.report(Event::Submitting {
            id: registration.id.clone(),
            body,
            key: idempotency_key(),
        })
        .await?;
        failpoint!("belayd.confirm.submitting");
        Ok(())
    }

    /// From here on the caller may leave: the cloud may have made the account.
    async fn create(&self, registration: &Registration, body: &str, key: &str) -> Result<(), AccountError> {
        let created = match self.parts.cloud.create_account(body, key).await {
            Ok(created) => created,
            Err(CloudError::Problem(problem)) => return Err(self.not_created(registration, problem).await),
            Err(error) => return Err(error.into()),
        };
        if created.account != registration.account {
            return Err(CloudError::Nonsense("the cloud made another account".into()).into());
        }
        failpoint!("belayd.confirm.account-made");
        self.parts.rows.put_tokens(created.tokens).await?;
        failpoint!("belayd.confirm.tokens-kept");
        let session = Box::new(self.new_session(registration));
        self.report(Event::Accepted {
            id: registration.id.clone(),
            session,
        })
        .await?;
        failpoint!("belayd.confirm.accepted");
        Ok(())
    }

    async fn not_created(&self, registration: &Registration, problem: Problem) -> AccountError {
        let over = matches!(
            problem.kind,
            ProblemKind::IdentifierTaken
                | ProblemKind::AccountExists
                | ProblemKind::ActivationLocked
                | ProblemKind::BadCredentials
                | ProblemKind::BadCertificate
                | ProblemKind::BadTicket
                | ProblemKind::CodeExpired
        );
        if problem.kind == ProblemKind::ActivationLocked {
            let locked = Event::HardwareLocked(Locked {
                login: problem.login.clone(),
            });
            if let Err(error) = self.report(locked).await {
                return error;
            }
        }
        if over
            && let Err(error) = self
                .report(Event::Failed {
                    pending: registration.pending,
                })
                .await
        {
            return error;
        }
        match problem.kind {
            ProblemKind::BadTicket => AccountError::Expired,
            _ => CloudError::Problem(problem).into(),
        }
    }

    async fn bind(&self, registration: &Registration) -> Result<(), AccountError> {
        if let Err(error) = self.bind_step(registration).await
            && !self.is_bound_to(registration.account).await
        {
            if !is_forgotten(&error) {
                return Err(error);
            }
            // The warden drops pending keys after a day. The account exists; its password signs in.
            self.report(Event::Failed {
                pending: registration.pending,
            })
            .await?;
            return Err(AccountError::Expired);
        }
        failpoint!("belayd.confirm.bound");
        self.refresh_view().await;
        self.report(Event::Confirmed {
            id: registration.id.clone(),
            session: Box::new(self.new_session(registration)),
        })
        .await?;
        failpoint!("belayd.confirm.kept");
        self.release_arrived(registration.material.release.as_deref())
            .await;
        Ok(())
    }

    async fn bind_step(&self, registration: &Registration) -> Result<PendingBindOutput, AccountError> {
        self.pending_step(registration.pending, steps::BIND, PendingBindOutput::decode)
            .await
    }

    fn new_session(&self, registration: &Registration) -> Session {
        let identifier = Address::parse(&registration.login)
            .ok()
            .map(|address| Identifier {
                id: String::new(),
                kind: address.kind().as_str().to_owned(),
                masked: address.masked(),
                verified: true,
            });
        Session {
            account: registration.account,
            identifiers: identifier.into_iter().collect(),
            profile: registration.profile.clone(),
            since: unix_seconds(self.parts.clock.wall()),
            recovery_code_set: true,
            bound: false,
            ended: false,
            departure: None,
            new_code: None,
            leaves_data: false,
            deletion_sent: false,
        }
    }

    /// The recovery code of the registration `id` is written down; with an empty one that which was made last.
    pub(crate) async fn acknowledge(self, id: String) -> Result<(), AccountError> {
        if id.is_empty() {
            return self.acknowledge_new_code().await;
        }
        let registration = self.registration(&id, Refusal::NotFound).await?;
        let told = self
            .pending_step(registration.pending, steps::ACKNOWLEDGE, Done::decode)
            .await;
        match told {
            Ok(_) => {}
            // Acknowledged before, by a call whose end was lost.
            Err(error) if is_forgotten(&error) => {}
            Err(error) => return Err(error),
        }
        failpoint!("belayd.acknowledge.told");
        self.report(Event::Acknowledged { id }).await?;
        failpoint!("belayd.acknowledge.kept");
        Ok(())
    }
}

/// Whether the warden knows nothing of such a pending registration, or recovery code.
pub(super) fn is_forgotten(error: &AccountError) -> bool {
    matches!(
        error,
        AccountError::Warden(WardenError::Refused(
            BusError::NotFound(_) | BusError::BadTicket(_) | BusError::CodeExpired(_)
        ))
    )
}
