//! In which languages the owner is told, when the profile's is changed.

use serde_json::json;

use super::super::rig::Rig;
use super::super::store::count;
use super::{House, departure, identifiers, recovery, removal};
use crate::clock::DAY;
use crate::language::Language;
use crate::messages::{self, Notice, Way};
use crate::notices;

const JO: &str = "jo@example.org";
const AL: &str = "al@example.net";
const CHANGED: Notice<'static> = Notice::LanguageChanged { days: 30 };

/// What any session may do.
async fn speak(house: &House<'_>, language: &str) {
    let (client, key) = (
        house.phone(),
        belay_proto::text::hex(&belay_proto::keys::random::<8>()),
    );
    let body = json!({ "language": language });
    for _ in 0..2 {
        let call = client.call("PATCH", "/v1/account", Some(&body), Some(&key));
        call.await.is(204);
    }
}

async fn tell(rig: &Rig, house: &House<'_>, notice: Notice<'static>) {
    let (app, account, now) = (rig.app.clone(), house.owner().account, rig.app.now());
    let work = move |tx: &rusqlite::Transaction<'_>| notices::tell(&app, tx, &account, &notice, now);
    rig.app.store.transact(work).await.unwrap();
}

/// Nothing but this was told, in these languages, to each address.
async fn told(rig: &Rig, to: &[&str], notice: Notice<'_>, languages: &[Language]) {
    let letter = |to: &&str| {
        let to = (*to).to_owned();
        languages
            .iter()
            .map(move |language| messages::notice(Way::Mail, &to, *language, &notice))
    };
    let expected: Vec<_> = to.iter().flat_map(letter).collect();
    assert_eq!(rig.notices().await, expected);
}

#[tokio::test]
async fn another_language_is_told_and_everything_for_thirty_days_in_the_one_before_too() {
    use Language::{German, Marathi};
    let rig = Rig::new();
    let house = House::new(&rig).await;
    rig.mails().await;
    // Other words for the same one are none.
    speak(&house, "de-CH").await;
    told(&rig, &[], CHANGED, &[]).await;
    speak(&house, "mr").await;
    told(&rig, &[JO], CHANGED, &[Marathi, German]).await;
    rig.advance(30 * DAY / 1000 - 60);
    let holds = Notice::RecoveryHolds;
    tell(&rig, &house, holds).await;
    told(&rig, &[JO], holds, &[Marathi, German]).await;
    rig.advance(120);
    tell(&rig, &house, holds).await;
    told(&rig, &[JO], holds, &[Marathi]).await;
    house.phone().get("/v1/account").await;
    assert_eq!(count(&rig, "languages"), 0);
}

#[tokio::test]
async fn one_change_after_another_leaves_no_language_of_before_out_at_any_address() {
    use Language::{English, German, Italian, Marathi};
    let rig = Rig::new();
    let house = House::new(&rig).await;
    identifiers::add(&house, AL).await.is(201);
    rig.mails().await;
    speak(&house, "mr").await;
    told(&rig, &[JO, AL], CHANGED, &[Marathi, German]).await;
    rig.advance(60);
    speak(&house, "it-CH").await;
    told(&rig, &[JO, AL], CHANGED, &[Italian, Marathi, German]).await;
    rig.advance(60);
    // One that the cloud doesn't write is English, and so is none at all.
    speak(&house, "fr").await;
    told(&rig, &[JO, AL], CHANGED, &[English, Italian, Marathi, German]).await;
    speak(&house, "").await;
    told(&rig, &[], CHANGED, &[]).await;
    rig.advance(60);
    speak(&house, "de").await;
    told(&rig, &[JO, AL], CHANGED, &[German, English, Italian, Marathi]).await;
}

#[tokio::test]
async fn a_flood_in_one_language_keeps_no_notice_in_another_back() {
    use Language::{German, Marathi};
    let rig = Rig::new();
    let house = House::new(&rig).await;
    rig.mails().await;
    for _ in 0..12 {
        tell(&rig, &house, Notice::PasswordChanged).await;
    }
    told(&rig, &[JO], Notice::PasswordChanged, &[German; 10]).await;
    speak(&house, "mr").await;
    told(&rig, &[JO], CHANGED, &[Marathi, German]).await;
    tell(&rig, &house, Notice::PasswordChanged).await;
    told(&rig, &[JO], Notice::PasswordChanged, &[Marathi]).await;
}

#[tokio::test]
async fn the_end_of_an_account_is_told_in_both_and_leaves_none_of_them() {
    use Language::{German, Marathi};
    let rig = Rig::new();
    let house = House::new(&rig).await;
    removal::remove(&house).await;
    speak(&house, "mr").await;
    rig.mails().await;
    let gone = departure::body(house.owner());
    super::delete(house.phone(), "/v1/account", &gone).await.is(204);
    told(&rig, &[JO], Notice::AccountDeleted, &[Marathi, German]).await;
    assert_eq!(count(&rig, "languages"), 0);
}

#[tokio::test]
async fn a_recoverys_code_comes_in_the_owners_language_whatever_whoever_asks_for_it_reads() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    rig.mails().await;
    let stranger = rig.client();
    let subject_of = |language| {
        let purpose = messages::Purpose::Recovery;
        let code = messages::Code {
            purpose,
            device: "A new phone",
            code: "123456",
            link: "",
        };
        messages::code(Way::Mail, JO, language, &code).subject
    };
    let asks_in = async |language: &str| {
        let id = recovery::open_in(&stranger, JO, language)
            .await
            .is(202)
            .text("id");
        (id, rig.code_mail().await.subject)
    };
    let (id, first) = asks_in("it").await;
    assert_eq!(first, subject_of(Language::German));
    rig.advance(16 * 60);
    let body = json!({ "pow": rig.work().await });
    let path = format!("/v1/verifications/{id}/resend");
    stranger.post(&path, &body).await.is(202);
    assert_eq!(
        rig.code_mail().await.subject,
        first,
        "another code comes in the same"
    );
    speak(&house, "mr").await;
    rig.mails().await;
    assert_eq!(asks_in("it").await.1, subject_of(Language::Marathi));
    // Nobody knows what they read who have told nothing.
    speak(&house, "").await;
    rig.mails().await;
    assert_eq!(asks_in("it").await.1, subject_of(Language::Italian));
}
