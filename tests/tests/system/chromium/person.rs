//! A person registers, by hand, by link, by keyboard.

use belay_tests::webdriver::Habits;
use belay_tests::webdriver::keys::{ENTER, TAB};

use super::{ask, at_page, begin, console_is_quiet, has_browser, is_kept_in, keeps_none, prove};
use crate::browser::opens_on_a_device;
use crate::owner::{ADA, BEN, BENS, PASSWORD, app, code, other_code};
use crate::scene::scene;

#[tokio::test]
async fn somebody_registers_in_a_real_browser_and_a_device_signs_in_and_recovers() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let browser = at_page(&scene, &Habits::default()).await;
    assert!(
        browser
            .text("#trust")
            .await
            .unwrap()
            .contains("you trust whoever serves this page")
    );
    begin(&browser).await;
    assert_eq!(browser.focus().await.unwrap(), "identifier");
    for (who, password, again, error, field, words) in [
        (
            "ada at example",
            PASSWORD,
            PASSWORD,
            "invalid-address",
            "identifier",
            "neither an e-mail address",
        ),
        (
            ADA,
            "password1",
            "password1",
            "password-weak",
            "password",
            "too easy to guess",
        ),
        (
            ADA,
            "short1",
            "short1",
            "password-short",
            "password",
            "at least 8 characters",
        ),
        (ADA, PASSWORD, BENS, "different", "again", "not the same"),
    ] {
        ask(&browser, who, password, again).await;
        browser.shows(&format!("#error-{error}")).await.unwrap();
        let said = browser.text("#errors").await.unwrap();
        assert!(said.contains(words) && !said.contains('\n'), "only that: {said}");
        // What is wrong is marked, and typing replaces it.
        assert_eq!(browser.focus().await.unwrap(), field);
        let marked = "return [...document.querySelectorAll('[aria-invalid]')].map(({ id }) => id)";
        assert_eq!(browser.run::<Vec<String>>(marked).await.unwrap(), [field]);
        keeps_none(&browser, &[password]).await;
    }
    ask(&browser, ADA, PASSWORD, PASSWORD).await;
    browser.shows("#prove").await.unwrap();
    assert_eq!(browser.text("#errors").await.unwrap(), "");
    assert_eq!(browser.text("#address").await.unwrap(), ADA);
    let typed = "return document.getElementById('password').value + document.getElementById('again').value";
    assert_eq!(browser.run::<String>(typed).await.unwrap(), "");

    let mail = scene.outbox().next(ADA).await.unwrap();
    let (right, link) = (mail.code.unwrap(), mail.link.unwrap());
    browser.click("#resend").await.unwrap();
    browser.shows("#error-too-soon").await.unwrap();
    prove(&browser, &other_code(&right)).await;
    browser.shows("#error-wrong-code").await.unwrap();
    assert_eq!(browser.focus().await.unwrap(), "code");
    // As people copy it out of a mail.
    prove(&browser, &format!(" {} {}", &right[..3], &right[3..])).await;
    browser.shows("#written").await.unwrap();
    let recovery = browser.text("#recovery").await.unwrap().replace('\n', "");
    assert_eq!(recovery.len(), 41, "{recovery}");
    let bare = recovery.replace('-', "");
    let secrets = [PASSWORD, &recovery, &bare, &right];
    keeps_none(&browser, &secrets).await;
    browser.click("#acknowledge").await.unwrap();
    browser.shows("#done").await.unwrap();
    let page: String = browser
        .run("return document.documentElement.outerHTML")
        .await
        .unwrap();
    assert!(!page.contains(&recovery[..9]), "it is shown once");
    keeps_none(&browser, &secrets).await;
    console_is_quiet(&browser).await;

    let profile = browser.profile().to_owned();
    browser.quit().await.unwrap();
    assert!(
        is_kept_in(&profile, "/register"),
        "the search finds what is there"
    );
    for secret in [PASSWORD, &recovery, &bare] {
        assert!(!is_kept_in(&profile, secret));
    }
    let token = link.rsplit_once('/').unwrap().1;
    for (name, log) in scene.logs().unwrap() {
        let log = String::from_utf8_lossy(&log);
        for secret in [PASSWORD, &recovery, &bare, token] {
            assert!(!log.contains(secret), "{secret} in {name}");
        }
    }
    for exchange in scene.network().exchanges() {
        let sent = String::from_utf8_lossy(&exchange.request).into_owned();
        for secret in [PASSWORD, &recovery, &bare] {
            assert!(!sent.contains(secret), "{} {}", exchange.method, exchange.path);
        }
        for (name, value) in &exchange.request_headers {
            assert!(name != "cookie" && name != "referer", "{name}: {value}");
        }
    }
    opens_on_a_device(&scene, "en", &recovery).await;
}

