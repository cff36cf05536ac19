//! What the page says where it can't work. Before anything is typed, and what is missing.

use belay_tests::webdriver::{Browser, Habits};
use serde_json::json;

use super::{at_page, begin, console_is_quiet, has_browser, narrow};
use crate::scene::{Scene, scene};

/// Opens the page with something of the browser changed by this script beforehand.
async fn opened_without(scene: &Scene, browser: &Browser, change: &str) {
    let script = json!({ "source": change });
    let added = browser
        .chromium("Page.addScriptToEvaluateOnNewDocument", script)
        .await;
    let id = added.unwrap()["identifier"].clone();
    let url = format!("{}/register", scene.network().url());
    browser.open(&url).await.unwrap();
    let script = json!({ "identifier": id });
    browser
        .chromium("Page.removeScriptToEvaluateOnNewDocument", script)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_browser_that_cant_make_the_keys_is_told_before_anything_is_typed() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let browser = at_page(&scene, &Habits::default()).await;
    for (missing, change) in [
        ("crypto", "delete Object.getPrototypeOf(crypto).subtle"),
        (
            "ed25519",
            "const has = SubtleCrypto.prototype.generateKey;
             SubtleCrypto.prototype.generateKey = function (how, ...rest) {
                 if (how === 'Ed25519') throw new DOMException('Unrecognized name.', 'NotSupportedError');
                 return has.call(this, how, ...rest);
             }",
        ),
        ("wasm", "delete globalThis.WebAssembly"),
    ] {
        opened_without(&scene, &browser, change).await;
        browser.shows("#error-unsupported").await.unwrap();
        let said = browser.text("#errors").await.unwrap();
        assert!(said.contains("Ed25519") && said.contains("WebAssembly"), "{said}");
        assert!(!browser.displayed("#start:enabled").await.unwrap(), "{missing}");
        browser.picture(&format!("without-{missing}")).await.unwrap();
    }
    opened_without(&scene, &browser, "").await;
    begin(&browser).await;
    console_is_quiet(&browser).await;
}

#[tokio::test]
async fn a_page_over_an_open_line_says_that_and_not_that_the_browser_is_old() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let address = scene.network().url().replace("http://", "");
    let habits = Habits {
        host: Some(("cloud.example", address)),
        ..Habits::default()
    };
    let browser = Browser::start(&scene, &habits).await.unwrap();
    narrow(&browser, "light").await;
    browser.open("http://cloud.example/register").await.unwrap();
    browser.shows("#error-insecure").await.unwrap();
    assert!(browser.text("#errors").await.unwrap().contains("https"));
    assert!(!browser.displayed("#start:enabled").await.unwrap());
    browser.picture("open-line").await.unwrap();
    console_is_quiet(&browser).await;
}

#[tokio::test]
async fn without_scripts_the_page_says_that_it_needs_them_and_the_links_page_works() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let habits = Habits {
        no_scripts: true,
        ..Habits::default()
    };
    let browser = at_page(&scene, &habits).await;
    browser.shows("noscript p").await.unwrap();
    assert!(
        browser
            .text("noscript p")
            .await
            .unwrap()
            .contains("needs JavaScript")
    );
    browser.picture("without-scripts").await.unwrap();
    let url = format!("{}/verify/AAAAAAAAAAAAAAAAAAAAAA", scene.network().url());
    browser.open(&url).await.unwrap();
    assert!(browser.text("main").await.unwrap().contains("no longer valid"));
}

#[tokio::test]
async fn a_script_that_doesnt_come_leaves_no_dead_page() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let browser = at_page(&scene, &Habits::default()).await;
    begin(&browser).await;
    assert!(!browser.displayed("#slow").await.unwrap());
    let lost = json!({ "urls": ["*/register/vendor/zxcvbn.js"] });
    browser.chromium("Network.enable", json!({})).await.unwrap();
    browser.chromium("Network.setBlockedURLs", lost).await.unwrap();
    browser
        .open(&format!("{}/register", scene.network().url()))
        .await
        .unwrap();
    browser.shows("#slow").await.unwrap();
    assert!(browser.text("#slow").await.unwrap().contains("load it again"));
    browser.picture("lost-script").await.unwrap();
}
