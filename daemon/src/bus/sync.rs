//! `org.belay1.Sync`: when the owner's records are synced.

mod announcer;

use std::collections::HashMap;

use zbus::message::Header;
use zbus::{Connection, OwnedVariant, Variant, interface};

use super::caller::while_here;
use super::collection::Contents;
use super::{Action, Authority, Error, Options};
use crate::device::DeviceHandle;
use crate::sync::model::collection;
use crate::sync::{Paused, Policy, PolicyChanges, Question, SyncHandle, View};

pub use announcer::SyncAnnouncer;

/// What the interfaces of sync work with; clones share it.
#[derive(Clone, Debug)]
pub struct SyncDesk {
    /// The domain.
    pub sync: SyncHandle,
    /// The device, which may be lost.
    pub device: DeviceHandle,
    /// polkit.
    pub authority: Authority,
    /// Whoever reads and writes descriptors.
    pub contents: Contents,
}

impl SyncDesk {
    pub(super) async fn may(&self, header: &Header<'_>, action: Action) -> Result<(), Error> {
        self.authority.authorise(header, action).await?;
        Ok(self.device.not_lost()?)
    }

    pub(super) fn view(&self) -> Result<View, Error> {
        self.device.not_lost()?;
        Ok(self.sync.view())
    }
}

/// The interface at `/org/belay1/sync`.
#[derive(Debug)]
pub struct Sync {
    desk: SyncDesk,
}

impl Sync {
    /// The interface over what `desk` has.
    pub fn new(desk: SyncDesk) -> Self {
        Self { desk }
    }

    async fn may(&self, header: &Header<'_>, options: OptionMap) -> Result<(), Error> {
        self.desk.may(header, Action::SyncManage).await?;
        Ok(Options::none(options)?)
    }
}

type OptionMap = HashMap<String, OwnedVariant>;
type Dictionary = HashMap<String, Variant<'static>>;

#[interface(name = "org.belay1.Sync", introspection_docs = false)]
impl Sync {
    /// What it is doing.
    #[zbus(property)]
    fn state(&self) -> Result<String, Error> {
        Ok(self.desk.view()?.phase.word().to_owned())
    }

    /// What pauses it.
    #[zbus(property)]
    fn paused_by(&self) -> Result<String, Error> {
        Ok(paused_by(&self.desk.view()?).to_owned())
    }

    /// Bytes done, and in all.
    #[zbus(property)]
    fn progress(&self) -> Result<(u64, u64), Error> {
        Ok(self.desk.view()?.progress)
    }

    /// When it last ended well.
    #[zbus(property)]
    fn last_sync(&self) -> Result<u64, Error> {
        Ok(self.desk.view()?.last_sync)
    }

    /// The name of an error, or empty.
    #[zbus(property)]
    fn last_error(&self) -> Result<String, Error> {
        Ok(self.desk.view()?.last_error.to_owned())
    }

    /// Bytes used at the cloud, and in all.
    #[zbus(property)]
    fn quota(&self) -> Result<(u64, u64), Error> {
        let quota = self.desk.view()?.quota;
        Ok((quota.used, quota.total))
    }

    /// When to sync.
    #[zbus(property)]
    fn policy(&self) -> Result<Dictionary, Error> {
        Ok(policy(self.desk.view()?.policy))
    }

    /// What waits for Confirm.
    #[zbus(property)]
    fn question(&self) -> Result<Dictionary, Error> {
        Ok(question(self.desk.view()?.question.as_ref()))
    }

    /// Syncs now.
    async fn sync_now(
        &self,
        collections: Vec<String>,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.desk.may(&header, Action::SyncManage).await?;
        let mut options = Options::new(options);
        let anyway = options.take_bool("anyway")?.unwrap_or(false);
        options.finish()?;
        let unknown = || Error::NotFound("there is no such collection".into());
        let collections = collections
            .iter()
            .map(|name| collection(name).ok_or_else(unknown))
            .collect::<Result<_, _>>()?;
        let syncing = async {
            match anyway {
                true => self.desk.sync.sync_anyway(collections).await,
                false => self.desk.sync.sync_now(collections).await,
            }
        };
        while_here(connection, &header, syncing).await
    }

    /// Stops until Resume.
    async fn pause(&self, options: OptionMap, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.may(&header, options).await?;
        Ok(self.desk.sync.pause().await?)
    }

    /// Goes on.
    async fn resume(&self, options: OptionMap, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.may(&header, options).await?;
        Ok(self.desk.sync.resume().await?)
    }

    /// Changes when to sync.
    async fn set_policy(
        &self,
        policy: OptionMap,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header, options).await?;
        let mut policy = Options::new(policy);
        let changes = PolicyChanges {
            metered: policy.take_bool("metered")?,
            roaming: policy.take_bool("roaming")?,
            battery_floor: policy.take_byte("battery-floor")?,
        };
        policy.finish()?;
        Ok(self.desk.sync.set_policy(changes).await?)
    }

    /// Answers Question.
    async fn confirm(
        &self,
        question: String,
        answer: bool,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header, options).await?;
        Ok(self.desk.sync.confirm(question, answer).await?)
    }
}

fn paused_by(view: &View) -> &'static str {
    view.paused_by.map_or("", Paused::word)
}

fn policy(policy: Policy) -> Dictionary {
    HashMap::from([
        ("metered".to_owned(), policy.metered.into()),
        ("roaming".to_owned(), policy.roaming.into()),
        ("battery-floor".to_owned(), policy.battery_floor.into()),
    ])
}

fn question(question: Option<&Question>) -> Dictionary {
    question.map_or_else(HashMap::new, |question| {
        HashMap::from([
            ("id".to_owned(), question.id.clone().into()),
            ("collection".to_owned(), question.collection.into()),
            ("removed".to_owned(), count(question.removed).into()),
            ("present".to_owned(), count(question.present).into()),
            ("from-cloud".to_owned(), question.from_cloud.into()),
        ])
    })
}

/// A `u` of the contract.
pub(super) fn count(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
