use super::*;

/// Services that do what they are told at once, and a disk.
#[derive(Clone, Debug)]
struct World {
    state: State,
    disk: Before,
    radios: Option<BTreeMap<Radio, bool>>,
    usb: Option<String>,
    sessions: BTreeSet<String>,
    inhibited: bool,
    target: Option<bool>,
    ended: Vec<String>,
    left: bool,
    /// Jobs that wait to be tried again.
    later: Vec<Job>,
    /// So many steps until the watch is killed: before it does something, or before it hears that it did.
    fuse: Option<u8>,
    killed: bool,
}

impl World {
    fn new() -> Self {
        let radios = [
            (Radio::Networking, true),
            (Radio::Wireless, true),
            (Radio::Wwan, false),
        ];
        Self {
            state: State::new(Before::default()),
            disk: Before::default(),
            radios: Some(radios.into()),
            usb: Some("allow".to_owned()),
            sessions: ["c1".to_owned()].into(),
            inhibited: false,
            target: Some(true),
            ended: Vec::new(),
            left: false,
            later: Vec::new(),
            fuse: None,
            killed: false,
        }
    }

    /// Another step is due: whether the watch is dead by then.
    fn is_dead(&mut self) -> bool {
        match &mut self.fuse {
            Some(0) => self.killed = true,
            Some(left) => *left -= 1,
            None => {}
        }
        self.killed
    }

    /// The watch is started again after a kill.
    fn start_again(&mut self, guarded: bool) {
        (self.fuse, self.killed) = (None, false);
        self.inhibited = false;
        self.later.clear();
        self.state = State::new(self.disk.clone());
        self.tell(Event::Lock {
            guarded,
            changed: false,
        });
        self.look();
    }

    /// Everything there says what it shows.
    fn look(&mut self) {
        self.tell(Event::Radios(self.radios.clone().unwrap_or_default()));
        self.tell(Event::Usb(self.usb.clone()));
        self.tell(Event::Login(true));
        self.tell(Event::Target(self.target));
    }

    fn lock(&mut self, guarded: bool) {
        if !guarded {
            self.target = Some(false);
        }
        self.tell(Event::Lock {
            guarded,
            changed: true,
        });
    }

    fn tell(&mut self, event: Event) {
        if self.is_dead() {
            return;
        }
        let (state, effects) = step(&self.state, event);
        self.state = state;
        for effect in effects {
            if self.is_dead() {
                return;
            }
            match effect {
                Effect::Save(before) => {
                    self.disk = before.clone();
                    self.tell(Event::Saved(before));
                }
                Effect::Do(job) => self.perform(job),
                Effect::Later(job, _) => self.later.push(job),
                Effect::DueAt(_) => {}
                Effect::Leave => self.left = true,
            }
        }
    }

    fn perform(&mut self, job: Job) {
        match &job {
            Job::Radio(radio, on) => {
                assert!(self.disk.radios.contains_key(radio), "saved before it is changed");
                let Some(radios) = &mut self.radios else {
                    return self.tell(Event::Failed(job));
                };
                radios.insert(*radio, *on);
                let seen = radios.clone();
                self.tell(Event::Radios(seen));
            }
            Job::Usb(target) => {
                assert!(self.disk.usb.is_some(), "saved before it is changed");
                self.usb = Some(target.clone());
                self.tell(Event::Usb(self.usb.clone()));
            }
            Job::Sessions => self.tell(Event::Strangers(self.sessions.clone())),
            Job::End(id) => {
                assert!(self.state.is_guarded(), "only a lost device's sessions are ended");
                self.sessions.remove(id);
                self.ended.push(id.clone());
            }
            Job::Inhibit => self.inhibited = true,
            Job::Release => self.inhibited = false,
            Job::Target => {
                self.target = Some(true);
                self.tell(Event::Target(self.target));
            }
            Job::Tick => self.tell(Event::Ticked(0)),
            Job::Save => unreachable!("an effect of its own"),
        }
        self.tell(Event::Done(job));
    }

    /// Time passes: everything that waits is tried again.
    fn wait(&mut self) {
        for job in std::mem::take(&mut self.later) {
            self.tell(Event::Again(job));
        }
    }

    fn all_on(&self) -> bool {
        self.radios.iter().flatten().all(|(_, on)| *on)
    }
}

#[test]
fn a_device_that_is_not_lost_is_left_alone() {
    let mut world = World::new();
    world.look();
    let before = world.clone();
    world.lock(false);
    assert!(world.left);
    assert_eq!(
        (world.radios, world.usb, world.ended),
        (before.radios, before.usb, before.ended)
    );
    assert!(!world.inhibited && world.disk.is_empty());
}

#[test]
fn a_lost_device_is_reachable_and_nobody_is_logged_in() {
    let mut world = World::new();
    world.look();
    world.lock(true);
    assert!(world.all_on() && world.inhibited && world.sessions.is_empty());
    assert_eq!(world.usb.as_deref(), Some(BLOCK));
    assert!(!world.disk.radios[&Radio::Wwan], "how it was");
    assert!(!world.left);
}

#[test]
fn whoever_switches_off_or_logs_in_is_answered() {
    let mut world = World::new();
    world.look();
    world.lock(true);
    for radio in [Radio::Wireless, Radio::Wwan, Radio::Networking, Radio::Wireless] {
        world.radios.as_mut().unwrap().insert(radio, false);
        world.tell(Event::Radios(world.radios.clone().unwrap()));
        assert!(world.all_on(), "{radio:?}");
    }
    world.sessions.insert("c2".to_owned());
    world.tell(Event::SessionNew);
    assert_eq!(world.ended, ["c1", "c2"]);
    world.target = Some(false);
    world.tell(Event::Target(world.target));
    assert_eq!(world.target, Some(true));
    world.inhibited = false;
    world.tell(Event::Login(false));
    world.tell(Event::Login(true));
    assert!(world.inhibited, "the login manager was started again");
}

