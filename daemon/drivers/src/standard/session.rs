//! What every driver without a protocol of its own does alike: requests, device information, battery, clock.

use crate::desk::{Desk, Ended, Need, Pending, Ticket};
use crate::driver::{Event, Failure, Information, Output, RequestId};
use crate::gatt::{Characteristic, Gatt, Operation, OperationError};
use crate::moment::Moment;
use crate::standard::pulse::Pulse;
use crate::standard::time::{CurrentTime, LocalTime};
use crate::standard::{device, uuids};
use uuid::Uuid;

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Nothing but itself.
    Plain,
    /// A string of the device information.
    Information(Item),
    /// The battery's level.
    Battery,
    /// Having the heart rate sent.
    Pulse,
    /// InfiniTime's steps.
    Steps,
    /// The alert that makes an accessory be found.
    Find,
    /// A step of a scale's history.
    History,
}

/// A string of the device information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Serial,
    Firmware,
    Software,
    Hardware,
}

/// The strings that are read.
const ITEMS: [(Uuid, Item); 4] = [
    (uuids::SERIAL_NUMBER, Item::Serial),
    (uuids::FIRMWARE_REVISION, Item::Firmware),
    (uuids::SOFTWARE_REVISION, Item::Software),
    (uuids::HARDWARE_REVISION, Item::Hardware),
];

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) desk: Desk<Tag>,
    pub(super) pulse: Pulse,
    gatt: Option<Gatt>,
    opening: Option<Ticket>,
    now: Option<Moment>,
    information: Information,
    software: String,
    unread: usize,
}

impl Session {
    pub(crate) const fn new() -> Self {
        Self {
            desk: Desk::new(),
            pulse: Pulse::new(),
            gatt: None,
            opening: None,
            now: None,
            information: Information {
                serial: String::new(),
                firmware: String::new(),
                hardware: String::new(),
            },
            software: String::new(),
            unread: 0,
        }
    }

    /// Takes the services; fails unless they are `enough`.
    pub(crate) fn connected(&mut self, gatt: Gatt, enough: impl Fn(&Gatt) -> bool, out: &mut Vec<Output>) {
        if self.gatt.is_some() {
            return;
        }
        if enough(&gatt) {
            self.gatt = Some(gatt);
        } else {
            self.fail(Failure::NotSupported, out);
        }
    }

    pub(crate) fn find(&self, service: Uuid, uuid: Uuid) -> Option<Characteristic> {
        self.gatt.as_ref()?.find(service, uuid)
    }

    /// How many bytes one write takes.
    pub(crate) fn payload(&self) -> usize {
        self.gatt.as_ref().map_or(20, Gatt::payload)
    }

    /// What the clock showed when it was last told.
    pub(crate) const fn now(&self) -> Option<Moment> {
        self.now
    }

    /// Notes what the clock shows.
    pub(crate) const fn set_now(&mut self, now: Moment) {
        self.now = Some(now);
    }

    /// Ends the connection and everything on it.
    pub(crate) fn fail(&mut self, failure: Failure, out: &mut Vec<Output>) {
        self.desk.close(failure, out);
        out.push(Output::Fail(failure));
    }

    /// Tells of a request that has ended.
    pub(crate) fn tell(&mut self, ended: Option<Ended>, out: &mut Vec<Output>) {
        let Some(ended) = ended else {
            return;
        };
        if self.opening == Some(ended.ticket) {
            self.opening = None;
            if ended.outcome.is_ok() {
                out.push(Output::Event(Event::Ready));
            }
        }
        out.push(ended.output());
    }

    /// Ends a request.
    pub(crate) fn end(&mut self, ticket: Ticket, outcome: Result<(), Failure>, out: &mut Vec<Output>) {
        let ended = self.desk.end(ticket, outcome);
        self.tell(ended, out);
    }

    /// Answers `Input::Cancel`.
    pub(crate) fn cancel(&mut self, id: RequestId, out: &mut Vec<Output>) {
        if let Some(ticket) = self.desk.ticket(id) {
            let outcome = Err(Failure::Cancelled);
            if self.measures(ticket) {
                self.measured(outcome, out);
            } else {
                self.end(ticket, outcome, out);
            }
        }
    }

    /// Lets go of a request: it ends with its last operation.
    pub(crate) fn release(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        let ended = self.desk.release(ticket);
        self.tell(ended, out);
    }

    /// Puts an operation out that the request needs.
    pub(crate) fn must(&mut self, ticket: Ticket, operation: Operation, tag: Tag, out: &mut Vec<Output>) {
        self.desk.put((Some(ticket), Need::Must), operation, tag, out);
    }

    /// Puts an operation out that the request waits for and can do without.
    pub(crate) fn may(&mut self, ticket: Ticket, operation: Operation, tag: Tag, out: &mut Vec<Output>) {
        self.desk.put((Some(ticket), Need::May), operation, tag, out);
    }

