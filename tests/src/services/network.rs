//! A simulated network manager: `org.freedesktop.NetworkManager` with one connection, radios, and a Wi-Fi that sees
//! what a test puts around it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use zbus::{ObjectPath, OwnedVariant, Variant};

use super::puppet::{Behaviour, Call, Puppet, Refusal, Strings, Values, lock, props};
use crate::Outcome;
use crate::until::until;

const NAME: &str = "org.freedesktop.NetworkManager";
const PATH: &str = "/org/freedesktop/NetworkManager";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
const DEVICE: &str = "org.freedesktop.NetworkManager.Device";
const WIRELESS: &str = "org.freedesktop.NetworkManager.Device.Wireless";
const ACCESS_POINT: &str = "org.freedesktop.NetworkManager.AccessPoint";
const WIFI: &str = "/org/freedesktop/NetworkManager/Devices/2";

const WWAN: &str = "/org/freedesktop/NetworkManager/Devices/3";

/// An access point in reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPoint {
    /// Such as `02:00:00:00:00:01`.
    pub bssid: &'static str,
    /// The name of the network.
    pub ssid: &'static str,
    /// Percent.
    pub strength: u8,
    /// MHz.
    pub frequency: u32,
}

/// The network manager.
#[derive(Debug)]
pub struct Network {
    strings: Strings,
    wifi: Wifi,
}

#[derive(Debug, Clone)]
struct Wifi {
    around: Arc<Mutex<Vec<AccessPoint>>>,
    /// The boot clock in ms that the next scan carries.
    scan_at: Arc<Mutex<i64>>,
}

impl Network {
    /// Joins the bus: connected through `home`, not metered, full connectivity, both radios on, nothing scanned yet.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let wifi = Wifi {
            around: Arc::default(),
            scan_at: Arc::new(Mutex::new(1)),
        };
        let strings = Strings::attach(bus, NAME, wifi.clone(), async |puppet| {
            let manager = props([
                ("State", 70_u32.into()),
                ("Connectivity", 4_u32.into()),
                ("Metered", 4_u32.into()),
                ("NetworkingEnabled", true.into()),
                ("WirelessEnabled", true.into()),
                ("WwanEnabled", true.into()),
                ("PrimaryConnection", path("/")),
                (
                    "Devices",
                    Variant::from(vec![ObjectPath::from_str_unchecked(WIFI)]),
                ),
            ])?;
            puppet.add(PATH, NAME, manager).await?;
            puppet
                .add(WIFI, DEVICE, props([("DeviceType", 2_u32.into())])?)
                .await?;
            puppet
                .add(WIFI, WIRELESS, props([("LastScan", (-1_i64).into())])?)
                .await?;
            connect(puppet, "home").await
        });
        Ok(Self {
            strings: strings.await?,
            wifi,
        })
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.strings.puppet()
    }

    /// The device is on another network, whose connection is called `uuid`.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn connect(&self, uuid: &str) -> Outcome {
        connect(self.puppet(), uuid).await?;
        self.state(70, 4).await
    }

    /// The device is on a mobile network, through the modem that ModemManager calls `modem`.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn connect_through(&self, modem: &str) -> Outcome {
        let device = props([("DeviceType", 8_u32.into()), ("Udi", modem.to_owned().into())])?;
        self.puppet().add(WWAN, DEVICE, device).await?;
        let active = format!("{PATH}/ActiveConnection/mobile");
        let devices = Variant::from(vec![ObjectPath::from_str_unchecked(WWAN)]);
        let properties = props([
            ("Uuid", "mobile".into()),
            ("Type", "gsm".into()),
            ("Devices", devices),
        ])?;
        self.puppet().add(&active, ACTIVE, properties).await?;
        self.set("PrimaryConnection", path(&active)).await?;
        self.state(70, 4).await
    }

    /// No network any more.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn disconnect(&self) -> Outcome {
        self.set("PrimaryConnection", path("/")).await?;
        self.state(20, 1).await
    }

    /// `State` and `Connectivity` as NetworkManager counts.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn state(&self, state: u32, connectivity: u32) -> Outcome {
        self.set("Connectivity", connectivity).await?;
        self.set("State", state).await?;
        self.puppet().emit(PATH, NAME, "StateChanged", &state).await
    }

    /// `Metered` as NetworkManager counts: 1 yes, 2 no, 3 and 4 the same guessed.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn metered(&self, metered: u32) -> Outcome {
        self.set("Metered", metered).await
    }

    /// Somebody switches both radios off.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn radio_off(&self) -> Outcome {
        self.set("WirelessEnabled", false).await?;
        self.set("WwanEnabled", false).await
    }

    /// Whether Wi-Fi and mobile network are on.
    #[must_use]
    pub fn radios(&self) -> (bool, bool) {
        let on = |name: &str| {
            let value = self.puppet().get(PATH, NAME, name);
            value.is_some_and(|v| bool::try_from(v).unwrap_or(false))
        };
        (on("WirelessEnabled"), on("WwanEnabled"))
    }

    /// Waits until both radios are on again.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until_radios_on(&self) -> Outcome {
        until("the radios to be on again", async || {
            (self.radios() == (true, true)).then_some(())
        })
        .await
    }

    /// What the next scan finds, and the boot clock (ms) at which it will have been.
    pub fn around(&self, access_points: &[AccessPoint], scan_at: i64) {
        *lock(&self.wifi.around) = access_points.to_vec();
        *lock(&self.wifi.scan_at) = scan_at;
    }

    async fn set(&self, property: &str, value: impl Into<Variant<'static>>) -> Outcome {
        self.puppet().set(PATH, NAME, property, value).await
    }
}

