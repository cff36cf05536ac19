//! A power cut after every single step of the warden's file code, with what wasn't synced there or lost in every combination: the
//! next start finds the state before the step or the one after it, never a tampered one, and all that was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use belay_proto::steps::{self, *};
use belay_warden::core::refusal::Refusal;
use belay_warden::core::state::{Binding, Lock, State};
use belay_warden::disk::audit_log::Note;
use belay_warden::disk::files::Disk;
use belay_warden::disk::first_state;
use belay_warden::disk::vault::Vault;

use crate::support::{Account, Device, OTHER_PASSWORD, PASSWORD, Running};
use crate::traced_disk::{Image, Promise, Step, TracedDisk};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A device on which a story was told, and what it left.
pub struct Told {
    device: Device,
    start: Image,
    steps: Vec<Step>,
    promises: Vec<Promise>,
    /// What was seen of each disk.
    seen: BTreeMap<Files, Seen>,
}

#[derive(Clone)]
struct Seen {
    state: State,
    text: String,
    history: bool,
}

impl Told {
    pub async fn of(device: Device, story: impl AsyncFn(&Running, &TracedDisk) -> Vec<Promise>) -> Self {
        let (disk, start) = TracedDisk::over(&device);
        let warden = device.start_on(Box::new(disk.clone()));
        let promises = story(&warden, &disk).await;
        drop(warden);
        Self::ended(device, start, &disk, promises)
    }

    fn ended(device: Device, start: Image, disk: &TracedDisk, promises: Vec<Promise>) -> Self {
        Self {
            device,
            start,
            steps: disk.steps(),
            promises,
            seen: BTreeMap::new(),
        }
    }

    /// What the real loader makes of an image.
    fn look(&mut self, image: &Image) -> Seen {
        let (device, files) = (&self.device, image.files());
        let look = || {
            image.put(device);
            let (vault, state) = Vault::read(Box::new(Disk), device.places());
            Seen {
                text: format!("{state:?}"),
                state,
                history: vault.history(0).is_ok(),
            }
        };
        self.seen.entry(files).or_insert_with(look).clone()
    }

    /// Judges every cut; `fits` says of what it finds whether it may be at all. Answers how many different disks there were.
    pub fn judge(mut self, fits: impl Fn(&State) -> bool) -> usize {
        let (start, steps) = (self.start.clone(), self.steps.clone());
        assert!(steps.len() > 3, "the story writes");
        let mut judged = BTreeSet::new();
        for taken in 0..=steps.len() {
            let answered = self.promises.iter().filter(|promise| promise.after <= taken);
            let since = answered.map(|promise| promise.after).max().unwrap_or(0);
            let uncut: BTreeSet<String> = (since..=taken)
                .map(|taken| self.look(&start.after(&steps[..taken])).text)
                .collect();
            for image in start.cuts(&steps[..taken]) {
                if !judged.insert((since, image.files())) {
                    continue;
                }
                let seen = self.look(&image);
                let after = || format!("after step {taken}: {:?}", steps[..taken].last());
                assert!(fits(&seen.state), "{} {}", after(), seen.text);
                assert!(
                    uncut.contains(&seen.text),
                    "neither old nor new {}: {}\nof {uncut:#?}",
                    after(),
                    seen.text
                );
                for promise in self.promises.iter().filter(|promise| promise.after <= taken) {
                    assert!((promise.holds)(&seen.state), "{} {}", promise.what, after());
                }
                if matches!(seen.state.binding, Binding::Bound(_) | Binding::Unbound { .. }) {
                    assert!(seen.history, "the log fits {}", after());
                }
                self.mend(&image, &seen.text);
            }
        }
        judged.len()
    }

