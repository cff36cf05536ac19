//! What is done one after the other, and what gives way when it takes longer than more of it comes.

use std::collections::VecDeque;

use belay_drivers::Alert;
use belay_drivers::alert::AlertKind;
use belay_proto::id::AccessoryId;
use futures_util::future::BoxFuture;

use super::state::What;

/// Something that is done, and what came of it.
pub(super) type Work = BoxFuture<'static, Option<What>>;

/// Alerts that wait for accessories to take them.
pub(super) const MOST_ALERTS: usize = 32;

/// Of what waits only the newest counts: who rings and is silenced and is to ring again, rings. So at most one is under
/// way and one waits, however often it is asked for.
#[derive(Default)]
pub(super) struct Newest {
    waiting: Option<Work>,
    under_way: Option<Work>,
}

impl Newest {
    /// Has `work` done next, in the place of what waits.
    pub(super) fn push(&mut self, work: Work) {
        self.waiting = Some(work);
    }

    /// Nothing is under way, and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.waiting.is_none()
    }

    /// Does the next, and answers what came of it. Cancelling the call loses nothing.
    pub(super) async fn next(&mut self) -> Option<What> {
        if self.under_way.is_none() {
            self.under_way = self.waiting.take();
        }
        let Some(work) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let what = work.await;
        self.under_way = None;
        what
    }
}

/// Something that an accessory is to show, or to show no longer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Showing {
    /// Show it.
    Alert(AccessoryId, Alert),
    /// End it.
    Stop(AccessoryId, AlertKind),
}

/// What waits to be shown.
///
/// An end takes with it what it ends and was not shown yet, and isn't there twice: so there are never more ends than
/// accessories have kinds of alerts. Of alerts at most [`MOST_ALERTS`] wait; then the oldest text gives way, since a
/// call is over soon and a text is still on the phone.
#[derive(Debug, Default)]
pub(super) struct Alerts(VecDeque<Showing>);

impl Alerts {
    /// Takes it in; answers whether something gave way.
    pub(super) fn push(&mut self, showing: Showing) -> bool {
        match &showing {
            Showing::Stop(id, kind) => {
                let ends = |one: &Showing| match one {
                    Showing::Alert(whose, alert) => whose == id && alert.kind() == *kind,
                    Showing::Stop(..) => *one == showing,
                };
                self.0.retain(|one| !ends(one));
                self.0.push_back(showing);
                false
            }
            Showing::Alert(..) => {
                let is_alert = |one: &&Showing| matches!(one, Showing::Alert(..));
                let is_full = self.0.iter().filter(is_alert).count() >= MOST_ALERTS;
                if is_full {
                    let is_text = |one: &Showing| matches!(one, Showing::Alert(_, Alert::Message { .. }));
                    match self.0.iter().position(is_text) {
                        Some(oldest) => drop(self.0.remove(oldest)),
                        None => return true,
                    }
                }
                self.0.push_back(showing);
                is_full
            }
        }
    }

    /// The next to be shown.
    pub(super) fn pop(&mut self) -> Option<Showing> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    const BAND: AccessoryId = AccessoryId::from_bytes([1; 16]);
    const OTHER: AccessoryId = AccessoryId::from_bytes([2; 16]);

    fn text(body: usize) -> Showing {
        let (title, body) = ("Eve".to_owned(), body.to_string());
        Showing::Alert(BAND, Alert::Message { title, body })
    }

    fn call(id: AccessoryId) -> Showing {
        let caller = "Ada".to_owned();
        Showing::Alert(id, Alert::Call { caller })
    }

    fn all(mut alerts: Alerts) -> Vec<Showing> {
        std::iter::from_fn(|| alerts.pop()).collect()
    }

    #[tokio::test]
    async fn of_what_is_asked_for_while_one_is_done_the_newest_alone_follows() {
        let mut lane = Newest::default();
        let (finish, finished) = oneshot::channel();
        lane.push(Box::pin(finished.map(|_| Some(What::Silent))));
        assert!(lane.next().now_or_never().is_none(), "it is under way");
        let done = Arc::new(AtomicUsize::new(0));
        for number in 1..=1000 {
            let done = Arc::clone(&done);
            lane.push(Box::pin(async move {
                done.fetch_add(number, Ordering::Relaxed);
                Some(What::Mute)
            }));
        }
        assert!(lane.next().now_or_never().is_none(), "one after the other");
        finish.send(()).unwrap();
        assert_eq!(lane.next().await, Some(What::Silent));
        assert_eq!(lane.next().await, Some(What::Mute));
        assert_eq!(done.load(Ordering::Relaxed), 1000);
        assert!(lane.next().now_or_never().is_none(), "nothing else waits");
    }

    #[test]
    fn where_too_many_alerts_wait_the_oldest_text_gives_way() {
        let mut alerts = Alerts::default();
        assert!(!alerts.push(call(BAND)));
        for number in 1..MOST_ALERTS {
            assert!(!alerts.push(text(number)));
        }
        assert!(alerts.push(call(OTHER)));
        let left = all(alerts);
        assert_eq!(left.len(), MOST_ALERTS);
        assert_eq!(left[..2], [call(BAND), text(2)]);
        assert_eq!(left.last(), Some(&call(OTHER)));
        let mut calls = Alerts::default();
        let given_way = (0..2 * MOST_ALERTS).filter(|_| calls.push(call(BAND))).count();
        assert_eq!((given_way, all(calls).len()), (MOST_ALERTS, MOST_ALERTS));
    }

    #[test]
    fn the_end_of_a_call_takes_the_call_with_it_and_waits_once() {
        let mut alerts = Alerts::default();
        let end = || Showing::Stop(BAND, AlertKind::Call);
        for _ in 0..1000 {
            alerts.push(call(BAND));
            alerts.push(end());
        }
        alerts.push(call(OTHER));
        alerts.push(text(1));
        alerts.push(end());
        // The one that is shown already ends all the same.
        assert_eq!(all(alerts), [call(OTHER), text(1), end()]);
    }
}
