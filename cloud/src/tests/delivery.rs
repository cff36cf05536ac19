//! Messages on their way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::owner::open;
use super::rig::Rig;
use crate::clock::{DAY, MINUTE};
use crate::delivery::{self, Carrier, DeliveryError, Message, Sending, outbox::Outbox};

/// Answers as a gateway would: a status with seconds of `Retry-After` an attempt, and then 200.
#[derive(Default)]
struct Gateway {
    answers: Mutex<VecDeque<(u16, u64)>>,
    marks: Mutex<Vec<String>>,
}

impl Carrier for Gateway {
    fn takes(&self, _: &str) -> bool {
        true
    }

    fn send<'a>(&'a self, _: &'a Message, mark: &'a str) -> Sending<'a> {
        Box::pin(async {
            self.marks.lock().unwrap().push(mark.to_owned());
            match self.answers.lock().unwrap().pop_front() {
                Some((status, seconds)) => Err(DeliveryError::Refused {
                    status,
                    wait: Some(seconds * 1000),
                }),
                None => Ok(()),
            }
        })
    }

    fn pretend<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        self.send(message, "")
    }
}

impl Gateway {
    fn answering(answers: &[(u16, u64)]) -> Arc<Self> {
        let answers = Mutex::new(answers.iter().copied().collect());
        let marks = Mutex::default();
        Arc::new(Self { answers, marks })
    }

    /// How often it was asked by now, once what is due was sent.
    async fn asked(self: &Arc<Self>, rig: &Rig) -> usize {
        let carriers: Vec<Arc<dyn Carrier>> = vec![self.clone()];
        delivery::send_due(&rig.app, &carriers).await;
        self.marks.lock().unwrap().len()
    }
}

async fn counted(rig: &Rig, result: &str) -> bool {
    let metrics = String::from_utf8(rig.get("/metrics").await.is(200).body).unwrap();
    metrics.contains(&format!(
        "belay_cloud_messages_total{{channel=\"email\",result=\"{result}\"}} 1\n"
    ))
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_at_once_and_counted() {
    for status in [400, 401, 404, 422, 499] {
        let rig = Rig::new();
        open(&rig.client(), "jo@example.org").await.is(202);
        let gateway = Gateway::answering(&[(status, 0)]);
        assert_eq!(gateway.asked(&rig).await, 1);
        rig.advance(300);
        assert_eq!(gateway.asked(&rig).await, 1, "{status}");
        assert!(counted(&rig, "given_up").await && !counted(&rig, "retried").await);
    }
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_as_the_same_message() {
    for status in [500, 503, 408, 429, 307] {
        let rig = Rig::new();
        open(&rig.client(), "jo@example.org").await.is(202);
        let gateway = Gateway::answering(&[(status, 0)]);
        assert_eq!(gateway.asked(&rig).await, 1);
        assert_eq!(gateway.asked(&rig).await, 1, "not before its time");
        rig.advance(1);
        assert_eq!(gateway.asked(&rig).await, 2, "{status}");
        assert!(counted(&rig, "retried").await && counted(&rig, "sent").await);
        open(&rig.client(), "jo@example.org").await.is(202);
        assert_eq!(gateway.asked(&rig).await, 3);
        let marks = gateway.marks.lock().unwrap();
        assert!(marks[0] == marks[1] && marks[1] != marks[2], "{marks:?}");
        assert_eq!(marks[0].len(), 32);
    }
}

#[tokio::test]
async fn a_gateway_that_wants_to_be_left_alone_is() {
    let rig = Rig::new();
    open(&rig.client(), "jo@example.org").await.is(202);
    let gateway = Gateway::answering(&[(429, 90)]);
    assert_eq!(gateway.asked(&rig).await, 1);
    rig.advance(89);
    assert_eq!(gateway.asked(&rig).await, 1);
    rig.advance(1);
    assert_eq!(gateway.asked(&rig).await, 2);
    open(&rig.client(), "xx@example.org").await.is(202);
    let gateway = Gateway::answering(&[(429, 600)]);
    assert_eq!(gateway.asked(&rig).await, 1);
    rig.advance(600);
    assert_eq!(gateway.asked(&rig).await, 1, "the code is over by then");
}

#[tokio::test]
async fn a_code_that_is_over_before_anybody_could_send_it_is_not_sent() {
    let rig = Rig::new();
    open(&rig.client(), "jo@example.org").await.is(202);
    let rig = rig.restart();
    rig.advance(600);
    let gateway = Gateway::answering(&[]);
    assert_eq!(gateway.asked(&rig).await, 0);
    assert!(counted(&rig, "given_up").await && !counted(&rig, "sent").await);
}

#[tokio::test]
async fn what_goes_nowhere_costs_a_carrier_what_a_message_of_its_age_does() {
    for (seconds, asked) in [(0, 1), (60, 0)] {
        let rig = Rig::new();
        let (app, now) = (rig.app.clone(), rig.app.now());
        let message = Message {
            to: "no@example.org".into(),
            channel: delivery::NOWHERE.into(),
            subject: None,
            text: "x".into(),
            code: None,
            link: None,
        };
        let queued = rig
            .app
            .store
            .transact(move |tx| delivery::queue(&app, tx, &message, MINUTE, now));
        queued.await.unwrap();
        rig.advance(seconds);
        let gateway = Gateway::answering(&[]);
        assert_eq!(gateway.asked(&rig).await, asked, "{seconds} s");
        let carriers: Vec<Arc<dyn Carrier>> = vec![gateway];
        assert_eq!(delivery::send_due(&rig.app, &carriers).await, None, "it is over");
    }
}

#[tokio::test]
async fn a_notice_is_tried_for_as_long_as_it_matters() {
    let rig = Rig::new();
    let (app, now) = (rig.app.clone(), rig.app.now());
    let message = Message {
        to: "jo@example.org".into(),
        channel: "email".into(),
        subject: None,
        text: "x".into(),
        code: None,
        link: None,
    };
    let queued = rig
        .app
        .store
        .transact(move |tx| delivery::queue(&app, tx, &message, DAY, now));
    queued.await.unwrap();
    let gateway = Gateway::answering(&[(503, 0); 100]);
    for _ in 0..26 * 60 {
        gateway.asked(&rig).await;
        rig.advance(MINUTE / 1000);
    }
    // Five quick ones, then a quarter of an hour, then hours with a quarter less at most.
    let asked = gateway.asked(&rig).await;
    assert!((25..45).contains(&asked), "{asked}");
    assert!(counted(&rig, "given_up").await);
}

/// Lets the first message wait until another was sent.
#[derive(Default)]
struct Slow {
    sent: Mutex<usize>,
    other: Notify,
}

impl Carrier for Slow {
    fn takes(&self, _: &str) -> bool {
        true
    }

    fn send<'a>(&'a self, message: &'a Message, _: &'a str) -> Sending<'a> {
        Box::pin(async {
            match message.to.as_str() {
                "slow@example.org" => self.other.notified().await,
                _ => self.other.notify_one(),
            }
            *self.sent.lock().unwrap() += 1;
            Ok(())
        })
    }

    fn pretend<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        self.send(message, "")
    }
}

