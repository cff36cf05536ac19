//! `org.belay1.Collection`: the owner's records of one kind.

mod arguments;
mod contents;
mod forms;

use std::collections::HashMap;

use belay_proto::Secret;
use belay_proto::sync::RecordId;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedFd, OwnedVariant, Variant, interface};

use super::caller::while_here;
use super::sync::{SyncDesk, count};
use super::{Action, Error, Options};
use crate::sync::{CollectionView, Content, Got, Put, Shown, longest_short};

use arguments::{chosen, few, of_page, record, records, texts};
pub use contents::Contents;
use contents::Received;
use forms::{framed, listed, long};

/// The interface at `/org/belay1/sync/NAME`.
#[derive(Debug)]
pub struct Collection {
    name: &'static str,
    desk: SyncDesk,
}

impl Collection {
    /// The interface of the collection `name`.
    pub fn new(name: &'static str, desk: SyncDesk) -> Self {
        Self { name, desk }
    }

    fn view(&self) -> Result<CollectionView, Error> {
        let view = self.desk.view()?;
        Ok(view.collections.get(self.name).copied().unwrap_or_default())
    }

    async fn may_read(&self, header: &Header<'_>) -> Result<(), Error> {
        self.desk.may(header, Action::DataRead).await
    }

    async fn store(&self, records: OwnedFd) -> Result<Vec<(RecordId, u64)>, Error> {
        let (records, _turn) = self.desk.contents.receive_many(records.into()).await?;
        let puts = records.into_iter().map(Put::from).collect();
        Ok(self.desk.sync.put_many(self.name, puts).await?)
    }

    async fn may_change(&self, header: &Header<'_>) -> Result<(), Error> {
        self.desk.may(header, Action::SyncManage).await
    }
}

type OptionMap = HashMap<String, OwnedVariant>;
type Dictionary = HashMap<String, Variant<'static>>;

#[interface(name = "org.belay1.Collection", introspection_docs = false)]
impl Collection {
    /// Which.
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> Result<String, Error> {
        self.desk.device.not_lost()?;
        Ok(self.name.to_owned())
    }

    /// Whether it is synced.
    #[zbus(property)]
    fn enabled(&self) -> Result<bool, Error> {
        Ok(self.view()?.enabled)
    }

    /// How many there are.
    #[zbus(property)]
    fn records(&self) -> Result<u32, Error> {
        Ok(count(self.view()?.records))
    }

    /// Their contents' length.
    #[zbus(property)]
    fn bytes(&self) -> Result<u64, Error> {
        Ok(self.view()?.bytes)
    }

    /// How many wait for the cloud.
    #[zbus(property)]
    fn pending(&self) -> Result<u32, Error> {
        Ok(count(self.view()?.pending))
    }

    /// How many need Resolve.
    #[zbus(property)]
    fn conflicts(&self) -> Result<u32, Error> {
        Ok(count(self.view()?.conflicts))
    }

    /// How many of the cloud's don't open here.
    #[zbus(property)]
    fn unopened(&self) -> Result<u32, Error> {
        Ok(count(self.view()?.unopened))
    }

    /// Turns it on or off.
    async fn set_enabled(&self, enabled: bool, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.may_change(&header).await?;
        Ok(self.desk.sync.set_enabled(self.name, enabled).await?)
    }

