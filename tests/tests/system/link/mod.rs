//! belayd's link to accessories against a simulated BlueZ: what btleplug and BlueZ are known to do wrong, one by one.

mod ends;
mod gatt;
mod many;
mod radio;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay::accessory::link::{Choice, Link, Patience};
use belay::accessory::ports::{AdapterView, LinkEnd, Radio, Report, Session};
use belay::actor::Supervisor;
use belay_drivers::{Address, Driver, Failure, Gatt, Input, Operation, Output};
use belay_tests::accessories::Strap;
use belay_tests::bluez::{Accessory, Address as Aired, Bluez, Settings};
use belay_tests::until::within;
use uuid::Uuid;

use crate::bluez::apart_by;

const OCTETS: [u8; 6] = [0xc0, 0xff, 0xee, 0, 0, 1];
const STRAP: Address = Address(OCTETS);
/// The journal's line for a connection attempt.
const CONNECT: &str = "call /org/bluez/hci0/dev_C0_FF_EE_00_00_01 Connect";
/// For the one thing that a test waits for in vain: whatever is to come about has the usual time, as the machine may be busy.
const SHORT: Duration = Duration::from_millis(500);

/// A link and what it meets.
struct Rig {
    link: Link,
    bluez: Bluez,
    bus: zbus::Connection,
    _supervisor: Supervisor,
}

/// Runs `body` with a link that sees the simulated BlueZ, in a process of its own.
fn linked(name: &str, body: impl AsyncFnOnce(Rig)) {
    linked_by(name, Settings::default(), Choice::Lowest, body);
}

fn linked_by(name: &str, settings: Settings, choice: Choice, body: impl AsyncFnOnce(Rig)) {
    apart_by(&format!("link::{name}"), settings, async |bluez| {
        let bus = zbus::Connection::system().await.unwrap();
        let mut supervisor = Supervisor::default();
        let link = Link::open(true, choice, &mut supervisor).await;
        let rig = Rig {
            link,
            bluez,
            bus,
            _supervisor: supervisor,
        };
        rig.shows(|view| view.available).await;
        body(rig).await;
    });
}

impl Rig {
    async fn shows(&self, wanted: impl Fn(&AdapterView) -> bool) {
        let mut view = self.link.adapter();
        within("the adapter", view.wait_for(wanted))
            .await
            .unwrap()
            .unwrap();
    }

    /// Waits so long from now on.
    fn patient(&mut self, patience: Patience) {
        self.link = self.link.clone().with_patience(patience);
    }

    async fn strap(&self) -> Accessory<Strap> {
        self.bluez.add(Strap::new(Aired::random(OCTETS))).await.unwrap()
    }

    /// Connects to the strap with a driver that does what `rule` says.
    fn connect(&self, rule: impl FnMut(&Input) -> Vec<Output> + Send + 'static) -> Connected {
        self.connect_to(STRAP, rule)
    }

    fn connect_to(
        &self,
        address: Address,
        rule: impl FnMut(&Input) -> Vec<Output> + Send + 'static,
    ) -> Connected {
        let heard = Arc::default();
        let puppet = Puppet {
            heard: Arc::clone(&heard),
            rule: Box::new(rule),
        };
        Connected {
            session: self.link.connect(address, Box::new(puppet)),
            heard,
        }
    }

    /// Connects and waits for the link.
    async fn up(&self, rule: impl FnMut(&Input) -> Vec<Output> + Send + 'static) -> Connected {
        let mut connected = self.connect(rule);
        assert_eq!(connected.next().await, Report::Connected);
        connected
    }

    /// How many programs and connections the bus has.
    async fn connections(&self) -> usize {
        let dbus = zbus::fdo::DBusProxy::new(&self.bus).await.unwrap();
        let names = dbus.list_names().await.unwrap();
        names.iter().filter(|name| name.starts_with(':')).count()
    }

    /// How often the journal of BlueZ has `text`.
    async fn journal(&self, text: &str) -> usize {
        let journal = self.bluez.journal().await.unwrap();
        journal.iter().filter(|line| line.contains(text)).count()
    }
}

/// What a puppet does when it is told something.
type Rule = Box<dyn FnMut(&Input) -> Vec<Output> + Send>;

/// Keeps what it is told and does what its rule says.
struct Puppet {
    heard: Arc<Mutex<Vec<Input>>>,
    rule: Rule,
}

impl Driver for Puppet {
    fn step(&mut self, input: Input) -> Vec<Output> {
        let outputs = (self.rule)(&input);
        self.heard.lock().unwrap().push(input);
        outputs
    }
}

/// A connection and what its driver has heard.
struct Connected {
    session: Session,
    heard: Arc<Mutex<Vec<Input>>>,
}

impl Connected {
    async fn next(&mut self) -> Report {
        let report = within("a report", self.session.reports.recv()).await;
        report.unwrap().unwrap()
    }

    /// How it ends; other reports are left aside.
    async fn end(&mut self) -> LinkEnd {
        loop {
            if let Report::Ended(end) = self.next().await {
                return end;
            }
        }
    }

    /// Lets go, and waits until that is done.
    async fn let_go(self) {
        let Session { orders, mut reports } = self.session;
        drop(orders);
        let last = async {
            let mut last = None;
            while let Some(report) = reports.recv().await {
                last = Some(report);
            }
            last
        };
        let last = within("the end", last).await.unwrap();
        assert_eq!(last, Some(Report::Ended(LinkEnd::Closed)));
    }

    fn notified(&self) -> Vec<Vec<u8>> {
        let heard = self.heard.lock().unwrap();
        let values = heard.iter().filter_map(|input| match input {
            Input::Notified { value, .. } => Some(value.clone()),
            _ => None,
        });
        values.collect()
    }

    fn heard(&self, wanted: impl Fn(&Input) -> bool) -> bool {
        self.heard.lock().unwrap().iter().any(wanted)
    }
}

/// A driver's operation on the characteristic `uuid`.
fn on(gatt: &Gatt, uuid: Uuid, make: impl FnOnce(belay_drivers::Characteristic) -> Operation) -> Output {
    let found = gatt.characteristics.iter().find(|one| one.uuid == uuid);
    Output::Gatt(make(*found.unwrap()))
}

/// Subscribes to `uuid` at the beginning, and reports each notification as a button.
fn listens(uuid: Uuid) -> impl FnMut(&Input) -> Vec<Output> + Send + 'static {
    move |input| match input {
        Input::Connected(gatt) => vec![on(gatt, uuid, Operation::Subscribe)],
        Input::Answered { result: Ok(_), .. } => vec![Output::Event(belay_drivers::Event::Ready)],
        Input::Notified { .. } => vec![Output::Event(belay_drivers::Event::Button)],
        Input::Disconnected => vec![Output::Event(belay_drivers::Event::Finished {
            id: belay_drivers::RequestId(0),
            outcome: Err(Failure::Lost),
        })],
        _ => Vec::new(),
    }
}

/// Does nothing.
fn idle(_: &Input) -> Vec<Output> {
    Vec::new()
}

const READY: Report = Report::Event(belay_drivers::Event::Ready);
const BUTTON: Report = Report::Event(belay_drivers::Event::Button);
