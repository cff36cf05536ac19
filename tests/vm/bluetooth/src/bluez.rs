//! The real BlueZ on the bus of a stage, with its two adapters.

use std::collections::HashMap;

use belay_tests::process::Process;
use belay_tests::until::{until, within};
use belay_tests::{Outcome, Stage, Surprise};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::{Connection, DynamicType, OwnedObjectPath, OwnedVariant, Type, Variant};

/// The adapter of the phone: belayd takes the lowest.
pub const PHONE: &str = "/org/bluez/hci0";
/// The adapter of the band.
pub const BAND: &str = "/org/bluez/hci1";

const ADAPTER: &str = "org.bluez.Adapter1";
const DAEMON: &str = "/usr/libexec/bluetooth/bluetoothd";

/// Every object of BlueZ.
type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

/// A running `bluetoothd`.
pub struct Bluez {
    bus: Connection,
    process: Process,
}

impl Bluez {
    /// Starts it and waits until both adapters are on.
    ///
    /// # Errors
    /// Where it doesn't come up.
    pub async fn start(stage: &Stage) -> Outcome<Self> {
        let bus = stage.root().await?;
        let process = stage.program("exec", &[DAEMON, "-n"]).as_ourselves().start()?;
        let bluez = Self { bus, process };
        let on = until("both adapters to be on", async || {
            let objects = bluez.objects().await.ok()?;
            let are_on = [PHONE, BAND].iter().all(|path| {
                let adapter = objects.iter().find(|(at, _)| at.as_str() == *path);
                let powered = adapter.and_then(|(_, it)| it.get(ADAPTER)?.get("Powered"));
                powered.is_some_and(|it| matches!(**it, Variant::Bool(true)))
            });
            are_on.then_some(())
        });
        on.await?;
        Ok(bluez)
    }

    /// Kills it with `SIGKILL`.
    ///
    /// # Errors
    /// Where it doesn't die.
    pub async fn kill(self) -> Outcome {
        self.process.kill().await
    }

    /// The address of an adapter.
    ///
    /// # Errors
    /// Where BlueZ doesn't tell.
    pub async fn address(&self, adapter: &str) -> Outcome<[u8; 6]> {
        let value: OwnedVariant = self
            .call(
                adapter,
                "org.freedesktop.DBus.Properties",
                "Get",
                &(ADAPTER, "Address"),
            )
            .await?;
        let text = String::try_from(value)?;
        let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16));
        let octets = octets.collect::<Result<Vec<u8>, _>>()?;
        octets
            .try_into()
            .map_err(|_| Surprise::new(format!("{text} is no address")))
    }

    /// Switches an adapter on or off.
    ///
    /// # Errors
    /// Where BlueZ refuses.
    pub async fn power(&self, adapter: &str, on: bool) -> Outcome {
        let value = Variant::Bool(on);
        self.call(
            adapter,
            "org.freedesktop.DBus.Properties",
            "Set",
            &(ADAPTER, "Powered", value),
        )
        .await
    }

    async fn objects(&self) -> Outcome<Objects> {
        self.call(
            "/",
            "org.freedesktop.DBus.ObjectManager",
            "GetManagedObjects",
            &(),
        )
        .await
    }

    async fn call<B, R>(&self, path: &str, interface: &str, member: &str, body: &B) -> Outcome<R>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Type,
    {
        let call = self
            .bus
            .call_method(Some("org.bluez"), path, Some(interface), member, body);
        let answer = within(&format!("BlueZ to answer {member}"), call).await??;
        Ok(answer.body().deserialize()?)
    }
}