    /// A page of records.
    #[zbus(out_args("records"))]
    async fn list(
        &self,
        after: u64,
        limit: u32,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<(String, u64, Dictionary)>, Error> {
        self.may_read(&header).await?;
        let page = self.desk.sync.list(self.name, after, of_page(limit)?).await?;
        Ok(page.iter().map(|entry| listed(entry).to_entry()).collect())
    }

    /// Ids of what records are by nature.
    #[zbus(out_args("ids"))]
    async fn identify(
        &self,
        naturals: Vec<String>,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, Error> {
        self.may_read(&header).await?;
        few(naturals.len())?;
        let ids = self.desk.sync.identify(self.name, naturals).await?;
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    /// Which records were removed.
    #[zbus(out_args("removed"))]
    async fn removed(
        &self,
        ids: Vec<String>,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, Error> {
        self.may_read(&header).await?;
        Options::none(options)?;
        let removed = self.desk.sync.removed(self.name, records(&ids)?).await?;
        Ok(removed.iter().map(ToString::to_string).collect())
    }

    /// A page of what was removed.
    #[zbus(out_args("records"))]
    async fn list_removed(
        &self,
        after: u64,
        limit: u32,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<(String, u64, Dictionary)>, Error> {
        self.may_read(&header).await?;
        Options::none(options)?;
        let limit = of_page(limit)?;
        let page = self.desk.sync.list_removed(self.name, after, limit).await?;
        Ok(page.iter().map(|entry| listed(entry).to_entry()).collect())
    }

    /// Stores a record.
    #[zbus(out_args("new_revision"))]
    async fn put(
        &self,
        id: String,
        revision: u64,
        content: OwnedFd,
        attributes: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u64, Error> {
        self.may_change(&header).await?;
        let id = match id.as_str() {
            "" => None,
            id => Some(record(id)?),
        };
        let mut options = Options::new(attributes);
        let kind = options.take_text("kind")?.unwrap_or_default();
        let natural = options.take_text("natural")?;
        let attributes = options.take_attributes("attributes")?.unwrap_or_default();
        let keep_both = options.take_bool("keep-both")?.unwrap_or(false);
        options.finish()?;
        let put = |body| Put {
            id,
            revision,
            natural,
            kind,
            attributes,
            keep_both,
            body,
        };
        let storing = async {
            Ok::<_, Error>(
                match self
                    .desk
                    .contents
                    .receive(content.into(), longest_short(self.name))
                    .await?
                {
                    Received::Short(body) => self.desk.sync.put(self.name, put(body)).await?,
                    Received::Long(content) => {
                        let put = long(put(Secret::new(Vec::new())), content);
                        self.desk.sync.put_long(self.name, put).await?
                    }
                },
            )
        };
        while_here(connection, &header, storing).await
    }

    /// Stores many.
    async fn put_many(
        &self,
        records: OwnedFd,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may_change(&header).await?;
        while_here(connection, &header, self.store(records))
            .await
            .map(drop)
    }

    /// Stores many, and says what became of each.
    #[zbus(out_args("stored"))]
    async fn put_all(
        &self,
        records: OwnedFd,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<(String, u64)>, Error> {
        self.may_change(&header).await?;
        Options::none(options)?;
        let stored = while_here(connection, &header, self.store(records)).await?;
        Ok(texts(stored))
    }

    /// Reads many.
    #[zbus(out_args("records"))]
    async fn get_many(&self, ids: Vec<String>, #[zbus(header)] header: Header<'_>) -> Result<OwnedFd, Error> {
        self.may_read(&header).await?;
        let ids = records(&ids)?;
        let stream = self.desk.contents.send_many(&self.desk, self.name, ids).await?;
        Ok(stream.into())
    }

    /// Reads one.
    #[zbus(out_args("content", "revision", "attributes"))]
    async fn get(
        &self,
        id: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(OwnedFd, u64, Dictionary), Error> {
        self.may_read(&header).await?;
        let Got { entry, content } = self.desk.sync.get(self.name, record(&id)?).await?;
        let content = match content {
            Content::Short(body) => Contents::send(&body)?,
            Content::Long(pipe) => pipe,
        };
        let (_, revision, attributes) = listed(&entry).to_entry();
        Ok((content.into(), revision, attributes))
    }

    /// Reads on where a content ended early.
    #[zbus(out_args("content"))]
    async fn get_from(
        &self,
        id: String,
        revision: u64,
        from: u64,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        self.may_read(&header).await?;
        let rest = self.desk.sync.get_from(self.name, record(&id)?, (revision, from));
        Ok(match rest.await? {
            Content::Short(body) => Contents::send(&body)?,
            Content::Long(pipe) => pipe,
        }
        .into())
    }

    /// Whether a long record says what a content does.
    #[zbus(out_args("same"))]
    async fn matches(
        &self,
        id: String,
        revision: u64,
        content: OwnedFd,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<bool, Error> {
        self.may_read(&header).await?;
        Options::none(options)?;
        let at = (record(&id)?, revision);
        let looking = self.desk.sync.matches(self.name, at, content.into());
        while_here(connection, &header, looking).await
    }

    /// Deletes a record.
    async fn delete(
        &self,
        id: String,
        revision: u64,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may_change(&header).await?;
        Ok(self.desk.sync.delete(self.name, record(&id)?, revision).await?)
    }

    /// Ends a conflict.
    async fn resolve(
        &self,
        id: String,
        choice: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may_change(&header).await?;
        let (choice, any) = (chosen(&choice)?, Shown::default());
        self.desk
            .sync
            .resolve(self.name, record(&id)?, choice, any)
            .await?;
        Ok(())
    }

    /// Ends a conflict between versions of known revisions.
    #[zbus(out_args("kept"))]
    async fn choose(
        &self,
        id: String,
        choice: String,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<(String, u64)>, Error> {
        self.may_change(&header).await?;
        let mut options = Options::new(options);
        let shown = Shown {
            revision: options.take_u64("revision")?,
            other: options.take_u64("other")?,
        };
        options.finish()?;
        let (id, choice) = (record(&id)?, chosen(&choice)?);
        Ok(texts(self.desk.sync.resolve(self.name, id, choice, shown).await?))
    }

    /// Ids of changed and of deleted records.
    #[zbus(signal)]
    pub async fn changed(
        emitter: &SignalEmitter<'_>,
        ids: Vec<String>,
        removed: Vec<String>,
    ) -> zbus::Result<()>;
}
