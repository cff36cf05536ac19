//! What all parts of the driver share: the device's characteristics, the operations under way, the requests, and what
//! is to be put out.

use std::collections::VecDeque;
use std::time::Duration;

use uuid::Uuid;

use super::agreed::Session;
use super::commands::Commands;
use super::requests::{Requests, Serial, Sort, failure};
use crate::driver::{Event, Failure, Output, RequestId, Timer};
use crate::entropy::Entropy;
use crate::gatt::{Characteristic, Gatt, Operation, OperationError};
use crate::huami::codec::time::Clock;
use crate::huami::model::{Model, Scheme, System};
use crate::huami::uuids::{BAND, MESSAGES_FROM, MESSAGES_TO};
use crate::huami::v2021::tunnel::Told;
use crate::moment::Moment;

/// No answer to the authentication, or no tap.
pub(super) const AUTHENTICATION: Timer = Timer(0);
/// A fetch: no packet, or the pause between rounds is over.
pub(super) const FETCH: Timer = Timer(1);
/// No heart rate.
pub(super) const MEASURE: Timer = Timer(2);
/// The next word that keeps the heart rate coming.
pub(super) const FOLLOW: Timer = Timer(3);
/// The next vibration of a search.
pub(super) const FIND: Timer = Timer(4);
/// No reply to settings.
pub(super) const SETTINGS: Timer = Timer(5);
/// No end of a message of the band.
pub(super) const MESSAGE: Timer = Timer(6);

/// How long a message of the band may take from its first chunk to its last; none has more than a few.
const MESSAGE_ENDS: Duration = Duration::from_secs(5);

/// With so many operations under way no further request is taken.
const CROWDED: usize = 128;
/// With so many the link must have stopped working.
const STUCK: usize = 1024;

/// Why an operation was put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whatever comes of it.
    Aside,
    /// Authentication.
    Authentication,
    /// What follows it.
    Settling(Settling),
    /// Part of a request.
    Part(Serial),
    /// A fetch.
    Fetch,
    /// The word that keeps the heart rate coming.
    KeepFollowing,
    /// A vibration of a search.
    Find,
    /// The word that a search for the phone is heard.
    FindPhoneHeard,
    /// The word that we are still there.
    StillHere,
}

/// What is done after the authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settling {
    Silent,
    Serial,
    Hardware,
    Firmware,
    Battery,
    Steps,
}

/// An operation under way: what tells it apart, without its value.
struct Pending {
    purpose: Purpose,
    sort: std::mem::Discriminant<Operation>,
    at: Characteristic,
}

/// See the module.
pub(super) struct Core {
    pub(super) model: Model,
    pub(super) commands: Commands,
    pub(super) entropy: Entropy,
    pub(super) requests: Requests,
    pub(super) out: Vec<Output>,
    /// The MTU that the band would take.
    pub(super) announced: Option<u16>,
    /// The version of its firmware, as far as it was told.
    pub(super) firmware: String,
    /// The connection is gone, or given up.
    pub(super) over: bool,
    gatt: Gatt,
    pending: VecDeque<Pending>,
}

impl Core {
    pub(super) fn new(model: Model) -> Self {
        Self {
            model,
            commands: Commands::Plain,
            entropy: Entropy::default(),
            requests: Requests::default(),
            out: Vec::new(),
            announced: None,
            firmware: String::new(),
            over: false,
            gatt: Gatt::default(),
            pending: VecDeque::new(),
        }
    }

    pub(super) fn connected(&mut self, gatt: Gatt) {
        self.gatt = gatt;
    }

    /// How it is authenticated, by what it is and by what its firmware has.
    pub(super) fn scheme(&self) -> Scheme {
        let has = |uuid| self.find(BAND, uuid).is_some();
        match self.model.scheme {
            Scheme::Either(_) if has(MESSAGES_TO) && has(MESSAGES_FROM) => Scheme::Agreed,
            scheme => scheme,
        }
    }

    /// Commands are messages from now on.
    pub(super) fn tunnel(&mut self) {
        self.commands = Commands::V2021(Box::default());
    }

