//! The steps of the account's life: another password, orders, the removal of a device, and what belayd brings from elsewhere.
//!
//! A ticket's subject says what the owner saw; the root that its password opened has to be the pinned owner's when it signs.

use belay_proto::cbor::MAX_BYTES;
use belay_proto::keys::{KdfParameters, random};
use belay_proto::signed::Deed;
use belay_proto::steps::{
    self, Done, LoginSignatureInput, NEW_ROOT, NewPasswordInput, OrderOutput, Purpose, ReleaseOutput,
    RemoveDeviceInput, SucceedInput, TakeDelegateInput, TakeKeyringInput, TakenOutput,
};
use belay_proto::{DeviceId, TicketId};

use super::malformed;
use crate::actor::Warden;
use crate::ceremony::{self, Derived, Known, Listed, NewKeys, Opened};
use crate::core::keyring;
use crate::core::password::Chosen;
use crate::core::refusal::Refusal;
use crate::core::state::{Answer, Binding, What};
use crate::core::succession::Brought;

impl Warden {
    /// The steps of these purposes in which the owner proves the password and signs.
    pub(super) async fn walk_account(
        &mut self,
        ticket: TicketId,
        purpose: Purpose,
        step: &str,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        match (purpose, step) {
            (Purpose::Recover, steps::RECOVER) => self.recover(ticket, input).await,
            (Purpose::Recover, steps::RECOVERED) => self.has_recovered(ticket, input).await,
            (Purpose::Recover, steps::BEGIN_HOLD) => self.begin_hold(ticket, input),
            (Purpose::Recover, steps::LOGIN_SIGNATURE) => self.sign_to_join(ticket, input).await,
            (Purpose::Recover, steps::OPEN_ROOT) => self.join(ticket, input),
            (Purpose::Recover, _) => Err(Refusal::BadTicket),
            (_, steps::LOGIN_SIGNATURE) => self.account_login(ticket, purpose, input).await,
            (_, steps::OPEN_ROOT) => self.open_root(ticket, purpose, input),
            (Purpose::ChangePassword, steps::NEW_PASSWORD) => self.new_password(ticket, input).await,
            (Purpose::RecoveryCode, steps::NEW_RECOVERY_CODE) => self.new_recovery_code(ticket, input).await,
            (Purpose::Identifier | Purpose::DeleteAccount | Purpose::Bootloader, steps::ORDER) => {
                self.order(ticket, input).await
            }
            (Purpose::RemoveDevice, steps::REMOVE_DEVICE) => self.remove_device(ticket, input).await,
            _ => Err(Refusal::BadTicket),
        }
    }

    /// What other devices of the owner made for this one. `None`: another step.
    pub(super) fn walk_grants(&mut self, step: &str, input: &[u8]) -> Option<Result<Vec<u8>, Refusal>> {
        if step == steps::HOLD {
            return Some(self.hold(input));
        }
        let brought = match step {
            steps::TAKE_KEYRING => {
                TakeKeyringInput::decode(input).map(|input| What::KeyringBrought(input.keyring))
            }
            steps::TAKE_DELEGATE => {
                TakeDelegateInput::decode(input).map(|input| What::DelegateBrought(input.delegate))
            }
            steps::SUCCEED => SucceedInput::decode(input).map(|input| {
                What::SuccessionBrought(Box::new(Brought {
                    succession: input.succession,
                    credentials: input.credentials,
                    certificate: input.certificate,
                }))
            }),
            _ => return None,
        };
        Some(brought.map_err(malformed).and_then(|what| self.take(what)))
    }

    fn take(&mut self, brought: What) -> Result<Vec<u8>, Refusal> {
        match self.apply(brought)? {
            Answer::Taken(taken) => Ok(TakenOutput { taken }.encode()),
            _ => Err(Refusal::Internal("neither taken nor left")),
        }
    }

    /// The identifier is the account's id, so that no address has to be known: they come and go elsewhere too.
    pub(super) async fn account_login(
        &mut self,
        ticket: TicketId,
        purpose: Purpose,
        input: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let input = LoginSignatureInput::decode(input).map_err(malformed)?;
        let account = self.state.bound()?.account.to_string();
        self.sign_login(ticket, purpose, &account, input).await
    }

