//! The page behind the link.

use axum::http::Request;
use serde_json::json;

use super::owner::{open, opening};
use super::rig::{ORIGIN, Rig};

fn path(link: &str) -> String {
    link.strip_prefix(ORIGIN).unwrap().to_owned()
}

async fn press(rig: &Rig, path: &str) -> super::rig::Reply {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    rig.send(request.body(Vec::new()).unwrap()).await
}

#[tokio::test]
async fn opening_the_link_confirms_nothing_and_the_button_does() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let link = path(&rig.code_mail().await.link.unwrap());
    let code = format!("/v1/verifications/{id}/code");
    let page = rig.get(&link).await.is(200);
    let html = String::from_utf8(page.body.clone()).unwrap();
    assert!(
        html.contains("Jo&#39;s Phone")
            && html.contains("<form method=\"post\">")
            && !html.contains("<script")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    for header in ["referrer-policy", "x-content-type-options", "cache-control"] {
        assert!(page.headers.contains_key(header), "{header}");
    }
    client
        .post(&code, &json!({ "code": "" }))
        .await
        .refuses(409, "not-confirmed");
    press(&rig, &link).await.is(200);
    press(&rig, &link).await.is(200);
    client
        .post(&code, &json!({ "code": "" }))
        .await
        .is(200)
        .text("ticket");
    let html = String::from_utf8(rig.get(&link).await.is(200).body).unwrap();
    assert!(html.contains("is confirmed") && !html.contains("<form"));
}

#[tokio::test]
async fn a_link_is_good_for_a_day_and_stays_over_another_code() {
    let rig = Rig::new();
    let client = rig.client();
    let id = open(&client, "jo@example.org").await.is(202).text("id");
    let link = path(&rig.code_mail().await.link.unwrap());
    rig.advance(900);
    let body = json!({ "pow": rig.work().await });
    client
        .post(&format!("/v1/verifications/{id}/resend"), &body)
        .await
        .is(202);
    assert_eq!(path(&rig.code_mail().await.link.unwrap()), link);
    rig.advance(24 * 3600 - 901);
    rig.get(&link).await.is(200);
    rig.advance(1);
    rig.get(&link).await.is(404);
    press(&rig, &link).await.is(404);
}

#[tokio::test]
async fn invented_links_lead_nowhere() {
    let rig = Rig::new();
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAA", "%00", "..%2F..", "%F0%9F%92%A9"] {
        rig.get(&format!("/verify/{token}")).await.is(404);
        press(&rig, &format!("/verify/{token}")).await.is(404);
    }
}

#[tokio::test]
async fn a_devices_name_is_text_and_never_markup() {
    let rig = Rig::new();
    let client = rig.client();
    let mut body = opening(&rig, "email", "jo@example.org").await;
    body["device_name"] = "<img src=x onerror=alert(1)>".into();
    client.post("/v1/verifications", &body).await.is(202);
    let link = path(&rig.code_mail().await.link.unwrap());
    let html = String::from_utf8(rig.get(&link).await.is(200).body).unwrap();
    assert!(html.contains("&lt;img") && !html.contains("<img"));
}

#[tokio::test]
async fn style_and_icon_come_from_here_and_again_once_they_have_changed() {
    let rig = Rig::new();
    for (path, kind) in [
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let file = rig.get(path).await.is(200);
        assert_eq!(file.header("content-type").as_deref(), Some(kind));
        assert_eq!(file.header("cache-control").as_deref(), Some("no-cache"));
        let tag = file.header("etag").unwrap();
        for (known, status) in [(tag.as_str(), 304), ("\"old\"", 200)] {
            let again = Request::get(path).header("if-none-match", known);
            rig.send(again.body(Vec::new()).unwrap()).await.is(status);
        }
    }
    let gone = rig.get("/verify/x").await.is(404);
    let html = String::from_utf8(gone.body.clone()).unwrap();
    assert!(html.contains("href=\"/icon.svg\"") && html.contains("href=\"/style.css\""));
    let policy = gone.header("content-security-policy").unwrap();
    assert!(policy.contains("style-src 'self'; img-src 'self'"), "{policy}");
}

/// The page, as a browser with these languages gets it.
async fn read(rig: &Rig, path: &str, languages: Option<&str>) -> super::rig::Reply {
    let mut request = Request::get(path);
    if let Some(languages) = languages {
        request = request.header("accept-language", languages);
    }
    rig.send(request.body(Vec::new()).unwrap()).await
}

#[tokio::test]
async fn the_page_is_in_the_readers_language_or_the_mails() {
    let rig = Rig::new();
    let client = rig.client();
    let mut body = opening(&rig, "email", "jo@example.org").await;
    body["language"] = "mr-IN".into();
    client.post("/v1/verifications", &body).await.is(202);
    let mail = rig.code_mail().await;
    assert_eq!(mail.subject.unwrap(), "तुमचे Belay खाते निश्चित करा");
    let link = path(&mail.link.unwrap());
    for (languages, tag, title) in [
        (None, "mr", "तुमचा पत्ता निश्चित करा"),
        (Some("fr"), "mr", "तुमचा पत्ता निश्चित करा"),
        (
            Some("fr, it-CH;q=0.9, en;q=0.5"),
            "it",
            "Conferma il tuo indirizzo",
        ),
        (Some("ru"), "ru", "Подтвердите свой адрес"),
        (Some("de-DE,de;q=0.9"), "de", "Bestätige deine Adresse"),
        (Some("en-GB"), "en", "Confirm your address"),
    ] {
        let page = read(&rig, &link, languages).await.is(200);
        assert_eq!(page.header("content-language").as_deref(), Some(tag));
        let html = String::from_utf8(page.body).unwrap();
        assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{html}");
        assert!(html.contains(&format!("<title>{title}</title>")), "{html}");
        assert!(
            html.contains("<p class=\"device\" dir=\"auto\">Jo&#39;s Phone</p>"),
            "{html}"
        );
    }
    let pressed = Request::post(&link).header("accept-language", "ru");
    let html = String::from_utf8(rig.send(pressed.body(Vec::new()).unwrap()).await.is(200).body).unwrap();
    assert!(html.contains("Ваш адрес подтверждён"), "{html}");
    let gone = read(&rig, "/verify/AAAAAAAAAAAAAAAAAAAAAA", Some("it"))
        .await
        .is(404);
    let html = String::from_utf8(gone.body).unwrap();
    assert!(html.contains("Questo link non è più valido"), "{html}");
}

#[tokio::test]
async fn browsers_are_told_to_ask_in_the_clear_no_more_where_they_have_no_need_to() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut settings = super::rig::settings(&folder);
    settings.origin = Some("http://127.0.0.1:8080".to_owned());
    let (secure, clear) = (Rig::new(), Rig::with(folder, settings));
    for page in [
        "/register",
        "/register/page.mjs",
        "/style.css",
        "/verify/AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let told = |reply: super::rig::Reply| reply.header("strict-transport-security");
        assert_eq!(
            told(secure.get(page).await).as_deref(),
            Some("max-age=31536000"),
            "{page}"
        );
        assert_eq!(told(clear.get(page).await), None, "{page}");
    }
    let api = secure.get("/v1/config").await.is(200);
    assert_eq!(api.header("strict-transport-security"), None);
}
