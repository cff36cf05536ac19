//! Ringing: for its time, whatever ends the sound meanwhile.

mod state;

use std::sync::Arc;
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::clock::Clock;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::DeedFailed;
use state::{Event, Order, Ring};

use crate::actor::{Actor, Inbox};
use crate::platform::{Audio, PlatformError, Sound};

/// Nobody looks longer for a phone that rings.
const LONGEST: Duration = Duration::from_secs(3600);
/// A sound that ended by itself begins again after this at first, and in the end this seldom.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Ways to play a sound, each of them tried before the device counts as one without.
const WAYS: u32 = 3;
/// Nothing that the device has makes a sound.
const NO_SOUND: &str = "no-sound";

type Answer = oneshot::Sender<Result<(), DeedFailed>>;

/// What the ringer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Ring for so long, from now on.
    Ring(Duration, Answer),
    /// Stop, whoever asked for it.
    Stop(Answer),
    /// Ring for so long because an accessory asks.
    Seek(Duration, Answer),
    /// The accessory asks no more; what the owner's command asks for goes on.
    Sought(Answer),
}

/// The actor.
pub(super) struct Ringer {
    audio: Arc<dyn Audio>,
    clock: Arc<dyn Clock>,
    ringing: watch::Sender<bool>,
}

type Begun = Result<Box<dyn Sound>, PlatformError>;

/// A sound that isn't heard yet. Without its receiver the task ends what it has begun.
struct Beginning {
    begun: oneshot::Receiver<Begun>,
    task: JoinHandle<()>,
}

/// What is under way outside.
#[derive(Default)]
struct Hands {
    sound: Option<Box<dyn Sound>>,
    beginning: Option<Beginning>,
    later: Option<(BoxFuture<'static, ()>, u32)>,
    /// Ends what was played before, by an earlier belayd too; nothing new is played until it is over.
    stopping: Option<Shared<BoxFuture<'static, ()>>>,
    /// Who waits for the first sound.
    waiting: Vec<Answer>,
    /// Who waits for silence.
    hushed: Vec<Answer>,
}

impl Hands {
    /// Has `end` awaited, after what ends already.
    fn stop(&mut self, end: impl Future<Output = ()> + Send + 'static) {
        let before = self.stopping.take();
        let both: BoxFuture<'static, ()> = Box::pin(async move {
            futures_util::join!(end, async {
                if let Some(before) = before {
                    before.await;
                }
            });
        });
        self.stopping = Some(both.shared());
    }

    /// Somebody waits for the sound.
    fn wait(&mut self, answer: Answer) {
        if self.sound.is_some() {
            let _ = answer.send(Ok(()));
        } else {
            self.waiting.push(answer);
        }
    }
}

impl Ringer {
    pub(super) fn new(audio: Arc<dyn Audio>, clock: Arc<dyn Clock>) -> (Self, watch::Receiver<bool>) {
        let (ringing, shown) = watch::channel(false);
        let ringer = Self {
            audio,
            clock,
            ringing,
        };
        (ringer, shown)
    }

    fn carry_out(&self, order: Option<Order>, hands: &mut Hands, backoff: &mut Backoff) {
        match order {
            Some(Order::Play(attempt)) => {
                backoff.reset();
                self.play(attempt, hands);
            }
            Some(Order::PlayLater(attempt)) => {
                let clock = Arc::clone(&self.clock);
                let at = clock.boottime() + backoff.next().unwrap_or(AGAIN.1);
                let wait: BoxFuture<'static, ()> = Box::pin(async move { clock.sleep_until(at).await });
                hands.later = Some((wait, attempt));
            }
            Some(Order::Silence) => {
                hands.later = None;
                if let Some(Beginning { begun, task }) = hands.beginning.take() {
                    drop(begun);
                    hands.stop(async move { drop(task.await) });
                }
                if let Some(sound) = hands.sound.take() {
                    hands.stop(sound.stop());
                }
                for answer in hands.waiting.drain(..) {
                    let _ = answer.send(Err(DeedFailed::new("stopped")));
                }
            }
            None => {}
        }
    }

    /// In a task of its own: a sound that begins when nobody waits for it any more is ended there.
    fn play(&self, attempt: u32, hands: &mut Hands) {
        let (answer, begun) = oneshot::channel();
        let audio = Arc::clone(&self.audio);
        let before = hands.stopping.clone();
        let task = tokio::spawn(async move {
            // An end by name of the instrument would end the new sound too.
            if let Some(before) = before {
                before.await;
            }
            begin(audio, attempt, answer).await;
        });
        hands.beginning = Some(Beginning { begun, task });
    }
}

