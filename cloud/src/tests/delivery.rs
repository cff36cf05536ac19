//! Messages on their way.

use std::sync::Arc;

use super::owner::open;
use super::rig::Rig;
use crate::delivery::{Carrier, Message, outbox::Outbox};

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
    assert_eq!(rig.mail().await.to, "jo@example.org");
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
