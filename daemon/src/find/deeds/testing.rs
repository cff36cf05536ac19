//! A phone, its warden and its outbox, all in a test's hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_proto::clock::{Clock, FakeClock};
use belay_proto::dbus::{BindingState, Error, LockState};
use belay_proto::keys::BoxKey;
use belay_proto::steps::{self, SmsInput, SmsOutput};
use belay_proto::wire::{AccessPoint, Cell, LocationSource, Report, ReportIds};
use belay_proto::{AccountId, CommandId, DeviceId, Epoch, ReportId};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::{Machine, MachineParts};
use crate::actor::Supervisor;
use crate::device::DeviceView;
use crate::find::Outbox;
use crate::platform::{
    Answer, Audio, Coordinates, Fix, Modem, ModemView, Network, NetworkView, Platform, PlatformError,
    Position, Power, PowerView, Scan, Sound,
};
use crate::store::find::EndingRow;
use crate::store::{SealingKey, Store, find};
use crate::warden::testing::{FakeWarden, TIGHTEN};
use crate::warden::{Identity, WardenView};

/// The parts of a phone; what a test leaves out isn't there.
#[derive(Debug)]
pub(super) struct FakePhone {
    pub(super) modem: watch::Sender<ModemView>,
    pub(super) power: watch::Sender<PowerView>,
    network: watch::Sender<NetworkView>,
    /// What the satellites and the location service find.
    pub(super) fixes: Mutex<(Vec<Fix>, Vec<Fix>)>,
    /// Whether the sources go on searching when they have told theirs.
    pub(super) goes_on: watch::Sender<bool>,
    pub(super) cells: Mutex<Vec<Cell>>,
    pub(super) wifi: Mutex<Vec<AccessPoint>>,
    pub(super) sent: watch::Sender<Vec<(String, String)>>,
    pub(super) deleted: watch::Sender<Vec<String>>,
    /// No text can be sent or deleted.
    pub(super) is_mute: watch::Sender<bool>,
    /// The network gives no answer to a text, which may have been sent.
    pub(super) is_slow: watch::Sender<bool>,
    /// The network takes its time for a text.
    pub(super) is_stuck: watch::Sender<bool>,
    /// Deleting a text takes until it is `false`.
    pub(super) keeps: watch::Sender<bool>,
    /// How often a text was to be sent.
    pub(super) tries: watch::Sender<u32>,
    pub(super) called: Mutex<Vec<String>>,
}

fn absent<T>() -> Result<T, PlatformError> {
    Err(PlatformError::NotSupported("not in this test"))
}

impl FakePhone {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            modem: watch::Sender::default(),
            power: watch::Sender::default(),
            network: watch::Sender::default(),
            fixes: Mutex::default(),
            goes_on: watch::Sender::new(false),
            cells: Mutex::default(),
            wifi: Mutex::default(),
            sent: watch::Sender::default(),
            deleted: watch::Sender::default(),
            is_mute: watch::Sender::new(false),
            is_slow: watch::Sender::new(false),
            is_stuck: watch::Sender::new(false),
            keeps: watch::Sender::new(false),
            tries: watch::Sender::new(0),
            called: Mutex::default(),
        })
    }

    async fn tell(&self, told: Vec<Fix>, fixes: mpsc::Sender<Fix>) -> Result<(), PlatformError> {
        if told.is_empty() && !*self.goes_on.borrow() {
            return absent();
        }
        for fix in told {
            fixes.send(fix).await.unwrap();
        }
        self.goes_on
            .subscribe()
            .wait_for(|goes_on| !*goes_on)
            .await
            .unwrap();
        Ok(())
    }
}

impl Modem for FakePhone {
    fn view(&self) -> watch::Receiver<ModemView> {
        self.modem.subscribe()
    }

    fn call<'a>(&'a self, number: &'a str) -> Answer<'a> {
        self.called.lock().unwrap().push(number.to_owned());
        Box::pin(async { Ok(()) })
    }