    /// Messages can be encrypted from now on.
    pub(super) fn secure(&mut self, session: Session) {
        if let Commands::V2021(tunnel) = &mut self.commands {
            tunnel.secure(session.key, session.sequence);
        }
    }

    /// Whether the band has its values on endpoints.
    pub(super) fn is_zepp(&self) -> bool {
        self.model.system == System::Zepp
    }

    pub(super) fn find(&self, service: Uuid, uuid: Uuid) -> Option<Characteristic> {
        self.gatt.find(service, uuid)
    }

    /// The MTU to cut chunks for. The link knows best; a band may want less, never more than the link has.
    pub(super) fn mtu(&self) -> u16 {
        let link = self.gatt.mtu.max(23);
        self.announced.map_or(link, |announced| announced.clamp(23, link))
    }

    pub(super) fn operation(&mut self, purpose: Purpose, operation: Operation) {
        if let Purpose::Part(serial) = purpose {
            self.requests.add_part(serial);
        }
        self.pending.push_back(Pending {
            purpose,
            sort: std::mem::discriminant(&operation),
            at: operation.characteristic(),
        });
        self.out.push(Output::Gatt(operation));
    }

    pub(super) fn write(&mut self, purpose: Purpose, to: Characteristic, value: &[u8]) {
        self.operation(purpose, Operation::write(to, value.to_vec()));
    }

    /// Writes unless the same is still under way: for what repeats.
    pub(super) fn write_again(&mut self, purpose: Purpose, to: Characteristic, value: &[u8]) {
        if !self.is_under_way(purpose) {
            self.write(purpose, to, value);
        }
    }

    /// Whether an operation of this purpose isn't answered yet.
    pub(super) fn is_under_way(&self, purpose: Purpose) -> bool {
        self.pending.iter().any(|one| one.purpose == purpose)
    }

    /// How many operations aren't answered yet whose purpose is such.
    pub(super) fn under_way(&self, is: impl Fn(Purpose) -> bool) -> usize {
        self.pending.iter().filter(|one| is(one.purpose)).count()
    }

    /// What is written to set the clock.
    pub(super) fn clock(&self, now: Moment) -> Clock {
        match self.model.system {
            System::Characteristics => Clock::showing(now),
            System::Zepp => Clock::of_zepp(now),
        }
    }

    /// Has a configuration command written.
    pub(super) fn config(&mut self, purpose: Purpose, command: &[u8]) -> Result<(), Failure> {
        let mtu = self.mtu();
        let operations = self
            .commands
            .config(&self.gatt, mtu, command)
            .ok_or(Failure::NotSupported)?;
        for operation in operations {
            self.operation(purpose, operation);
        }
        Ok(())
    }

    /// Has `data` written in chunks of type `kind`.
    pub(super) fn chunked(&mut self, purpose: Purpose, kind: u8, data: &[u8]) -> Result<(), Failure> {
        let mtu = self.mtu();
        let operations = self
            .commands
            .chunked(&self.gatt, mtu, kind, data)
            .ok_or(Failure::NotSupported)?;
        for operation in operations {
            self.operation(purpose, operation);
        }
        Ok(())
    }

    /// Has a message written to an endpoint.
    pub(super) fn message(&mut self, purpose: Purpose, endpoint: u16, data: &[u8]) -> Result<(), Failure> {
        let mtu = self.mtu();
        let operations = self
            .commands
            .message(&self.gatt, mtu, endpoint, data)
            .ok_or(Failure::NotSupported)?;
        for operation in operations {
            self.operation(purpose, operation);
        }
        Ok(())
    }

    /// The same unless one of this purpose is still under way: for what repeats. A band that has no place for it is
    /// only told less.
    pub(super) fn message_again(&mut self, purpose: Purpose, endpoint: u16, data: &[u8]) {
        if !self.is_under_way(purpose) {
            let _ = self.message(purpose, endpoint, data);
        }
    }

