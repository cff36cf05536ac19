//! Commands to other devices: what is signed, what is sent, what is believed of the answers.

use std::time::Duration;

use belay_proto::dbus::LockState;
use belay_proto::id::{CommandId, DeviceId};
use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use belay_proto::signed::{Action, CommandState, Signed};
use belay_proto::wire::Bytes;

use super::cloud::problem;
use super::kills::killed_after;
use super::warden::OWNER;
use super::{Life, World, name};
use crate::account::phone::Phone;
use crate::account::{AccountError, CommandView, ListedDevice, NewCommand};
use crate::cloud::CloudError;

const LOCK: &str = "lock";

pub(super) fn lock() -> Action {
    Action::Lock {
        message: "Please call".into(),
        phone: String::new(),
    }
}

/// Another device of the account that is bound here.
pub(super) async fn phone(world: &World) -> Phone {
    let owner = SigningKey::from_seed(&Secret::new(OWNER));
    let phone = Phone::of(owner, world.warden.bound().unwrap());
    list(world, phone.signed());
    phone
}

fn list(world: &World, certificate: Vec<u8>) {
    let listed = ListedDevice {
        certificate,
        name: "Pocket".into(),
        kind: belay_proto::wire::DeviceKind::Phone,
        last_seen: 1,
        lost: false,
        current: false,
    };
    world.cloud.with(|cloud| cloud.listed = vec![listed]);
}

async fn send(world: &World, life: &Life, device: DeviceId) -> Result<CommandId, AccountError> {
    send_checked(world, life, device, lock()).await
}

pub(super) async fn send_checked(
    world: &World,
    life: &Life,
    device: DeviceId,
    action: Action,
) -> Result<CommandId, AccountError> {
    let ticket = world.warden.ticket("command", true);
    send_with(life, device, action, Some(ticket)).await
}

pub(super) async fn send_with(
    life: &Life,
    device: DeviceId,
    action: Action,
    ticket: Option<String>,
) -> Result<CommandId, AccountError> {
    let asked = NewCommand {
        device,
        action,
        ticket,
    };
    life.account.send_command(asked).await
}

/// The phone tells what became of the command that was sent last.
pub(super) fn tell(
    world: &World,
    phone: &Phone,
    by: &SigningKey,
    id: CommandId,
    sequence: u64,
    state: CommandState,
) {
    world.cloud.with(|cloud| {
        let life = cloud.lives.iter_mut().find(|life| life.id == id).unwrap();
        let outcome = Signed::seal(&phone.outcome(id, sequence, state), by).encode();
        life.outcomes.push(Bytes(outcome));
        life.delivered_at = Some(2);
        life.revision += 1;
    });
    world.cloud.news.notify_waiters();
}

pub(super) async fn until(life: &Life, state: &str) {
    life.until(|view| view.commands.first().is_some_and(|sent| sent.state == state))
        .await;
}

pub(super) fn shown(life: &Life) -> Vec<CommandView> {
    life.account.view().commands
}

#[tokio::test]
async fn a_command_is_signed_for_the_device_as_it_stands_and_followed_to_its_end() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let report = Signed::seal(&phone.report(4), &phone.warden).encode();
    world.cloud.with(|cloud| cloud.state = Some(report.clone()));
    let id = send(&world, &life, phone.certificate.device).await.unwrap();
    let signed = world.warden.signed();
    assert_eq!(signed.len(), 1);
    assert_eq!(signed[0].certificate, phone.signed());
    assert_eq!(signed[0].report.as_ref(), Some(&report));
    assert_eq!(signed[0].action, LOCK);
    assert_eq!(signed[0].arguments, lock().encode_arguments());
    let expected = CommandView {
        id: id.to_string(),
        device: phone.certificate.device.to_string(),
        action: LOCK.into(),
        state: "queued",
        reason: String::new(),
    };
    assert_eq!(shown(&life), [expected]);

    tell(&world, &phone, &phone.warden, id, 5, CommandState::Accepted);
    until(&life, "accepted").await;
    tell(&world, &phone, &phone.warden, id, 6, CommandState::Done);
    until(&life, "done").await;
}

#[tokio::test]
async fn the_session_of_the_login_is_ended_and_the_devices_own_stays() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    send(&world, &life, phone.certificate.device).await.unwrap();
    while world.cloud.with(|cloud| cloud.revoked) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(life.has_tokens().await);
    life.account.devices().await.unwrap();
}

