//! Section `[platform.exec]`: commands for what the device has no service for.

use std::path::Path;

use serde::Deserialize;
use serde::de::Error as _;

/// The commands, each a list of words, the first a program's absolute path; an empty list: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Plays an alarm aloud until it is told to stop (`SIGTERM`). Run where feedbackd can't be reached.
    pub ring: Vec<String>,
    /// Prints where the device is: `{"latitude", "longitude", "accuracy", "altitude"?, "age-ms"?, "source"?}`.
    pub locate: Vec<String>,
    /// Prints the cells in reach: `[{"technology", "mcc", "mnc", "area", "cell", "signal"?}]`.
    pub cells: Vec<String>,
    /// Prints the access points in reach: `{"access-points": [{"bssid", "ssid", "strength", "frequency"}]}`.
    pub wifi: Vec<String>,
    /// Dials `{number}`.
    pub call: Vec<String>,
    /// Ends the call that was dialled before, if any: it runs before each `call`.
    pub hang_up: Vec<String>,
    /// Sends `{text}` to `{number}`.
    pub send_text: Vec<String>,
    /// Deletes the received text `{id}`.
    pub delete_text: Vec<String>,
    /// Prints a line at each change: `{"present", "sims": [{"imei", "iccid", "imsi", "operator"}], "texts":
    /// [{"id", "text"}]}`; `present` where there is a modem, with or without a SIM.
    pub follow_modem: Vec<String>,
    /// Prints a line at each change: `{"id"?, "metered"?, "roaming"?, "online"?}`.
    pub follow_network: Vec<String>,
    /// Prints a line at each change: `{"percentage"?, "state"?, "warning"?}`.
    pub follow_battery: Vec<String>,
}

impl Commands {
    /// Whether a command stands for a part of the modem.
    #[must_use]
    pub fn has_modem(&self) -> bool {
        let parts = [
            &self.cells,
            &self.call,
            &self.hang_up,
            &self.send_text,
            &self.delete_text,
            &self.follow_modem,
        ];
        parts.iter().any(|command| !command.is_empty())
    }

    /// Whether a command stands for a part of the network.
    #[must_use]
    pub fn has_network(&self) -> bool {
        !self.wifi.is_empty() || !self.follow_network.is_empty()
    }

    /// Whether a command stands for the battery.
    #[must_use]
    pub fn has_power(&self) -> bool {
        !self.follow_battery.is_empty()
    }

    /// What each key is for, its name, and its command.
    pub(super) fn keys(&self) -> [(&'static str, &'static str, &[String]); 11] {
        [
            (
                "Plays an alarm aloud until SIGTERM, where feedbackd can't be reached.",
                "ring",
                &self.ring,
            ),
            ("Prints where the device is.", "locate", &self.locate),
            ("Prints the cells in reach.", "cells", &self.cells),
            ("Prints the access points in reach.", "wifi", &self.wifi),
            ("Dials {number}.", "call", &self.call),
            (
                "Ends the call before, ahead of each other one.",
                "hang-up",
                &self.hang_up,
            ),
            ("Sends {text} to {number}.", "send-text", &self.send_text),
            (
                "Deletes the received text {id}.",
                "delete-text",
                &self.delete_text,
            ),
            (
                "Prints SIMs and received texts at each change.",
                "follow-modem",
                &self.follow_modem,
            ),
            (
                "Prints the network at each change.",
                "follow-network",
                &self.follow_network,
            ),
            (
                "Prints the battery at each change.",
                "follow-battery",
                &self.follow_battery,
            ),
        ]
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CommandsLayer {
    ring: Option<Words>,
    locate: Option<Words>,
    cells: Option<Words>,
    wifi: Option<Words>,
    call: Option<Words>,
    hang_up: Option<Words>,
    send_text: Option<Words>,
    delete_text: Option<Words>,
    follow_modem: Option<Words>,
    follow_network: Option<Words>,
    follow_battery: Option<Words>,
}

impl CommandsLayer {
    pub(super) fn apply(self, commands: &mut Commands) {
        let set = |to: &mut Vec<String>, from: Option<Words>| {
            if let Some(Words(words)) = from {
                *to = words;
            }
        };
        set(&mut commands.ring, self.ring);
        set(&mut commands.locate, self.locate);
        set(&mut commands.cells, self.cells);
        set(&mut commands.wifi, self.wifi);
        set(&mut commands.call, self.call);
        set(&mut commands.hang_up, self.hang_up);
        set(&mut commands.send_text, self.send_text);
        set(&mut commands.delete_text, self.delete_text);
        set(&mut commands.follow_modem, self.follow_modem);
        set(&mut commands.follow_network, self.follow_network);
        set(&mut commands.follow_battery, self.follow_battery);
    }
}

/// A command, or the empty list that takes back what an earlier layer said.
#[derive(Debug)]
struct Words(Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        match words.first() {
            Some(program) if !Path::new(program).is_absolute() => {
                Err(D::Error::custom("expected a program's absolute path first"))
            }
            _ => Ok(Self(words)),
        }
    }
}