    /// Takes a chunk of a message of the band; the message, where it is whole now.
    pub(super) fn hear(&mut self, chunk: &[u8]) -> Option<Told> {
        let Commands::V2021(tunnel) = &mut self.commands else {
            return None;
        };
        let was_under_way = tunnel.is_under_way();
        let heard = tunnel.hear(chunk);
        let is_under_way = tunnel.is_under_way();
        let Ok(heard) = heard else {
            self.fail(Failure::Nonsense);
            return None;
        };
        // Not with every chunk: a message of empty chunks would never end.
        match (was_under_way, is_under_way) {
            (false, true) => self.wake(MESSAGE, MESSAGE_ENDS),
            (true, false) => self.sleep(MESSAGE),
            _ => {}
        }
        if let Some(acknowledge) = heard.acknowledge
            && let Some(to) = self.find(BAND, MESSAGES_FROM)
            && !self.is_crowded()
        {
            self.write(Purpose::Aside, to, &acknowledge.encode());
        }
        heard.told
    }

    /// The message under way hasn't ended.
    pub(super) fn give_up_message(&mut self) {
        if let Commands::V2021(tunnel) = &mut self.commands {
            tunnel.give_up();
        }
    }

    /// Whether replies to configuration commands can come.
    pub(super) fn hears_replies(&self) -> bool {
        self.commands.hears_replies(&self.gatt)
    }

    /// Why the operation that was answered was put out; `None` where it never was.
    pub(super) fn answered(&mut self, operation: &Operation) -> Option<Purpose> {
        let sort = std::mem::discriminant(operation);
        let at = operation.characteristic();
        let place = self
            .pending
            .iter()
            .position(|one| one.sort == sort && one.at == at)?;
        Some(self.pending.remove(place)?.purpose)
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.pending.len() >= CROWDED
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.pending.len() >= STUCK
    }

    pub(super) fn wake(&mut self, timer: Timer, after: Duration) {
        self.out.push(Output::Wake(timer, after));
    }

    pub(super) fn sleep(&mut self, timer: Timer) {
        self.out.push(Output::Sleep(timer));
    }

    pub(super) fn event(&mut self, event: Event) {
        self.out.push(Output::Event(event));
    }

    /// Takes a request in; it is answered at once where that can't be.
    pub(super) fn begin(&mut self, id: RequestId, sort: Sort) -> Option<Serial> {
        let serial = self.requests.begin(id, sort);
        if serial.is_none() {
            self.refuse(id, Failure::Busy);
        }
        serial
    }

    /// Answers a request that wasn't taken in.
    pub(super) fn refuse(&mut self, id: RequestId, failure: Failure) {
        let outcome = Err(failure);
        self.event(Event::Finished { id, outcome });
    }

    /// Ends a request, unless it has ended.
    pub(super) fn finish(&mut self, serial: Serial, outcome: Result<(), Failure>) {
        if let Some(id) = self.requests.end(serial) {
            self.event(Event::Finished { id, outcome });
        }
    }

    /// Ends a request that waits for nothing more.
    pub(super) fn finish_if_complete(&mut self, serial: Serial) {
        if self.requests.is_complete(serial) {
            self.finish(serial, Ok(()));
        }
    }

    /// Part of a request was answered; its first failure ends it.
    pub(super) fn part_done(&mut self, serial: Serial, result: Result<(), OperationError>) {
        match result {
            Ok(()) => {
                self.requests.part_done(serial);
                self.finish_if_complete(serial);
            }
            Err(error) => self.finish(serial, Err(failure(error))),
        }
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.end_all(Failure::Lost);
    }

    /// Nothing more can be done on this connection.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.end_all(failure);
        self.out.push(Output::Fail(failure));
    }

    fn end_all(&mut self, failure: Failure) {
        self.over = true;
        self.pending.clear();
        for id in self.requests.end_all() {
            self.refuse(id, failure);
        }
    }
}

/// The start of the minute in which `moment` lies, seconds since the epoch.
pub(super) fn minute(moment: Moment) -> Option<u64> {
    moment.epoch().map(|seconds| seconds - seconds % 60)
}
