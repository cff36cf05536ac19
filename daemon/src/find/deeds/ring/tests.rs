use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::{Clock, FakeClock};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Event, Message, Order, Ring, Ringer};
use crate::actor::Supervisor;
use crate::find::DeedFailed;
use crate::platform::{Answer, Audio, PlatformError, Sound};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn it_rings_for_its_time_and_begins_again_what_ends_by_itself() {
    for (name, events) in [
        (
            "its time is over",
            vec![
                (Event::Ring(at(10)), Some(Order::Play(0))),
                (Event::Begun, None),
                (Event::Now(at(9)), None),
                (Event::Now(at(10)), Some(Order::Silence)),
                (Event::Now(at(11)), None),
            ],
        ),
        (
            "asked again, the time begins anew",
            vec![
                (Event::Ring(at(10)), Some(Order::Play(0))),
                (Event::Begun, None),
                (Event::Ring(at(20)), None),
                (Event::Now(at(10)), None),
                (Event::Now(at(20)), Some(Order::Silence)),
            ],
        ),
        (
            "a sound that ends begins again by another way",
            vec![
                (Event::Ring(at(10)), Some(Order::Play(0))),
                (Event::Begun, None),
                (Event::Ended, Some(Order::PlayLater(1))),
                (Event::Begun, None),
                (Event::Ended, Some(Order::PlayLater(2))),
                (Event::NotBegun, Some(Order::PlayLater(2))),
                (Event::Stop, Some(Order::Silence)),
            ],
        ),
        (
            "what never began is over",
            vec![
                (Event::Ring(at(10)), Some(Order::Play(0))),
                (Event::NotBegun, Some(Order::Silence)),
                (Event::Stop, None),
            ],
        ),
        (
            "an accessory asks no longer, the owner's command goes on",
            vec![
                (Event::Ring(at(60)), Some(Order::Play(0))),
                (Event::Begun, None),
                (Event::Seek(at(10)), None),
                (Event::Sought, None),
                (Event::Now(at(59)), None),
                (Event::Now(at(60)), Some(Order::Silence)),
            ],
        ),
        (
            "an accessory asks for longer than the owner's command",
            vec![
                (Event::Seek(at(60)), Some(Order::Play(0))),
                (Event::Begun, None),
                (Event::Ring(at(10)), None),
                (Event::Now(at(10)), None),
                (Event::Sought, Some(Order::Silence)),
                (Event::Sought, None),
            ],
        ),
        (
            "a stop at the device ends both",
            vec![
                (Event::Seek(at(60)), Some(Order::Play(0))),
                (Event::Begun, None),
                (Event::Ring(at(60)), None),
                (Event::Stop, Some(Order::Silence)),
                (Event::Now(at(59)), None),
            ],
        ),
        (
            "a sound that begins after the stop is silenced",
            vec![
                (Event::Ring(at(10)), Some(Order::Play(0))),
                (Event::Stop, Some(Order::Silence)),
                (Event::Begun, Some(Order::Silence)),
                (Event::Ended, None),
            ],
        ),
    ] {
        let mut ring = Ring::default();
        for (event, expected) in events {
            assert_eq!(ring.step(event), expected, "{name}: {event:?}");
        }
    }
}

#[test]
fn a_sound_that_never_begins_again_ends_the_ringing() {
    let mut ring = Ring::default();
    ring.step(Event::Ring(at(3600)));
    ring.step(Event::Begun);
    ring.step(Event::Ended);
    for _ in 0..super::state::MOST_FAILURES {
        assert_eq!(ring.step(Event::NotBegun), Some(Order::PlayLater(1)));
    }
    assert_eq!(ring.step(Event::NotBegun), Some(Order::Silence));
    assert_eq!(ring, Ring::default());
}

/// Counts the sounds that play, and ends them when told.
#[derive(Debug, Clone)]
struct Speaker {
    playing: Arc<watch::Sender<u32>>,
    broken: Arc<watch::Sender<u32>>,
    works: bool,
    /// The attempts whose sound ends at once.
    unheard: Arc<watch::Sender<Vec<u32>>>,
    /// Nobody knows yet whether a sound is heard.
    is_open: Arc<watch::Sender<bool>>,
    /// Ending a sound takes its time.
    is_held: Arc<watch::Sender<bool>>,
    /// The attempts so far.
    attempts: Arc<watch::Sender<Vec<u32>>>,
    /// What an earlier belayd has left playing.
    left: Arc<watch::Sender<bool>>,
}