#[tokio::test]
async fn a_ring_needs_neither_ticket_nor_login() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let logins = world.cloud.with(|cloud| cloud.logins);
    let ring = Action::Ring { seconds: 30 };
    send_with(&life, phone.certificate.device, ring, None)
        .await
        .unwrap();
    assert_eq!(world.cloud.with(|cloud| cloud.logins), logins);
    assert_eq!(world.warden.signed()[0].action, "ring");
}

#[tokio::test]
async fn a_wrong_password_signs_and_sends_nothing() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let ticket = world.warden.ticket("command", false);
    let error = send_with(&life, phone.certificate.device, lock(), Some(ticket))
        .await
        .unwrap_err();
    assert_eq!(name(error), "WrongPassword");
    assert!(world.warden.signed().is_empty() && shown(&life).is_empty());
    assert!(world.cloud.with(|cloud| cloud.lives.is_empty()));
}

#[tokio::test]
async fn an_unknown_device_and_one_that_the_owner_did_not_certify_get_nothing() {
    let (world, life) = World::bound().await;
    let mine = phone(&world).await;
    let error = send(&world, &life, DeviceId::random()).await.unwrap_err();
    assert_eq!(name(error), "NotFound");
    // The certificate of another owner's device, given out as this account's.
    let foreign = Phone::of(SigningKey::generate(), mine.certificate.account);
    list(&world, foreign.signed());
    let error = send(&world, &life, foreign.certificate.device).await.unwrap_err();
    assert_eq!(name(error), "CloudRefused");
    assert!(world.warden.signed().is_empty());
}

#[tokio::test]
async fn another_devices_report_is_refused_before_anything_is_signed_and_left_out_for_what_harms_nobody() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let other = Phone::new();
    let forged = Signed::seal(&phone.report(9), &other.warden).encode();
    world.cloud.with(|cloud| cloud.state = Some(forged));
    let device = phone.certificate.device;
    let error = send_checked(&world, &life, device, Action::Unlock)
        .await
        .unwrap_err();
    assert_eq!(name(error), "CloudRefused");
    assert!(world.warden.signed().is_empty());
    send(&world, &life, device).await.unwrap();
    assert_eq!(world.warden.signed()[0].report, None);
}

#[tokio::test]
async fn a_report_that_goes_back_behind_one_that_was_seen_is_refused() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let report = |sequence| Signed::seal(&phone.report(sequence), &phone.warden).encode();
    world.cloud.with(|cloud| cloud.state = Some(report(9)));
    send(&world, &life, phone.certificate.device).await.unwrap();
    for old in [Some(report(8)), None] {
        world.cloud.with(|cloud| cloud.state = old);
        let error = send_checked(&world, &life, phone.certificate.device, Action::Unlock)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("older"), "{error}");
        assert_eq!(name(error), "CloudRefused");
    }
    world.cloud.with(|cloud| cloud.state = Some(report(9)));
    send(&world, &life, phone.certificate.device).await.unwrap();
    assert_eq!(world.warden.signed().len(), 2);
}

#[tokio::test]
async fn an_outcome_that_the_device_did_not_sign_ends_nothing() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let id = send(&world, &life, phone.certificate.device).await.unwrap();
    let forger = SigningKey::generate();
    tell(&world, &phone, &forger, id, 5, CommandState::Done);
    // Whoever asks again and again finds it queued; the true one is taken when the forged one is gone.
    for _ in 0..50 {
        life.rows.load().await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(shown(&life)[0].state, "queued");
    world.cloud.with(|cloud| cloud.lives[0].outcomes.clear());
    tell(&world, &phone, &phone.warden, id, 5, CommandState::Done);
    while shown(&life)[0].state != "done" {
        world.clock.advance(Duration::from_secs(3600));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_cloud_refuses_is_not_shown_as_sent() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    for (refusal, expected) in [
        (problem(404, "not-found"), "NotFound"),
        (problem(409, "queue-full"), "CloudRefused"),
        // No password was counted.
        (problem(429, "too-many"), "TooSoon"),
    ] {
        world.cloud.with(|cloud| cloud.refusals.insert("send", refusal));
        let error = send(&world, &life, phone.certificate.device).await.unwrap_err();
        assert_eq!(name(error), expected);
        assert!(shown(&life).is_empty());
    }
}

#[tokio::test]
async fn a_command_whose_answer_was_lost_is_asked_for_until_it_is_known() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let offline = CloudError::offline("no network");
    world.cloud.with(|cloud| cloud.refusals.insert("send", offline));
    let error = send(&world, &life, phone.certificate.device).await.unwrap_err();
    assert_eq!(name(error), "Offline");
    // It never got there: the cloud says so, and it is gone.
    life.until(|view| view.commands.is_empty()).await;
}

