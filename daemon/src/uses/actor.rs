//! The task behind the uses: follows accessories, bell, modem and warden, and has done what follows.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use belay_proto::dbus::{BindingState, LockState};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::lanes::{Alerts, Newest, Showing};
use super::memory::Memory;
use super::state::{Band, Effect, Event, Kept, Phone, State, What, step};
use crate::accessory::{AccessoryHandle, Announcement, View};
use crate::actor::{Actor, Inbox, Never};
use crate::find::Bell;
use crate::platform::{Incoming, Modem};
use crate::store::Store;
use crate::warden::{WardenHandle, WardenView};

/// The reason that the warden is given.
const ACCESSORY_LOST: &str = "accessory-lost";
/// A modem that can't be followed is tried again after this at first, and in the end this seldom.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// So is a warden that can't be told that an accessory is gone: that keeps the device unlocked.
const TELL_AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));

/// What the uses work with.
#[derive(Clone)]
pub struct Parts {
    /// The accessories.
    pub accessories: AccessoryHandle,
    /// What rings.
    pub bell: Bell,
    /// The modem.
    pub modem: Arc<dyn Modem>,
    /// The warden, which decides about the lock.
    pub warden: WardenHandle,
    /// Where it is kept for how long accessories were gone.
    pub store: Store,
    /// The boot clock.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// The actor. Nobody sends it anything.
#[derive(Debug)]
pub struct UsesActor {
    parts: Parts,
}

impl UsesActor {
    /// Follows what `parts` tell.
    #[must_use]
    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

struct Desk {
    parts: Parts,
    state: State,
    memory: Memory,
    /// What of the state is on disk.
    kept: Kept,
    /// The bell.
    bell: Newest,
    /// What accessories show: an accessory that doesn't answer keeps nothing else waiting.
    alerts: Alerts,
    showing: Newest,
    /// Telling bands that look for the phone that it is found.
    found: Newest,
    /// Declining calls: all that come in at that time.
    declining: Newest,
    /// Telling the warden; the state has one of them at a time.
    warning: Newest,
    /// Calls and texts, while somebody wants them.
    incoming: Option<mpsc::Receiver<Incoming>>,
    /// When following the modem is tried again, boot time.
    follow_at: Duration,
    backoff: Backoff,
    /// The waits of a warden that can't be told.
    telling: Backoff,
}

impl Actor for UsesActor {
    type Message = Never;

    async fn run(&mut self, inbox: &mut Inbox<Never>) {
        let parts = self.parts.clone();
        let clock = Arc::clone(&parts.clock);
        let mut announcements = parts.accessories.announcements();
        let mut view = parts.accessories.watch();
        let mut warden = parts.warden.watch();
        let mut ringing = parts.bell.ringing();
        view.mark_changed();
        warden.mark_changed();
        let memory = Memory::new(parts.store.clone());
        let kept = memory.load().await;
        let mut desk = Desk {
            parts: parts.clone(),
            state: State::restored(&kept),
            memory,
            kept,
            bell: Newest::default(),
            alerts: Alerts::default(),
            showing: Newest::default(),
            found: Newest::default(),
            declining: Newest::default(),
            warning: Newest::default(),
            incoming: None,
            follow_at: Duration::ZERO,
            backoff: Backoff::new(AGAIN.0, AGAIN.1),
            telling: Backoff::new(TELL_AGAIN.0, TELL_AGAIN.1),
        };
        loop {
            let now = clock.boottime();
            let tick = desk.state.next_tick(now);
            let follow = desk.wants_to_follow().then_some(desk.follow_at);
            let wake = tick.into_iter().chain(follow).min();
            let what = tokio::select! {
                message = inbox.recv() => match message {
                    Some(never) => match never {},
                    None => return,
                },
                Ok(()) = warden.changed() => Some(What::Phone(phone(&warden.borrow_and_update()))),
                Ok(()) = view.changed() => Some(bands(&view.borrow_and_update())),
                announced = announcements.recv() => match announced {
                    Ok(announcement) => heard(announcement),
                    // The wearer asks again.
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => return,
                },
                Ok(()) = ringing.changed() => (!*ringing.borrow_and_update()).then_some(What::Silent),
                incoming = next(&mut desk.incoming) => match incoming {
                    Some(incoming) => Some(What::Incoming(incoming)),
                    None => {
                        desk.incoming = None;
                        desk.follow_at = clock.boottime() + desk.backoff.next().unwrap_or(AGAIN.1);
                        Some(What::Deaf)
                    }
                },
                what = desk.bell.next() => what,
                what = shows(&parts, &mut desk.alerts, &mut desk.showing) => what,
                what = desk.found.next() => what,
                what = desk.declining.next() => what,
                what = desk.warning.next() => what,
                () = clock.sleep_until(wake.unwrap_or(Duration::MAX)), if wake.is_some() => Some(What::Tick),
            };
            if let Some(what) = what {
                desk.happens(what);
                desk.keep().await;
            }
            desk.settle().await;
        }
    }
}

impl Desk {
    fn wants_to_follow(&self) -> bool {
        self.incoming.is_none() && self.state.wants_modem()
    }

