//! What happens on the way to the cloud, and what follows.

use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::wire::Hint;

use super::{BRIEF, GRACE, GREETING_WITHIN, Link, OVERSLEPT, Order, Phase, SIGN_EACH, SIGNS, TRIES, Way};
use crate::find::conditions::Conditions;
use crate::find::heartbeat::{Heartbeat, LONGEST};
use crate::find::ports::Sign;
use crate::find::trouble::{Trouble, TroubleKind};
use crate::store::find::HeartbeatRow;

impl Link {
    /// Begins.
    pub fn begin(&mut self) -> Vec<Order> {
        self.open()
    }

    /// The stream that was ordered is open; its first words are still to come.
    pub fn opened(&mut self, now: Duration) {
        self.retries = 0;
        self.phase = Phase::Open {
            granted: None,
            last: now,
            signs: 0,
        };
    }

    /// A sign on the stream.
    pub fn sign(&mut self, now: Duration, sign: &Sign) -> Vec<Order> {
        let Phase::Open { granted, last, signs } = self.phase else {
            return Vec::new();
        };
        if let Sign::Retry(wish) = sign {
            self.retry = *wish;
            // It is no sign of life, but wakes the device as one does.
            self.retries = self.retries.saturating_add(1);
            let is_flood = self.is_flood(now, granted.is_some(), signs);
            return is_flood.then(|| self.hush(now)).flatten().into_iter().collect();
        }
        let mut orders = vec![self.reached()];
        if let Sign::Hint { id: Some(id), .. } = sign {
            self.last_event = Some(id.clone());
        }
        let asked = self.heart.ask(self.conditions.is_frugal());
        match (granted, sign) {
            (None, sign) => {
                let granted = match sign {
                    // Whatever a cloud says, silence is noticed in the end.
                    Sign::Greeting(granted) => (*granted).clamp(Duration::from_secs(1), LONGEST),
                    Sign::Alive | Sign::Hint { .. } | Sign::Retry(_) => asked,
                };
                self.phase = Phase::Open {
                    granted: Some(granted),
                    last: now,
                    signs: 0,
                };
                self.stream.well();
                self.greeted = now;
                // What was queued before the stream stood.
                orders.extend(self.fetch_as_told(now));
                return orders;
            }
            (Some(_), Sign::Hint { hint, .. }) => {
                self.failures = 0;
                // A hint that this version doesn't know may be meant for all.
                if matches!(hint, Some(Hint::Commands) | None) {
                    orders.extend(self.fetch_as_told(now));
                }
            }
            (Some(granted), Sign::Alive | Sign::Greeting(_) | Sign::Retry(_)) => {
                // A cloud that says more than it was asked for proves nothing.
                let is_whole = now.saturating_sub(last) >= granted * 4 / 5;
                if is_whole {
                    self.failures = 0;
                }
                if is_whole && self.heart.heard() {
                    orders.extend(self.remember());
                    orders.push(Order::Close);
                    self.stream.give_up();
                    orders.extend(self.open());
                    return orders;
                }
            }
        }
        let signs = signs.saturating_add(1);
        self.phase = Phase::Open {
            granted,
            last: now,
            signs,
        };
        if self.is_flood(now, true, signs) {
            orders.extend(self.hush(now));
        }
        orders
    }

    /// Whether a stream with so many signs says too much.
    fn is_flood(&self, now: Duration, is_greeted: bool, signs: u32) -> bool {
        let age = match is_greeted {
            true => now.saturating_sub(self.greeted).as_secs() / SIGN_EACH.as_secs(),
            false => 0,
        };
        u64::from(signs) + u64::from(self.retries) > u64::from(SIGNS).saturating_add(age)
    }

    /// Leaves a stream that says too much, for longer each time.
    fn hush(&mut self, now: Duration) -> Option<Order> {
        self.phase = Phase::Closed;
        let pause = self.brief.next().max(self.pause(None));
        self.stream.failed(now, pause);
        Some(Order::Close)
    }

    /// The stream couldn't be opened, or has ended.
    pub fn ended(&mut self, now: Duration, trouble: Option<Trouble>) -> Vec<Order> {
        let mut orders = Vec::new();
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        // All streams of a cloud that goes down end at once, and mustn't all come back at once.
        let spread = match phase {
            Phase::Open { granted: Some(_), .. } => Backoff::new(self.retry, self.retry).next(),
            Phase::Open { granted: None, .. } | Phase::Opening | Phase::Closed => None,
        };
        let spread = spread.map(|drawn| self.retry / 2 + drawn);
        let mut brief = None;
        if matches!(phase, Phase::Open { granted: Some(_), .. }) {
            match now.saturating_sub(self.greeted) < BRIEF {
                true => brief = self.brief.next(),
                false => self.brief.reset(),
            }
        }
        match phase {
            Phase::Closed => return orders,
            Phase::Opening => self.is_suspect = trouble.is_some_and(|trouble| trouble.is_answered()),
            Phase::Open { granted: None, .. } => self.is_suspect = true,
            Phase::Open {
                granted: Some(_),
                signs: 0,
                ..
            } => {
                self.is_suspect = self.heart.is_shortest();
                if self.heart.cut() {
                    orders.extend(self.remember());
                }
            }
            Phase::Open { .. } => {}
        }
        if trouble.is_some_and(|trouble| trouble.kind == TroubleKind::Hopeless) {
            self.stream.give_up();
            return orders;
        }
        self.is_reached &= trouble.is_none();
        self.stream
            .failed(now, self.pause(trouble).max(spread).max(brief));
        if self.is_suspect {
            orders.extend(self.fetch_as_told(now));
        }
        orders
    }