#[derive(Debug)]
struct Note {
    speaker: Speaker,
    attempt: u32,
    broken: watch::Receiver<u32>,
}

impl Speaker {
    fn new(works: bool) -> Self {
        Self {
            playing: Arc::new(watch::Sender::new(0)),
            broken: Arc::new(watch::Sender::new(0)),
            works,
            unheard: Arc::default(),
            is_open: Arc::default(),
            is_held: Arc::default(),
            attempts: Arc::default(),
            left: Arc::default(),
        }
    }

    async fn plays(&self, count: u32) {
        self.playing
            .subscribe()
            .wait_for(|now| *now == count)
            .await
            .unwrap();
    }
}

impl Audio for Speaker {
    fn alarm(&self, attempt: u32) -> Answer<'_, Box<dyn Sound>> {
        Box::pin(async move {
            assert!(!*self.left.borrow(), "before what is left is silent");
            self.attempts.send_modify(|attempts| attempts.push(attempt));
            if !self.works {
                return Err(PlatformError::NotSupported("mute"));
            }
            self.playing.send_modify(|now| *now += 1);
            let note: Box<dyn Sound> = Box::new(Note {
                speaker: self.clone(),
                attempt,
                broken: self.broken.subscribe(),
            });
            Ok(note)
        })
    }

    fn hush(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.left.send_replace(false);
        })
    }
}

impl Sound for Note {
    fn ended(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.broken.changed().await.unwrap() })
    }

    fn heard(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            let mut is_open = self.speaker.is_open.subscribe();
            is_open.wait_for(|is_open| !*is_open).await.unwrap();
            !self.speaker.unheard.borrow().contains(&self.attempt)
        })
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut is_held = self.speaker.is_held.subscribe();
            is_held.wait_for(|is_held| !*is_held).await.unwrap();
        })
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.speaker.playing.send_modify(|now| *now -= 1);
    }
}

struct Rig {
    ringer: mpsc::Sender<Message>,
    ringing: watch::Receiver<bool>,
    clock: FakeClock,
    supervisor: Supervisor,
}

impl Rig {
    fn new(speaker: &Speaker) -> Self {
        let clock = FakeClock::new();
        let (ringer, ringing) = Ringer::new(Arc::new(speaker.clone()), Arc::new(clock.clone()));
        let mut supervisor = Supervisor::default();
        let ringer = supervisor.start("ringer", ringer);
        Self {
            ringer,
            ringing,
            clock,
            supervisor,
        }
    }

    async fn ask(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<(), DeedFailed>>) -> Message,
    ) -> Result<(), DeedFailed> {
        let (answer, answered) = oneshot::channel();
        self.ringer.send(message(answer)).await.unwrap();
        answered.await.unwrap()
    }
}

#[tokio::test]
async fn ringing_shows_until_its_time_is_over() {
    let speaker = Speaker::new(true);
    let mut rig = Rig::new(&speaker);
    rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap();
    rig.ringing.wait_for(|ringing| *ringing).await.unwrap();
    speaker.plays(1).await;
    rig.clock.advance(at(29));
    rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap();
    rig.clock.advance(at(29));
    rig.supervisor.ask_all(at(5)).await.unwrap();
    assert!(*rig.ringing.borrow(), "the time began anew");
    rig.clock.advance(at(1));
    rig.ringing.wait_for(|ringing| !*ringing).await.unwrap();
    speaker.plays(0).await;
}

#[tokio::test]
async fn stopping_answers_when_it_is_silent_and_is_done_where_nothing_rings() {
    let speaker = Speaker::new(true);
    let mut rig = Rig::new(&speaker);
    rig.ask(Message::Stop).await.unwrap();
    rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap();
    rig.ask(Message::Stop).await.unwrap();
    assert_eq!(*speaker.playing.borrow(), 0);
    rig.ringing.wait_for(|ringing| !*ringing).await.unwrap();
}