    fn hang_up(&self) -> Answer<'_> {
        Box::pin(async { Ok(()) })
    }

    fn can_text(&self) -> Answer<'_> {
        Box::pin(async { Ok(()) })
    }

    fn send_text<'a>(&'a self, number: &'a str, text: &'a str) -> Answer<'a> {
        Box::pin(async move {
            self.tries.send_modify(|tries| *tries += 1);
            let mut is_stuck = self.is_stuck.subscribe();
            is_stuck.wait_for(|is_stuck| !*is_stuck).await.unwrap();
            if *self.is_mute.borrow() {
                return absent();
            }
            if *self.is_slow.borrow() {
                return Err(PlatformError::TimedOut);
            }
            self.sent
                .send_modify(|sent| sent.push((number.to_owned(), text.to_owned())));
            Ok(())
        })
    }

    fn delete_text<'a>(&'a self, id: &'a str) -> Answer<'a> {
        Box::pin(async move {
            let mut keeps = self.keeps.subscribe();
            keeps.wait_for(|keeps| !*keeps).await.unwrap();
            if *self.is_mute.borrow() {
                return absent();
            }
            self.deleted.send_modify(|deleted| deleted.push(id.to_owned()));
            self.modem
                .send_modify(|view| view.texts.retain(|text| text.id != id));
            Ok(())
        })
    }

    fn cells(&self) -> Answer<'_, Vec<Cell>> {
        Box::pin(async { Ok(self.cells.lock().unwrap().clone()) })
    }

    fn track(&self, fixes: mpsc::Sender<Fix>) -> Answer<'_> {
        let told = self.fixes.lock().unwrap().0.clone();
        Box::pin(self.tell(told, fixes))
    }
}

impl Position for FakePhone {
    fn track(&self, fixes: mpsc::Sender<Fix>) -> Answer<'_> {
        let told = self.fixes.lock().unwrap().1.clone();
        Box::pin(self.tell(told, fixes))
    }
}

impl Network for FakePhone {
    fn view(&self) -> watch::Receiver<NetworkView> {
        self.network.subscribe()
    }

    fn scan(&self) -> Answer<'_, Scan> {
        Box::pin(async {
            Ok(Scan {
                access_points: self.wifi.lock().unwrap().clone(),
                at: None,
            })
        })
    }
}

impl Power for FakePhone {
    fn view(&self) -> watch::Receiver<PowerView> {
        self.power.subscribe()
    }
}

impl Audio for FakePhone {
    fn alarm(&self, _attempt: u32) -> Answer<'_, Box<dyn Sound>> {
        Box::pin(async { absent() })
    }

    fn hush(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What the warden was asked, and what it answers.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) tightened: Vec<String>,
    pub(super) texts: Vec<String>,
    /// The judgement of the next texts, and the command where they are one.
    pub(super) judgement: Option<(&'static str, Option<CommandId>)>,
    /// Instead of an answer.
    pub(super) refusal: Option<Error>,
}

