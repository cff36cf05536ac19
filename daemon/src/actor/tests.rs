use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Actor, Inbox, Supervisor, Unanswered};

enum Message {
    Add(u32, oneshot::Sender<u32>),
    Panic,
    Hang,
}

/// Sums up what it gets; the sum is its state, and lost with a restart.
struct Sum {
    starts: Arc<AtomicU32>,
}

impl Actor for Sum {
    type Message = Message;

    async fn run(&mut self, inbox: &mut Inbox<Message>) {
        self.starts.fetch_add(1, Ordering::Relaxed);
        let mut sum = 0;
        while let Some(message) = inbox.recv().await {
            match message {
                Message::Add(number, answer) => {
                    sum += number;
                    let _ = answer.send(sum);
                }
                Message::Panic => panic!("on purpose"),
                Message::Hang => std::future::pending().await,
            }
        }
    }
}

async fn add(to: &tokio::sync::mpsc::Sender<Message>, number: u32) -> u32 {
    let (answer, sum) = oneshot::channel();
    to.send(Message::Add(number, answer)).await.ok().unwrap();
    sum.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_counted_and_the_actor_starts_again_with_its_mailbox() {
    let starts = Arc::new(AtomicU32::new(0));
    let mut supervisor = Supervisor::default();
    let sum = supervisor.start(
        "sum",
        Sum {
            starts: Arc::clone(&starts),
        },
    );
    assert_eq!(add(&sum, 1).await, 1);
    sum.send(Message::Panic).await.ok().unwrap();
    // Waits in the mailbox while the actor is down, and meets the state of a fresh start.
    assert_eq!(add(&sum, 2).await, 2);
    assert_eq!(supervisor.panics(), 1);
    assert_eq!(starts.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_hangs_is_named_and_the_others_answer() {
    let mut supervisor = Supervisor::default();
    let _well = supervisor.start(
        "well",
        Sum {
            starts: Arc::default(),
        },
    );
    let ill = supervisor.start(
        "ill",
        Sum {
            starts: Arc::default(),
        },
    );
    assert_eq!(supervisor.ask_all(Duration::from_secs(5)).await, Ok(()));
    ill.send(Message::Hang).await.ok().unwrap();
    // The message is taken first: the actor has no other turn in between.
    while ill.capacity() != ill.max_capacity() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        supervisor.ask_all(Duration::from_secs(5)).await,
        Err(Unanswered("ill"))
    );
}

#[tokio::test(start_paused = true)]
async fn stopping_first_does_what_was_sent_before() {
    let mut supervisor = Supervisor::default();
    let sum = supervisor.start(
        "sum",
        Sum {
            starts: Arc::default(),
        },
    );
    let (first, answered) = oneshot::channel();
    sum.send(Message::Add(7, first)).await.ok().unwrap();
    supervisor.stop().await;
    assert_eq!(answered.await.unwrap(), 7);
    let (second, _) = oneshot::channel();
    assert!(
        sum.send(Message::Add(1, second)).await.is_err(),
        "a stopped actor takes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_nobody_can_send_to_lives_until_the_stop() {
    let mut supervisor = Supervisor::default();
    drop(supervisor.start(
        "sum",
        Sum {
            starts: Arc::default(),
        },
    ));
    assert_eq!(supervisor.ask_all(Duration::from_secs(1)).await, Ok(()));
    supervisor.stop().await;
    assert_eq!(
        supervisor.ask_all(Duration::from_secs(1)).await,
        Err(Unanswered("sum"))
    );
}