    async fn new_password(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = NewPasswordInput::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        self.go_on_from_kept(&ticket, input.key_epoch)?;
        let devices = self.own_devices(&ticket, &input.devices, input.lost)?;
        let is_any_lost = devices.iter().any(|device| matches!(device, Listed::Lost(_)));
        let is_behind = self.owners_root(&ticket)?.is_behind();
        let keys = match self.subject(&ticket)? == NEW_ROOT {
            true => NewKeys::Root,
            // Keys that a lost device has already are no secret to whoever has it, and under some that the cloud counts as old nothing
            // is kept.
            false if input.new_epoch || is_any_lost || is_behind => NewKeys::Epoch,
            false => NewKeys::Kept,
        };
        let seen = self.owners_root(&ticket)?.record.parameters;
        let chosen = self.derive_new(&ticket, &seen).await?;
        let output = new_set(self.owners_root(&ticket)?, &chosen, &devices, keys)?;
        let generation = self.owners_root(&ticket)?.record.generation.saturating_add(1);
        let chosen = self.chosen(&ticket, &chosen)?;
        self.apply(What::PasswordChosen {
            ticket,
            generation,
            chosen,
        })?;
        Ok(output)
    }

    async fn order(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        let deed = self.deed(&ticket)?;
        let order = ceremony::order(self.owners_root(&ticket)?, &deed);
        self.apply(What::OrderSigned { ticket, deed })?;
        Ok(OrderOutput { order }.encode())
    }

    /// What became of the order to delete the account.
    pub(super) fn after_the_order(&mut self, step: &str, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        Done::decode(input).map_err(malformed)?;
        let what = match step == steps::LEAVE {
            true => What::AccountGone,
            false => What::AccountStays,
        };
        match self.apply(what)? {
            Answer::Released(release) => Ok(ReleaseOutput { release }.encode()),
            _ => Ok(Done {}.encode()),
        }
    }

    async fn remove_device(&mut self, ticket: TicketId, input: &[u8]) -> Result<Vec<u8>, Refusal> {
        let input = RemoveDeviceInput::decode(input).map_err(malformed)?;
        self.check_ticket(ticket).await?;
        self.go_on_from_kept(&ticket, input.key_epoch)?;
        let devices = self.own_devices(&ticket, &input.devices, input.lost)?;
        let deed = self.deed(&ticket)?;
        let Deed::RemoveDevice(device) = deed else {
            return Err(Refusal::BadTicket);
        };
        if ceremony::has(&devices, &device) {
            return Err(Refusal::CloudRefused(
                "the device to be removed is among those that stay".to_owned(),
            ));
        }
        let output = ceremony::removal(self.owners_root(&ticket)?, device, &devices)?;
        let output = fitting(output.encode())?;
        self.apply(What::OrderSigned { ticket, deed })?;
        Ok(output)
    }

    /// The root that the ticket's password opened, while it is the pinned owner's and no older than what holds.
    pub(super) fn owners_root(&self, ticket: &TicketId) -> Result<&Opened, Refusal> {
        let (opened, bound) = (self.session(ticket)?.opened()?, self.state.bound()?);
        self.is_owners(opened)?;
        match opened.record.generation < bound.generation {
            true => Err(Refusal::CloudRefused("older credentials".to_owned())),
            false => Ok(opened),
        }
    }

    /// Has the ticket's root go on from the newest keyring that is known here, and from the removals: what came with it is only what
    /// the cloud shows. New keys begin above `key_epoch` too, which it counts.
    pub(super) fn go_on_from_kept(
        &mut self,
        ticket: &TicketId,
        key_epoch: Option<u64>,
    ) -> Result<(), Refusal> {
        self.owners_root(ticket)?;
        let bound = self.state.bound()?;
        let kept = keyring::kept(&self.state.key, bound)?;
        let (removed, own) = (bound.removed.clone().unwrap_or_default(), bound.device);
        let opened = self.session_mut(ticket)?.opened_mut()?;
        opened.go_on_from(kept.as_ref(), &removed, own);
        opened.begin_after(key_epoch);
        Ok(())
    }

