//! A simulated BlueZ with virtual accessories in its air, under the name `org.bluez` on the private bus.
//!
//! It shows what clients of a real BlueZ 5.66 see, in the order of a recorded trace: adapters, devices that appear by
//! `InterfacesAdded`, GATT objects that stay after a disconnection, notify sessions that survive one. What is wrong
//! with an accessory is said by its [`Faults`]; time passes by itself or only where a test lets it pass
//! ([`Settings::flowing`]).

pub mod air;
pub mod fault;
mod task;
pub mod tree;
pub mod world;

use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::until::within;
use crate::{Outcome, Surprise};

pub use air::{Address, Advertisement, Air, AttError, Characteristic, Peripheral, Service, sig};
pub use fault::{Chance, Faults, Refused};
pub use world::{Resolve, Settings, World};

/// The name on the bus.
pub const NAME: &str = "org.bluez";

/// How many commands wait at most.
const COMMANDS: usize = 64;

/// The simulated BlueZ: clones are the same one. It ends with [`Running`].
#[derive(Debug, Clone)]
pub struct Bluez {
    commands: mpsc::Sender<task::Command>,
    turns: watch::Receiver<u64>,
}

/// Keeps a [`Bluez`] running; dropping it is a sudden death.
#[derive(Debug)]
pub struct Running {
    bluez: Bluez,
    task: AbortHandle,
}

/// An accessory in the air, to be looked at and acted upon: clones are the same one.
#[derive(Debug)]
pub struct Accessory<P> {
    bluez: Bluez,
    slot: usize,
    kind: PhantomData<fn() -> P>,
}

impl<P> Clone for Accessory<P> {
    fn clone(&self) -> Self {
        Self {
            bluez: self.bluez.clone(),
            slot: self.slot,
            kind: PhantomData,
        }
    }
}

impl Running {
    /// Joins the bus at the socket `bus` with one adapter, `hci0`.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn start(bus: &Path, settings: Settings) -> Outcome<Self> {
        let mut world = World::new(settings);
        world.plug(Address::public([0x00, 0xaa, 0x01, 0x00, 0x00, 0x42]));
        world.take();
        let (commands, waiting) = mpsc::channel(COMMANDS);
        let (turned, turns) = watch::channel(0);
        let task = task::Task::join(bus, world, waiting, turned).await?;
        let task = tokio::spawn(task.run());
        Ok(Self {
            bluez: Bluez { commands, turns },
            task: task.abort_handle(),
        })
    }

    /// The handle.
    #[must_use]
    pub fn bluez(&self) -> &Bluez {
        &self.bluez
    }
}

impl std::ops::Deref for Running {
    type Target = Bluez;

    fn deref(&self) -> &Bluez {
        &self.bluez
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bluez {
    /// Puts an accessory into the air, in range.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn add<P: Peripheral>(&self, peripheral: P) -> Outcome<Accessory<P>> {
        let slot = self.with(|world| world.put(Box::new(peripheral))).await?;
        Ok(Accessory {
            bluez: self.clone(),
            slot,
            kind: PhantomData,
        })
    }

    /// Plugs in another adapter.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn plug(&self, address: Address) -> Outcome {
        self.with(move |world| world.plug(address)).await.map(drop)
    }

    /// Lets `time` pass, with all that happens in it.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn advance(&self, time: Duration) -> Outcome {
        self.tell(|done| task::Command::Advance(time, done)).await
    }

    /// Switches the adapter `hciN` on or off, as somebody else on the device does.
    ///
    /// # Errors
    /// Where there is no such adapter.
    pub async fn power(&self, adapter: usize, on: bool) -> Outcome {
        let path = format!("/org/bluez/hci{adapter}");
        let done = self.with(move |world| world.power(&path, on)).await?;
        done.map_err(|refusal| Surprise::new(refusal.text))
    }

    /// bluetoothd dies: its name is lost, links are gone, nothing is signalled.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn die(&self) -> Outcome {
        self.tell(task::Command::Die).await
    }

    /// bluetoothd starts again. It knows the devices that were connected once.
    ///
    /// # Errors
    /// Where the bus refuses.
    pub async fn come_back(&self) -> Outcome {
        self.tell(task::Command::ComeBack).await
    }

    /// Every call, reply and signal so far, a line each, see [`World::journal`].
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn journal(&self) -> Outcome<Vec<String>> {
        self.with(|world| world.journal().to_vec()).await
    }

    /// Waits until a line of the journal contains `text` for the `times`th time.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn noted(&self, text: &str, times: usize) -> Outcome {
        let what = format!("{text:?} in BlueZ's journal ({times})");
        let text = text.to_owned();
        let found = move |world: &mut World| {
            let lines = world.journal().iter();
            lines.filter(|l| l.contains(&text)).count() >= times
        };
        self.until(&what, found).await
    }

    /// Does something with the whole world, between two messages.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn with<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Outcome<T> {
        self.ask(deed, task::Command::Do).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut World) -> T + Send + 'static,
        how: impl FnOnce(Box<dyn FnOnce(&mut World) + Send>) -> task::Command,
    ) -> Outcome<T> {
        let (answer, answered) = oneshot::channel();
        let deed = Box::new(move |world: &mut World| {
            // Whoever asked may have left.
            let _ = answer.send(deed(world));
        });
        let sent = self.commands.send(how(deed)).await;
        sent.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())
    }

    /// Waits until `found` holds, looking again after whatever happens.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until(
        &self,
        what: &str,
        found: impl Fn(&mut World) -> bool + Send + Sync + 'static,
    ) -> Outcome {
        let found = std::sync::Arc::new(found);
        let mut turns = self.turns.clone();
        within(what, async {
            loop {
                turns.mark_unchanged();
                let found = std::sync::Arc::clone(&found);
                if self.ask(move |world| found(world), task::Command::Look).await? {
                    return Ok(());
                }
                turns.changed().await.map_err(|_| ended())?;
            }
        })
        .await?
    }

    async fn tell(&self, command: impl FnOnce(oneshot::Sender<Outcome>) -> task::Command) -> Outcome {
        let (done, waiting) = oneshot::channel();
        let sent = self.commands.send(command(done)).await;
        sent.map_err(|_| ended())?;
        waiting.await.map_err(|_| ended())?
    }
}

