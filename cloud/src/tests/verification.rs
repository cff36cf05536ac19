//! Proving an address.

use serde_json::json;

use super::owner::{Device, Owner, open, opening};
use super::rig::{Client, Reply, Rig};

async fn try_code(client: &Client<'_>, id: &str, code: &str) -> Reply {
    client
        .post(&format!("/v1/verifications/{id}/code"), &json!({ "code": code }))
        .await
}

async fn resend(client: &Client<'_>, id: &str) -> Reply {
    let body = json!({ "pow": client.rig.work().await });
    client
        .post(&format!("/v1/verifications/{id}/resend"), &body)
        .await
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test]
async fn the_code_in_the_mail_gives_a_ticket_and_gives_it_again() {
    let rig = Rig::new();
    let client = rig.client();
    let opened = open(&client, "jo@example.org").await.is(202);
    let (id, mail) = (opened.text("id"), rig.code_mail().await);
    assert_eq!(
        (mail.to.as_str(), mail.channel.as_str()),
        ("jo@example.org", "email")
    );
    let code = mail.code.unwrap();
    assert!(mail.text.contains(&code) && mail.text.contains(mail.link.as_deref().unwrap()));
    assert_eq!(opened.json()["resend_in_ms"], 900_000);
    assert_eq!(
        client
            .get(&format!("/v1/verifications/{id}"))
            .await
            .is(200)
            .text("state"),
        "pending"
    );
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let ticket = try_code(&client, &id, &spaced).await.is(200).text("ticket");
    assert_eq!(try_code(&client, &id, &code).await.is(200).text("ticket"), ticket);
    assert_eq!(
        client
            .get(&format!("/v1/verifications/{id}"))
            .await
            .is(200)
            .text("state"),
        "confirmed"
    );
}

#[tokio::test]
async fn five_wrong_codes_spend_the_code_and_another_may_be_asked_for_at_once() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let code = rig.code_mail().await.code.unwrap();
    resend(&client, &id).await.refuses(429, "too-soon");
    for left in (0..5).rev() {
        let reply = try_code(&client, &id, &another(&code))
            .await
            .refuses(403, "wrong-code");
        assert_eq!(reply.json()["tries_left"], left);
    }
    try_code(&client, &id, &code).await.refuses(410, "code-expired");
    resend(&client, &id).await.is(202);
    let second = rig.code_mail().await.code.unwrap();
    try_code(&client, &id, &second).await.is(200);
}

#[tokio::test]
async fn what_can_not_be_a_code_costs_no_try() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    for text in ["12345", "1234567", "abcdef", "hello world"] {
        let reply = try_code(&client, &id, text).await.refuses(403, "wrong-code");
        assert_eq!(reply.json()["tries_left"], 5);
    }
    try_code(&client, &id, "").await.refuses(409, "not-confirmed");
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes_and_the_whole_after_a_day() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let code = rig.code_mail().await.code.unwrap();
    rig.advance(600);
    try_code(&client, &id, &code).await.refuses(410, "code-expired");
    let wait = resend(&client, &id).await.refuses(429, "too-soon").retry_after();
    rig.advance(wait);
    resend(&client, &id).await.is(202);
    rig.advance(24 * 3600);
    resend(&client, &id).await.refuses(410, "code-expired");
    assert_eq!(
        client
            .get(&format!("/v1/verifications/{id}"))
            .await
            .is(200)
            .text("state"),
        "expired"
    );
    rig.advance(25 * 3600);
    client
        .get(&format!("/v1/verifications/{id}"))
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn nobody_but_the_key_that_opened_it_may_use_it() {
    let rig = Rig::new();
    let (client, thief) = (rig.client(), rig.client());
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let code = rig.code_mail().await.code.unwrap();
    try_code(&thief, &id, &code).await.refuses(404, "not-found");
    resend(&thief, &id).await.refuses(404, "not-found");
    thief
        .get(&format!("/v1/verifications/{id}"))
        .await
        .refuses(404, "not-found");
    thief
        .call("DELETE", &format!("/v1/verifications/{id}"), None, None)
        .await
        .is(204);
    let ticket = try_code(&client, &id, &code).await.is(200).text("ticket");
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let body = owner.account_body(&thief, &device, &ticket);
    thief.post("/v1/accounts", &body).await.refuses(403, "bad-ticket");
}