#[tokio::test]
async fn a_server_that_lets_one_message_wait_holds_up_no_other() {
    let rig = Rig::new();
    for address in ["slow@example.org", "jo@example.org"] {
        open(&rig.client(), address).await.is(202);
    }
    let slow = Arc::new(Slow::default());
    let carriers: Vec<Arc<dyn Carrier>> = vec![slow.clone()];
    let sending = delivery::send_due(&rig.app, &carriers);
    tokio::time::timeout(Duration::from_secs(60), sending)
        .await
        .unwrap();
    assert_eq!(*slow.sent.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_message_waits_for_a_carrier_that_fails_and_is_given_up_in_the_end() {
    let rig = Rig::new();
    open(&rig.client(), "jo@example.org").await.is(202);
    *rig.postman.failures.lock().unwrap() = 2;
    assert!(rig.mails().await.is_empty());
    rig.advance(1);
    assert!(rig.mails().await.is_empty());
    assert!(rig.mails().await.is_empty(), "not before its time");
    rig.advance(5);
    assert_eq!(rig.mails().await.len(), 1);
    assert!(rig.mails().await.is_empty(), "once");
    open(&rig.client(), "xx@example.org").await.is(202);
    *rig.postman.failures.lock().unwrap() = 6;
    for _ in 0..20 {
        assert!(rig.mails().await.is_empty());
        rig.advance(60);
    }
    assert_eq!(*rig.postman.failures.lock().unwrap(), 0);
    assert!(rig.mails().await.is_empty());
}

#[tokio::test]
async fn a_message_survives_a_restart_between_answer_and_sending() {
    let rig = Rig::new();
    open(&rig.client(), "jo@example.org").await.is(202);
    let rig = rig.restart();
    assert_eq!(rig.code_mail().await.to, "jo@example.org");
}

#[tokio::test]
async fn the_outbox_has_whole_files_in_order() {
    let rig = Rig::new();
    let folder = rig.folder.path().join("outbox");
    let carriers: Vec<Arc<dyn Carrier>> = vec![Arc::new(Outbox::open(&folder).unwrap())];
    for address in ["a@example.org", "b@example.org"] {
        open(&rig.client(), address).await.is(202);
    }
    crate::delivery::send_due(&rig.app, &carriers).await;
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let messages: Vec<Message> = names
        .iter()
        .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        .collect();
    assert_eq!(
        messages
            .iter()
            .map(|message| message.to.as_str())
            .collect::<Vec<_>>(),
        ["a@example.org", "b@example.org"]
    );
    assert!(names.iter().all(|path| path.extension().unwrap() == "json"));
}

#[tokio::test]
async fn the_outbox_keeps_nothing_of_what_goes_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path()).unwrap();
    let message = Message {
        to: "no@example.org".into(),
        channel: delivery::NOWHERE.into(),
        subject: None,
        text: "1".into(),
        code: None,
        link: None,
    };
    outbox.pretend(&message).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
