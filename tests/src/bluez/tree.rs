//! The objects of the simulated BlueZ, with exact control over what exists and of which type it is.

use std::collections::{BTreeMap, HashMap};

use zbus::{OwnedVariant, Variant};

/// The properties of one interface.
pub type Properties = HashMap<String, OwnedVariant>;

/// Interfaces by name, as in `InterfacesAdded`.
pub type Interfaces = HashMap<String, Properties>;

/// The object tree.
#[derive(Debug, Default)]
pub struct Tree(BTreeMap<String, Interfaces>);

impl Tree {
    /// The objects in the order of their paths.
    pub fn objects(&self) -> impl Iterator<Item = (&String, &Interfaces)> {
        self.0.iter()
    }

    /// Whether there is an object.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// One interface of an object.
    #[must_use]
    pub fn interface(&self, path: &str, interface: &str) -> Option<&Properties> {
        self.0.get(path)?.get(interface)
    }

    /// A property.
    #[must_use]
    pub fn get(&self, path: &str, interface: &str, name: &str) -> Option<&OwnedVariant> {
        self.interface(path, interface)?.get(name)
    }

    /// Adds an object.
    pub fn add(&mut self, path: &str, interfaces: Interfaces) {
        self.0.insert(path.to_owned(), interfaces);
    }

    /// Sets a property, where the interface is there.
    pub fn set(&mut self, path: &str, interface: &str, name: &str, value: OwnedVariant) {
        if let Some(properties) = self.0.get_mut(path).and_then(|i| i.get_mut(interface)) {
            properties.insert(name.to_owned(), value);
        }
    }

    /// Takes a property away; whether it was there.
    pub fn unset(&mut self, path: &str, interface: &str, name: &str) -> bool {
        let interface = self.0.get_mut(path).and_then(|i| i.get_mut(interface));
        interface.is_some_and(|p| p.remove(name).is_some())
    }

    /// Removes the object at `path` and all below it: each path with the names of its interfaces, the lowest first.
    pub fn remove(&mut self, path: &str) -> Vec<(String, Vec<String>)> {
        let below = format!("{path}/");
        let gone: Vec<String> = self
            .0
            .keys()
            .filter(|p| *p == path || p.starts_with(&below))
            .cloned()
            .collect();
        let taken = gone.into_iter().rev().filter_map(|path| {
            let interfaces = self.0.remove(&path)?;
            Some((path, interfaces.into_keys().collect()))
        });
        taken.collect()
    }

    /// What `Introspect` says of `path`: its interfaces and the names of its children, as far as clients need them.
    #[must_use]
    pub fn introspect(&self, path: &str) -> String {
        let mut xml = String::from("<node>");
        if let Some(interfaces) = self.0.get(path) {
            let mut names: Vec<&String> = interfaces.keys().collect();
            names.sort();
            for name in names {
                xml.push_str(&format!("<interface name=\"{name}\"/>"));
            }
        }
        let prefix = if path == "/" {
            "/".to_owned()
        } else {
            format!("{path}/")
        };
        let mut last = "";
        for child in self.0.keys().filter_map(|p| p.strip_prefix(prefix.as_str())) {
            let child = child.split('/').next().unwrap_or_default();
            if child != last && !child.is_empty() {
                xml.push_str(&format!("<node name=\"{child}\"/>"));
                last = child;
            }
        }
        xml.push_str("</node>");
        xml
    }
}

/// A value as a property. A file descriptor is never one, and nothing else can't be owned.
pub fn owned(value: impl Into<Variant<'static>>) -> OwnedVariant {
    let value: Variant<'static> = value.into();
    value
        .try_into_owned()
        .unwrap_or_else(|_| OwnedVariant::from(false))
}

/// Properties from pairs.
pub fn properties<const N: usize>(pairs: [(&str, Variant<'static>); N]) -> Properties {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), owned(value)))
        .collect()
}

/// An object with one interface of its own and the standard ones, as BlueZ lists them.
pub fn object(interface: &str, properties: Properties) -> Interfaces {
    HashMap::from([
        (
            "org.freedesktop.DBus.Introspectable".to_owned(),
            Properties::new(),
        ),
        (interface.to_owned(), properties),
        ("org.freedesktop.DBus.Properties".to_owned(), Properties::new()),
    ])
}