/// Begins a sound by one way after the other, until one is heard.
async fn begin(audio: Arc<dyn Audio>, attempt: u32, mut answer: oneshot::Sender<Begun>) {
    let mut outcome = Err(PlatformError::Silent);
    for way in 0..WAYS {
        let mut sound = match audio.alarm(attempt.saturating_add(way)).await {
            Ok(sound) => sound,
            Err(error) => {
                outcome = Err(error);
                break;
            }
        };
        let is_heard = tokio::select! {
            is_heard = sound.heard() => is_heard,
            () = answer.closed() => return sound.stop().await,
        };
        if is_heard {
            outcome = Ok(sound);
            break;
        }
        tracing::warn!(way, "a sound ended before it can have been heard");
        outcome = Err(PlatformError::Silent);
    }
    if let Err(Ok(sound)) = answer.send(outcome) {
        sound.stop().await;
    }
}

/// Why it doesn't ring, for the owner.
fn reason(error: &PlatformError) -> &'static str {
    use PlatformError::{Failed, NotSupported, Service, Silent, Start, Unreadable};
    match error {
        NotSupported(_) | Silent | Start { .. } | Failed { .. } | Service(_) | Unreadable(_) => NO_SOUND,
        error => error.reason(),
    }
}

impl Actor for Ringer {
    type Message = Message;

    async fn run(&mut self, inbox: &mut Inbox<Message>) {
        let mut ring = Ring::default();
        // Nobody knows any more for how long that was to ring.
        let audio = Arc::clone(&self.audio);
        let mut hands = Hands::default();
        hands.stop(async move { audio.hush().await });
        let mut backoff = Backoff::new(AGAIN.0, AGAIN.1);
        loop {
            self.ringing.send_if_modified(|was| {
                std::mem::replace(was, ring.until().is_some() && hands.waiting.is_empty()) != *was
            });
            // Not for the silence of what began since.
            if hands.stopping.is_none() {
                for answer in hands.hushed.drain(..) {
                    let _ = answer.send(Ok(()));
                }
            }
            let until = ring.until().unwrap_or(Duration::MAX);
            let order = tokio::select! {
                message = inbox.recv() => match message {
                    Some(Message::Ring(length, answer)) => {
                        hands.wait(answer);
                        ring.step(Event::Ring(self.clock.boottime() + length.min(LONGEST)))
                    }
                    Some(Message::Seek(length, answer)) => {
                        hands.wait(answer);
                        ring.step(Event::Seek(self.clock.boottime() + length.min(LONGEST)))
                    }
                    Some(Message::Sought(answer)) => {
                        let _ = answer.send(Ok(()));
                        ring.step(Event::Sought)
                    }
                    Some(Message::Stop(answer)) => {
                        hands.hushed.push(answer);
                        ring.step(Event::Stop)
                    }
                    None => {
                        // The sound ends with belayd, and gently.
                        if let Some(sound) = hands.sound.take() {
                            sound.stop().await;
                        }
                        return;
                    }
                },
                begun = beginning(&mut hands.beginning) => {
                    hands.beginning = None;
                    match begun {
                        Ok(sound) => {
                            hands.sound = Some(sound);
                            for answer in hands.waiting.drain(..) {
                                let _ = answer.send(Ok(()));
                            }
                            ring.step(Event::Begun)
                        }
                        Err(error) => {
                            tracing::warn!(error = &error as &dyn std::error::Error, "ringing");
                            for answer in hands.waiting.drain(..) {
                                let _ = answer.send(Err(DeedFailed::new(reason(&error))));
                            }
                            ring.step(Event::NotBegun)
                        }
                    }
                }
                () = ended(&mut hands.sound) => {
                    hands.sound = None;
                    ring.step(Event::Ended)
                }
                () = waited(&mut hands.stopping) => {
                    hands.stopping = None;
                    None
                }
                attempt = again(&mut hands.later) => {
                    hands.later = None;
                    self.play(attempt, &mut hands);
                    None
                }
                () = self.clock.sleep_until(until), if ring.until().is_some() => {
                    ring.step(Event::Now(self.clock.boottime()))
                }
            };
            self.carry_out(order, &mut hands, &mut backoff);
        }
    }
}

async fn beginning(under_way: &mut Option<Beginning>) -> Begun {
    match under_way {
        Some(beginning) => (&mut beginning.begun)
            .await
            .unwrap_or(Err(PlatformError::Unreadable("the sound died"))),
        None => std::future::pending().await,
    }
}

async fn ended(sound: &mut Option<Box<dyn Sound>>) {
    match sound {
        Some(sound) => sound.ended().await,
        None => std::future::pending().await,
    }
}

async fn waited(future: &mut Option<Shared<BoxFuture<'static, ()>>>) {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn again(later: &mut Option<(BoxFuture<'static, ()>, u32)>) -> u32 {
    match later {
        Some((wait, attempt)) => {
            wait.await;
            *attempt
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
