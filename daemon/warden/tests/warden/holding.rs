//! Recovery without the code: what the hold leads to, and how it is counted.

use std::time::Duration;

use belay_proto::clock::Clock;
use belay_proto::keys::sha256;
use belay_proto::signed::*;
use belay_proto::steps::{self, *};
use belay_warden::ceremony::Secrets;
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::Binding;
use belay_warden::core::throttle::Presenter;

use crate::life::bound;
use crate::owner::Owner;
use crate::policies::pass;
use crate::support::{Account, Device, LOGIN, OTHER_PASSWORD, PASSWORD, Running, secret};

const HOUR: Duration = Duration::from_secs(3600);

pub fn allowed(allowed: bool) -> PolicyChanges {
    PolicyChanges {
        recovery_without_code: Some(allowed),
        ..PolicyChanges::default()
    }
}

/// A registered device whose owner lets a recovery without the code take hold there.
pub struct Held {
    pub device: Device,
    pub warden: Running,
    pub account: Account,
    pub owner: Owner,
}

impl Held {
    pub async fn ready() -> Self {
        let device = Device::initialised();
        let warden = device.start();
        let account = warden.register().await;
        let owner = Owner::of(&device, &account);
        warden.set_policies(&allowed(true)).await.unwrap();
        Self {
            device,
            warden,
            account,
            owner,
        }
    }

    /// One whose hold runs, and what waits at the cloud.
    pub async fn begun() -> (Self, Account) {
        let held = Self::ready().await;
        let waiting = held
            .warden
            .forgotten(&held.account, OTHER_PASSWORD)
            .await
            .unwrap();
        (held, waiting)
    }

    /// The process ends at once, and another one begins in another boot.
    pub fn reboot(self) -> Self {
        self.reboot_after(|_| ())
    }

    /// The same, and in between this befalls what is on disk.
    pub fn reboot_after(self, befalls: impl FnOnce(&Device)) -> Self {
        let Self {
            device,
            warden,
            account,
            owner,
        } = self;
        drop(warden);
        befalls(&device);
        device.new_boot();
        let warden = device.start();
        Self {
            device,
            warden,
            account,
            owner,
        }
    }

    /// The process ends at once; what is left is on disk.
    pub fn at_rest(self) -> (Device, Account) {
        (self.device, self.account)
    }

    pub async fn pass(&self, hours: u32) {
        pass(&self.device, &self.warden, hours).await;
    }

    pub fn pin(&self) -> belay_proto::keys::PublicKey {
        bound(&self.device).owner
    }

    /// Nothing runs, nothing has moved, and never will.
    pub async fn is_ended(&self, waiting: &Account) {
        assert_eq!(self.warden.held().await.left, None);
        let end = self.warden.hold_end().await.unwrap();
        assert_eq!((end.credentials, end.over), (sha256(&waiting.credentials), false));
        assert_eq!(self.device.load().book.hold, None, "on disk too");
        self.pass(100).await;
        assert_eq!(self.pin(), self.account.owner);
    }
}

impl Running {
    pub async fn present_forgotten(&self, new: &str) -> Result<String, Refusal> {
        let ticket = self.handle.present(
            Purpose::Recover,
            LOGIN.to_owned(),
            Presenter::Session,
            Secrets::Forgotten(secret(new)),
        );
        Ok(ticket.await?.to_string())
    }

    /// `recover` without the code as belayd walks it, up to the cloud's answer: the ticket, and what waits there.
    pub async fn renewed(
        &self,
        account: &Account,
        new: &str,
    ) -> Result<(String, NewCredentialsSet), Refusal> {
        let ticket = self.present_forgotten(new).await?;
        let input = account.recover_input(std::slice::from_ref(&account.certificate));
        let output = self.use_ticket(&ticket, steps::RECOVER, input).await?;
        Ok((ticket, NewCredentialsSet::decode(&output).unwrap()))
    }

    /// The whole of it; the account as it would be.
    pub async fn forgotten(&self, account: &Account, new: &str) -> Result<Account, Refusal> {
        let (ticket, set) = self.renewed(account, new).await?;
        self.use_ticket(&ticket, steps::BEGIN_HOLD, Done {}.encode())
            .await?;
        Ok(account.after(&set, new))
    }

    pub async fn held(&self) -> HoldOutput {
        self.hold_told(None).await
    }

    pub async fn hold_told(&self, told: Option<[u8; 32]>) -> HoldOutput {
        let input = HoldInput { told, end: None }.encode();
        HoldOutput::decode(&self.use_ticket("", steps::HOLD, input).await.unwrap()).unwrap()
    }

