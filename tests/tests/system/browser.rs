//! Registration in a browser: the scripts that the cloud serves, run by node, against that cloud; then a device signs in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use belay_tests::app::{ACCOUNT, entry, refused};
use belay_tests::proxy::Trick;
use belay_tests::until::within;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::account_life::{NEW, begin_recovery, recover};
use crate::http;
use crate::owner::{ADA, BEN, BENS, PASSWORD, app, code, other_code, state};
use crate::scene::{Scene, scene, skipped};

/// Where the scripts are that play the browser.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser");
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/vectors");

/// From this version on node has Ed25519 among WebCrypto's keys, and `crypto` in modules, as browsers do; `.ci/prepare` looks for it.
const NODE: u32 = 20;

/// Whether node is here to run the scripts, and new enough for their keys; says exactly what is missing where it isn't.
async fn has_node() -> bool {
    let told = Command::new("node").arg("--version").output().await;
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    let missing = match told {
        Ok(version) if is_new_enough(&version) => return true,
        Ok(version) => format!("here is node {version}"),
        Err(error) => format!("node can't be run: {error}"),
    };
    skipped(&format!(
        "registration in a browser needs node {NODE} or newer, and {missing}"
    ));
    false
}

/// Of a version as `node --version` tells it.
fn is_new_enough(version: &str) -> bool {
    let major = version.strip_prefix('v').and_then(|rest| rest.split('.').next());
    major
        .and_then(|major| major.parse().ok())
        .is_some_and(|major: u32| major >= NODE)
}

#[test]
fn node_is_new_enough_from_20_on() {
    for (version, is_enough) in [
        ("v20.0.0", true),
        ("v22.11.0", true),
        ("v100.1.2", true),
        ("v18.20.4", false),
        ("v9.0.0", false),
        ("20.1.0", false),
        ("", false),
    ] {
        assert_eq!(is_new_enough(version), is_enough, "{version}");
    }
}

