//! What the pages' policy is worth in a browser that enforces it.

use std::io::Read;
use std::net::TcpListener;

use belay_tests::until::until;
use belay_tests::webdriver::Habits;

use super::{at_page, begin, has_browser};
use crate::owner::{ADA, PASSWORD};
use crate::scene::scene;

#[tokio::test]
async fn what_slips_into_the_page_neither_runs_nor_tells_anybody_and_a_form_sends_no_password() {
    if !has_browser() {
        return;
    }
    let scene = scene().await;
    let browser = at_page(&scene, &Habits::default()).await;
    begin(&browser).await;
    for (field, text) in [
        ("#identifier", ADA),
        ("#password", PASSWORD),
        ("#again", PASSWORD),
    ] {
        browser.fill(field, text).await.unwrap();
    }
    let thief = TcpListener::bind("127.0.0.1:0").unwrap();
    thief.set_nonblocking(true).unwrap();
    let port = thief.local_addr().unwrap().port();
    let there = format!("127.0.0.1:{port}");
    let deeds = [
        ("script-src", "const s = document.createElement('script'); s.textContent = 'globalThis.ran = true'; document.body.append(s)".to_owned()),
        ("script-src", "document.body.setAttribute('onclick', 'globalThis.ran = true'); document.body.click()".to_owned()),
        ("script-src", format!("const s = document.createElement('script'); s.src = 'http://{there}/'; document.body.append(s)")),
        ("style-src", "document.body.setAttribute('style', 'color: red')".to_owned()),
        ("connect-src", format!("fetch('http://{there}/', {{ mode: 'no-cors' }}).catch(() => undefined)")),
        ("connect-src", format!("try {{ new WebSocket('ws://{there}/') }} catch {{ }}")),
        ("connect-src", format!("navigator.sendBeacon('http://{there}/', 'x')")),
        ("img-src", format!("new Image().src = 'http://{there}/'")),
        ("frame-src", format!("const f = document.createElement('iframe'); f.src = 'http://{there}/'; document.body.append(f)")),
        ("base-uri", format!("const b = document.createElement('base'); b.href = 'http://{there}/'; document.head.append(b)")),
        ("form-action", "document.getElementById('ask').submit()".to_owned()),
    ];
    browser
        .run::<()>(
            "globalThis.stopped = [];
             document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => stopped.push(effectiveDirective))",
        )
        .await
        .unwrap();
    for (place, (directive, deed)) in deeds.iter().enumerate() {
        browser
            .run::<()>(&format!("{{ {deed} }} return null"))
            .await
            .unwrap();
        let count = place + 1;
        let stopped = until(&format!("{directive} to stop {deed}"), async || {
            let stopped: Vec<String> = browser.run("return stopped").await.unwrap();
            (stopped.len() >= count).then_some(stopped)
        })
        .await
        .unwrap();
        assert_eq!(stopped.len(), count, "{stopped:?}");
        assert!(stopped[place].starts_with(directive), "{deed}: {stopped:?}");
    }
    assert!(
        !browser
            .run::<bool>("return globalThis.ran === true")
            .await
            .unwrap()
    );
    assert_eq!(
        browser.url().await.unwrap(),
        format!("{}/register", scene.network().url())
    );
    // For a frame Chromium connects before it looks at the policy; it sends nothing.
    while let Ok((mut stream, _)) = thief.accept() {
        stream.set_nonblocking(true).unwrap();
        let told = stream.read(&mut [0; 1]);
        assert!(!matches!(told, Ok(count) if count > 0), "{told:?}");
    }
    // So a violation does come into the console, where other tests look for it.
    let lines = browser.console().await.unwrap();
    let told = lines
        .iter()
        .filter(|line| line.message.contains("Content Security Policy"));
    assert!(told.count() >= deeds.len(), "{lines:?}");
}
