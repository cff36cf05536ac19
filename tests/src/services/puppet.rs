//! A service on the private bus whose objects, properties and answers a test holds in its hand.
//!
//! What every service does alike is here: the standard interfaces, signals when something changes, a log of the
//! calls, and faults. What a method means is the [`Behaviour`] of each service.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use zbus::{Connection, MessageStream, OwnedObjectPath, OwnedVariant, Variant};

use super::serving::{OBJECT_MANAGER, PROPERTIES, serve};
use crate::until::within;
use crate::{Outcome, guest};

/// What a method takes or answers.
pub type Values = Vec<Variant<'static>>;

/// Properties by name.
pub type Properties = HashMap<String, OwnedVariant>;

/// One call of a method.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The object.
    pub path: String,
    /// The interface.
    pub interface: String,
    /// The method.
    pub member: String,
    /// Its arguments.
    pub arguments: Values,
    /// Who called, by unique name.
    pub sender: String,
}

/// An error that a method answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The D-Bus error's name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What the methods of a service do.
pub trait Behaviour: Send + Sync + 'static {
    /// Answers `call`. The properties and signals of `puppet` are its way to show what it did.
    fn answer(&self, puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>>;
}

/// The service: clones are the same one. It leaves the bus with the last [`Strings`].
#[derive(Debug, Clone)]
pub struct Puppet {
    pub(super) connection: Connection,
    name: &'static str,
    pub(super) tree: Arc<Mutex<Tree>>,
    pub(super) calls: Arc<watch::Sender<Vec<Call>>>,
}

/// Keeps a [`Puppet`] alive; dropping it takes the service off the bus.
#[derive(Debug)]
pub struct Strings {
    puppet: Puppet,
    task: AbortHandle,
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) objects: BTreeMap<String, HashMap<String, Properties>>,
    pub(super) faults: HashMap<String, Fault>,
    /// Where the object manager is, and the interface that makes an object one of its objects.
    manager: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Clone)]
pub(super) enum Fault {
    Hang,
    Refuse(Refusal),
}

impl Refusal {
    /// A refusal by the error `name`.
    #[must_use]
    pub fn new(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
        }
    }

    /// What a service answers to a method it doesn't have.
    #[must_use]
    pub fn unknown_method(call: &Call) -> Self {
        Self::new(
            "org.freedesktop.DBus.Error.UnknownMethod",
            format!("no {}.{} at {}", call.interface, call.member, call.path),
        )
    }
}

impl Strings {
    /// Joins the bus as `name`, with objects to be added by `set` before anybody can ask for them.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn attach(
        bus: &Path,
        name: &'static str,
        behaviour: impl Behaviour,
        set: impl AsyncFnOnce(&Puppet) -> Outcome,
    ) -> Outcome<Self> {
        let user = guest::programs().unwrap_or_else(guest::person);
        let connection = guest::connect(bus, user).await?;
        let puppet = Puppet {
            connection: connection.clone(),
            name,
            tree: Arc::default(),
            calls: Arc::new(watch::Sender::new(Vec::new())),
        };
        set(&puppet).await?;
        let messages = MessageStream::from(&connection);
        let task = tokio::spawn(serve(puppet.clone(), messages, Arc::new(behaviour)));
        connection.request_name(name).await?;
        Ok(Self {
            puppet,
            task: task.abort_handle(),
        })
    }

    /// The puppet.
    #[must_use]
    pub fn puppet(&self) -> &Puppet {
        &self.puppet
    }
}

impl Drop for Strings {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Puppet {
    /// Adds an interface to the object at `path`; announced where there is an object manager.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn add(&self, path: &str, interface: &str, properties: Properties) -> Outcome {
        let announced = {
            let mut tree = lock(&self.tree);
            let object = tree.objects.entry(path.to_owned()).or_default();
            object.insert(interface.to_owned(), properties.clone());
            tree.manages(path)
        };
        if let Some(manager) = announced {
            let added = HashMap::from([(interface.to_owned(), properties)]);
            let body = (OwnedObjectPath::try_from(path)?, added);
            self.emit(manager, OBJECT_MANAGER, "InterfacesAdded", &body)
                .await?;
        }
        Ok(())
    }

