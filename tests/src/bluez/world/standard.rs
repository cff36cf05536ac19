//! The standard interfaces: properties, the object manager, introspection.

use zbus::Variant;

use super::{ADAPTER, Call, DEVICE, Out, World};
use crate::services::puppet::{Refusal, Values};

impl World {
    /// Answers a call of a standard interface, or of one that nobody has.
    pub(super) fn standard_call(&mut self, call: Call) {
        let answer = match (call.interface.as_str(), call.member.as_str()) {
            ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects") => {
                let objects = self.tree.objects().map(|(p, i)| (p.clone(), i.clone()));
                let objects = objects.collect();
                return self.say(Out::Objects { call, objects });
            }
            ("org.freedesktop.DBus.Introspectable", "Introspect") => {
                Ok(vec![self.tree.introspect(&call.path).into()])
            }
            ("org.freedesktop.DBus.Peer", "Ping") => Ok(Vec::new()),
            ("org.freedesktop.DBus.Properties", _) => self.properties(&call),
            // Agents and applications are registered and never asked.
            ("org.bluez.AgentManager1", "RegisterAgent" | "RequestDefaultAgent" | "UnregisterAgent") => {
                Ok(Vec::new())
            }
            _ => Err(unknown(&call)),
        };
        let asked = (call.member == "Get" && text(&call, 1).as_deref() == Some("ServicesResolved"))
            .then(|| call.path.clone());
        self.answer(call, answer);
        if let Some(path) = asked {
            self.asked_for_services(&path);
        }
        self.follow_up();
    }

    fn properties(&mut self, call: &Call) -> Result<Values, Refusal> {
        let invalid = || Refusal::new("org.freedesktop.DBus.Error.InvalidArgs", "Invalid arguments");
        let interface = text(call, 0).ok_or_else(invalid)?;
        let properties = self.tree.interface(&call.path, &interface);
        let Some(properties) = properties else {
            return Err(match self.tree.has(&call.path) {
                true => Refusal::new(
                    "org.freedesktop.DBus.Error.InvalidArgs",
                    format!("No such interface '{interface}'"),
                ),
                false => unknown(call),
            });
        };
        let no_such = |name: &str| {
            Refusal::new(
                "org.freedesktop.DBus.Error.InvalidArgs",
                format!("No such property '{name}'"),
            )
        };
        match (call.member.as_str(), text(call, 1)) {
            ("GetAll", _) => Ok(vec![Variant::from(properties.clone())]),
            ("Get", Some(name)) => {
                let value = properties.get(&name).cloned().ok_or_else(|| no_such(&name))?;
                Ok(vec![Variant::Variant(Box::new(value.into()))])
            }
            ("Set", Some(name)) => {
                let value = match call.arguments.get(2).cloned() {
                    Some(Variant::Variant(inner)) => *inner,
                    Some(other) => other,
                    None => return Err(invalid()),
                };
                self.set_property(call, &interface, &name, &value)
            }
            _ => Err(unknown(call)),
        }
    }

    fn set_property(
        &mut self,
        call: &Call,
        interface: &str,
        name: &str,
        value: &Variant<'static>,
    ) -> Result<Values, Refusal> {
        match (interface, name, value) {
            (ADAPTER, "Powered", Variant::Bool(on)) => self.power(&call.path, *on)?,
            (DEVICE, "Trusted" | "Blocked", Variant::Bool(is)) => {
                let name = if name == "Trusted" { "Trusted" } else { "Blocked" };
                self.change(&call.path, DEVICE, [(name, (*is).into())]);
            }
            (ADAPTER, "Alias", Variant::Str(alias)) => {
                let alias = super::super::tree::owned(alias.to_string());
                self.change(&call.path, ADAPTER, [("Alias", alias)]);
            }
            _ => {
                return Err(Refusal::new(
                    "org.freedesktop.DBus.Error.PropertyReadOnly",
                    format!("Property '{name}' is not writable"),
                ));
            }
        }
        Ok(Vec::new())
    }
}

/// The text at a place among the arguments.
pub(super) fn text(call: &Call, at: usize) -> Option<String> {
    let value = call.arguments.get(at)?.clone();
    String::try_from(value).ok()
}

/// What libdbus answers to a method it doesn't have.
pub(super) fn unknown(call: &Call) -> Refusal {
    Refusal::new(
        "org.freedesktop.DBus.Error.UnknownMethod",
        format!(
            "Method \"{}\" with signature \"\" on interface \"{}\" doesn't exist",
            call.member, call.interface
        ),
    )
}