impl<P: Peripheral> Accessory<P> {
    /// Does something with the accessory; what it notifies meanwhile goes out.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn with<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut P, &mut Air) -> T + Send + 'static,
    ) -> Outcome<T> {
        let slot = self.slot;
        let done = self.bluez.with(move |world| {
            let done = world.act(slot, |peripheral, air| {
                let any: &mut dyn std::any::Any = peripheral;
                any.downcast_mut::<P>().map(|it| deed(it, air))
            });
            world.follow_up();
            done
        });
        done.await?
            .ok_or_else(|| Surprise::new("the accessory is of another kind"))
    }

    /// Waits until `found` holds of the accessory.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn until(&self, what: &str, found: impl Fn(&P) -> bool + Send + Sync + 'static) -> Outcome {
        let slot = self.slot;
        let holds = move |world: &mut World| {
            let any: &dyn std::any::Any = world.slot(slot).peripheral.as_ref();
            any.downcast_ref::<P>().is_some_and(&found)
        };
        self.bluez.until(what, holds).await
    }

    /// Sets what is wrong with it from now on.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn faults(&self, faults: Faults) -> Outcome {
        let slot = self.slot;
        self.bluez.with(move |world| world.spoil(slot, faults)).await
    }

    /// From now on what its faults lose and double follows from `seed`.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn seed(&self, seed: u64) -> Outcome {
        let slot = self.slot;
        self.bluez.with(move |world| world.seed(slot, seed)).await
    }

    /// It comes into range or leaves it, which is the end of a link.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn in_range(&self, is: bool) -> Outcome {
        let slot = self.slot;
        self.bluez.with(move |world| world.range(slot, is)).await
    }

    /// It advertises, so strongly (dBm).
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn advertise(&self, rssi: i16) -> Outcome {
        let slot = self.slot;
        let said = self.bluez.with(move |world| {
            world.slot(slot).rssi = rssi;
            world.advertise(slot, true);
        });
        said.await
    }

    /// It says that its services have changed, while it is connected.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn changes_services(&self) -> Outcome {
        let slot = self.slot;
        self.bluez.with(move |world| world.change_services(slot)).await
    }

    /// The link is lost.
    ///
    /// # Errors
    /// Once the simulation has ended.
    pub async fn lose(&self) -> Outcome {
        let slot = self.slot;
        self.bluez.with(move |world| world.lose(slot)).await
    }

    /// Waits until the link was lost that its [faults](Accessory::faults) were to cut, however soon that was.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn cut_off(&self) -> Outcome {
        let slot = self.slot;
        let is_cut = move |world: &mut World| {
            let faults = &world.slot(slot).faults;
            faults.drops_at.is_none() && faults.drops_after.is_none()
        };
        self.bluez.until("the link to be cut", is_cut).await
    }

    /// Waits until it is connected, or isn't.
    ///
    /// # Errors
    /// Where that doesn't happen.
    pub async fn connected(&self, is: bool) -> Outcome {
        let slot = self.slot;
        let what = if is { "the connection" } else { "the disconnection" };
        self.bluez
            .until(what, move |world| world.connected(slot) == is)
            .await
    }
}

fn ended() -> Surprise {
    Surprise::new("the simulated BlueZ has ended")
}
