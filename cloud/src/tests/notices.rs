//! What an account's owner is told without asking.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::owner::{Device, Owner, access_token, opening};
use super::rig::{Client, Rig, settings};
use crate::clock::DAY;
use crate::messages::Notice;
use crate::notices;

const NUMBER: &str = "+4915123456789";

/// Another device of the owner's, signed in and bound.
async fn bind(owner: &Owner, client: &mut Client<'_>, name: &str) -> Value {
    owner.sign_in(client).await.is(200);
    let body = json!({ "certificate": owner.certify(client, &Device::new()), "name": name });
    client.post("/v1/devices", &body).await.is(201);
    body
}

/// An account that has a number alone.
async fn by_number(client: &mut Client<'_>) -> Owner {
    let owner = Owner::new(NUMBER);
    let body = opening(client.rig, "sms", NUMBER).await;
    let id = client.post("/v1/verifications", &body).await.is(202).text("id");
    let code = client.rig.code_mail().await.code.unwrap();
    let path = format!("/v1/verifications/{id}/code");
    let ticket = client
        .post(&path, &json!({ "code": code }))
        .await
        .is(200)
        .text("ticket");
    let body = owner.account_body(client, &Device::new(), &ticket);
    let made = client.post("/v1/accounts", &body).await.is(201);
    client.token = Some(access_token(&made));
    owner
}

async fn tell(rig: &Rig, owner: &Owner, notice: Notice<'static>) {
    let (app, account, now) = (rig.app.clone(), owner.account, rig.app.now());
    let told = rig
        .app
        .store
        .transact(move |tx| notices::tell(&app, tx, &account, &notice, now));
    told.await.unwrap();
}

#[tokio::test]
async fn a_device_that_is_added_is_told_to_the_owner_in_the_profiles_language() {
    let rig = Rig::new();
    let (mut first, mut second) = (rig.client(), rig.client());
    let owner = Owner::new("jo@example.org");
    owner.register(&mut first, &Device::new()).await;
    assert!(rig.mails().await.is_empty(), "the first is no news");
    let body = bind(&owner, &mut second, "Küche").await;
    let [signed_in, told] = &rig.notices().await[..] else {
        panic!("two things to tell");
    };
    assert!(signed_in.text.contains("angemeldet"));
    assert_eq!(
        (told.to.as_str(), told.channel.as_str()),
        ("jo@example.org", "email")
    );
    assert_eq!(
        told.subject.as_deref().unwrap(),
        "Deinem Belay-Konto wurde ein Gerät hinzugefügt"
    );
    assert!(told.text.contains("Küche") && told.code.is_none() && told.link.is_none());
    second.post("/v1/devices", &body).await.is(201);
    assert!(rig.mails().await.is_empty(), "bound already");
}

#[tokio::test]
async fn an_owner_with_a_number_alone_is_told_by_text_message() {
    let rig = Rig::new();
    let owner = by_number(&mut rig.client()).await;
    tell(&rig, &owner, Notice::PasswordChanged).await;
    let all = rig.notices().await;
    let [told] = &all[..] else {
        panic!("one thing to tell: {all:?}");
    };
    assert_eq!((told.to.as_str(), told.channel.as_str()), (NUMBER, "sms"));
    assert!(told.subject.is_none() && told.text.contains("Passwort wurde geändert"));
}

#[tokio::test]
async fn a_flood_of_one_kind_ends_and_keeps_no_other_kind_back() {
    let rig = Rig::new();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut rig.client(), &Device::new()).await;
    for _ in 0..12 {
        tell(&rig, &owner, Notice::DeviceRemoved { device: "x" }).await;
    }
    assert_eq!(rig.mails().await.len(), 10);
    let metrics = String::from_utf8(rig.get("/metrics").await.is(200).body).unwrap();
    let withheld = "belay_cloud_messages_total{channel=\"email\",result=\"withheld\"} 2";
    assert!(metrics.contains(withheld), "{metrics}");
    let begun = Notice::RecoveryBegun {
        device: "x",
        hours: 72,
    };
    tell(&rig, &owner, begun).await;
    rig.told("jo@example.org", &[begun]).await;
    rig.advance(DAY / 1000);
    tell(&rig, &owner, Notice::DeviceRemoved { device: "x" }).await;
    rig.told("jo@example.org", &[Notice::DeviceRemoved { device: "x" }])
        .await;
}

