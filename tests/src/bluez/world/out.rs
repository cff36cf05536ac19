//! What goes over the wire, and the journal of it.

use zbus::{OwnedVariant, Variant};

use super::{Call, World};
use crate::bluez::tree::{Interfaces, Properties};
use crate::services::puppet::{Refusal, Values};

/// A message of BlueZ.
#[derive(Debug)]
pub enum Out {
    /// The answer to a call.
    Answer {
        /// The call.
        call: Call,
        /// Values or an error.
        answer: Result<Values, Refusal>,
    },
    /// The answer to `GetManagedObjects`.
    Objects {
        /// The call.
        call: Call,
        /// All objects.
        objects: Vec<(String, Interfaces)>,
    },
    /// `InterfacesAdded`.
    Added {
        /// The object.
        path: String,
        /// What it is.
        interfaces: Interfaces,
    },
    /// `InterfacesRemoved`.
    Removed {
        /// The object.
        path: String,
        /// What it was.
        interfaces: Vec<String>,
    },
    /// `PropertiesChanged`.
    Changed {
        /// The object.
        path: String,
        /// The interface.
        interface: &'static str,
        /// New values.
        changed: Properties,
        /// Properties without a value now.
        invalidated: Vec<String>,
    },
}

impl World {
    /// Sends a message and notes it.
    pub(super) fn say(&mut self, out: Out) {
        let line = match &out {
            Out::Answer { call, answer } if is_told(call) => match answer {
                Ok(_) => Some(format!("reply {}", call.member)),
                Err(refusal) => Some(format!("error {} {} {}", call.member, refusal.name, refusal.text)),
            },
            Out::Answer { .. } | Out::Objects { .. } => None,
            Out::Added { path, .. } => Some(format!("added {path}")),
            Out::Removed { path, .. } => Some(format!("removed {path}")),
            Out::Changed {
                path,
                interface,
                changed,
                invalidated,
            } => {
                let mut parts: Vec<String> = changed.iter().map(|(name, v)| shown(name, v)).collect();
                parts.extend(invalidated.iter().map(|name| format!("-{name}")));
                parts.sort();
                let interface = interface.rsplit('.').next().unwrap_or_default();
                Some(format!("changed {path} {interface} {}", parts.join(" ")))
            }
        };
        self.journal.extend(line);
        self.out.push(out);
    }

    pub(super) fn note_call(&mut self, call: &Call) {
        if is_told(call) {
            self.journal.push(format!("call {} {}", call.path, call.member));
        }
    }

    /// Sets properties and says so in one signal.
    pub(super) fn change<const N: usize>(
        &mut self,
        path: &str,
        interface: &'static str,
        values: [(&str, OwnedVariant); N],
    ) {
        for (name, value) in &values {
            self.tree.set(path, interface, name, value.clone());
        }
        let changed = values.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.say(Out::Changed {
            path: path.to_owned(),
            interface,
            changed: changed.collect(),
            invalidated: Vec::new(),
        });
    }

    /// Takes a property away and says so, if it was there.
    pub(super) fn invalidate(&mut self, path: &str, interface: &'static str, name: &str) {
        if self.tree.unset(path, interface, name) {
            self.say(Out::Changed {
                path: path.to_owned(),
                interface,
                changed: Properties::new(),
                invalidated: vec![name.to_owned()],
            });
        }
    }

    pub(super) fn add(&mut self, path: &str, interfaces: Interfaces) {
        self.tree.add(path, interfaces.clone());
        self.say(Out::Added {
            path: path.to_owned(),
            interfaces,
        });
    }

    pub(super) fn remove(&mut self, path: &str) {
        for (path, interfaces) in self.tree.remove(path) {
            self.say(Out::Removed { path, interfaces });
        }
    }
}

/// Reading properties changes nothing and has no place in the journal.
fn is_told(call: &Call) -> bool {
    call.interface.starts_with("org.bluez.") || call.member == "Set"
}

fn shown(name: &str, value: &OwnedVariant) -> String {
    match &**value {
        Variant::Bool(is) => format!("{name}={is}"),
        Variant::Array(array) if array.element_signature() == "y" => {
            let bytes = Vec::<u8>::try_from(value.clone()).unwrap_or_default();
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("{name}={hex}")
        }
        _ => name.to_owned(),
    }
}