#[tokio::test]
async fn a_command_that_never_left_is_not_shown_and_one_that_may_have_is() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let unsent = CloudError::Offline {
        what: "no connection".into(),
        retry_after: None,
        unsent: true,
        source: None,
    };
    world.cloud.with(|cloud| cloud.refusals.insert("send", unsent));
    let error = send(&world, &life, phone.certificate.device).await.unwrap_err();
    assert_eq!(name(error), "Offline");
    assert!(shown(&life).is_empty());

    world.cloud.with(|cloud| {
        cloud
            .refusals
            .insert("send", CloudError::offline("no answer in time"));
        // Nor can it be asked yet.
        cloud.refusals.insert("life", CloudError::offline("no network"));
    });
    let error = send(&world, &life, phone.certificate.device).await.unwrap_err();
    assert_eq!(name(error), "Offline");
    assert_eq!(shown(&life)[0].state, "unknown");
}

#[tokio::test]
async fn what_the_cloud_has_forgotten_is_said_to_be_so_and_asked_for_no_more() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    send(&world, &life, phone.certificate.device).await.unwrap();
    world.cloud.with(|cloud| {
        cloud.lives.clear();
    });
    world.cloud.news.notify_waiters();
    life.until(|view| view.commands[0].reason == "forgotten").await;
    assert_eq!(shown(&life)[0].state, "queued");
}

#[tokio::test]
async fn commands_outlive_a_kill_and_are_followed_again() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let id = send(&world, &life, phone.certificate.device).await.unwrap();
    life.kill().await;
    let life = world.live().await;
    assert_eq!(shown(&life)[0].id, id.to_string());
    tell(&world, &phone, &phone.warden, id, 5, CommandState::Done);
    until(&life, "done").await;
    life.kill().await;
    let life = world.live().await;
    assert_eq!(shown(&life)[0].state, "done");
}

#[tokio::test]
async fn the_last_twenty_are_kept_newest_first_and_go_with_the_account() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    let mut sent = Vec::new();
    for _ in 0..21 {
        sent.insert(0, send(&world, &life, phone.certificate.device).await.unwrap());
    }
    let ids: Vec<_> = shown(&life).into_iter().map(|sent| sent.id).collect();
    let expected: Vec<_> = sent.iter().take(20).map(CommandId::to_string).collect();
    assert_eq!(ids, expected);
    world.sign_out(&life).await.unwrap();
    assert!(shown(&life).is_empty());
    life.kill().await;
    let life = world.live().await;
    assert!(shown(&life).is_empty());
}

#[tokio::test]
async fn a_lost_device_and_one_without_a_session_send_nothing() {
    let (world, life) = World::bound().await;
    let phone = phone(&world).await;
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("list", CloudError::SessionEnded));
    life.account.devices().await.unwrap_err();
    let error = send(&world, &life, phone.certificate.device).await.unwrap_err();
    assert_eq!(name(error), "ReauthenticationRequired");
    world.warden.set_lock(LockState::Lost);
    let error = send(&world, &life, phone.certificate.device).await.unwrap_err();
    assert_eq!(name(error), "DeviceLost");
}

#[tokio::test]
async fn a_command_that_is_killed_anywhere_is_shown_where_the_cloud_has_it_and_nowhere_else() {
    let (mut kills, mut arrived) = (0, 0);
    for length in 1.. {
        let (world, first) = World::bound().await;
        let phone = phone(&world).await;
        let ticket = world.warden.ticket("command", true);
        let account = first.account.clone();
        let asked = NewCommand {
            device: phone.certificate.device,
            action: lock(),
            ticket: Some(ticket),
        };
        let Some(second) = killed_after(&world, first, length, account.send_command(asked)).await else {
            break;
        };
        kills += 1;
        let sent = world.cloud.with(|cloud| cloud.lives.len());
        arrived += sent;
        // What was on its way is asked for; the cloud says whether it came.
        second
            .until(|view| view.commands.len() == sent && view.commands.iter().all(|c| c.state == "queued"))
            .await;
    }
    assert!(kills >= 12, "six calls, killed before and after each: {kills}");
    assert!(arrived > 0, "some were killed after the cloud had it");
}