    /// Follows the modem as long as somebody wants its calls and texts.
    async fn settle(&mut self) {
        if self.incoming.is_some() && !self.state.wants_modem() {
            self.incoming = None;
            self.happens(What::Deaf);
        }
        let now = self.parts.clock.boottime();
        if !self.wants_to_follow() || now < self.follow_at {
            return;
        }
        match self.parts.modem.incoming().await {
            Ok(incoming) => {
                self.backoff.reset();
                self.incoming = Some(incoming);
            }
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "calls and texts aren't heard of"
                );
                self.follow_at = now + self.backoff.next().unwrap_or(AGAIN.1);
            }
        }
    }

    /// Keeps what is to outlive this process. What can't be kept now is with the next that happens.
    async fn keep(&mut self) {
        let kept = self.state.kept();
        if kept == self.kept {
            return;
        }
        match self.memory.keep(&kept).await {
            Ok(()) => self.kept = kept,
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "for how long an accessory is gone isn't kept"
            ),
        }
    }

    fn happens(&mut self, what: What) {
        if what == What::Tightened(Ok(())) {
            self.telling.reset();
        }
        let at = self.parts.clock.boottime();
        let (state, effects) = step(&self.state, Event { at, what });
        self.state = state;
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        let parts = self.parts.clone();
        match effect {
            Effect::Ring(lasting) => self.bell.push(Box::pin(ring(parts, lasting))),
            Effect::Silence => self.bell.push(Box::pin(async move {
                drop(parts.bell.silence().await);
                None
            })),
            Effect::Alert(id, alert) => self.shows(Showing::Alert(id, alert)),
            Effect::StopAlert(id, kind) => self.shows(Showing::Stop(id, kind)),
            Effect::PhoneFound => self.found.push(Box::pin(async move {
                // An accessory that is out of reach looks no longer.
                let _ = parts.accessories.phone_found().await;
                None
            })),
            Effect::Decline => self.declining.push(Box::pin(decline(parts))),
            Effect::Tighten => {
                let again = self.telling.next().unwrap_or(TELL_AGAIN.1);
                self.warning.push(Box::pin(tighten(parts.warden, again)));
            }
        }
    }

    fn shows(&mut self, showing: Showing) {
        if self.alerts.push(showing) {
            tracing::warn!("accessories don't take their alerts, and one is left out");
        }
    }
}

/// Has accessories show what waits, one after the other. Cancelling the call loses nothing.
async fn shows(parts: &Parts, alerts: &mut Alerts, showing: &mut Newest) -> Option<What> {
    if showing.is_idle()
        && let Some(next) = alerts.pop()
    {
        showing.push(Box::pin(show(parts.clone(), next)));
    }
    showing.next().await
}

async fn ring(parts: Parts, lasting: Duration) -> Option<What> {
    match parts.bell.ring(lasting).await {
        Ok(()) => None,
        Err(error) => {
            tracing::warn!(reason = %error.reason, "the device can't ring for an accessory");
            Some(What::Mute)
        }
    }
}

async fn decline(parts: Parts) -> Option<What> {
    if let Err(error) = parts.modem.decline().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "declining a call");
    }
    None
}

/// Does it; nothing of what is shown is written to the log.
async fn show(parts: Parts, showing: Showing) -> Option<What> {
    let accessories = parts.accessories;
    match showing {
        Showing::Alert(id, alert) => {
            if let Err(error) = accessories.alert(id, alert).await {
                tracing::debug!(%error, "an accessory shows no alert");
            }
        }
        Showing::Stop(id, kind) => {
            if let Err(error) = accessories.stop_alert(id, kind).await {
                tracing::debug!(%error, "an alert stays on an accessory");
            }
        }
    }
    None
}

/// Tells the warden that an accessory is gone; it may be tried `again` after that wait.
async fn tighten(warden: WardenHandle, again: Duration) -> Option<What> {
    tracing::warn!("a paired accessory is out of reach");
    let told = warden.tighten(ACCESSORY_LOST).await;
    if let Err(error) = &told {
        tracing::warn!(error = error as &dyn std::error::Error, "the warden wasn't told");
    }
    Some(What::Tightened(told.map_err(|_| again)))
}

async fn next(incoming: &mut Option<mpsc::Receiver<Incoming>>) -> Option<Incoming> {
    match incoming {
        Some(incoming) => incoming.recv().await,
        None => std::future::pending().await,
    }
}

const fn heard(announcement: Announcement) -> Option<What> {
    match announcement {
        Announcement::FindPhone(on) => Some(What::FindPhone(on)),
        Announcement::DeclineCall => Some(What::DeclineCall),
        Announcement::IgnoreCall => Some(What::IgnoreCall),
        Announcement::Measured(_) => None,
    }
}

/// What isn't known counts as lost for what is done for others, and as unguarded for the lock.
fn phone(view: &WardenView) -> Phone {
    let policies = &view.identity.policies;
    let bound = view.binding == BindingState::Bound;
    Phone {
        known: view.is_current,
        lost: view.lock != LockState::Unlocked,
        guarded: bound && view.identity.find && policies.lock_on_accessory_lost,
        dry_run: policies.dry_run,
    }
}

fn bands(view: &View) -> What {
    let paired = view.accessories.iter().filter(|(_, one)| one.paired);
    let band = |one: &crate::accessory::AccessoryView| Band {
        ready: one.ready,
        away: one.away,
        held: one.held,
        worn: one.kind.is_worn(),
        wishes: one.wishes,
    };
    What::Bands(paired.map(|(id, one)| (*id, band(one))).collect(), view.powered)
}
