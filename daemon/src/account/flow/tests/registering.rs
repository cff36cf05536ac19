//! From Register to AcknowledgeRecoveryCode.

use std::time::Duration;

use belay_proto::dbus::{AccountState, Error, told};

use super::cloud::{problem, waiting};
use super::{ADA, CODE, World, confirm, name};
use crate::account::Verification;
use crate::cloud::CloudError;

#[tokio::test]
async fn no_message_is_sent_for_a_ticket_that_is_none() {
    let world = World::new();
    let life = world.live().await;
    let asked = super::NewRegistration {
        identifier: super::Identifier::parse(ADA).unwrap(),
        ticket: world.warden.ticket("sign-out", true),
        profile: super::Profile::default(),
        by_own_sms: false,
    };
    assert_eq!(name(life.account.register(asked).await.unwrap_err()), "BadTicket");
    assert!(world.cloud.with(|cloud| cloud.verifications.is_empty()));
    assert_eq!(life.state(), AccountState::Unbound);
}

#[tokio::test]
async fn the_country_is_the_one_that_was_told_or_else_the_numbers() {
    for (told, kept) in [(None, "DE"), (Some("AT"), "AT")] {
        let world = World::new();
        let life = world.live().await;
        let asked = super::NewRegistration {
            identifier: super::Identifier::parse("+4915112345678").unwrap(),
            ticket: world.warden.ticket("register", true),
            profile: super::Profile {
                country: told.map(str::to_owned),
                ..super::Profile::default()
            },
            by_own_sms: false,
        };
        let id = life.account.register(asked).await.unwrap();
        confirm(&life, &id, CODE).await.unwrap();
        let told = world.cloud.with(|cloud| cloud.accounts.keys().next().cloned());
        let (_, body) = told.unwrap();
        assert!(body.ends_with(&format!(" {kept}")), "{body}");
    }
}

#[tokio::test]
async fn a_cloud_that_fails_leaves_no_half_registration() {
    for call in ["work", "open"] {
        let world = World::new();
        let life = world.live().await;
        world
            .cloud
            .with(|cloud| cloud.refusals.insert(call, CloudError::offline("no network")));
        assert_eq!(name(world.register(&life).await.unwrap_err()), "Offline");
        assert_eq!(life.state(), AccountState::Unbound);
        let id = world.register(&life).await.unwrap();
        confirm(&life, &id, CODE).await.unwrap();
    }
}

#[tokio::test]
async fn the_claim_is_told_again_to_who_knew_the_code_and_until_the_recovery_code_is_written_down() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    let claim = confirm(&life, &id, CODE).await.unwrap();
    assert_eq!(confirm(&life, &id, CODE).await.unwrap(), claim);
    assert_eq!(
        name(confirm(&life, &id, "654321").await.unwrap_err()),
        "WrongCode"
    );
    assert_eq!(name(confirm(&life, &id, "").await.unwrap_err()), "WrongCode");
    life.account.acknowledge(id.clone()).await.unwrap();
    assert_eq!(name(confirm(&life, &id, CODE).await.unwrap_err()), "AlreadyBound");
}

