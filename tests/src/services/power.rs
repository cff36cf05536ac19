//! A simulated battery: `org.freedesktop.UPower` with its display device.

use std::path::Path;

use futures_util::future::BoxFuture;
use zbus::ObjectPath;

use super::puppet::{Behaviour, Call, Puppet, Refusal, Strings, Values, props};
use crate::Outcome;

const NAME: &str = "org.freedesktop.UPower";
const PATH: &str = "/org/freedesktop/UPower";
const DISPLAY: &str = "/org/freedesktop/UPower/devices/DisplayDevice";
const DEVICE: &str = "org.freedesktop.UPower.Device";

/// How the battery warns, as UPower counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "UPower's names")]
pub enum Warning {
    None = 1,
    Low = 3,
    Critical = 4,
    Action = 5,
}

/// The battery.
#[derive(Debug)]
pub struct Power(Strings);

struct UPower;

impl Power {
    /// Joins the bus with 80 % that are being used.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path) -> Outcome<Self> {
        let strings = Strings::attach(bus, NAME, UPower, async |puppet| {
            puppet
                .add(PATH, NAME, props([("OnBattery", true.into())])?)
                .await?;
            let battery = props([
                ("Type", 2_u32.into()),
                ("IsPresent", true.into()),
                ("Percentage", 80.0.into()),
                ("State", 2_u32.into()),
                ("WarningLevel", 1_u32.into()),
            ])?;
            puppet.add(DISPLAY, DEVICE, battery).await
        });
        Ok(Self(strings.await?))
    }

    /// The service itself.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        self.0.puppet()
    }

    /// The battery is at `percentage` and warns so.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn set(&self, percentage: f64, warning: Warning) -> Outcome {
        self.puppet()
            .set(DISPLAY, DEVICE, "Percentage", percentage)
            .await?;
        self.puppet()
            .set(DISPLAY, DEVICE, "WarningLevel", warning as u32)
            .await
    }

    /// The charger is plugged in or pulled out.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn charge(&self, charging: bool) -> Outcome {
        let state: u32 = if charging { 1 } else { 2 };
        self.puppet().set(DISPLAY, DEVICE, "State", state).await?;
        self.puppet().set(PATH, NAME, "OnBattery", !charging).await
    }
}

impl Behaviour for UPower {
    fn answer(&self, _puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let answer = match call.member.as_str() {
            "GetDisplayDevice" => Ok(vec![ObjectPath::from_str_unchecked(DISPLAY).into()]),
            _ => Err(Refusal::unknown_method(&call)),
        };
        Box::pin(std::future::ready(answer))
    }
}