    /// Begins an opening: asks for device information and battery. The caller releases it.
    pub(crate) fn open(&mut self, ticket: Ticket, now: Moment, out: &mut Vec<Output>) {
        self.opening = Some(ticket);
        self.now = Some(now);
        for (uuid, item) in ITEMS {
            if let Some(from) = self.find(uuids::DEVICE_INFORMATION, uuid) {
                self.unread += 1;
                self.may(ticket, Operation::Read(from), Tag::Information(item), out);
            }
        }
        if let Some(battery) = self.find(uuids::BATTERY, uuids::BATTERY_LEVEL) {
            if battery.properties.notify {
                self.may(ticket, Operation::Subscribe(battery), Tag::Plain, out);
            }
            self.may(ticket, Operation::Read(battery), Tag::Battery, out);
        }
    }

    /// Sets the clock of the Current Time service. False: there is none that can be set.
    pub(crate) fn set_clock(
        &mut self,
        ticket: Ticket,
        need: Need,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> bool {
        self.now = Some(now);
        let writable = |one: &Characteristic| one.properties.write || one.properties.write_without_response;
        let find = |uuid| self.find(uuids::CURRENT_TIME_SERVICE, uuid).filter(writable);
        let (time, zone) = (find(uuids::CURRENT_TIME), find(uuids::LOCAL_TIME));
        let Some(time) = time else {
            return false;
        };
        let value = CurrentTime::set_to(now).encode().to_vec();
        let operation = Operation::write(time, value);
        self.desk.put((Some(ticket), need), operation, Tag::Plain, out);
        if let Some(zone) = zone {
            let operation = Operation::write(zone, LocalTime::of(now).encode().to_vec());
            self.may(ticket, operation, Tag::Plain, out);
        }
        true
    }

    /// Answers `Request::SetTime` over the Current Time service.
    pub(crate) fn set_time(&mut self, ticket: Ticket, now: Moment, out: &mut Vec<Output>) {
        if self.set_clock(ticket, Need::Must, now, out) {
            self.release(ticket, out);
        } else {
            self.end(ticket, Err(Failure::NotSupported), out);
        }
    }

    /// Writes an alert level. False: the accessory has none.
    pub(crate) fn alert_level(&mut self, ticket: Option<Ticket>, level: u8, out: &mut Vec<Output>) -> bool {
        let Some(to) = self.find(uuids::IMMEDIATE_ALERT, uuids::ALERT_LEVEL) else {
            return false;
        };
        let operation = Operation::write(to, vec![level]);
        self.desk.put((ticket, Need::Must), operation, Tag::Find, out);
        true
    }

    /// Uses the answer to an operation of the session's own.
    pub(crate) fn use_answer(
        &mut self,
        tag: Tag,
        result: &Result<Vec<u8>, OperationError>,
        out: &mut Vec<Output>,
    ) {
        match tag {
            Tag::Information(item) => self.informed(item, result.as_deref().unwrap_or_default(), out),
            Tag::Battery => self.battery(result.as_deref().unwrap_or_default(), out),
            Tag::Pulse => {
                if let Err(error) = *result {
                    self.pulse_refused(error.into(), out);
                }
            }
            Tag::Plain | Tag::Steps | Tag::Find | Tag::History => {}
        }
    }

    /// Notes how an operation went.
    pub(crate) fn settle(
        &mut self,
        pending: &Pending<Tag>,
        result: Result<Vec<u8>, OperationError>,
        out: &mut Vec<Output>,
    ) {
        let ended = self.desk.settle(pending, result.map(drop));
        self.tell(ended, out);
    }

    /// Tells of a battery level, if it is one.
    pub(crate) fn battery(&mut self, value: &[u8], out: &mut Vec<Output>) {
        if let Ok(level) = device::battery_level(value) {
            let charging = false;
            out.push(Output::Event(Event::Battery { level, charging }));
        }
    }

    fn informed(&mut self, item: Item, value: &[u8], out: &mut Vec<Output>) {
        let said = &mut self.information;
        match item {
            // Some are built without a number of their own.
            Item::Serial => {
                said.serial = device::text(value).unwrap_or_default();
                if said.serial.chars().all(|c| c == '0') {
                    said.serial.clear();
                }
            }
            Item::Firmware => said.firmware = device::version(value).unwrap_or_default(),
            Item::Hardware => said.hardware = device::version(value).unwrap_or_default(),
            Item::Software => self.software = device::version(value).unwrap_or_default(),
        }
        self.unread = self.unread.saturating_sub(1);
        if self.unread > 0 {
            return;
        }
        if said.firmware.is_empty() {
            said.firmware.clone_from(&self.software);
        }
        if *said != Information::default() {
            out.push(Output::Event(Event::Information(said.clone())));
        }
    }
}
