//! Numbers that are proved by an SMS of this device's own.

use std::sync::Mutex;
use std::time::Duration;

use belay_proto::dbus::AccountState;
use belay_proto::wire::Cell;
use tokio::sync::{mpsc, watch};

use super::cloud::problem;
use super::kills::in_time;
use super::{ADA, Life, World, confirm, name};
use crate::account::{AccountError, Channel, OwnSms, Verification};
use crate::cloud::CloudError;
use crate::platform::{Answer, Fix, Modem, ModemView, PlatformError};

const NUMBER: &str = "+4915123456789";

/// A modem that sends texts, and nothing else.
#[derive(Debug, Default)]
pub(in crate::account) struct FakeModem {
    sent: watch::Sender<Vec<(String, String)>>,
    /// Instead of sending.
    refusal: Mutex<Option<PlatformError>>,
    is_absent: bool,
}

impl FakeModem {
    fn sent(&self) -> Vec<(String, String)> {
        self.sent.borrow().clone()
    }

    fn refuse(&self, error: PlatformError) {
        *self.refusal.lock().unwrap() = Some(error);
    }
}

fn absent<'a, T: Send + 'a>() -> Answer<'a, T> {
    Box::pin(async { Err(PlatformError::NotSupported("not in this test")) })
}

impl Modem for FakeModem {
    fn view(&self) -> watch::Receiver<ModemView> {
        watch::Sender::default().subscribe()
    }

    fn call<'a>(&'a self, _: &'a str) -> Answer<'a> {
        absent()
    }

    fn hang_up(&self) -> Answer<'_> {
        absent()
    }

    fn can_text(&self) -> Answer<'_> {
        match self.is_absent {
            true => absent(),
            false => Box::pin(async { Ok(()) }),
        }
    }

    fn send_text<'a>(&'a self, number: &'a str, text: &'a str) -> Answer<'a> {
        Box::pin(async move {
            if let Some(error) = self.refusal.lock().unwrap().take() {
                return Err(error);
            }
            self.sent
                .send_modify(|sent| sent.push((number.to_owned(), text.to_owned())));
            Ok(())
        })
    }

    fn delete_text<'a>(&'a self, _: &'a str) -> Answer<'a> {
        absent()
    }

    fn cells(&self) -> Answer<'_, Vec<Cell>> {
        absent()
    }

    fn track(&self, _: mpsc::Sender<Fix>) -> Answer<'_> {
        absent()
    }
}

fn wanted() -> OwnSms {
    OwnSms {
        number: "+4915100000".into(),
        text: "belay 0a0b".into(),
    }
}

/// A world whose cloud takes the SMS of owners.
fn world() -> World {
    let world = World::new();
    world.cloud.with(|cloud| cloud.own_sms = Some(wanted()));
    world
}

async fn register(world: &World, life: &Life, who: &str) -> Result<String, AccountError> {
    life.account.register(world.registration(who, true)).await
}

/// Lets the time pass until the registration is shown as `state`.
async fn until(world: &World, life: &Life, state: Verification) {
    in_time(world, life, || {
        life.account
            .view()
            .pending
            .is_some_and(|pending| pending.state == state)
    })
    .await;
}

#[tokio::test]
async fn the_sms_goes_out_once_and_its_arrival_is_noticed_here() {
    let world = world();
    let life = world.live().await;
    let id = register(&world, &life, NUMBER).await.unwrap();
    assert_eq!(world.modem.sent(), [(wanted().number, wanted().text)]);
    let pending = life.account.view().pending.unwrap();
    assert_eq!(
        (pending.channel, pending.own_sms),
        (Channel::SmsOut, Some(wanted()))
    );
    assert_eq!(name(confirm(&life, &id, "").await.unwrap_err()), "WrongCode");
    assert_eq!(life.account.view().pending.unwrap().state, Verification::Pending);
    world.cloud.with(|cloud| cloud.sms_came = true);
    until(&world, &life, Verification::Confirmed).await;
    confirm(&life, &id, "").await.unwrap();
    assert_eq!(life.state(), AccountState::Bound);
    assert_eq!(world.modem.sent().len(), 1);
}

#[tokio::test]
async fn a_killed_belayd_goes_on_waiting_for_the_sms_and_sends_no_second_one() {
    let world = world();
    let life = world.live().await;
    let id = register(&world, &life, NUMBER).await.unwrap();
    life.kill().await;
    world.cloud.with(|cloud| cloud.sms_came = true);
    let life = world.live().await;
    until(&world, &life, Verification::Confirmed).await;
    confirm(&life, &id, "").await.unwrap();
    assert_eq!(world.modem.sent().len(), 1);
}