#[test]
fn unlocking_puts_back_exactly_what_was() {
    let mut world = World::new();
    world.look();
    let before = world.clone();
    world.lock(true);
    world.radios.as_mut().unwrap().insert(Radio::Wireless, false);
    world.tell(Event::Radios(world.radios.clone().unwrap()));
    world.lock(false);
    assert_eq!((&world.radios, &world.usb), (&before.radios, &before.usb));
    assert!(world.disk.is_empty() && !world.inhibited && world.state.is_clean());
    world.wait();
    assert!(world.left);
    assert_eq!(
        world.target,
        Some(false),
        "the lost screen's target isn't started any more"
    );
}

#[test]
fn a_watch_that_was_killed_goes_on_with_what_is_on_disk() {
    let mut world = World::new();
    world.look();
    let before = world.clone();
    world.lock(true);
    world.state = State::new(world.disk.clone());
    assert!(world.state.is_guarded(), "until the warden has said otherwise");
    world.look();
    assert!(world.all_on());
    world.lock(true);
    world.lock(false);
    assert_eq!((&world.radios, &world.usb), (&before.radios, &before.usb));
    assert!(world.disk.is_empty());
}

#[test]
fn a_device_unlocked_while_nobody_watched_is_put_back_too() {
    let mut world = World::new();
    world.look();
    let before = world.radios.clone();
    world.lock(true);
    world.state = State::new(world.disk.clone());
    world.tell(Event::Lock {
        guarded: false,
        changed: false,
    });
    world.look();
    assert_eq!(world.radios, before);
    assert!(world.disk.is_empty());
}

#[test]
fn nothing_is_changed_that_could_not_be_saved() {
    let world = World::new();
    let (state, _) = step(
        &world.state,
        Event::Lock {
            guarded: true,
            changed: true,
        },
    );
    let (state, effects) = step(&state, Event::Radios(world.radios.unwrap()));
    assert!(matches!(effects[..], [Effect::Save(_)]), "{effects:?}");
    let (state, effects) = step(&state, Event::Failed(Job::Save));
    assert_eq!(effects, [Effect::Later(Job::Save, 1)]);
    let (_, effects) = step(&state, Event::Again(Job::Save));
    assert!(matches!(effects[..], [Effect::Save(_)]), "{effects:?}");
}

#[test]
fn a_radio_that_the_hardware_holds_off_is_tried_again_ever_more_seldom() {
    let off: BTreeMap<_, _> = [(Radio::Wireless, false)].into();
    let saved = Before {
        radios: off.clone(),
        usb: None,
    };
    let held = Event::Held([Radio::Wireless].into());
    let state = step(&State::new(saved), held).0;
    let (mut state, effects) = step(&state, Event::Radios(off.clone()));
    let job = Job::Radio(Radio::Wireless, true);
    assert!(effects.contains(&Effect::Do(job.clone())));
    for tries in 1..4 {
        state = step(&state, Event::Radios(off.clone())).0;
        let (next, effects) = step(&state, Event::Done(job.clone()));
        assert_eq!(effects, [Effect::Later(job.clone(), tries)]);
        let (next, effects) = step(&next, Event::Again(job.clone()));
        assert_eq!(effects, [Effect::Do(job.clone())]);
        state = next;
    }
}

#[test]
fn whoever_keeps_switching_a_radio_off_is_answered_as_soon_as_ever() {
    let off: BTreeMap<_, _> = [(Radio::Wireless, false), (Radio::Wwan, true)].into();
    let saved = Before {
        radios: off.clone(),
        usb: None,
    };
    let state = step(&State::new(saved), Event::Held([Radio::Wwan].into())).0;
    let job = Job::Radio(Radio::Wireless, true);
    let mut state = step(&state, Event::Radios(off.clone())).0;
    for tries in [1, 2, 2, 2, 2] {
        // Off again before we look.
        state = step(&state, Event::Radios(off.clone())).0;
        let (next, effects) = step(&state, Event::Done(job.clone()));
        assert_eq!(effects, [Effect::Later(job.clone(), tries)]);
        state = step(&next, Event::Again(job.clone())).0;
    }
}

#[test]
fn while_a_policy_is_armed_the_watch_stays_and_asks_when_it_is_due() {
    let state = State::new(Before::default());
    let (state, effects) = step(
        &state,
        Event::Lock {
            guarded: false,
            changed: false,
        },
    );
    assert_eq!(effects, [Effect::Do(Job::Tick)]);
    let (state, effects) = step(&state, Event::Ticked(5000));
    assert_eq!(effects, [Effect::DueAt(5000)]);
    let (state, effects) = step(&state, Event::Done(Job::Tick));
    assert_eq!(effects, []);
    let (state, effects) = step(&state, Event::Due);
    assert_eq!(effects, [Effect::Do(Job::Tick)]);
    let state = step(&state, Event::Ticked(0)).0;
    let (state, effects) = step(&state, Event::Done(Job::Tick));
    assert_eq!(effects, [Effect::Leave]);
    // A policy that is armed meanwhile.
    let changed = Event::Lock {
        guarded: false,
        changed: true,
    };
    assert_eq!(step(&state, changed).1, [Effect::Do(Job::Tick)]);
}

#[path = "state_story.rs"]
mod story;