#[tokio::test]
async fn the_mails_link_confirms_by_its_button_and_the_page_goes_on_without_a_code() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let browser = at_page(&scene, &Habits::default()).await;
    begin(&browser).await;
    ask(&browser, BEN, BENS, BENS).await;
    browser.shows("#prove").await.unwrap();
    let link = scene.outbox().next(BEN).await.unwrap().link.unwrap();
    prove(&browser, "").await;
    browser.shows("#error-not-confirmed").await.unwrap();

    let form = browser.another_tab().await.unwrap();
    browser.open(&link).await.unwrap();
    let read = browser.text("main").await.unwrap();
    assert!(
        read.contains("a web browser") && read.contains("Confirm only if"),
        "{read}"
    );
    // Looked at, and not more: whoever scans mails confirms nothing.
    browser.tab(&form).await.unwrap();
    prove(&browser, "").await;
    browser.shows("#error-not-confirmed").await.unwrap();
    browser.another_tab().await.unwrap();
    browser.open(&link).await.unwrap();
    browser.press(TAB).await.unwrap();
    assert_eq!(browser.focus().await.unwrap(), "button");
    browser.press(ENTER).await.unwrap();
    // The page that answers has no button any more.
    browser.shows("main:not(:has(form))").await.unwrap();
    assert!(browser.text("h1").await.unwrap().contains("is confirmed"));
    assert_eq!(browser.url().await.unwrap(), link, "it can be loaded again");
    browser
        .open(&format!(
            "{}/verify/AAAAAAAAAAAAAAAAAAAAAA",
            scene.network().url()
        ))
        .await
        .unwrap();
    assert!(browser.text("main").await.unwrap().contains("no longer valid"));
    console_is_quiet(&browser).await;

    browser.tab(&form).await.unwrap();
    prove(&browser, "").await;
    browser.shows("#written").await.unwrap();
    console_is_quiet(&browser).await;
    for exchange in scene.network().exchanges() {
        let mut headers = exchange.request_headers.iter();
        assert!(headers.all(|(name, _)| name != "referer"), "{}", exchange.path);
    }
    app(&scene).sign_in(BEN, BENS).await.unwrap().unwrap();
}

/// Goes on by the tab key, through these.
async fn tabs(browser: &belay_tests::webdriver::Browser, through: &[&str]) {
    for has in through {
        browser.press(TAB).await.unwrap();
        assert_eq!(browser.focus().await.unwrap(), *has);
    }
}

#[tokio::test]
async fn the_keyboard_alone_will_do_and_enter_pressed_too_often_takes_no_code_away() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let browser = at_page(&scene, &Habits::default()).await;
    browser.shows("#start:enabled").await.unwrap();
    tabs(&browser, &["start"]).await;
    browser.press(ENTER).await.unwrap();
    assert_eq!(browser.focus().await.unwrap(), "identifier");
    // Sent too early: the browser says what is missing, and nothing is sent.
    browser.press(ENTER).await.unwrap();
    assert_eq!(browser.focus().await.unwrap(), "identifier");
    browser.press(ADA).await.unwrap();
    tabs(&browser, &["password"]).await;
    browser.press(PASSWORD).await.unwrap();
    tabs(&browser, &["again"]).await;
    browser.press(BENS).await.unwrap();
    tabs(&browser, &["button"]).await;
    browser.press(ENTER).await.unwrap();
    browser.shows("#error-different").await.unwrap();
    browser.press(&format!("{PASSWORD}{ENTER}")).await.unwrap();
    browser.shows("#prove").await.unwrap();
    assert_eq!(browser.focus().await.unwrap(), "code");
    tabs(&browser, &["button", "resend", "anew"]).await;
    let right = code(&scene, ADA).await;
    browser
        .run::<()>("document.getElementById('code').focus()")
        .await
        .unwrap();
    browser
        .press(&format!("{}{ENTER}", other_code(&right)))
        .await
        .unwrap();
    browser.shows("#error-wrong-code").await.unwrap();
    // Enter is pressed on and on, until the account is there and after.
    browser
        .press(&format!("{right}{ENTER}{ENTER}{ENTER}"))
        .await
        .unwrap();
    browser.shows("#written").await.unwrap();
    browser.press(&format!("{ENTER}{ENTER} ")).await.unwrap();
    let stands = browser.text("#recovery").await.unwrap().replace('\n', "");
    assert_eq!(stands.len(), 41, "{stands}");
    tabs(&browser, &["acknowledge"]).await;
    browser.press(ENTER).await.unwrap();
    browser.shows("#done").await.unwrap();
    console_is_quiet(&browser).await;
    let asked = scene.network().exchanges();
    let made = asked.iter().filter(|exchange| exchange.path == "/v1/accounts");
    assert_eq!(made.count(), 1);
}

#[tokio::test]
async fn another_address_is_a_new_beginning_and_a_shown_code_isnt_left_by_accident() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let browser = at_page(&scene, &Habits::default()).await;
    begin(&browser).await;
    ask(&browser, "bne@example.org", BENS, BENS).await;
    browser.shows("#prove").await.unwrap();
    browser.click("#anew").await.unwrap();
    begin(&browser).await;
    let typed = "return [...document.querySelectorAll('input')].map(({ value }) => value).join('')";
    assert_eq!(browser.run::<String>(typed).await.unwrap(), "");
    ask(&browser, BEN, BENS, BENS).await;
    browser.shows("#prove").await.unwrap();
    prove(&browser, &code(&scene, BEN).await).await;
    browser.shows("#written").await.unwrap();
    let asks = "return dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    assert!(
        !browser.run::<bool>(asks).await.unwrap(),
        "the browser asks first"
    );
    browser.click("#acknowledge").await.unwrap();
    browser.shows("#done").await.unwrap();
    assert!(browser.run::<bool>(asks).await.unwrap(), "and then no more");
    app(&scene).sign_in(BEN, BENS).await.unwrap().unwrap();
}