#[tokio::test]
async fn a_wrong_code_is_a_try_each_time_it_is_typed() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            name(confirm(&life, &id, "000000").await.unwrap_err()),
            "WrongCode"
        );
    }
    let keys: Vec<_> = world
        .cloud
        .with(|cloud| cloud.codes.iter().map(|(_, key)| key.clone()).collect());
    assert_ne!(keys[0], keys[1]);
    confirm(&life, &id, CODE).await.unwrap();
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_is_one_try() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    world.cloud.with(|cloud| {
        cloud
            .refusals
            .insert("prove", CloudError::offline("the connection broke"))
    });
    assert_eq!(name(confirm(&life, &id, CODE).await.unwrap_err()), "Offline");
    let kept = life
        .rows
        .load()
        .await
        .unwrap()
        .registration
        .unwrap()
        .attempt
        .unwrap()
        .key;
    confirm(&life, &id, CODE).await.unwrap();
    assert_eq!(world.cloud.with(|cloud| cloud.codes[0].1.clone()), kept);
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_registration_and_an_outage_does_not() {
    for (refusal, expected, state) in [
        (
            problem(409, "identifier-taken"),
            "IdentifierTaken",
            AccountState::Unbound,
        ),
        (
            problem(409, "activation-locked"),
            "ActivationLocked",
            AccountState::ActivationLocked,
        ),
        (problem(403, "bad-ticket"), "CodeExpired", AccountState::Unbound),
        (
            problem(500, "internal"),
            "CloudRefused",
            AccountState::Registering,
        ),
        (problem(404, ""), "CloudRefused", AccountState::Registering),
        (
            CloudError::offline("no network"),
            "Offline",
            AccountState::Registering,
        ),
    ] {
        let world = World::new();
        let life = world.live().await;
        let id = world.register(&life).await.unwrap();
        world
            .cloud
            .with(|cloud| cloud.refusals.insert("accounts", refusal));
        assert_eq!(name(confirm(&life, &id, CODE).await.unwrap_err()), expected);
        assert_eq!(life.state(), state, "{expected}");
        assert_eq!(world.warden.bound(), None);
        assert!(!life.has_tokens().await);
        if state == AccountState::Registering {
            confirm(&life, &id, CODE).await.unwrap();
            assert_eq!(world.cloud.with(|cloud| cloud.accounts.len()), 1);
        }
    }
}

