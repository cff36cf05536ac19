//! What the simulated modem does when it is called.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use zbus::{ObjectPath, OwnedVariant, Variant};

use super::super::puppet::{Behaviour, Call, Puppet, Refusal, Values, lock, props};
use super::{BASE, CALL, LOCATION, MESSAGING, SMS, SentText, State, VOICE};
use crate::Outcome;

/// GPS with coordinates, as `Location` counts its sources.
const GPS_RAW: u32 = 2;
/// The serving cell.
const CELL: u32 = 1;

pub(super) struct Manager(pub(super) State);

impl Behaviour for Manager {
    fn answer(&self, puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let state = self.0.clone();
        Box::pin(async move {
            let failed = |s: crate::Surprise| {
                Refusal::new("org.freedesktop.ModemManager1.Error.Core.Failed", s.to_string())
            };
            if !puppet.has(&call.path) {
                let text = format!("no object at {}", call.path);
                return Err(Refusal::new("org.freedesktop.DBus.Error.UnknownObject", text));
            }
            let answer = match call.interface.as_str() {
                VOICE => state.voice(&puppet, &call).await,
                CALL => state.call(&puppet, &call).await,
                MESSAGING => state.messaging(&puppet, &call).await,
                SMS => state.sms(&puppet, &call).await,
                LOCATION => state.location(&puppet, &call).await,
                _ if call.member == "GetCellInfo" => {
                    let cells = lock(&state.inner).neighbours.clone();
                    Ok(Some(vec![Variant::from(cells)]))
                }
                _ => Ok(None),
            };
            let answer = answer.map_err(failed)?;
            answer.ok_or_else(|| Refusal::unknown_method(&call))
        })
    }
}

type Answer = Outcome<Option<Values>>;

impl State {
    async fn voice(&self, puppet: &Puppet, call: &Call) -> Answer {
        match call.member.as_str() {
            "CreateCall" => {
                let path = format!("{BASE}/Call/{}", self.number());
                let properties = props([
                    ("State", 0_i32.into()),
                    ("StateReason", 0_i32.into()),
                    ("Direction", 2_i32.into()),
                    ("Number", word(call, "number").into()),
                ])?;
                puppet.add(&path, CALL, properties).await?;
                list(puppet, &call.path, VOICE, "Calls", "Call").await?;
                Ok(Some(vec![ObjectPath::from_string_unchecked(path).into()]))
            }
            "DeleteCall" => {
                puppet.remove(&object(call)).await?;
                list(puppet, &call.path, VOICE, "Calls", "Call").await?;
                Ok(Some(Vec::new()))
            }
            "ListCalls" => {
                let calls = puppet.get(&call.path, VOICE, "Calls");
                Ok(Some(calls.map(Variant::from).into_iter().collect()))
            }
            "HangupAll" => Ok(Some(Vec::new())),
            _ => Ok(None),
        }
    }

    async fn call(&self, puppet: &Puppet, call: &Call) -> Answer {
        let state: i32 = match call.member.as_str() {
            "Start" => {
                let number = puppet.get(&call.path, CALL, "Number");
                let number = number.and_then(|v| String::try_from(v).ok()).unwrap_or_default();
                self.called.send_modify(|all| all.push(number));
                2
            }
            "Hangup" => 7,
            _ => return Ok(None),
        };
        puppet.set(&call.path, CALL, "State", state).await?;
        Ok(Some(Vec::new()))
    }

