//! What the cloud sends: codes that somebody asked for, and notices that nobody did.

use std::sync::{Arc, Mutex};

use super::rig::Rig;
use crate::delivery::{self, Carrier, Message, Sending};
use crate::language::Language;
use crate::messages::{self, Notice, Way};
use crate::store;

/// Keeps what would have been sent.
#[derive(Default)]
pub struct Postman {
    pub messages: Mutex<Vec<Message>>,
    /// What only had to cost as much.
    pub pretended: Mutex<Vec<Message>>,
    pub failures: Mutex<u32>,
}

impl Carrier for Postman {
    fn takes(&self, _: &str) -> bool {
        true
    }

    fn send<'a>(&'a self, message: &'a Message, _: &'a str) -> Sending<'a> {
        Box::pin(async {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(delivery::DeliveryError::NoWay);
            }
            self.messages.lock().unwrap().push(message.clone());
            Ok(())
        })
    }

    fn pretend<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        self.pretended.lock().unwrap().push(message.clone());
        Box::pin(async { Err(delivery::DeliveryError::NoWay) })
    }
}

impl Rig {
    /// What was sent and not looked at yet.
    pub async fn mails(&self) -> Vec<Message> {
        self.take(|_| true).await
    }

    /// The one message with a code; notices wait for whoever looks for them.
    pub async fn code_mail(&self) -> Message {
        let mut codes = self.take(|message| message.code.is_some()).await;
        assert_eq!(codes.len(), 1, "messages with a code: {codes:#?}");
        codes.remove(0)
    }

    /// What the owner was told unasked; codes wait for whoever looks for them.
    pub async fn notices(&self) -> Vec<Message> {
        self.take(|message| message.code.is_none()).await
    }

    /// Nothing but these was told, in this order, each by mail to `to`, in German as [`Owner`](super::owner::Owner)s read it.
    #[track_caller]
    pub fn told<'a>(&'a self, to: &'a str, told: &[Notice<'_>]) -> impl Future<Output = ()> + 'a {
        let each: Vec<_> = told.iter().map(|notice| (to, *notice)).collect();
        self.told_each(&each)
    }

    /// The same to one address each.
    #[track_caller]
    pub fn told_each<'a>(&'a self, told: &[(&str, Notice<'_>)]) -> impl Future<Output = ()> + use<'a> {
        let here = std::panic::Location::caller();
        let letter =
            |(to, notice): &(&str, Notice<'_>)| messages::notice(Way::Mail, to, Language::German, notice);
        let expected: Vec<Message> = told.iter().map(letter).collect();
        async move { assert_eq!(self.notices().await, expected, "at {here}") }
    }

    /// The same, with what an operator's command left among it: its clock is the machine's, and so is far from this cloud's.
    pub async fn told_by_an_operator(&self, to: &str, told: &[Notice<'_>]) {
        let connection = store::connect(&self.app.settings.data.join(store::FILE)).unwrap();
        let now = self.app.now();
        connection
            .execute("UPDATE messages SET next_at = ?1, until = ?1 + 1000", [now])
            .unwrap();
        self.told(to, told).await;
    }

    async fn take(&self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let carriers: Vec<Arc<dyn Carrier>> = vec![self.postman.clone()];
        delivery::send_due(&self.app, &carriers).await;
        let mut waiting = self.postman.messages.lock().unwrap();
        let (taken, left) = std::mem::take(&mut *waiting).into_iter().partition(wanted);
        *waiting = left;
        taken
    }
}
