//! Accounts without a device, and the page that makes them.

use axum::http::Request;
use belay_proto::keys::sha256;
use belay_proto::text::hex;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::owner::{Device, Owner};
use super::rig::{Client, Reply, Rig, settings};
use crate::config::Console;
use crate::language::Language;

/// What a browser sends: no certificate, no name of a device.
fn body(owner: &Owner, client: &Client<'_>, ticket: &str) -> Value {
    let mut body = owner.account_body(client, &Device::new(), ticket);
    for field in ["certificate", "device_name"] {
        body.as_object_mut().unwrap().remove(field);
    }
    body
}

/// An account that a browser has made.
async fn made(rig: &Rig) -> Owner {
    let browser = rig.client();
    let owner = Owner::new("jo@example.org");
    let ticket = owner.ticket(&browser).await;
    let created = browser
        .post("/v1/accounts", &body(&owner, &browser, &ticket))
        .await
        .is(201)
        .json();
    assert_eq!(
        created,
        json!({ "account": owner.account.to_string() }),
        "no session"
    );
    owner
}

#[tokio::test]
async fn an_account_stands_without_a_device_until_its_first_one_signs_in() {
    let rig = Rig::new();
    let owner = made(&rig).await;
    let mut phone = rig.client();
    let signed_in = owner.sign_in(&mut phone).await.is(200).json();
    assert_eq!(signed_in["account"], owner.account.to_string());
    assert_eq!(signed_in["devices"], json!([]));
    let devices = phone.get("/v1/devices").await.is(200).json();
    assert_eq!(devices["devices"], json!([]));
    let device = Device::new();
    let certificate = owner.certify(&phone, &device);
    let bind = json!({ "certificate": certificate, "name": "Jo's Phone" });
    phone.post("/v1/devices", &bind).await.is(201);
    let devices = phone.get("/v1/devices").await.is(200).json();
    assert_eq!(devices["devices"][0]["name"], "Jo's Phone");
    phone.token = None;
    phone.get("/v1/account/credentials").await.is(200);
}