    /// The start that finds this disk repairs it; a power cut at any step of that changes nothing either.
    fn mend(&mut self, image: &Image, text: &str) {
        image.put(&self.device);
        let (disk, start) = TracedDisk::over(&self.device);
        let opened = Vault::open(Box::new(disk.clone()), self.device.places()).1;
        assert_eq!(format!("{opened:?}"), text);
        let steps = disk.steps();
        let again = Vault::read(Box::new(Disk), self.device.places()).1;
        assert_eq!(format!("{again:?}"), text, "mended");
        for taken in 1..steps.len() {
            for image in start.cuts(&steps[..taken]) {
                assert_eq!(self.look(&image).text, text, "mending, {:?}", steps[taken - 1]);
            }
        }
    }
}

/// A state that the warden wrote, whosever the device is.
pub const fn is_whole(state: &State) -> bool {
    matches!(state.binding, Binding::Bound(_) | Binding::Unbound { .. })
}

pub fn is_bound(state: &State) -> bool {
    matches!(state.binding, Binding::Bound(_))
}

pub async fn bound_device(device: Device) -> (Device, Account) {
    let account = device.start().register().await;
    (device, account)
}

#[tokio::test]
async fn a_registration_its_binding_and_its_code_survive_a_power_cut() {
    for device in [Device::initialised(), Device::with_reset_proof()] {
        let told = Told::of(device, async |warden, disk| {
            let account = warden.found().await.unwrap();
            let pending = account.pending;
            let founded = disk.promised("the keys are kept", move |state| {
                state.pending.as_ref().is_none_or(|kept| kept.id == pending)
                    && (state.pending.is_some() || is_bound(state))
            });
            let made = warden.bind_pending(pending).await.unwrap();
            let bound = disk.promised("bound", is_bound);
            warden.recovery_code(&made.claim).await.unwrap();
            let input = PendingInput { pending }.encode();
            warden
                .use_ticket(&pending.to_string(), steps::ACKNOWLEDGE, input)
                .await
                .unwrap();
            let written_down = disk.promised("the code is gone", |state| state.pending.is_none());
            vec![founded, bound, written_down]
        })
        .await;
        assert!(told.judge(is_whole) > 30);
    }
}

#[tokio::test]
async fn a_sign_in_and_a_sign_out_survive_a_power_cut() {
    let account = Device::initialised().start().register().await;
    for device in [Device::initialised(), Device::with_reset_proof()] {
        let owner = account.owner;
        let told = Told::of(device, async |warden, disk| {
            warden.sign_in(&account, None).await.unwrap();
            let bound = disk.promised("bound, or free with a release", move |state| {
                match &state.binding {
                    Binding::Bound(bound) => bound.owner == owner,
                    Binding::Unbound { release } => release.is_some(),
                    _ => false,
                }
            });
            let release = warden.sign_out(PASSWORD).await.unwrap();
            let free = disk.promised("free, and the release is kept", move |state| {
                state.binding
                    == Binding::Unbound {
                        release: Some(release.clone()),
                    }
            });
            vec![bound, free]
        })
        .await;
        assert!(told.judge(is_whole) > 30);
    }
}

#[tokio::test]
async fn a_wrong_password_stays_counted_through_a_power_cut() {
    let (device, _) = bound_device(Device::initialised()).await;
    let told = Told::of(device, async |warden, disk| {
        let mut promises = Vec::new();
        for tries in 1..=2 {
            let wrong = format!("{OTHER_PASSWORD}{tries}");
            assert_eq!(warden.sign_out(&wrong).await, Err(Refusal::WrongPassword));
            promises.push(disk.promised("counted", move |state| state.throttle.screen.failures >= tries));
        }
        promises
    })
    .await;
    assert!(told.judge(is_bound) > 10);
}