#[tokio::test]
async fn the_cloud_is_asked_less_and_less_often_and_no_more_once_it_has_answered() {
    let world = world();
    let life = world.live().await;
    register(&world, &life, NUMBER).await.unwrap();
    for _ in 0..600 {
        world.clock.advance(Duration::from_secs(60));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let looks = world.cloud.with(|cloud| cloud.looks);
    // Ten hours, at waits of 2.5 minutes on the average.
    assert!((20..600).contains(&looks), "{looks}");
    world.cloud.with(|cloud| cloud.sms_came = true);
    until(&world, &life, Verification::Confirmed).await;
    let looks = world.cloud.with(|cloud| cloud.looks);
    world.clock.advance(Duration::from_secs(3600));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.cloud.with(|cloud| cloud.looks), looks);
}

#[tokio::test]
async fn nothing_is_asked_of_the_cloud_where_nothing_can_be_sent() {
    let mut world = world();
    world.modem = std::sync::Arc::new(FakeModem {
        is_absent: true,
        ..FakeModem::default()
    });
    let life = world.live().await;
    assert_eq!(
        name(register(&world, &life, NUMBER).await.unwrap_err()),
        "NotSupported"
    );
    assert!(world.cloud.with(|cloud| cloud.verifications.is_empty()));
    assert_eq!(
        name(register(&world, &life, ADA).await.unwrap_err()),
        "InvalidArgument"
    );
    assert_eq!(life.state(), AccountState::Unbound);
}

#[tokio::test]
async fn a_modem_that_refuses_ends_the_registration_on_all_sides() {
    let world = world();
    let life = world.live().await;
    world.modem.refuse(PlatformError::Unreadable("a modem"));
    assert_eq!(
        name(register(&world, &life, NUMBER).await.unwrap_err()),
        "Offline"
    );
    assert_eq!(life.state(), AccountState::Unbound);
    // The next registration comes after the errands of the last.
    let id = register(&world, &life, NUMBER).await.unwrap();
    assert_eq!(world.cloud.with(|cloud| cloud.cancelled.len()), 1);
    world.cloud.with(|cloud| cloud.sms_came = true);
    confirm(&life, &id, "").await.unwrap();
}

#[tokio::test]
async fn an_sms_without_an_answer_may_have_been_sent_and_is_waited_for() {
    let world = world();
    let life = world.live().await;
    world.modem.refuse(PlatformError::TimedOut);
    register(&world, &life, NUMBER).await.unwrap();
    world.cloud.with(|cloud| cloud.sms_came = true);
    until(&world, &life, Verification::Confirmed).await;
}

#[tokio::test]
async fn a_cloud_that_does_not_say_what_to_send_gets_nothing() {
    let world = World::new();
    let life = world.live().await;
    assert_eq!(
        name(register(&world, &life, NUMBER).await.unwrap_err()),
        "CloudRefused"
    );
    assert_eq!(life.state(), AccountState::Unbound);
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("open", problem(422, "channel-unavailable")));
    assert_eq!(
        name(register(&world, &life, NUMBER).await.unwrap_err()),
        "NotSupported"
    );
    assert!(world.modem.sent().is_empty());
}

#[tokio::test]
async fn a_message_that_was_lost_goes_out_again_when_its_owner_asks() {
    let world = world();
    let life = world.live().await;
    let id = register(&world, &life, NUMBER).await.unwrap();
    assert_eq!(
        name(life.account.resend(id.clone()).await.unwrap_err()),
        "TooSoon"
    );
    assert_eq!(world.modem.sent().len(), 1);
    world.clock.advance(Duration::from_secs(900));
    life.account.resend(id.clone()).await.unwrap();
    assert_eq!(world.modem.sent().len(), 2);
    world.clock.advance(Duration::from_secs(900));
    world.modem.refuse(PlatformError::Unreadable("a modem"));
    assert_eq!(
        name(life.account.resend(id.clone()).await.unwrap_err()),
        "Offline"
    );
    assert_eq!(
        life.state(),
        AccountState::Registering,
        "the first may still arrive"
    );
    // Nothing was sent, and the cloud has given its leave.
    let sent = world.modem.sent().len();
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("resend", problem(429, "too-soon")));
    life.account.resend(id.clone()).await.unwrap();
    assert_eq!(world.modem.sent().len(), sent + 1);
    assert_eq!(name(life.account.resend(id).await.unwrap_err()), "TooSoon");
}

#[tokio::test]
async fn an_outage_does_not_end_the_waiting_and_a_forgotten_verification_does() {
    let world = world();
    let life = world.live().await;
    register(&world, &life, NUMBER).await.unwrap();
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("look", CloudError::offline("no network")));
    in_time(&world, &life, || world.cloud.with(|cloud| cloud.looks) >= 2).await;
    assert_eq!(life.state(), AccountState::Registering);
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("look", problem(404, "not-found")));
    in_time(&world, &life, || life.state() == AccountState::Unbound).await;
}