#[tokio::test]
async fn the_browser_that_made_an_account_can_do_nothing_with_it() {
    let rig = Rig::new();
    let browser = rig.client();
    let owner = Owner::new("jo@example.org");
    let ticket = owner.ticket(&browser).await;
    let body = body(&owner, &browser, &ticket);
    browser.post("/v1/accounts", &body).await.is(201);
    browser
        .get("/v1/account/credentials")
        .await
        .refuses(403, "not-bound");
    browser
        .get("/v1/commands?after=0")
        .await
        .refuses(403, "not-bound");
    let refused = browser.get("/v1/account").await;
    assert_eq!(refused.status.as_u16(), 401);
    let certificate = owner.certify(&browser, &Device::new());
    let bind = json!({ "certificate": certificate, "name": "Not yet" });
    let refused = browser.post("/v1/devices", &bind).await;
    assert_eq!(
        refused.status.as_u16(),
        401,
        "the password opens a session, and nothing else"
    );
    // The ticket is spent.
    browser
        .post("/v1/accounts", &body)
        .await
        .refuses(403, "bad-ticket");
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_account() {
    let rig = Rig::new();
    let browser = rig.client();
    let owner = Owner::new("jo@example.org");
    let ticket = owner.ticket(&browser).await;
    let body = body(&owner, &browser, &ticket);
    let first = browser
        .post_with("/v1/accounts", &body, "one")
        .await
        .is(201)
        .json();
    let again = browser
        .post_with("/v1/accounts", &body, "one")
        .await
        .is(201)
        .json();
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_device_comes_whole_or_not_at_all() {
    let rig = Rig::new();
    let client = rig.client();
    let owner = Owner::new("jo@example.org");
    let ticket = owner.ticket(&client).await;
    let whole = owner.account_body(&client, &Device::new(), &ticket);
    for missing in ["certificate", "device_name"] {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(missing);
        client.post("/v1/accounts", &body).await.refuses(400, "malformed");
    }
    for (alone, said) in [
        ("release", whole["certificate"].clone()),
        ("device_kind", "phone".into()),
    ] {
        let mut body = body(&owner, &client, &ticket);
        body[alone] = said;
        client.post("/v1/accounts", &body).await.refuses(400, "malformed");
    }
    // The ticket isn't spent by that, and all other checks are the same.
    let mut stranger = body(&owner, &client, &ticket);
    stranger["owner"] = belay_proto::keys::SigningKey::generate()
        .public()
        .to_string()
        .into();
    client
        .post("/v1/accounts", &stranger)
        .await
        .refuses(403, "bad-credentials");
    client
        .post("/v1/accounts", &body(&owner, &client, &ticket))
        .await
        .is(201);
}

#[tokio::test]
async fn an_account_without_a_device_is_taken_like_any_other() {
    let rig = Rig::new();
    made(&rig).await;
    let client = rig.client();
    let other = Owner::new("jo@example.org");
    let ticket = other.ticket(&client).await;
    client
        .post("/v1/accounts", &body(&other, &client, &ticket))
        .await
        .refuses(409, "identifier-taken");
}

async fn read(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    rig.send(request.body(Vec::new()).unwrap()).await
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// Every file that the page loads, itself or through another one, and its text.
async fn loaded(rig: &Rig) -> Vec<(String, String)> {
    let mut wanted = vec!["/register/page.mjs".to_owned()];
    let mut files: Vec<(String, String)> = Vec::new();
    while let Some(path) = wanted.pop() {
        if files.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let reply = read(rig, &path, &[]).await.is(200);
        assert_eq!(
            reply.header("content-type").as_deref(),
            Some("text/javascript; charset=utf-8")
        );
        let text = text(&reply);
        let folder = path.rsplit_once('/').unwrap().0;
        if !path.contains("/vendor/") {
            let imports = text
                .lines()
                .filter_map(|line| line.strip_prefix("import ")?.split('\'').nth(1));
            wanted.extend(imports.map(|name| format!("{folder}/{}", name.strip_prefix("./").unwrap())));
        }
        files.push((path, text));
    }
    files
}

#[tokio::test]
async fn the_page_may_load_scripts_of_this_cloud_and_talk_to_it_alone() {
    let rig = Rig::new();
    let page = read(&rig, "/register", &[]).await.is(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self';"
        ),
        "{policy}"
    );
    for strict in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(strict), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
    let html = text(&page);
    // Nothing that the policy would have to stop.
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("<script type=\"module\" src=\"/register/page.mjs\"></script>"));
    for no in [
        " style=",
        " onclick",
        "javascript:",
        "http://",
        "//",
        "<iframe",
        "<img",
    ] {
        let html = html.replace("<!doctype html>", "");
        assert!(!html.contains(no), "{no}");
    }
}

#[tokio::test]
async fn no_script_of_the_page_asks_anybody_else() {
    let rig = Rig::new();
    let files = loaded(&rig).await;
    assert!(files.len() >= 10, "{}", files.len());
    for (path, text) in files.iter().filter(|(path, _)| !path.contains("/vendor/")) {
        for line in text.lines() {
            let code = line.split_once("// ").map_or(line, |(code, _)| code);
            for no in [
                "http:",
                "https:",
                "eval(",
                "innerHTML",
                "localStorage",
                "sessionStorage",
                "document.cookie",
            ] {
                assert!(!code.contains(no), "{path}: {line}");
            }
        }
        let fetches = text.matches("fetch(").count();
        assert_eq!(fetches, usize::from(path.ends_with("/cloud.mjs")), "{path}");
    }
    for (path, text) in files.iter().filter(|(path, _)| path.contains("/vendor/")) {
        for no in [
            "fetch(",
            "XMLHttpRequest",
            "WebSocket",
            "sendBeacon",
            "importScripts",
            "import(",
        ] {
            assert!(!text.contains(no), "{path}: {no}");
        }
    }
}

#[tokio::test]
async fn what_others_wrote_is_as_they_made_it_and_comes_with_its_licence() {
    let rig = Rig::new();
    for (name, digest) in [
        (
            "argon2.umd.min.js",
            "acfe11b015852f593aaddc51116f71dc7850e4551e6b34d42c1f88cf39635f03",
        ),
        (
            "zxcvbn.js",
            "f42c651f40506acb6b662490f338dd47a5951d3312039c4ab8fe5090484f351a",
        ),
    ] {
        let file = read(&rig, &format!("/register/vendor/{name}"), &[]).await.is(200);
        assert_eq!(hex(&sha256(&file.body)), digest, "{name}");
    }
    for name in ["LICENSE.hash-wasm", "LICENSE.zxcvbn"] {
        let licence = read(&rig, &format!("/register/vendor/{name}"), &[]).await.is(200);
        assert!(text(&licence).contains("Permission is hereby granted"));
    }
}

#[tokio::test]
async fn a_browser_that_has_a_file_gets_it_again_once_it_has_changed() {
    let rig = Rig::new();
    let file = read(&rig, "/register/page.mjs", &[]).await.is(200);
    let tag = file.header("etag").unwrap();
    assert_eq!(file.header("cache-control").as_deref(), Some("no-cache"));
    let again = read(&rig, "/register/page.mjs", &[("if-none-match", &tag)])
        .await
        .is(304);
    assert!(again.body.is_empty());
    read(&rig, "/register/page.mjs", &[("if-none-match", "\"old\"")])
        .await
        .is(200);
    for path in [
        "/register/x.mjs",
        "/register/register.rs",
        "/register/vendor/README.md",
        "/register/..%2fpages.rs",
    ] {
        read(&rig, path, &[]).await.is(404);
    }
}

#[tokio::test]
async fn the_page_is_in_the_readers_language_and_has_words_for_all_it_may_say() {
    let rig = Rig::new();
    let scripts = loaded(&rig).await;
    for language in Language::ALL {
        let page = read(&rig, "/register", &[("accept-language", language.tag())])
            .await
            .is(200);
        assert_eq!(page.header("content-language").as_deref(), Some(language.tag()));
        let html = text(&page);
        assert!(html.contains("cloud.example.org"), "whom the reader trusts");
        // What the script looks for is there, and nothing of it is empty.
        for (_, script) in scripts.iter().filter(|(path, _)| path.ends_with("/page.mjs")) {
            for id in script
                .split("at('")
                .skip(1)
                .filter_map(|rest| rest.split('\'').next())
            {
                assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
            }
        }
        let rest = html.replace("id=\"recovery\" dir=\"ltr\"></p>", "");
        for empty in [
            "\"></p>",
            "hidden></p>",
            "<p></p>",
            "></button>",
            "disabled></button>",
            "<label> ",
        ] {
            assert!(!rest.contains(empty), "{}: {empty}", language.tag());
        }
    }
}

#[tokio::test]
async fn a_cloud_that_serves_no_console_serves_no_such_page() {
    let folder = TempDir::new().unwrap();
    let mut settings = settings(&folder);
    settings.console = Console::Off;
    let rig = Rig::with(folder, settings);
    for path in ["/register", "/register/page.mjs", "/register/vendor/zxcvbn.js"] {
        read(&rig, path, &[]).await.is(404);
    }
    read(&rig, "/style.css", &[]).await.is(200);
}