    /// What the warden signs of its last hold.
    pub async fn hold_end(&self) -> Option<HoldEnd> {
        let key = self.handle.snapshot().bound.unwrap().warden_key;
        let end = self.held().await.ended?;
        Some(Signed::decode(&end).unwrap().open(&key).unwrap())
    }

    /// How long the hold still takes.
    pub async fn left(&self) -> Duration {
        Duration::from_millis(self.held().await.left.unwrap())
    }
}

#[tokio::test]
async fn the_pin_moves_after_72_hours_and_not_before_and_the_new_password_opens_the_new_root() {
    let (held, waiting) = Held::begun().await;
    assert_ne!(waiting.owner, held.account.owner);
    assert_eq!(held.warden.count("recovery-begun").await, 1);
    held.pass(71).await;
    held.device.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(held.warden.tick(&held.device).await, Some(Duration::from_secs(1)));
    assert_eq!(held.pin(), held.account.owner);
    assert_eq!(held.warden.hold_end().await, None);

    held.device.clock.advance(Duration::from_secs(1));
    held.warden.tick(&held.device).await;
    assert_eq!(held.pin(), waiting.owner);
    let end = held.warden.hold_end().await.unwrap();
    assert_eq!((end.credentials, end.over), (sha256(&waiting.credentials), true));
    assert_eq!(held.warden.count("recovered-without-code").await, 1);
    assert_eq!(held.warden.unlock(PASSWORD).await, Err(Refusal::WrongPassword));
    assert_eq!(held.warden.unlock(OTHER_PASSWORD).await, Ok(()));
    held.warden
        .proved_with(
            &waiting,
            Purpose::RemoveDevice,
            "remove-device 00000000000000000000000000000000",
        )
        .await
        .unwrap();

    let (before, after) = (held.account.record(), waiting.record());
    assert_eq!((after.account, after.generation), (before.account, 2));
    assert_eq!(
        (after.salt, after.parameters),
        (before.salt, before.parameters),
        "one challenge for both"
    );
    assert!(after.recovery_wrap.is_empty(), "nobody knows a code of it");
    let keyring = waiting.keyring();
    assert_eq!(keyring.key_epoch(), held.account.keyring().key_epoch() + 1);
    assert_eq!(
        keyring.index_key.expose(),
        held.account.keyring().index_key.expose()
    );
    let told = held.warden.hold_told(Some(end.credentials)).await;
    assert_eq!((told.left, told.ended), (None, None));
    assert_eq!(held.device.load().book.hold_ended, None);
}

#[tokio::test]
async fn the_new_root_certifies_this_device_alone_and_as_what_it_was() {
    let held = Held::ready().await;
    let (_, set) = held.warden.renewed(&held.account, OTHER_PASSWORD).await.unwrap();
    assert_eq!(set.on_hold, Some(true));
    assert_eq!(
        (set.certificates.len(), set.boxes.len(), set.delegates.len()),
        (1, 1, 1)
    );
    assert!(set.succession.is_none(), "the old root vouches for nothing");
    let again: DeviceCertificate = Signed::decode(&set.certificates[0])
        .unwrap()
        .open(&set.owner)
        .unwrap();
    let key_epoch = again.key_epoch;
    assert_eq!(
        again,
        DeviceCertificate {
            key_epoch,
            ..held.owner.certificate.clone()
        }
    );
    assert_eq!(
        held.warden.held().await.left,
        None,
        "nothing runs before the cloud has it"
    );
}

#[tokio::test]
async fn sleep_counts_and_reboots_take_a_bounded_part_of_it() {
    let (mut held, waiting) = Held::begun().await;
    // Asleep for a day, with nobody to ask meanwhile.
    held.device.clock.advance(24 * HOUR);
    held.warden.tick(&held.device).await;
    assert_eq!(held.warden.left().await, 48 * HOUR);
    for _ in 0..3 {
        held.pass(7).await;
        held.device.clock.advance(Duration::from_secs(9 * 60));
        held = held.reboot();
        held.warden.tick(&held.device).await;
    }
    let counted = 72 * HOUR - held.warden.left().await;
    let lived = 24 * HOUR + 3 * (7 * HOUR + Duration::from_secs(9 * 60));
    assert!(counted <= lived, "{counted:?}");
    assert!(counted >= lived - 3 * Duration::from_secs(10 * 60), "{counted:?}");
    assert_eq!(held.pin(), held.account.owner);
    held.pass(28).await;
    assert_eq!(held.pin(), waiting.owner);
}