    /// Commands were fetched; `in_vain` when the cloud was to wait for one and didn't, `pending` when some are to be
    /// judged: until [`Link::go_on`] the same ones would come again.
    pub fn fetched(&mut self, now: Duration, in_vain: bool, pending: bool) -> Vec<Order> {
        let again = self.fetch.over();
        let mut orders = vec![self.reached()];
        if std::mem::take(&mut self.is_suspect) {
            self.failures += 1;
        }
        match self.way {
            Way::Stream if self.failures >= TRIES => {
                tracing::info!("the cloud's stream doesn't come through; commands are polled");
                orders.extend(self.poll(now));
            }
            Way::Stream => {}
            Way::LongPoll { stream_again } => {
                self.failures = if in_vain { self.failures + 1 } else { 0 };
                if self.failures >= TRIES || self.conditions.is_frugal() {
                    let next = now + self.poll_each();
                    self.way = Way::TimedPoll { stream_again, next };
                } else if !pending && !again {
                    orders.extend(self.go_on(now));
                }
            }
            Way::TimedPoll { stream_again, .. } => {
                let next = now + self.poll_each();
                self.way = Way::TimedPoll { stream_again, next };
            }
        }
        if again && !orders.iter().any(|order| matches!(order, Order::Fetch { .. })) {
            orders.extend(self.fetch_as_told(now));
        }
        orders
    }

    /// What was fetched is judged: there may be more.
    pub fn go_on(&mut self, now: Duration) -> Option<Order> {
        // One that rests comes by itself.
        match self.fetch.due() {
            Some(_) => None,
            None => self.fetch_as_told(now),
        }
    }

    /// Among what was fetched was a command that the warden accepted.
    pub fn was_worth_it(&mut self) {
        self.pace.was_worth_it();
    }

    /// Commands couldn't be fetched.
    pub fn not_fetched(&mut self, now: Duration, trouble: Trouble) -> Vec<Order> {
        if trouble.kind == TroubleKind::Hopeless {
            self.fetch.give_up();
            return Vec::new();
        }
        self.is_suspect = false;
        self.is_reached = false;
        self.fetch.failed(now, self.pause(Some(trouble)));
        if let (Way::LongPoll { stream_again }, true) = (self.way, trouble.is_answered()) {
            self.failures += 1;
            if self.failures >= TRIES {
                self.way = Way::TimedPoll {
                    stream_again,
                    next: now + self.poll_each(),
                };
            }
        }
        Vec::new()
    }

    /// The surroundings have changed; `row` is what is remembered of the network, where that is another.
    pub fn surrounded(&mut self, conditions: Conditions, row: Option<HeartbeatRow>) -> Vec<Order> {
        let is_news = conditions.is_news_after(&self.conditions);
        if conditions.network != self.conditions.network {
            self.heart = Heartbeat::remembered(row);
        }
        self.conditions = conditions;
        if !is_news {
            return Vec::new();
        }
        // What stood in the old network stands on nothing.
        self.way = Way::Stream;
        self.failures = 0;
        self.is_suspect = false;
        self.is_reached = false;
        self.brief.reset();
        self.stream.give_up();
        let mut orders = vec![Order::Close, Order::Renew];
        orders.extend(self.open());
        if self.fetch.is_busy() || self.fetch.due().is_some() {
            // One that is under way waits on a connection of the old network, and would until its time is over.
            self.fetch.give_up();
            orders.extend(self.fetch_now());
        }
        orders
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Duration) -> Vec<Order> {
        let mut orders = self.listen(now);
        match self.way {
            Way::Stream => {
                if self.stream.wake(now) {
                    orders.push(self.opening());
                }
            }
            Way::LongPoll { stream_again } | Way::TimedPoll { stream_again, .. } if stream_again <= now => {
                self.way = Way::Stream;
                // One more try in vain, and it is the next best way again.
                self.failures = TRIES - 1;
                orders.extend(self.open());
            }
            Way::TimedPoll { stream_again, next } if next <= now => {
                // The answer sets the time of the next.
                self.way = Way::TimedPoll {
                    stream_again,
                    next: stream_again,
                };
                orders.extend(self.fetch_now());
            }
            Way::LongPoll { .. } | Way::TimedPoll { .. } => {}
        }
        if self.fetch.wake(now) {
            orders.push(Order::Fetch { wait: self.wait() });
        }
        orders
    }

    /// Notices that the stream is silent.
    fn listen(&mut self, now: Duration) -> Vec<Order> {
        let Phase::Open { granted, last, .. } = self.phase else {
            return Vec::new();
        };
        let due = last + granted.map_or(GREETING_WITHIN, |granted| granted + GRACE);
        if now < due {
            return Vec::new();
        }
        let mut orders = vec![Order::Close, Order::Renew];
        if granted.is_none() {
            orders.extend(self.ended(now, None));
            return orders;
        }
        if now < due + OVERSLEPT {
            self.is_suspect = self.heart.is_shortest();
            self.heart.died();
            orders.extend(self.remember());
        }
        self.stream.give_up();
        orders.extend(self.open());
        orders
    }
}