async fn connect(puppet: &Puppet, uuid: &str) -> Outcome {
    let active = format!("{PATH}/ActiveConnection/{}", uuid.replace('-', "_"));
    let properties = props([
        ("Uuid", uuid.to_owned().into()),
        ("Id", format!("the network {uuid}").into()),
        ("Type", "802-11-wireless".into()),
    ])?;
    puppet.add(&active, ACTIVE, properties).await?;
    puppet.set(PATH, NAME, "PrimaryConnection", path(&active)).await
}

impl Behaviour for Wifi {
    fn answer(&self, puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let wifi = self.clone();
        Box::pin(async move {
            match call.member.as_str() {
                "GetDevices" => Ok(vec![Variant::from(vec![ObjectPath::from_str_unchecked(WIFI)])]),
                "CheckConnectivity" => {
                    let now = puppet.get(PATH, NAME, "Connectivity");
                    Ok(now.map(Variant::from).into_iter().collect())
                }
                "RequestScan" => {
                    tokio::spawn(async move { wifi.scan(&puppet).await });
                    Ok(Vec::new())
                }
                "GetAllAccessPoints" => {
                    let seen = (1..).map(|n| format!("{PATH}/AccessPoint/{n}"));
                    let paths = seen.take_while(|p| puppet.has(p));
                    let paths: Vec<ObjectPath<'static>> =
                        paths.map(ObjectPath::from_string_unchecked).collect();
                    Ok(vec![Variant::from(paths)])
                }
                _ => Err(Refusal::unknown_method(&call)),
            }
        })
    }
}

impl Wifi {
    /// What was seen before is gone, what is around is there, and then `LastScan` says so.
    async fn scan(&self, puppet: &Puppet) -> Outcome {
        let seen = (1..).map(|n| format!("{PATH}/AccessPoint/{n}"));
        for old in seen.take_while(|p| puppet.has(p)).collect::<Vec<_>>() {
            puppet.remove(&old).await?;
        }
        let around = lock(&self.around).clone();
        let at = *lock(&self.scan_at);
        for (n, point) in around.iter().enumerate() {
            let properties: HashMap<String, OwnedVariant> = props([
                ("HwAddress", point.bssid.into()),
                ("Ssid", Variant::from(point.ssid.as_bytes().to_vec())),
                ("Strength", point.strength.into()),
                ("Frequency", point.frequency.into()),
                ("LastSeen", i32::try_from(at / 1000).unwrap_or(i32::MAX).into()),
            ])?;
            puppet
                .add(&format!("{PATH}/AccessPoint/{}", n + 1), ACCESS_POINT, properties)
                .await?;
        }
        puppet.set(WIFI, WIRELESS, "LastScan", at).await
    }
}

fn path(path: &str) -> Variant<'static> {
    ObjectPath::from_string_unchecked(path.to_owned()).into()
}