#[tokio::test]
async fn a_number_is_told_three_times_a_day_of_one_kind_and_the_mailbox_goes_on() {
    let folder = TempDir::new().unwrap();
    let mut settings = settings(&folder);
    (settings.limits.sms_per_range, settings.limits.sms_per_region) = (100, 100);
    let rig = Rig::with(folder, settings);
    let owner = by_number(&mut rig.client()).await;
    let told = async |notice| {
        tell(&rig, &owner, notice).await;
        rig.notices().await.len()
    };
    for n in 0..5 {
        assert_eq!(told(Notice::PasswordChanged).await, usize::from(n < 3), "{n}");
    }
    // What matters next isn't kept back by it, whatever it is.
    assert_eq!(told(Notice::RecoveryProved { device: "x" }).await, 1);
    rig.advance(DAY / 1000);
    assert_eq!(told(Notice::PasswordChanged).await, 1);
}

#[tokio::test]
async fn codes_and_notices_to_a_range_of_numbers_keep_none_of_each_other_back() {
    let rig = Rig::new();
    let owner = by_number(&mut rig.client()).await;
    let code = async |number: &str| {
        let body = opening(&rig, "sms", number).await;
        let reply = rig.client().post("/v1/verifications", &body).await;
        rig.mails().await;
        reply
    };
    for _ in 0..3 {
        tell(&rig, &owner, Notice::PasswordChanged).await;
    }
    assert_eq!(rig.mails().await.len(), 3);
    // Three codes a range: there was one.
    for number in ["+4915123456780", "+4915123456781"] {
        code(number).await.is(202);
    }
    code("+4915123456782").await.refuses(429, "too-many");
    tell(&rig, &owner, Notice::RecoveryHolds).await;
    assert_eq!(rig.notices().await.len(), 1);
}

#[tokio::test]
async fn ten_times_as_many_notices_as_codes_go_to_a_range_and_to_a_region() {
    for (per_range, per_region) in [(1, 100), (100, 1)] {
        let folder = TempDir::new().unwrap();
        let mut settings = settings(&folder);
        (settings.limits.sms_per_range, settings.limits.sms_per_region) = (per_range, per_region);
        let rig = Rig::with(folder, settings);
        let owner = by_number(&mut rig.client()).await;
        let told = async |notice| {
            tell(&rig, &owner, notice).await;
            rig.notices().await.len()
        };
        let kinds = [
            Notice::SignedIn,
            Notice::PasswordChanged,
            Notice::RecoveryCodeReplaced,
            Notice::NewRoot,
        ];
        for n in 0..12 {
            assert_eq!(told(kinds[n / 3]).await, usize::from(n < 10), "{n}");
        }
        let metrics = String::from_utf8(rig.get("/metrics").await.is(200).body).unwrap();
        let withheld = "belay_cloud_messages_total{channel=\"sms\",result=\"withheld\"} 2";
        assert!(metrics.contains(withheld), "{metrics}");
        rig.advance(DAY / 1000);
        assert_eq!(told(Notice::RecoveryHolds).await, 1);
    }
}

#[tokio::test]
async fn other_notices_to_a_range_and_from_one_number_keep_none_of_a_sign_in_back() {
    let kinds = [
        Notice::DeviceAdded { device: "x" },
        Notice::DeviceRemoved { device: "x" },
        Notice::DeviceReleased { device: "x" },
        Notice::AddressAdded { address: "x" },
        Notice::AddressRemoved { address: "x" },
        Notice::LoginChanged { address: "x" },
        Notice::LanguageChanged { days: 30 },
        Notice::UnlockDenied { device: "x" },
        Notice::UnlockApproved { device: "x" },
    ];
    // With 1 the range is what ends, with 100 the number.
    for (per_range, sent) in [(1, 10), (100, 24)] {
        let folder = TempDir::new().unwrap();
        let mut settings = settings(&folder);
        (settings.limits.sms_per_range, settings.limits.sms_per_region) = (per_range, 100);
        let rig = Rig::with(folder, settings);
        let owner = by_number(&mut rig.client()).await;
        for notice in kinds.iter().flat_map(|notice| [*notice; 3]) {
            tell(&rig, &owner, notice).await;
        }
        assert_eq!(rig.notices().await.len(), sent);
        tell(&rig, &owner, Notice::SignedIn).await;
        assert_eq!(rig.notices().await.len(), 1);
    }
}

#[tokio::test]
async fn nobody_is_told_of_an_account_that_is_not_there() {
    let rig = Rig::new();
    tell(&rig, &Owner::new("jo@example.org"), Notice::AccountDeleted).await;
    assert!(rig.mails().await.is_empty());
}