    async fn messaging(&self, puppet: &Puppet, call: &Call) -> Answer {
        match call.member.as_str() {
            "Create" => {
                let path = format!("{BASE}/SMS/{}", self.number());
                let properties = props([
                    ("State", 0_u32.into()),
                    ("PduType", 2_u32.into()),
                    ("Number", word(call, "number").into()),
                    ("Text", word(call, "text").into()),
                ])?;
                puppet.add(&path, SMS, properties).await?;
                list(puppet, &call.path, MESSAGING, "Messages", "SMS").await?;
                Ok(Some(vec![ObjectPath::from_string_unchecked(path).into()]))
            }
            "Delete" => {
                let path = object(call);
                puppet.remove(&path).await?;
                list(puppet, &call.path, MESSAGING, "Messages", "SMS").await?;
                let gone = ObjectPath::from_string_unchecked(path);
                puppet.emit(&call.path, MESSAGING, "Deleted", &gone).await?;
                Ok(Some(Vec::new()))
            }
            "List" => {
                let all = puppet.get(&call.path, MESSAGING, "Messages");
                Ok(Some(all.map(Variant::from).into_iter().collect()))
            }
            _ => Ok(None),
        }
    }

    async fn sms(&self, puppet: &Puppet, call: &Call) -> Answer {
        if call.member != "Send" {
            return Ok(None);
        }
        let text = |name: &str| {
            let value = puppet.get(&call.path, SMS, name);
            value.and_then(|v| String::try_from(v).ok()).unwrap_or_default()
        };
        let sent = SentText {
            number: text("Number"),
            text: text("Text"),
        };
        puppet.set(&call.path, SMS, "State", 5_u32).await?;
        self.sent.send_modify(|all| all.push(sent));
        Ok(Some(Vec::new()))
    }

    async fn location(&self, puppet: &Puppet, call: &Call) -> Answer {
        match (call.member.as_str(), call.arguments.as_slice()) {
            ("Setup", [Variant::U32(sources), Variant::Bool(signals)]) => {
                lock(&self.inner).setups.push((*sources, *signals));
                puppet.set(&call.path, LOCATION, "Enabled", *sources).await?;
                puppet
                    .set(&call.path, LOCATION, "SignalsLocation", *signals)
                    .await?;
                Ok(Some(Vec::new()))
            }
            ("GetLocation", _) => {
                let enabled = puppet.get(&call.path, LOCATION, "Enabled");
                let enabled = enabled.and_then(|v| u32::try_from(v).ok()).unwrap_or_default();
                let place = lock(&self.inner).whereabouts.clone();
                let mut told: HashMap<u32, OwnedVariant> = HashMap::new();
                if let Some(cell) = place.cell.filter(|_| enabled & CELL != 0) {
                    told.insert(CELL, Variant::from(cell).try_into_owned()?);
                }
                if let Some((time, latitude, longitude)) = place.fix.filter(|_| enabled & GPS_RAW != 0) {
                    let fix = props([
                        ("utc-time", time.into()),
                        ("latitude", latitude.into()),
                        ("longitude", longitude.into()),
                    ])?;
                    told.insert(GPS_RAW, Variant::from(fix).try_into_owned()?);
                }
                Ok(Some(vec![Variant::from(told)]))
            }
            _ => Ok(None),
        }
    }
}

/// Writes the paths of all objects of a kind into the modem's property.
pub(super) async fn list(
    puppet: &Puppet,
    modem: &str,
    interface: &str,
    property: &str,
    kind: &str,
) -> Outcome {
    let paths = puppet.paths(&format!("{BASE}/{kind}/")).into_iter();
    let paths: Vec<ObjectPath<'static>> = paths.map(ObjectPath::from_string_unchecked).collect();
    puppet.set(modem, interface, property, Variant::from(paths)).await
}

/// The text `name` of the dictionary that is the first argument.
fn word(call: &Call, name: &str) -> String {
    let Some(Variant::Dict(all)) = call.arguments.first() else {
        return String::new();
    };
    let found = all.iter().find(|(key, _)| **key == Variant::from(name));
    let inner = found.map(|(_, value)| match value {
        Variant::Variant(inner) => (**inner).clone(),
        other => other.clone(),
    });
    inner.and_then(|v| String::try_from(v).ok()).unwrap_or_default()
}

/// The path that is the first argument.
fn object(call: &Call) -> String {
    match call.arguments.first() {
        Some(Variant::ObjectPath(path)) => path.to_string(),
        _ => String::new(),
    }
}