#[tokio::test]
async fn a_cancelled_verification_is_gone() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let path = format!("/v1/verifications/{id}");
    client.call("DELETE", &path, None, None).await.is(204);
    client.get(&path).await.refuses(404, "not-found");
    client.call("DELETE", &path, None, None).await.is(204);
    client
        .get("/v1/verifications/nonsense")
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn five_sends_and_ten_wrong_codes_a_day_to_one_address() {
    let rig = Rig::new();
    let client = rig.client();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(open(&client, "jo@example.org").await.is(202).text("id"));
    }
    let codes: Vec<_> = rig
        .mails()
        .await
        .into_iter()
        .map(|mail| mail.code.unwrap())
        .collect();
    let refused = open(&client, "Jo@Example.org").await.refuses(429, "too-many");
    assert!((1..=24 * 3600).contains(&refused.retry_after()));
    open(&client, "another@example.org").await.is(202);
    for (id, code) in ids.iter().zip(&codes).take(2) {
        for _ in 0..5 {
            try_code(&client, id, &another(code))
                .await
                .refuses(403, "wrong-code");
        }
    }
    try_code(&client, &ids[2], &another(&codes[2]))
        .await
        .refuses(429, "too-many");
    try_code(&client, &ids[2], &codes[2])
        .await
        .refuses(429, "too-many");
    rig.advance(refused.retry_after());
    open(&client, "jo@example.org").await.is(202);
}

#[tokio::test]
async fn an_address_with_an_account_is_answered_like_one_without() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    let stranger = rig.client();
    let known = open(&stranger, "jo@example.org").await.is(202);
    let told = rig.code_mail().await;
    let unknown = open(&stranger, "xx@example.org").await.is(202);
    let silent = rig.code_mail().await;
    let shape = |reply: &Reply| {
        let mut json = reply.json();
        json["id"] = "".into();
        json
    };
    assert_eq!(shape(&known), shape(&unknown));
    assert!(told.text.contains("exists already") && !silent.text.contains("exists already"));
    // Even the owner of the mailbox learns it from the cloud only after proving the address.
    let code = told.code.unwrap();
    let ticket = try_code(&stranger, &known.text("id"), &code)
        .await
        .is(200)
        .text("ticket");
    let body = Owner::new("jo@example.org").account_body(&stranger, &Device::new(), &ticket);
    stranger
        .post("/v1/accounts", &body)
        .await
        .refuses(409, "identifier-taken");
}

#[tokio::test]
async fn addresses_and_channels_that_do_not_fit_are_refused() {
    let rig = Rig::new();
    let client = rig.client();
    for (channel, address) in [
        ("email", "+49151234567"),
        ("sms", "jo@example.org"),
        ("email", "jo@"),
        ("sms", "0151234567"),
    ] {
        let body = opening(&rig, channel, address).await;
        client
            .post("/v1/verifications", &body)
            .await
            .refuses(400, "invalid-address");
    }
    let mut body = opening(&rig, "email", "jo@example.org").await;
    body["device_name"] = "evil\u{202e}name".into();
    client
        .post("/v1/verifications", &body)
        .await
        .refuses(400, "malformed");
    let mut body = opening(&rig, "pigeon", "jo@example.org").await;
    client
        .post("/v1/verifications", &body)
        .await
        .refuses(400, "malformed");
    body["purpose"] = "fun".into();
    client
        .post("/v1/verifications", &body)
        .await
        .refuses(400, "malformed");
    assert!(rig.mails().await.is_empty());
}

