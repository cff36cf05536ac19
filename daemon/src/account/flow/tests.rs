//! The methods against a warden and a cloud made of maps, and kills between any two of their steps.

mod addresses;
mod apart;
mod background;
mod cloud;
mod cloud_upkeep;
mod commands;
mod deletion;
mod ending;
mod following;
mod kills;
mod leaving;
mod methods;
mod orders;
mod own_sms;
mod recovering;
mod recovery_code;
mod registering;
mod removing;
mod trouble;
mod upkeep;
mod warden;

use std::sync::Arc;

use belay_proto::dbus::{AccountState, Error};
use belay_proto::identifier::Identifier;
use belay_proto::secret::Secret;
use tokio::sync::{Mutex, watch};

use crate::account::{AccountError, AccountHandle, Leaving, NewRegistration, Parts, Profile, View};
use crate::actor::Supervisor;
use crate::cloud::Vault;
use crate::cloud::tests::clock::SkippingClock;
use crate::store::account::AccountRows;
use crate::store::{SealingKey, Store};
use crate::warden::PasswordSteps;
use cloud::MapCloud;
use warden::MapWarden;

const ADA: &str = "ada@example.org";
const CODE: &str = "123456";

/// What outlives belayd: the disk, the warden and the cloud.
pub(in crate::account) struct World {
    folder: tempfile::TempDir,
    warden: Arc<MapWarden>,
    pub(in crate::account) cloud: Arc<MapCloud>,
    clock: Arc<SkippingClock>,
    fuse: Arc<Fuse>,
    pub(in crate::account) modem: Arc<own_sms::FakeModem>,
    /// Rings when something of the account was changed elsewhere.
    hints: watch::Sender<u64>,
}

/// One life of belayd.
struct Life {
    account: AccountHandle,
    rows: AccountRows,
    store: Store,
    supervisor: Supervisor,
}

impl World {
    pub(in crate::account) fn new() -> Self {
        let fuse = Arc::new(Fuse::default());
        let warden = MapWarden::new(Arc::clone(&fuse));
        let cloud = Arc::new(MapCloud::new(Arc::clone(&fuse)));
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder,
            warden,
            cloud,
            clock: Arc::new(SkippingClock::default()),
            fuse,
            modem: Arc::default(),
            hints: watch::Sender::new(0),
        }
    }

    pub(in crate::account) async fn store(&self) -> Store {
        Store::open(self.folder.path(), SealingKey::default())
            .await
            .unwrap()
    }

    /// What an account's actor works with in this world.
    pub(in crate::account) fn parts(&self, rows: AccountRows) -> Parts {
        self.cloud.keep_in(rows.clone());
        let warden = self.warden.handle();
        Parts {
            cloud: self.cloud.clone(),
            passwords: PasswordSteps::new(warden.clone(), self.cloud.clone(), self.clock.clone()),
            warden,
            modem: self.modem.clone(),
            rows,
            clock: self.clock.clone(),
            device_name: "a phone".into(),
            device_kind: belay_proto::wire::DeviceKind::Phone,
            hinted: self.hints.subscribe(),
            reached: watch::Sender::new(0).subscribe(),
            stale: Arc::default(),
            orders: Mutex::default(),
        }
    }

    async fn live(&self) -> Life {
        let store = self.store().await;
        let rows = AccountRows::new(store.clone());
        let parts = self.parts(rows.clone());
        let mut supervisor = Supervisor::default();
        let account = AccountHandle::start(&mut supervisor, parts);
        let life = Life {
            account,
            rows,
            store,
            supervisor,
        };
        life.until(|view| view.state != AccountState::Unknown).await;
        life
    }

    /// A world in which Ada's account is bound here.
    async fn bound() -> (Self, Life) {
        let world = Self::new();
        let life = world.live().await;
        let id = world.register(&life).await.unwrap();
        confirm(&life, &id, CODE).await.unwrap();
        life.account.acknowledge(id).await.unwrap();
        (world, life)
    }

    /// Something of the account was changed elsewhere, the cloud says.
    fn hint(&self) {
        self.hints.send_modify(|hints| *hints += 1);
    }

    /// What Register is given, with a ticket that is good.
    fn registration(&self, who: &str, by_own_sms: bool) -> NewRegistration {
        NewRegistration {
            identifier: Identifier::parse(who).unwrap(),
            ticket: self.warden.ticket("register", true),
            profile: Profile::default(),
            by_own_sms,
        }
    }

    async fn register(&self, life: &Life) -> Result<String, AccountError> {
        life.account.register(self.registration(ADA, false)).await
    }

    async fn sign_in(&self, life: &Life) -> Result<(), AccountError> {
        life.account
            .sign_in(ADA.into(), self.warden.ticket("sign-in", true))
            .await
    }

    async fn sign_out(&self, life: &Life) -> Result<Vec<u8>, AccountError> {
        life.account
            .sign_out(self.warden.ticket("sign-out", true), Leaving::Nothing)
            .await
    }
}

impl Life {
    async fn until(&self, is_so: impl Fn(&View) -> bool) {
        self.account.watch().wait_for(|view| is_so(view)).await.unwrap();
    }

    fn state(&self) -> AccountState {
        self.account.view().state
    }

    async fn has_tokens(&self) -> bool {
        self.rows.tokens().await.unwrap().is_some()
    }

    /// The end of this life, at once.
    async fn kill(self) {
        let Self { store, .. } = self;
        store.close().await;
    }
}

async fn confirm(life: &Life, id: &str, code: &str) -> Result<String, AccountError> {
    let claim = life.account.confirm(id.to_owned(), Secret::of_text(code)).await?;
    Ok(claim.text().expose().clone())
}

/// The error's name on the bus.
fn name(error: AccountError) -> &'static str {
    Error::from(error)
        .name_str()
        .strip_prefix("org.belay1.Error.")
        .unwrap()
}

/// Burns down with each message to or from warden and cloud; when it is through, nothing comes any more.
pub(in crate::account) struct Fuse {
    left: watch::Sender<Option<u32>>,
}

impl Default for Fuse {
    fn default() -> Self {
        Self {
            left: watch::Sender::new(None),
        }
    }
}

impl Fuse {
    fn set(&self, length: u32) {
        self.left.send_replace(Some(length));
    }

    fn remove(&self) {
        self.left.send_replace(None);
    }

    async fn burn(&self) {
        let through = self.left.borrow().is_some_and(|left| left == 0);
        if through {
            std::future::pending::<()>().await;
        }
        self.left.send_modify(|left| *left = left.map(|left| left - 1));
        if *self.left.borrow() == Some(0) {
            std::future::pending::<()>().await;
        }
    }

    async fn burnt(&self) {
        self.left
            .subscribe()
            .wait_for(|left| *left == Some(0))
            .await
            .unwrap();
    }
}
