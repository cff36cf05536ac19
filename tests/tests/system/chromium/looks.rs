//! How the pages look on a small phone, in each language.

use belay_tests::webdriver::{Browser, Habits};
use serde_json::Value;

use super::{ask, at_page, begin, console_is_quiet, has_browser, narrow, prove};
use crate::owner::{BENS, PASSWORD, other_code};
use crate::scene::{Scene, is_long, scene};

/// What is wrong with what is to be seen: wider than the screen, too small to read or to hit, cut off, without a name, or too
/// pale on its ground.
const JUDGE: &str = r"
    const wrong = [];
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > wide) wrong.push(`${document.documentElement.scrollWidth} px wide`);
    const luminance = (colour) => {
        const [red, green, blue] = colour.map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const parts = (text) => text.match(/[\d.]+/g).map(Number);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parts(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
        }
        return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
    };
    for (const element of document.querySelectorAll('h1, p, label, input, button, a, strong')) {
        if (!element.checkVisibility({ checkVisibilityCSS: true })) continue;
        const { left, right, height } = element.getBoundingClientRect();
        const style = getComputedStyle(element);
        const name = element.id || `${element.localName} ${element.textContent.slice(0, 20)}`;
        if (left < 0 || right > wide) wrong.push(`${name} from ${left} to ${right}`);
        if (parseFloat(style.fontSize) < 16) wrong.push(`${name} in ${style.fontSize}`);
        if (/^(input|button|a)$/.test(element.localName) && height < 44) wrong.push(`${name} ${height} px high`);
        const flows = style.display !== 'inline' && element.localName !== 'input';
        if (flows && element.scrollWidth > element.clientWidth + 1) wrong.push(`${name} is cut off`);
        if (element.localName === 'input' && element.labels.length === 0) wrong.push(`${name} has no label`);
        const [light, dark] = [parts(style.color).slice(0, 3), ground(element)].map(luminance).sort((one, other) => other - one);
        const contrast = (light + 0.05) / (dark + 0.05);
        if (contrast < 4.5 && !element.disabled) wrong.push(`${name} with a contrast of ${contrast}`);
    }
    for (const line of document.querySelectorAll('#errors > p')) {
        if (line.hidden) continue;
        const [said, field] = [line, document.activeElement].map((element) => element.getBoundingClientRect());
        for (const { top, bottom } of [said, field]) {
            if (top < 0 || bottom > innerHeight) wrong.push(`${line.id} or its field from ${top} to ${bottom}`);
        }
        if (field.top < said.bottom && field.bottom > said.top) wrong.push(`${line.id} over its field`);
    }
    return wrong";

async fn looks_well(browser: &Browser, name: &str) {
    browser.picture(name).await.unwrap();
    let wrong: Vec<String> = browser.run(JUDGE).await.unwrap();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
}

/// The texts of the page by their ids, those too that aren't to be seen.
async fn texts(browser: &Browser) -> Vec<String> {
    let all = "return [...document.querySelectorAll('main *')]
        .filter(({ childElementCount, textContent }) => childElementCount === 0 && /\\p{L}/u.test(textContent))
        .map(({ textContent }) => textContent.trim())";
    browser.run(all).await.unwrap()
}

/// Each step and the pages of the link, in one language and these colours.
async fn all_in(scene: &Scene, language: &str, colours: &str) -> Vec<String> {
    let habits = Habits {
        languages: language.to_owned(),
        ..Habits::default()
    };
    let browser = at_page(scene, &habits).await;
    narrow(&browser, colours).await;
    let picture = |step: &str| format!("{language}-{colours}-{step}");
    browser.shows("#start:enabled").await.unwrap();
    let tag: Value = browser.run("return document.documentElement.lang").await.unwrap();
    assert_eq!(tag, language);
    let texts = texts(&browser).await;
    looks_well(&browser, &picture("1-trust")).await;
    begin(&browser).await;
    looks_well(&browser, &picture("2-ask")).await;
    let who = format!("somebody.with.a.rather.long.name+{language}.{colours}@example.org");
    for (address, password, again, error) in [
        ("nobody", PASSWORD, PASSWORD, "invalid-address"),
        (who.as_str(), "password1", "password1", "password-weak"),
        (&who, PASSWORD, BENS, "different"),
    ] {
        ask(&browser, address, password, again).await;
        browser.shows(&format!("#error-{error}")).await.unwrap();
        looks_well(&browser, &picture(&format!("3-{error}"))).await;
    }
    ask(&browser, &who, PASSWORD, PASSWORD).await;
    browser.shows("#prove").await.unwrap();
    looks_well(&browser, &picture("4-prove")).await;
    let mail = scene.outbox().next(&who).await.unwrap();
    let (right, link) = (mail.code.unwrap(), mail.link.unwrap());
    let form = browser.another_tab().await.unwrap();
    narrow(&browser, colours).await;
    browser.open(&link).await.unwrap();
    looks_well(&browser, &picture("8-link")).await;
    browser.tab(&form).await.unwrap();
    prove(&browser, &other_code(&right)).await;
    browser.shows("#error-wrong-code").await.unwrap();
    looks_well(&browser, &picture("5-wrong-code")).await;
    prove(&browser, &right).await;
    browser.shows("#written").await.unwrap();
    looks_well(&browser, &picture("6-written")).await;
    // No group is torn in two.
    let lines = browser.text("#recovery").await.unwrap();
    assert!(
        lines.lines().rev().skip(1).all(|line| line.ends_with('-')),
        "{lines}"
    );
    browser.click("#acknowledge").await.unwrap();
    browser.shows("#done").await.unwrap();
    looks_well(&browser, &picture("7-done")).await;
    browser.open(&link).await.unwrap();
    looks_well(&browser, &picture("9-confirmed")).await;
    browser
        .open(&format!("{}/verify/x", scene.network().url()))
        .await
        .unwrap();
    looks_well(&browser, &picture("9-gone")).await;
    console_is_quiet(&browser).await;
    texts
}

#[tokio::test]
async fn a_small_screen_shows_all_of_it_in_each_language_in_light_and_dark() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let english = all_in(&scene, "en", "dark").await;
    let others = match is_long() {
        true => vec![
            ("en", "light"),
            ("de", "light"),
            ("it", "dark"),
            ("mr", "light"),
            ("ru", "dark"),
        ],
        false => vec![("ru", "light")],
    };
    for (language, colours) in others {
        let texts = all_in(&scene, language, colours).await;
        assert_eq!(texts.len(), english.len());
        let same: Vec<_> = texts.iter().filter(|text| english.contains(text)).collect();
        assert!(language == "en" || same.is_empty(), "{language} has {same:?}");
    }
}