    /// Removes the object at `path`; announced where there is an object manager.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn remove(&self, path: &str) -> Outcome {
        let (manager, interfaces) = {
            let mut tree = lock(&self.tree);
            let manager = tree.manages(path);
            (manager, tree.objects.remove(path).unwrap_or_default())
        };
        if let Some(manager) = manager {
            let names: Vec<String> = interfaces.into_keys().collect();
            let body = (OwnedObjectPath::try_from(path)?, names);
            self.emit(manager, OBJECT_MANAGER, "InterfacesRemoved", &body)
                .await?;
        }
        Ok(())
    }

    /// Serves an object manager at `path` for the objects that have `interface`.
    pub fn manage(&self, path: &'static str, interface: &'static str) {
        lock(&self.tree).manager = Some((path, interface));
    }

    /// Changes a property, with the signal that goes with it.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn set(
        &self,
        path: &str,
        interface: &str,
        property: &str,
        value: impl Into<Variant<'static>>,
    ) -> Outcome {
        let value = value.into().try_into_owned()?;
        let known = {
            let mut tree = lock(&self.tree);
            let properties = tree.objects.get_mut(path).and_then(|o| o.get_mut(interface));
            properties.map(|p| p.insert(property.to_owned(), value.clone()))
        };
        crate::expect!(known.is_some(), "no {interface} at {path}");
        let body = (
            interface.to_owned(),
            HashMap::from([(property.to_owned(), value)]),
            Vec::<String>::new(),
        );
        self.emit(path, PROPERTIES, "PropertiesChanged", &body).await
    }

    /// Changes a property and tells nobody.
    ///
    /// # Errors
    /// Where there is no such object.
    pub fn put(
        &self,
        path: &str,
        interface: &str,
        property: &str,
        value: impl Into<Variant<'static>>,
    ) -> Outcome {
        let value = value.into().try_into_owned()?;
        let mut tree = lock(&self.tree);
        let properties = tree.objects.get_mut(path).and_then(|o| o.get_mut(interface));
        let known = properties.map(|p| p.insert(property.to_owned(), value));
        drop(tree);
        crate::expect!(known.is_some(), "no {interface} at {path}");
        Ok(())
    }

    /// A property as it is now.
    #[must_use]
    pub fn get(&self, path: &str, interface: &str, property: &str) -> Option<OwnedVariant> {
        let tree = lock(&self.tree);
        tree.objects.get(path)?.get(interface)?.get(property).cloned()
    }

    /// Whether there is such an object.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        lock(&self.tree).objects.contains_key(path)
    }

    /// The paths of the objects that begin with `prefix`.
    #[must_use]
    pub fn paths(&self, prefix: &str) -> Vec<String> {
        let tree = lock(&self.tree);
        tree.objects
            .keys()
            .filter(|p| p.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// Where the bus has gone.
    pub async fn emit<B>(&self, path: &str, interface: &str, signal: &str, body: &B) -> Outcome
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.connection
            .emit_signal(None::<&str>, path, interface, signal, body)
            .await?;
        Ok(())
    }

    /// The calls of `member` since the start, standard interfaces included.
    #[must_use]
    pub fn calls(&self, member: &str) -> Vec<Call> {
        let calls = self.calls.borrow();
        calls.iter().filter(|c| c.member == member).cloned().collect()
    }

    /// Waits until `member` has been called `times` times since the start, and answers the last of them.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn called(&self, member: &str, times: usize) -> Outcome<Call> {
        let mut calls = self.calls.subscribe();
        let what = format!("{} to be asked for {member} ({times})", self.name);
        let found = within(&what, async {
            let enough = |calls: &Vec<Call>| {
                calls
                    .iter()
                    .filter(|c| c.member == member)
                    .nth(times - 1)
                    .cloned()
            };
            // The sender lives as long as this puppet.
            let seen = calls.wait_for(|c| enough(c).is_some()).await;
            seen.ok().and_then(|c| enough(&c))
        });
        found
            .await?
            .ok_or_else(|| crate::Surprise::new("the puppet is gone"))
    }

    /// From now on nobody gets an answer to `member`.
    pub fn hang(&self, member: &str) {
        lock(&self.tree).faults.insert(member.to_owned(), Fault::Hang);
    }

    /// From now on `member` answers the error `name`.
    pub fn refuse(&self, member: &str, name: &str) {
        let refusal = Refusal::new(name, "refused, as the test wants it");
        lock(&self.tree)
            .faults
            .insert(member.to_owned(), Fault::Refuse(refusal));
    }

    /// No more faults.
    pub fn heal(&self) {
        lock(&self.tree).faults.clear();
    }

    /// Leaves the bus, as where the service isn't installed or has crashed. Its objects stay as they are.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn leave(&self) -> Outcome {
        self.connection.release_name(self.name).await?;
        Ok(())
    }

    /// Comes back.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn come_back(&self) -> Outcome {
        self.connection.request_name(self.name).await?;
        Ok(())
    }

    /// A connection of the service, for behaviours that call others.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Tree {
    pub(super) fn manages(&self, path: &str) -> Option<&'static str> {
        let (manager, interface) = self.manager?;
        self.objects.get(path)?.contains_key(interface).then_some(manager)
    }
}

/// Properties from pairs.
///
/// # Errors
/// A value with a descriptor that can't be cloned.
pub fn props<const N: usize>(pairs: [(&str, Variant<'static>); N]) -> Outcome<Properties> {
    let owned = pairs
        .into_iter()
        .map(|(name, value)| Ok((name.to_owned(), value.try_into_owned()?)));
    owned.collect()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
