//! `PATCH /v1/account`.

use serde_json::{Value, json};

use super::super::rig::Rig;
use super::{House, hints};

#[tokio::test]
async fn what_is_absent_stays_and_an_empty_text_removes() {
    let rig = Rig::new();
    let house = House::new(&rig).await;
    let change = |body: Value, key: &'static str| {
        let client = house.phone();
        async move { client.call("PATCH", "/v1/account", Some(&body), Some(key)).await }
    };
    let before = hints(&rig, house.tablet.id()).await;
    rig.advance(1);
    let body = json!({ "display_name": "Joanna", "country": "", "newsletter": true });
    change(body.clone(), "a").await.is(204);
    change(body, "a").await.is(204);
    let account = house.second.get("/v1/account").await.is(200).json();
    assert_eq!(
        account["profile"],
        json!({ "display_name": "Joanna", "language": "de", "newsletter": true })
    );
    assert!(hints(&rig, house.tablet.id()).await > before);
    change(json!({}), "b").await.is(204);
    assert_eq!(
        house.phone().get("/v1/account").await.json()["profile"],
        account["profile"]
    );
    for bad in [
        json!({ "country": "Austria" }),
        json!({ "display_name": "a\nb" }),
        json!({ "language": "d e" }),
        json!({ "newsletter": null }),
        json!({ "email": "x" }),
    ] {
        change(bad, "c").await.refuses(400, "malformed");
    }
    assert_eq!(
        house.phone().get("/v1/account").await.json()["profile"],
        account["profile"]
    );
}