    /// Whether a root is the pinned owner's.
    pub(super) fn is_owners(&self, opened: &Opened) -> Result<(), Refusal> {
        let bound = self.state.bound()?;
        match opened.owner() == bound.owner && opened.record.account == bound.account {
            true => Ok(()),
            false => Err(Refusal::CloudRefused("another owner's credentials".to_owned())),
        }
    }

    /// The account's devices, this one among them: whoever is the owner stands here, though a removal that came to nothing names it.
    pub(super) fn own_devices(
        &self,
        ticket: &TicketId,
        list: &[Vec<u8>],
        lost: Option<Vec<DeviceId>>,
    ) -> Result<Vec<Listed>, Refusal> {
        let opened = self.owners_root(ticket)?;
        let known = self.standing(opened, lost);
        let devices = ceremony::certificates(list, &opened.owner(), &opened.record.account, &known)?;
        match ceremony::has(&devices, &self.state.bound()?.device) {
            true => Ok(devices),
            false => Err(Refusal::CloudRefused("this device isn't among them".to_owned())),
        }
    }

    /// The devices that get nothing: whose removal was signed here, and those that the keyring names; and the `lost` ones, of which
    /// belayd knows. This device is neither: it isn't lost here, where its owner stands.
    pub(super) fn standing(&self, opened: &Opened, lost: Option<Vec<DeviceId>>) -> Known {
        let (mut removed, mut lost) = (opened.keyring.removed().to_vec(), lost.unwrap_or_default());
        if let Binding::Bound(bound) = &self.state.binding {
            removed.extend(bound.removed.iter().flatten());
            removed.retain(|device| *device != bound.device);
            lost.retain(|device| *device != bound.device);
        }
        Known { removed, lost }
    }

    /// Argon2id over the password that was chosen, at no lower a price than any that was seen.
    pub(super) async fn derive_new(
        &mut self,
        ticket: &TicketId,
        seen: &KdfParameters,
    ) -> Result<Derived, Refusal> {
        let mut parameters = self.facts.new_account_kdf.at_least(seen);
        if let Ok(bound) = self.state.bound() {
            parameters = parameters.at_least(&bound.parameters);
        }
        let session = self.session_mut(ticket)?;
        session.admit_derivation()?;
        let (password, salt) = (session.new_password()?, random());
        let master = ceremony::derive(password, salt, parameters).await?;
        Ok(Derived {
            salt,
            parameters,
            master,
        })
    }

    /// What is kept of the password that was chosen, once its credentials hold.
    pub(super) fn chosen(&self, ticket: &TicketId, derived: &Derived) -> Result<Chosen, Refusal> {
        let password = self.session(ticket)?.new_password()?;
        Ok(Chosen {
            verify_digest: derived.master.verify_digest(),
            strength: self.strength(&password),
        })
    }

    pub(super) fn subject(&self, ticket: &TicketId) -> Result<&str, Refusal> {
        let ticket = self.state.tickets.any(ticket).ok_or(Refusal::BadTicket)?;
        Ok(&ticket.subject)
    }

    fn deed(&self, ticket: &TicketId) -> Result<Deed, Refusal> {
        Deed::parse(self.subject(ticket)?).map_err(malformed)
    }
}

/// The credentials under the chosen password, encoded.
pub(super) fn new_set(
    opened: &Opened,
    chosen: &Derived,
    devices: &[Listed],
    keys: NewKeys,
) -> Result<Vec<u8>, Refusal> {
    with_room(keys, |keys| {
        fitting(ceremony::change_password(opened, chosen, devices, keys)?.encode())
    })
}

/// What is made with these keys, or with less of them where there is no room for those: a password or a recovery code that somebody
/// else knows is not to hold on for that.
pub(super) fn with_room<T>(
    mut keys: NewKeys,
    made: impl Fn(NewKeys) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    loop {
        match (made(keys), keys.less()) {
            (Err(Refusal::Storage(why)), Some(less)) => {
                tracing::warn!(why, "the account goes on with the keys that fit");
                keys = less;
            }
            (made, _) => return made,
        }
    }
}

/// What nobody could read isn't signed.
pub(super) fn fitting(output: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    match output.len() > MAX_BYTES {
        true => Err(Refusal::Storage(
            "the account's keys don't fit an answer for so many devices".to_owned(),
        )),
        false => Ok(output),
    }
}