/// Everything.
pub(super) struct Rig {
    pub(super) phone: Arc<FakePhone>,
    pub(super) clock: FakeClock,
    pub(super) asked: Arc<watch::Sender<Asked>>,
    pub(super) view: watch::Sender<WardenView>,
    pub(super) machine: Machine,
    pub(super) supervisor: Supervisor,
    parts: MachineParts,
    owner: BoxKey,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// A bound phone with find-device on and a trusted number, without SIM, text, battery or place.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), SealingKey::new(None)).await.unwrap();
        let owner = BoxKey::generate();
        let asked = Arc::new(watch::Sender::new(Asked::default()));
        let answers = Arc::clone(&asked);
        let (warden, view) =
            FakeWarden::handle(bound(&owner), move |_, step, input| answer(&answers, step, input));
        let (phone, clock) = (FakePhone::new(), FakeClock::new());
        let parts = MachineParts {
            platform: Platform {
                modem: phone.clone(),
                network: phone.clone(),
                position: phone.clone(),
                power: phone.clone(),
                audio: phone.clone(),
                time: watch::Sender::default().subscribe(),
            },
            warden,
            outbox: Outbox::new(store.clone()),
            store: store.clone(),
            clock: Arc::new(clock.clone()),
            device: watch::Sender::new(DeviceView {
                name: "Ada's phone".to_owned(),
                ..DeviceView::default()
            })
            .subscribe(),
        };
        let mut supervisor = Supervisor::default();
        let machine = Machine::start(&mut supervisor, parts.clone());
        Self {
            phone,
            clock,
            asked,
            view,
            machine,
            supervisor,
            parts,
            owner,
            store,
            _folder: folder,
        }
    }

    /// belayd ends and starts again.
    pub(super) async fn restart(&mut self) {
        self.supervisor.stop().await;
        self.supervisor = Supervisor::default();
        self.machine = Machine::start(&mut self.supervisor, self.parts.clone());
    }

    /// Waits until the lookout has made its round about all that was shown it.
    pub(super) async fn settle(&self) {
        // The store answers in turn: after a few rounds of it and of the actors nothing is under way.
        for _ in 0..20 {
            self.supervisor.ask_all(Duration::from_secs(60)).await.unwrap();
            self.store.call(|_| Ok(())).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    /// Takes the reports out of the outbox, opened as the owner opens them.
    pub(super) async fn reports(&self) -> Vec<Report> {
        let mut reports = Vec::new();
        let identity = self.view.borrow().identity.clone();
        while let Some(letter) = self
            .store
            .call(|connection| find::next(connection))
            .await
            .unwrap()
        {
            let ids = ReportIds {
                account: identity.account.unwrap(),
                device: identity.device.unwrap(),
                epoch: identity.epoch.unwrap(),
                report: ReportId::from_bytes(letter.id),
            };
            reports.push(Report::open(&self.owner, &ids, &letter.body).unwrap());
            let (number, id) = (letter.number, letter.id);
            let delivered =
                move |connection: &mut rusqlite::Connection| find::delivered(connection, number, &id);
            self.store.call(delivered).await.unwrap();
        }
        reports
    }

    /// Has the store know that a command has ended, as it does once its outcome is in the outbox.
    pub(super) async fn ends(&self, command: CommandId, action: &str, state: &str, reason: &str) {
        let row = EndingRow {
            command: *command.as_bytes(),
            action: action.into(),
            state: state.into(),
            reason: reason.into(),
        };
        self.store
            .transaction(|transaction| find::keep_endings(transaction, vec![row]))
            .await
            .unwrap();
    }

    /// A fix of this many seconds ago.
    pub(super) fn fix(&self, accuracy: f64, source: LocationSource, ago: u64) -> Fix {
        Fix {
            coordinates: Coordinates {
                latitude: 52.5,
                longitude: 13.4,
                accuracy,
                altitude: None,
            },
            source,
            measured: self.clock.boottime() - Duration::from_secs(ago),
        }
    }
}

fn bound(owner: &BoxKey) -> WardenView {
    WardenView {
        binding: BindingState::Bound,
        lock: LockState::Unlocked,
        identity: Identity {
            account: Some(AccountId::random()),
            device: Some(DeviceId::random()),
            epoch: Some(Epoch::random()),
            report_box: Some(owner.public()),
            trusted_number: Some("+491700000009".to_owned()),
            find: true,
            ..Identity::default()
        },
        is_current: true,
        ..WardenView::default()
    }
}

fn answer(asked: &watch::Sender<Asked>, step: &str, input: &[u8]) -> Result<Vec<u8>, Error> {
    let mut answer = Ok(Vec::new());
    asked.send_modify(|asked| {
        if let Some(refusal) = asked.refusal.clone() {
            answer = Err(refusal);
            return;
        }
        match step {
            TIGHTEN => asked.tightened.push(String::from_utf8(input.to_vec()).unwrap()),
            steps::SMS => {
                asked.texts.push(SmsInput::decode(input).unwrap().text);
                let (disposition, command) = asked.judgement.unwrap_or(("bad-signature", None));
                let output = SmsOutput {
                    disposition: disposition.to_owned(),
                    command,
                };
                answer = Ok(output.encode());
            }
            other => panic!("{other}"),
        }
    });
    answer
}