#[tokio::test]
async fn a_sound_that_breaks_off_begins_again_within_the_time() {
    let speaker = Speaker::new(true);
    let rig = Rig::new(&speaker);
    rig.ask(|answer| Message::Ring(at(600), answer)).await.unwrap();
    for _ in 0..3 {
        speaker.broken.send_modify(|count| *count += 1);
        speaker.plays(0).await;
        assert!(*rig.ringing.borrow());
        // Past the longest of the first waits.
        rig.supervisor.ask_all(at(5)).await.unwrap();
        rig.clock.advance(at(30));
        speaker.plays(1).await;
    }
}

#[tokio::test]
async fn a_device_that_can_t_make_a_sound_fails_the_ring_and_doesn_t_show_it() {
    let rig = Rig::new(&Speaker::new(false));
    let failed = rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap_err();
    assert_eq!(failed.reason, "no-sound");
    assert!(!*rig.ringing.borrow());
    let now = rig.clock.boottime();
    assert!(now > Duration::ZERO);
}

#[tokio::test]
async fn the_sound_ends_with_belayd() {
    let speaker = Speaker::new(true);
    let mut rig = Rig::new(&speaker);
    rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap();
    rig.supervisor.stop().await;
    assert_eq!(*speaker.playing.borrow(), 0);
}

#[tokio::test]
async fn a_sound_that_ends_before_it_can_be_heard_gives_way_to_the_next_way() {
    let speaker = Speaker::new(true);
    speaker.unheard.send_replace(vec![0]);
    let rig = Rig::new(&speaker);
    rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap();
    assert_eq!(*speaker.attempts.borrow(), [0, 1]);
    assert_eq!(*speaker.playing.borrow(), 1, "the first has ended");
}

#[tokio::test]
async fn where_no_way_is_heard_the_ring_fails_and_isn_t_shown() {
    let speaker = Speaker::new(true);
    speaker.unheard.send_replace(vec![0, 1, 2]);
    let rig = Rig::new(&speaker);
    let failed = rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap_err();
    assert_eq!(failed.reason, "no-sound");
    assert_eq!((*rig.ringing.borrow(), *speaker.playing.borrow()), (false, 0));
}

#[tokio::test]
async fn what_an_earlier_belayd_left_playing_is_silent_before_anything_else_is_played() {
    let speaker = Speaker::new(true);
    speaker.left.send_replace(true);
    let rig = Rig::new(&speaker);
    // Without being asked.
    speaker.left.subscribe().wait_for(|left| !*left).await.unwrap();
    rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap();
    assert_eq!(*speaker.playing.borrow(), 1);
}

#[tokio::test]
async fn a_stop_answers_when_a_sound_that_isn_t_heard_yet_is_silent_too() {
    let speaker = Speaker::new(true);
    speaker.is_open.send_replace(true);
    let rig = Rig::new(&speaker);
    let ringing = rig.ask(|answer| Message::Ring(at(30), answer));
    let stopping = async {
        speaker.plays(1).await;
        rig.ask(Message::Stop).await.unwrap();
        assert_eq!(*speaker.playing.borrow(), 0);
    };
    let (rang, ()) = tokio::join!(ringing, stopping);
    assert_eq!(rang.unwrap_err().reason, "stopped");
    assert!(!*rig.ringing.borrow());
}

#[tokio::test]
async fn a_ring_right_after_a_stop_plays_when_that_has_ended_and_the_stop_doesn_t_wait_for_its_end() {
    let speaker = Speaker::new(true);
    let rig = Rig::new(&speaker);
    rig.ask(|answer| Message::Ring(at(30), answer)).await.unwrap();
    speaker.is_held.send_replace(true);
    let (stop, stopped) = oneshot::channel();
    let (ring, rung) = oneshot::channel();
    rig.ringer.send(Message::Stop(stop)).await.unwrap();
    rig.ringer.send(Message::Ring(at(30), ring)).await.unwrap();
    for _ in 0..20 {
        rig.supervisor.ask_all(at(5)).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(*speaker.attempts.borrow(), [0], "the old sound hasn't ended");
    speaker.is_held.send_replace(false);
    rung.await.unwrap().unwrap();
    stopped.await.unwrap().unwrap();
    assert_eq!((*speaker.attempts.borrow()).as_slice(), [0, 0]);
    assert_eq!(*speaker.playing.borrow(), 1);
}