#[tokio::test]
async fn a_code_that_is_over_may_be_followed_by_another_unless_all_of_it_is_over() {
    for (over, state) in [(false, AccountState::Registering), (true, AccountState::Unbound)] {
        let world = World::new();
        let life = world.live().await;
        let id = world.register(&life).await.unwrap();
        assert_eq!(
            name(life.account.resend(id.clone()).await.unwrap_err()),
            "TooSoon"
        );
        world.cloud.with(|cloud| {
            cloud.expired = over;
            cloud.refusals.insert("prove", problem(410, "code-expired"))
        });
        assert_eq!(name(confirm(&life, &id, CODE).await.unwrap_err()), "CodeExpired");
        assert_eq!(life.state(), state);
        if !over {
            life.account.resend(id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_registration_that_sends_no_other_code_is_over() {
    for refusal in [problem(410, "code-expired"), problem(404, "not-found")] {
        let world = World::new();
        let life = world.live().await;
        let id = world.register(&life).await.unwrap();
        world.clock.advance(Duration::from_secs(901));
        world.cloud.with(|cloud| cloud.refusals.insert("resend", refusal));
        let refused = life.account.resend(id).await.unwrap_err();
        assert_eq!(name(refused), "CodeExpired");
        assert!(life.account.view().pending.is_none());
        assert_eq!(life.state(), AccountState::Unbound);
    }
}

#[tokio::test]
async fn how_long_the_cloud_sends_no_other_code_is_told_and_that_of_one_network_isnt_kept() {
    let (ten_hours, day) = (Duration::from_secs(36_000), Duration::from_secs(86_400));
    for (kind, asked, is_kept) in [
        ("too-soon", ten_hours, true),
        ("too-soon", 7 * day, true),
        ("too-many", ten_hours, false),
    ] {
        let world = World::new();
        let life = world.live().await;
        let id = world.register(&life).await.unwrap();
        world.clock.advance(Duration::from_secs(901));
        world
            .cloud
            .with(|cloud| cloud.refusals.insert("resend", waiting(429, kind, asked)));
        let refused = Error::from(life.account.resend(id.clone()).await.unwrap_err());
        assert_eq!(refused.name_str(), "org.belay1.Error.TooSoon");
        // A cloud that asks for more may be wrong: after a day the device asks again.
        let wait = asked.min(day);
        assert_eq!(told::wait_of(refused.message()), Some(wait), "{kind}");
        let pending = life.account.view().pending.unwrap();
        let (now, boot) = (life.account.clock().boottime(), life.account.clock().boot_id());
        let kept = if is_kept { wait } else { Duration::ZERO };
        assert_eq!(pending.resend_in(now, &boot), kept, "{kind}");
        // The device asks again, perhaps from elsewhere, unless it is this code that isn't to be had.
        let again = life.account.resend(id).await.map_err(Error::from);
        let refused = again.as_ref().err().map(Error::message);
        assert_eq!(refused.and_then(told::wait_of), is_kept.then_some(wait), "{kind}");
        assert_eq!(again.is_err(), is_kept, "{kind}");
    }
}

#[tokio::test]
async fn too_many_codes_are_refused_with_the_wait_that_the_cloud_asks_for() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    let wait = Duration::from_secs(900);
    world
        .cloud
        .with(|cloud| cloud.refusals.insert("prove", waiting(429, "too-many", wait)));
    let refused = Error::from(confirm(&life, &id, CODE).await.unwrap_err());
    assert_eq!(refused.name_str(), "org.belay1.Error.TooManyAttempts");
    assert!(told::is_by_cloud(refused.message()), "{}", refused.message());
    // The cloud may have counted somebody else's, of the same network.
    assert!(!refused.message().contains("wrong"), "{}", refused.message());
    assert_eq!(told::wait_of(refused.message()), Some(wait));
}

#[tokio::test]
async fn pending_keys_that_the_warden_has_dropped_end_the_registration() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    world.warden.forget_pending();
    assert_eq!(name(confirm(&life, &id, CODE).await.unwrap_err()), "CodeExpired");
    assert_eq!(life.state(), AccountState::Unbound);
    assert!(
        !life.has_tokens().await,
        "the session of an account that isn't bound here"
    );
}

#[tokio::test]
async fn a_registration_that_nobody_confirms_ends_by_itself() {
    let world = World::new();
    let life = world.live().await;
    world.register(&life).await.unwrap();
    world.clock.advance(Duration::from_secs(80_000));
    life.account
        .verification(life.account.view().pending.unwrap().id)
        .await
        .unwrap();
    assert_eq!(
        life.state(),
        AccountState::Registering,
        "the cloud gave it another day"
    );
    world.clock.advance(Duration::from_secs(86_401));
    life.until(|view| view.state == AccountState::Unbound).await;
    while world.warden.pending().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn after_a_reboot_the_day_begins_again_and_the_cloud_decides_about_another_code() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    life.kill().await;
    world.clock.reboot();
    let life = world.live().await;
    let pending = life.account.view().pending.unwrap();
    let (now, boot) = (life.account.clock().boottime(), life.account.clock().boot_id());
    assert_eq!(pending.expires_in(now, &boot), Duration::from_secs(86_400));
    assert_eq!(pending.resend_in(now, &boot), Duration::ZERO);
    life.account.resend(id).await.unwrap();
}

#[tokio::test]
async fn how_a_verification_stands_is_asked_and_shown() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    assert_eq!(
        life.account.verification(id.clone()).await.unwrap(),
        Verification::Pending
    );
    world.cloud.with(|cloud| cloud.expired = true);
    assert_eq!(
        life.account.verification(id.clone()).await.unwrap(),
        Verification::Expired
    );
    assert_eq!(life.account.view().pending.unwrap().state, Verification::Expired);
    life.account.cancel(id.clone()).await.unwrap();
    assert_eq!(life.state(), AccountState::Unbound);
    assert_eq!(name(life.account.verification(id).await.unwrap_err()), "NotFound");
}

#[tokio::test]
async fn a_cancelled_registration_is_given_up_on_all_sides() {
    let world = World::new();
    let life = world.live().await;
    let id = world.register(&life).await.unwrap();
    life.account.cancel(id.clone()).await.unwrap();
    life.until(|view| view.pending.is_none()).await;
    // The next registration comes after the errands of the last.
    world.register(&life).await.unwrap();
    assert_eq!(world.cloud.with(|cloud| cloud.cancelled.clone()), [id]);
}