#[tokio::test]
async fn a_newer_password_and_a_new_root_survive_a_power_cut() {
    for subject in ["", NEW_ROOT] {
        let (device, account) = bound_device(Device::with_reset_proof()).await;
        let alone = NewPasswordInput {
            devices: vec![account.certificate.clone()],
            new_epoch: true,
            ..Default::default()
        };
        let set = device
            .start()
            .change_password(&account, subject, OTHER_PASSWORD, alone.encode())
            .await
            .unwrap();
        let told = Told::of(device, async |warden, disk| {
            if let Some(succession) = set.succession.clone() {
                let input = SucceedInput {
                    succession,
                    credentials: set.credentials.clone(),
                    certificate: set.certificates[0].clone(),
                };
                warden.take(steps::SUCCEED, input.encode()).await;
            } else {
                let credentials = set.credentials.clone();
                assert_eq!(warden.handle.credentials(credentials).await, Ok(true));
            }
            let owner = set.owner;
            let newer = disk.promised("the newer password alone is good", move |state| {
                state
                    .bound()
                    .is_ok_and(|bound| (bound.generation, bound.owner) == (2, owner))
            });
            warden.take_keyring(&set.boxes[0]).await;
            vec![newer]
        })
        .await;
        assert!(told.judge(is_bound) > 20);
    }
}

#[tokio::test]
async fn a_recovery_code_made_anew_survives_a_power_cut() {
    let (device, account) = bound_device(Device::initialised()).await;
    let told = Told::of(device, async |warden, disk| {
        let own = [account.certificate.clone()];
        let (made, set) = warden.new_recovery_code(&account, &own).await.unwrap();
        let id = made.pending;
        let kept = disk.promised("the code is kept", move |state| {
            state.pending.as_ref().is_some_and(|pending| pending.id == id)
        });
        assert_eq!(warden.handle.credentials(set.credentials).await, Ok(true));
        let told = disk.promised("the code can be told", |state| {
            state.pending.as_ref().is_some_and(|pending| pending.is_settled())
        });
        vec![kept, told]
    })
    .await;
    assert!(told.judge(is_bound) > 20);
}

#[tokio::test]
async fn a_lock_survives_a_power_cut_and_so_does_its_end() {
    let (device, _) = bound_device(Device::initialised()).await;
    let told = Told::of(device, async |warden, disk| {
        warden.handle.tighten("owner-asked".to_owned()).await.unwrap();
        vec![disk.promised("locked", |state| matches!(state.lock, Lock::Lost { .. }))]
    })
    .await;
    assert!(told.judge(is_bound) > 10);

    let (device, _) = bound_device(Device::initialised()).await;
    let locked = device.start().handle.tighten("owner-asked".to_owned()).await;
    locked.unwrap();
    let told = Told::of(device, async |warden, disk| {
        warden.unlock(PASSWORD).await.unwrap();
        vec![disk.promised("unlocked", |state| state.lock == Lock::Unlocked)]
    })
    .await;
    assert!(told.judge(is_bound) > 10);
}

#[tokio::test]
async fn a_first_state_cut_short_is_none_and_one_that_was_made_is_whole() {
    let note = || Note {
        time: 0,
        boot_time_ms: 0,
        boot: String::new(),
        event: "initialised",
        actor: "warden",
        detail: String::new(),
    };
    let device = Device::blank();
    let (mut disk, start) = TracedDisk::over(&device);
    first_state::init(&mut disk, &device.places(), note()).unwrap();
    let made = disk.promised("made", |state| {
        state.binding == Binding::Unbound { release: None }
    });
    let told = Told::ended(device, start, &disk, vec![made]);
    let begun = |state: &State| {
        matches!(
            state.binding,
            Binding::Uninitialised | Binding::Unbound { release: None }
        )
    };
    assert!(told.judge(begun) > 20);
}

#[tokio::test]
async fn a_door_opened_is_the_owners_or_as_shut_as_before() {
    let (device, account) = bound_device(Device::initialised()).await;
    for folder in ["state/a", "state/b"] {
        std::fs::remove_file(device.path(folder).join("throttle")).unwrap();
    }
    let owner = account.owner;
    let told = Told::of(device, async |warden, disk| {
        warden.sign_in(&account, None).await.unwrap();
        vec![disk.promised("open", is_bound)]
    })
    .await;
    let owners = move |state: &State| match &state.binding {
        Binding::Bound(bound) => bound.owner == owner,
        Binding::Tampered(door) => door.owner == Some(owner),
        _ => false,
    };
    assert!(told.judge(owners) > 20);
}
