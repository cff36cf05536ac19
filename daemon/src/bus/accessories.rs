//! `org.belay1.AccessoryManager`: finding accessories.

use std::collections::HashMap;
use std::time::Duration;

use belay_drivers::Kind;
use zbus::message::Header;
use zbus::{Connection, OwnedVariant, interface};

use super::{Action, Authority, Error, Options, caller};
use crate::accessory::AccessoryHandle;
use crate::device::DeviceHandle;

/// How long a discovery lasts where nobody says.
const LASTING: Duration = Duration::from_secs(30);
/// The longest that one may ask for: it costs the battery, and whoever is still there asks again.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// The interface at `/org/belay1/accessories`.
#[derive(Debug)]
pub struct AccessoryManager {
    accessories: AccessoryHandle,
    device: DeviceHandle,
    authority: Authority,
}

impl AccessoryManager {
    /// The interface of `accessories`, whose methods ask `authority` first, and nothing while `device` is lost.
    pub fn new(accessories: AccessoryHandle, device: DeviceHandle, authority: Authority) -> Self {
        Self {
            accessories,
            device,
            authority,
        }
    }

    async fn may(&self, header: &Header<'_>) -> Result<(), Error> {
        self.authority.authorise(header, Action::AccessoryManage).await?;
        Ok(self.device.not_lost()?)
    }
}

type OptionMap = HashMap<String, OwnedVariant>;

#[interface(name = "org.belay1.AccessoryManager", introspection_docs = false)]
impl AccessoryManager {
    /// Whether there is an adapter.
    #[zbus(property)]
    fn available(&self) -> Result<bool, Error> {
        self.device.not_lost()?;
        Ok(self.accessories.view().available)
    }

    /// Whether it is on.
    #[zbus(property)]
    fn powered(&self) -> Result<bool, Error> {
        self.device.not_lost()?;
        Ok(self.accessories.view().powered)
    }

    /// Whether a discovery runs.
    #[zbus(property)]
    fn discovering(&self) -> Result<bool, Error> {
        self.device.not_lost()?;
        Ok(self.accessories.view().discovering)
    }

    /// Begins a discovery; it ends with its caller.
    async fn start_discovery(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        self.may(&header).await?;
        let mut options = Options::new(options);
        let kinds = options.take_texts("kinds")?.unwrap_or_default();
        let lasting = options.take_millis("timeout")?.unwrap_or(LASTING).min(LONGEST);
        let power_on = options.take_bool("power-on")?.unwrap_or(false);
        options.finish()?;
        let kinds = kinds.iter().map(|kind| named(kind)).collect::<Result<_, _>>()?;
        let caller = sender(&header)?;
        self.accessories
            .discover(caller.clone(), kinds, lasting, power_on)
            .await?;
        let (accessories, gone) = (self.accessories.clone(), caller::gone(connection, &header));
        tokio::spawn(async move {
            gone.await;
            // Where belayd stops the discovery has ended too.
            let _ = accessories.end_discovery(caller).await;
        });
        Ok(())
    }

    /// Ends the caller's discovery.
    async fn stop_discovery(
        &self,
        options: OptionMap,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.may(&header).await?;
        Options::none(options)?;
        Ok(self.accessories.end_discovery(sender(&header)?).await?)
    }
}

fn sender(header: &Header<'_>) -> Result<String, Error> {
    let sender = header.sender();
    sender
        .map(ToString::to_string)
        .ok_or_else(|| Error::NotAuthorized("a caller without a name".into()))
}

fn named(kind: &str) -> Result<Kind, Error> {
    kind.parse().map_err(|_| {
        let short: String = kind.chars().take(32).collect();
        Error::InvalidArgument(format!("{short:?} is no kind of accessory"))
    })
}