/// The scripts as this cloud serves them, with all that they import. They are modules, as in a browser.
async fn scripts(scene: &Scene) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("vendor")).unwrap();
    fs::write(folder.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    let page = http::get(scene, "/register").await;
    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.body).unwrap();
    assert!(html.contains(r#"src="/register/page.mjs""#), "{html}");
    let mut wanted = vec!["page.mjs".to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let file = http::get(scene, &format!("/register/{name}")).await;
        assert_eq!(file.status, 200, "{name}");
        let text = String::from_utf8(file.body).unwrap();
        if !name.starts_with("vendor/") {
            let imports = text.lines().filter(|line| line.starts_with("import "));
            let named = imports.map(|line| line.split('\'').nth(1).unwrap());
            wanted.extend(named.map(|name| name.strip_prefix("./").unwrap().to_owned()));
        }
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

async fn node(script: &str, arguments: &[&Path]) -> Output {
    let script = Path::new(HERE).join(script);
    let mut command = Command::new("node");
    command.arg(script).args(arguments).stdin(Stdio::null());
    within("node to end", command.output()).await.unwrap().unwrap()
}

/// A page that somebody has open.
struct Browser {
    _process: Child,
    keys: ChildStdin,
    screen: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Somebody types address and password, and sends them.
    fn open(scripts: &Path, origin: &str, who: &str, password: &str) -> Self {
        Self::run("register.mjs", scripts, &[origin, who, password])
    }

    fn run(script: &str, scripts: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new("node")
            .arg(Path::new(HERE).join(script))
            .arg(scripts)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let keys = process.stdin.take().unwrap();
        let screen = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            _process: process,
            keys,
            screen,
        }
    }

    async fn shows(&mut self) -> Value {
        let line = within("the page to say something", self.screen.next_line()).await;
        serde_json::from_str(&line.unwrap().unwrap().unwrap()).unwrap()
    }

    /// Types a code, and reads what comes.
    async fn types(&mut self, code: &str) -> Value {
        self.keys.write_all(format!("{code}\n").as_bytes()).await.unwrap();
        self.shows().await
    }
}

#[tokio::test]
async fn the_vectors_hold_for_the_pages_scripts() {
    if !has_node().await {
        return;
    }
    let scene = scene().await;
    let folder = scripts(&scene).await;
    let done = node("vectors.mjs", &[folder.path(), Path::new(VECTORS)]).await;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{complaints}");
    let held: Vec<_> = said.lines().collect();
    assert_eq!(
        held,
        [
            "cbor 15",
            "password 3",
            "root 2",
            "wrapped_root 2",
            "recovery_code 5",
            "credentials 2",
            "keyring 2",
            "dpop 1"
        ]
    );
}

#[tokio::test]
async fn an_account_made_in_a_browser_opens_on_a_device_and_its_recovery_code_recovers_it() {
    if !has_node().await {
        return;
    }
    let scene = scene().await;
    let (folder, origin) = (scripts(&scene).await, scene.network().url());
    let mut browser = Browser::open(folder.path(), &origin, ADA, PASSWORD);
    assert_eq!(browser.shows().await, json!({ "resendIn": 900_000 }));
    let right = code(&scene, ADA).await;
    assert_eq!(
        browser.types(&other_code(&right)).await,
        json!({ "refused": "wrong-code", "triesLeft": 4 })
    );
    assert_eq!(browser.types("resend").await["refused"], "too-soon");
    // As people copy it out of a mail.
    let spaced = format!(" {} {}", &right[..3], &right[3..]);
    let made = browser.types(&spaced).await;
    let recovery = made["recoveryCode"]
        .as_str()
        .unwrap_or_else(|| panic!("{made}"))
        .to_owned();
    // Nothing that a page sent has the password, or the code that opens the account without it.
    for exchange in scene.network().exchanges() {
        let sent = String::from_utf8_lossy(&exchange.request).into_owned();
        for secret in [PASSWORD, &recovery, &recovery.replace('-', "")] {
            assert!(!sent.contains(secret), "{} {}", exchange.method, exchange.path);
        }
    }
    drop(browser);
    opens_on_a_device(&scene, "de", &recovery).await;
}

/// Ada's account, made in a browser that likes this language, is the device's for her password alone, and her recovery code
/// recovers it.
pub async fn opens_on_a_device(scene: &Scene, language: &str, recovery: &str) {
    let app = app(scene);
    refused(app.sign_in(ADA, BENS).await.unwrap(), "WrongPassword").unwrap();
    app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(scene).await, "bound");
    let profile = app.get(ACCOUNT, "Profile").await.unwrap();
    assert_eq!(entry(&profile, "language"), language);
    // The root opens here too: the owner's password signs with it, and the warden's own check knows the password.
    app.sign_out(PASSWORD).await.unwrap().unwrap();

    let (id, code) = begin_recovery(scene, scene).await;
    recover(scene, &id, &code, recovery).await.unwrap();
    refused(app.sign_in(ADA, PASSWORD).await.unwrap(), "WrongPassword").unwrap();
    app.sign_in(ADA, NEW).await.unwrap().unwrap();
    assert_eq!(state(scene).await, "bound");
}

#[tokio::test]
async fn an_opened_link_confirms_in_a_browser_too_and_a_lost_answer_makes_no_second_account() {
    if !has_node().await {
        return;
    }
    let scene = scene().await;
    let (folder, origin) = (scripts(&scene).await, scene.network().url());
    let mut browser = Browser::open(folder.path(), &origin, BEN, BENS);
    browser.shows().await;
    assert_eq!(browser.types("").await["refused"], "not-confirmed");
    let link = scene.outbox().next(BEN).await.unwrap().link.unwrap();
    let path = link.strip_prefix(&origin).unwrap();
    let page = http::get(&scene, path).await;
    assert!(String::from_utf8(page.body).unwrap().contains("a web browser"));
    assert!(http::post_form(&scene, path).await.status < 400);
    scene.network().plan("/v1/accounts", 1, &Trick::LoseAnswer);
    assert_eq!(browser.types("").await["refused"], "offline");
    let made = browser.types("").await;
    assert_eq!(made["recoveryCode"].as_str().unwrap().len(), 41, "{made}");
    // Another one is told that the address is taken, and only once it is proved theirs.
    let mut other = Browser::open(folder.path(), &origin, BEN, PASSWORD);
    other.shows().await;
    let code = code(&scene, BEN).await;
    assert_eq!(other.types(&code).await["refused"], "identifier-taken");
    app(&scene).sign_in(BEN, BENS).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_page_takes_no_password_that_a_device_would_refuse() {
    if !has_node().await {
        return;
    }
    let scene = scene().await;
    let (folder, origin) = (scripts(&scene).await, scene.network().url());
    let before = scene.network().exchanges().len();
    for (password, why) in [
        ("a1b2c3", "password-short"),
        ("nodigitsbutratherlongandodd", "password-simple"),
        ("8371649926480172", "password-simple"),
        ("password1", "password-weak"),
        ("ada@example.org1", "password-weak"),
        ("example.org-4711", "password-weak"),
        (&"lantern49".repeat(120), "password-long"),
    ] {
        let mut browser = Browser::open(folder.path(), &origin, ADA, password);
        assert_eq!(browser.shows().await["refused"], why, "{password}");
        let refused_here = app(&scene).register(ADA, password, &Default::default()).await;
        assert!(
            refused_here.is_err() || refused_here.unwrap().is_err(),
            "{password}"
        );
    }
    let mut browser = Browser::open(folder.path(), &origin, "ada at example", PASSWORD);
    assert_eq!(browser.shows().await["refused"], "invalid-address");
    let asked = scene.network().exchanges().split_off(before);
    assert!(
        asked.iter().filter(|e| e.path == "/v1/verifications").count() <= 2,
        "{asked:?}"
    );
}

#[tokio::test]
async fn the_page_leads_from_whom_one_trusts_to_the_recovery_code() {
    if !has_node().await {
        return;
    }
    let scene = scene().await;
    let (folder, origin) = (scripts(&scene).await, scene.network().url());
    let html = folder.path().join("page.html");
    fs::write(&html, http::get(&scene, "/register").await.body).unwrap();
    let mut page = Browser::run("page.mjs", folder.path(), &[&html.display().to_string(), &origin]);
    let see = |page: &Value| (page["steps"].clone(), page["errors"].clone());
    let ask = |password: &str, again: &str| {
        let fill = json!({ "identifier": ADA, "password": password, "again": again });
        json!({ "fill": fill, "submit": "ask" }).to_string()
    };
    assert_eq!(see(&page.shows().await), (json!(["trust"]), json!([])));
    let begun = page.types(r#"{"click": "start"}"#).await;
    assert_eq!(see(&begun), (json!(["ask"]), json!([])));
    for (password, again, error) in [
        (PASSWORD, BENS, "error-different"),
        ("password1", "password1", "error-password-weak"),
    ] {
        let refused = page.types(&ask(password, again)).await;
        assert_eq!(see(&refused), (json!(["ask"]), json!([error])));
    }
    let sent = page.types(&ask(PASSWORD, PASSWORD)).await;
    assert_eq!(see(&sent), (json!(["prove"]), json!([])));
    assert_eq!((&sent["address"], &sent["typed"]), (&json!(ADA), &json!("")));
    let early = page.types(r#"{"click": "resend"}"#).await;
    assert_eq!(see(&early), (json!(["prove"]), json!(["error-too-soon"])));
    // The cloud's clock runs only when it is told to.
    assert_eq!(
        (&early["wait"], &early["tries"]),
        (&json!("15 minutes"), &json!(null))
    );
    let code = code(&scene, ADA).await;
    let prove = |code: &str| json!({ "fill": { "code": code }, "submit": "prove" }).to_string();
    let wrong = page.types(&prove(&other_code(&code))).await;
    assert_eq!(see(&wrong), (json!(["prove"]), json!(["error-wrong-code"])));
    assert_eq!((&wrong["wait"], &wrong["tries"]), (&json!(null), &json!(4)));
    scene
        .network()
        .plan("/v1/verifications/", 1, &Trick::waits(429, "too-many", 7_201));
    let many = page.types(&prove("000000")).await;
    assert_eq!(see(&many), (json!(["prove"]), json!(["error-too-many"])));
    assert_eq!(many["wait"], "3 hours");
    let made = page.types(&prove(&code)).await;
    assert_eq!(see(&made), (json!(["written"]), json!([])));
    assert_eq!(made["recovery"].as_str().unwrap().len(), 41);
    assert_eq!(made["stays"], 1, "nobody leaves by accident");
    let done = page.types(r#"{"click": "acknowledge"}"#).await;
    assert_eq!(see(&done), (json!(["done"]), json!([])));
    assert_eq!((&done["recovery"], &done["stays"]), (&json!(""), &json!(0)));
    app(&scene).sign_in(ADA, PASSWORD).await.unwrap().unwrap();
}