#[tokio::test]
async fn the_wall_clock_moves_nothing() {
    let (held, _) = Held::begun().await;
    let far = held.device.clock.wall() + 400 * 24 * HOUR;
    held.device.clock.set_wall(far);
    held.warden.tick(&held.device).await;
    assert_eq!(held.warden.left().await, 72 * HOUR);
    assert_eq!(held.pin(), held.account.owner);
}

#[tokio::test]
async fn the_new_password_is_good_for_nothing_yet_and_costs_a_try() {
    let (held, waiting) = Held::begun().await;
    let try_it = async |purpose: Purpose| {
        let ticket = held.warden.present(purpose, LOGIN, OTHER_PASSWORD).await.unwrap();
        let input = waiting.challenge(purpose.as_str());
        held.warden
            .use_ticket(&ticket, steps::LOGIN_SIGNATURE, input)
            .await
    };
    assert_eq!(
        try_it(Purpose::Reauthenticate).await,
        Err(Refusal::RecoveryOnHold(72 * HOUR))
    );
    assert_eq!(
        held.warden.unlock(OTHER_PASSWORD).await,
        Err(Refusal::WrongPassword)
    );
    assert_eq!(
        held.warden.sign_out(OTHER_PASSWORD).await,
        Err(Refusal::WrongPassword)
    );
    let throttle = held.device.load().throttle;
    assert_eq!(throttle.screen.failures + throttle.session.failures, 2);
    assert_eq!(held.warden.left().await, 72 * HOUR);
}

#[tokio::test]
async fn a_device_of_nobodys_makes_a_root_that_the_cloud_waits_with_and_counts_nothing() {
    let held = Held::ready().await;
    let fresh = Device::initialised().other_hardware();
    let warden = fresh.start();
    let ticket = warden.present_forgotten(OTHER_PASSWORD).await.unwrap();
    let input = RecoverInput {
        credentials: held.account.credentials.clone(),
        keyring: held.account.keyring.clone(),
        devices: vec![held.account.certificate.clone()],
        key_epoch: Some(7),
        ..Default::default()
    };
    let output = warden
        .use_ticket(&ticket, steps::RECOVER, input.encode())
        .await
        .unwrap();
    let set = NewCredentialsSet::decode(&output).unwrap();
    assert_eq!(
        (set.on_hold, set.certificates.len(), set.delegates.len()),
        (Some(true), 0, 0)
    );
    let begun = warden
        .use_ticket(&ticket, steps::BEGIN_HOLD, Done {}.encode())
        .await;
    assert_eq!(begun, Err(Refusal::BadTicket));
    let account = held.account.after(&set, OTHER_PASSWORD);
    assert_eq!(account.keyring().key_epoch(), 8, "above all that was written");
    warden.sign_in(&account, None).await.unwrap();
    assert_eq!(bound(&fresh).owner, account.owner);
}

#[tokio::test]
async fn the_watch_stays_while_it_runs_and_leaves_afterwards() {
    let (held, _) = Held::begun().await;
    let snapshot = held.warden.handle.snapshot();
    assert!(snapshot.hold.is_some());
    assert!(held.warden.tick(&held.device).await.is_some(), "armed");
    held.pass(73).await;
    assert_eq!(
        held.warden.tick(&held.device).await,
        None,
        "nothing is waited for any more"
    );
}

#[tokio::test]
async fn what_is_known_of_the_new_password_takes_the_place_of_the_old_ones() {
    let held = Held::ready().await;
    let old = bound(&held.device).strength().unwrap();
    held.device.clock.advance(HOUR);
    held.warden
        .forgotten(&held.account, OTHER_PASSWORD)
        .await
        .unwrap();
    held.pass(73).await;
    let new = bound(&held.device).strength().unwrap();
    assert_eq!((new.score, new.since), (4, old.since + HOUR.as_secs()));
}

#[tokio::test]
async fn a_comparison_that_came_to_nothing_holds_nothing_up() {
    let (held, waiting) = Held::begun().await;
    let Held { device, warden, .. } = held;
    drop(warden);
    let mut state = device.load();
    let mut weak = *bound(&device);
    weak.parameters.memory_kib = 8;
    state.binding = Binding::Bound(Box::new(weak));
    let warden = device.start_from(state);
    assert!(matches!(
        warden.unlock(PASSWORD).await,
        Err(Refusal::CloudRefused(_))
    ));
    pass(&device, &warden, 73).await;
    assert_eq!(bound(&device).owner, waiting.owner);
}