#[tokio::test]
async fn a_text_message_carries_a_code_and_ranges_of_numbers_have_a_budget() {
    let rig = Rig::new();
    let client = rig.client();
    for n in 0..3 {
        let body = opening(&rig, "sms", &format!("+4915123450{n}")).await;
        client.post("/v1/verifications", &body).await.is(202);
    }
    let sent = rig.mails().await;
    assert!(
        sent.iter()
            .all(|sms| sms.channel == "sms" && sms.link.is_none() && sms.code.is_some())
    );
    let body = opening(&rig, "sms", "+49151234509").await;
    client
        .post("/v1/verifications", &body)
        .await
        .refuses(429, "too-many");
    for n in 0..3 {
        let body = opening(&rig, "sms", &format!("+4917{n}9876540")).await;
        client.post("/v1/verifications", &body).await.is(202);
    }
    let body = opening(&rig, "sms", "+491799999999").await;
    client
        .post("/v1/verifications", &body)
        .await
        .refuses(429, "too-many");
}

#[tokio::test]
async fn networks_have_a_budget_and_the_machine_itself_has_none() {
    let rig = Rig::new();
    let mut client = rig.client();
    client.from = Some("6.6.6.6, 203.0.113.7");
    for n in 0..8 {
        open(&client, &format!("a{n}@example.org")).await.is(202);
    }
    client.from = Some("7.7.7.7, 203.0.113.200");
    let refused = open(&client, "b@example.org").await.refuses(429, "too-many");
    client.from = Some("203.0.114.1");
    open(&client, "c@example.org").await.is(202);
    client.from = None;
    for n in 0..10 {
        open(&client, &format!("d{n}@example.org")).await.is(202);
    }
    client.from = Some("203.0.113.7");
    rig.advance(refused.retry_after());
    open(&client, "e@example.org").await.is(202);
}

#[tokio::test]
async fn a_proxy_that_does_not_say_for_whom_it_calls_lifts_no_budget() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut settings = super::rig::settings(&folder);
    settings.local = false;
    let rig = Rig::with(folder, settings);
    let client = rig.client();
    for n in 0..8 {
        open(&client, &format!("a{n}@example.org")).await.is(202);
    }
    open(&client, "b@example.org").await.refuses(429, "too-many");
}

#[tokio::test]
async fn a_proof_of_work_counts_once_and_for_ten_minutes() {
    let rig = Rig::new();
    let client = rig.client();
    let body = opening(&rig, "email", "jo@example.org").await;
    client.post("/v1/verifications", &body).await.is(202);
    client
        .post("/v1/verifications", &body)
        .await
        .refuses(403, "proof-of-work-refused");
    let late = opening(&rig, "email", "jo@example.org").await;
    rig.advance(600);
    client
        .post("/v1/verifications", &late)
        .await
        .refuses(403, "proof-of-work-refused");
    let fresh = opening(&rig, "email", "jo@example.org").await;
    for (place, value) in [
        ("/pow/challenge/parameters/cost", json!(1_000_000)),
        ("/pow/challenge/parameters/keyPrefix", json!("")),
        ("/pow/challenge/parameters/expiresAt", json!(1_900_000_000)),
        ("/pow/challenge/parameters/algorithm", json!("ARGON2ID")),
        ("/pow/challenge/signature", json!("00")),
        ("/pow/challenge", json!({})),
        ("/pow/solution/derivedKey", json!("00")),
        ("/pow/solution/counter", json!(77_777)),
        ("/pow/solution", json!("x")),
    ] {
        let mut body = fresh.clone();
        *body.pointer_mut(place).unwrap() = value;
        client
            .post("/v1/verifications", &body)
            .await
            .refuses(403, "proof-of-work-refused");
    }
    client.post("/v1/verifications", &fresh).await.is(202);
}
