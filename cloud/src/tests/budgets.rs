//! How much is sent to whom, and for whom.

use serde_json::json;

use super::owner::{open, opening};
use super::rig::{Client, Reply, Rig};

const HOUR: u64 = 3600;

async fn resend(client: &Client<'_>, id: &str) -> Reply {
    let body = json!({ "pow": client.rig.work().await });
    client
        .post(&format!("/v1/verifications/{id}/resend"), &body)
        .await
}

#[tokio::test]
async fn another_code_is_one_of_the_five_a_day() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    rig.code_mail().await;
    for _ in 0..4 {
        rig.advance(900);
        resend(&client, &id).await.is(202);
        rig.code_mail().await;
    }
    rig.advance(900);
    let refused = resend(&client, &id).await.refuses(429, "too-many");
    assert_eq!(refused.retry_after(), 24 * HOUR - 5 * 900);
    open(&client, "jo@example.org").await.refuses(429, "too-many");
    assert!(rig.mails().await.is_empty());
}

#[tokio::test]
async fn a_day_is_any_twenty_four_hours() {
    let rig = Rig::new();
    let client = rig.client();
    for _ in 0..5 {
        open(&client, "jo@example.org").await.is(202);
        rig.advance(HOUR);
    }
    let refused = open(&client, "jo@example.org").await.refuses(429, "too-many");
    assert_eq!(refused.retry_after(), 19 * HOUR);
    rig.advance(19 * HOUR);
    open(&client, "jo@example.org").await.is(202);
    let refused = open(&client, "jo@example.org").await.refuses(429, "too-many");
    assert_eq!(refused.retry_after(), HOUR);
}

#[tokio::test]
async fn all_that_one_party_has_of_ipv6_is_one_network() {
    let rig = Rig::new();
    let mut client = rig.client();
    for (n, from) in ["2001:db8:1:1::1", "2001:db8:1:2::1"]
        .into_iter()
        .cycle()
        .take(8)
        .enumerate()
    {
        client.from = Some(from);
        open(&client, &format!("a{n}@example.org")).await.is(202);
    }
    client.from = Some("2001:db8:1:ffff::7");
    open(&client, "b@example.org").await.refuses(429, "too-many");
    client.from = Some("2001:db8:2::1");
    open(&client, "b@example.org").await.is(202);
}

#[tokio::test]
async fn what_one_budget_refuses_costs_no_other() {
    let rig = Rig::new();
    let mut client = rig.client();
    client.from = Some("203.0.113.7");
    for n in 0..8 {
        open(&client, &format!("a{n}@example.org")).await.is(202);
    }
    for _ in 0..6 {
        open(&client, "jo@example.org").await.refuses(429, "too-many");
    }
    client.from = Some("198.51.100.7");
    for _ in 0..5 {
        open(&client, "jo@example.org").await.is(202);
    }
    open(&client, "jo@example.org").await.refuses(429, "too-many");
}

#[tokio::test]
async fn a_number_that_sends_the_message_itself_costs_its_range_nothing() {
    let rig = Rig::new();
    let client = rig.client();
    for n in 0..5 {
        let body = opening(&rig, "sms-out", &format!("+4915123450{n}")).await;
        client.post("/v1/verifications", &body).await.is(202);
    }
    for (n, status) in [(5, 202), (6, 202), (7, 202), (8, 429)] {
        let body = opening(&rig, "sms", &format!("+4915123450{n}")).await;
        client.post("/v1/verifications", &body).await.is(status);
    }
}
