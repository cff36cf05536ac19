//! The cloud's pages in a real browser, used as a person uses them.

mod looks;
mod person;
mod policy;
mod trouble;

use std::fs;
use std::path::Path;

use belay_tests::Stage;
use belay_tests::webdriver::{Browser, Habits};
use serde_json::json;

use crate::scene::{has_time_for, skipped};

/// Whether there is time for a browser, and one to be driven; says so where not.
fn has_browser() -> bool {
    if !has_time_for("the pages in a real browser") {
        return false;
    }
    let is_here = Browser::is_here();
    if !is_here {
        skipped("the pages in a real browser: chromium with chromedriver isn't installed");
    }
    is_here
}

/// A browser with a phone's screen, at the page of the stage's cloud.
async fn at_page(stage: &Stage, habits: &Habits) -> Browser {
    let browser = Browser::start(stage, habits).await.unwrap();
    narrow(&browser, "light").await;
    let url = format!("{}/register", stage.network().url());
    browser.open(&url).await.unwrap();
    browser
}

/// The screen of a small phone, in these colours.
async fn narrow(browser: &Browser, colours: &str) {
    let screen = json!({ "width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": true });
    browser
        .chromium("Emulation.setDeviceMetricsOverride", screen)
        .await
        .unwrap();
    let wish = json!({ "features": [{ "name": "prefers-color-scheme", "value": colours }] });
    browser
        .chromium("Emulation.setEmulatedMedia", wish)
        .await
        .unwrap();
}

/// Past whom one trusts, to the form.
async fn begin(browser: &Browser) {
    browser.shows("#start:enabled").await.unwrap();
    browser.click("#start").await.unwrap();
    browser.shows("#ask").await.unwrap();
}

/// Types into the form and sends it.
async fn ask(browser: &Browser, who: &str, password: &str, again: &str) {
    for (field, text) in [("#identifier", who), ("#password", password), ("#again", again)] {
        browser.fill(field, text).await.unwrap();
    }
    browser.click("#ask button[type=submit]").await.unwrap();
}

/// Types a code and sends it.
async fn prove(browser: &Browser, code: &str) {
    browser.fill("#code", code).await.unwrap();
    browser.click("#prove button[type=submit]").await.unwrap();
}

/// Nothing in the console but the refusals that were asked for: of a policy no violation, of a script no mistake.
async fn console_is_quiet(browser: &Browser) {
    for line in browser.console().await.unwrap() {
        let refused = line.source == "network"
            && (line.message.contains("/v1/") || line.message.contains("/verify/"))
            && line.message.contains("responded with a status of 4");
        assert!(refused, "{line:?}");
    }
}

/// None of these is in what the browser keeps or shows elsewhere than in the page: addresses, history, storage, cookies.
async fn keeps_none(browser: &Browser, secrets: &[&str]) {
    let kept: Vec<String> = browser
        .run(
            "const texts = [location.href, document.title, document.cookie, window.name, document.referrer];
             texts.push(JSON.stringify(history.state), JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }));
             texts.push(...performance.getEntries().map((entry) => entry.name));
             return Promise.all([indexedDB.databases(), caches.keys(), navigator.serviceWorker.getRegistrations()])
                 .then((all) => [...texts, JSON.stringify(all)]);",
        )
        .await
        .unwrap();
    let history = browser.chromium("Page.getNavigationHistory", json!({})).await;
    let history = history.unwrap().to_string();
    assert!(history.contains("/register"), "{history}");
    assert_eq!(kept.last().unwrap(), "[[],[],[]]", "databases, caches, workers");
    assert_eq!(
        (kept[2].as_str(), kept[6].as_str(), kept[7].as_str()),
        ("", "{}", "{}")
    );
    for text in kept.iter().chain([&history]) {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// Whether any file of a folder has this text, in UTF-8 or UTF-16; as far as files aren't compressed.
fn is_kept_in(folder: &Path, text: &str) -> bool {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_symlink() || !(path.is_dir() || path.is_file()) {
            return false;
        }
        if path.is_dir() {
            return is_kept_in(&path, text);
        }
        let bytes = fs::read(&path).unwrap();
        has(&bytes, text.as_bytes()) || has(&bytes, &wide)
    })
}
