//! The recovery code: another one, and what it is for.

use belay_proto::keys::{RecoveryCode, sha256};
use belay_proto::steps::{NewRecoveryCodeInput, NewRecoveryCodeOutput, RecoverInput};
use belay_proto::{PendingId, TicketId};

use super::account::fitting;
use super::malformed;
use crate::actor::Warden;
use crate::ceremony::{self, NewKeys, Opened};
use crate::core::refusal::Refusal;
use crate::core::registration::Pending;
use crate::core::state::{Binding, What};

impl Warden {
    pub(super) async fn new_recovery_code(
        &mut self,
        ticket: TicketId,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let input = NewRecoveryCodeInput::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        let devices = self.own_devices(&ticket, &input.devices)?;
        let (code, opened) = (RecoveryCode::generate(), self.owners_root(&ticket)?);
        let derived = self.session(&ticket)?.derived()?;
        let set = ceremony::change_recovery_code(opened, derived, &devices, &code)?;
        let pending = Pending {
            id: PendingId::random(),
            device: self.state.bound()?.device,
            started: self.now(),
            code: ceremony::seal_code(&self.state.key, &code),
            draft: None,
            awaits: Some(sha256(&set.credentials)),
            wrong_claims: 0,
        };
        let output = NewRecoveryCodeOutput {
            pending: pending.id,
            claim: self.state.key.recovery_claim(&pending.id),
            set: set.encode(),
        };
        let output = fitting(output.encode())?;
        self.apply(What::CodeMade {
            ticket,
            pending: Box::new(pending),
        })?;
        Ok(output)
    }

    /// One try: 160 bits aren't guessed, and nobody keeps the processor busy with one ticket.
    pub(super) async fn recover(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = RecoverInput::decode(input).map_err(malformed)?;
        let outcome = self.recovered(ticket, &input).await;
        if outcome.is_err() {
            self.apply(What::RecoveryFailed { ticket })?;
        }
        outcome
    }

    async fn recovered(&mut self, ticket: TicketId, input: &RecoverInput) -> Result<Vec<u8>, Refusal> {
        let opened = ceremony::recovered(self.session(&ticket)?.code()?, input)?;
        self.is_in_force(&opened)?;
        let (owner, account) = (opened.owner(), &opened.record.account);
        let devices = ceremony::certificates(&input.devices, &owner, account)?;
        let chosen = self.derive_new(&ticket, &opened.record.parameters).await?;
        // The wrap goes on as it is: the code stays the same.
        let set = ceremony::change_password(&opened, &chosen, &devices, NewKeys::Kept)?;
        let output = fitting(set.encode())?;
        let generation = opened.record.generation.saturating_add(1);
        self.apply(What::Recovered { ticket, generation })?;
        Ok(output)
    }

    /// On a device that is somebody's the root must be theirs, and no older than what holds.
    fn is_in_force(&self, opened: &Opened) -> Result<(), Refusal> {
        let Binding::Bound(bound) = &self.state.binding else {
            return Ok(());
        };
        self.is_owners(opened)?;
        match opened.record.generation < bound.generation {
            true => Err(Refusal::CloudRefused("older credentials".to_owned())),
            false => Ok(()),
        }
    }
}
