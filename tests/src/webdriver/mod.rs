//! A real browser without a screen: Chromium, driven by `chromedriver` as WebDriver (W3C) has it.
//!
//! It runs as the programs' user, with a profile of its own in the stage's folder, and ends with its driver, which ends with us.

mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::process::{Process, Program};
use crate::surprise::During;
use crate::until::until;
use crate::{Outcome, Stage, Surprise};

/// The program that drives.
const DRIVER: &str = "chromedriver";

/// What it says once it listens; the port follows.
const LISTENS: &str = "started successfully on port ";

/// How WebDriver names the reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What WebDriver calls the reference to an element of a page that isn't there any more.
const STALE: &str = "stale element reference";

/// The variable that names a folder for pictures of what was seen.
pub const PICTURES: &str = "BELAY_PICTURES";

/// Keys without a letter, as WebDriver writes them.
pub mod keys {
    /// To the next that can have the focus.
    pub const TAB: &str = "\u{e004}";
    /// The main one.
    pub const ENTER: &str = "\u{e007}";
}

/// Whose browser it is.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// The languages that its owner reads, as `Accept-Language` has them; empty is English.
    pub languages: String,
    /// Whether the owner lets pages run scripts.
    pub no_scripts: bool,
    /// A host that is at this address, unlike what the resolver says.
    pub host: Option<(&'static str, String)>,
}

/// A line of the browser's console.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    /// `SEVERE` and less.
    pub level: String,
    /// Who says it: `security`, `network`, `javascript`, `console-api` …
    #[serde(default)]
    pub source: String,
    /// What.
    pub message: String,
}

/// A running browser. Dropping it kills it.
#[derive(Debug)]
pub struct Browser {
    driver: Process,
    address: SocketAddr,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// Whether this machine has one.
    #[must_use]
    pub fn is_here() -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(DRIVER).is_file())
    }

    /// Starts one, with an empty profile.
    ///
    /// # Errors
    /// Where it doesn't come up.
    pub async fn start(stage: &Stage, habits: &Habits) -> Outcome<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("browser-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let profile = stage.place().folder(&name, 0o700)?;
        let log = stage.place().at(&format!("logs/{name}.log"));
        let args = ["role", "exec", DRIVER, "--port=0"];
        let mut driver = Program::new(DRIVER, stage.exe(), args, &log)
            .env("HOME", &profile)
            .env("TMPDIR", &profile)
            .start()?;
        let address = listening(&mut driver).await?;
        let wishes = wishes(habits, &profile);
        let session = wire::command(address, "POST", "/session", &wishes).await;
        let session = session.during("starting the browser")?;
        let session = session["sessionId"].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            driver,
            address,
            session,
            profile,
        })
    }

    /// Its profile: all that it keeps.
    #[must_use]
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    /// Goes to an address and waits until the page has loaded.
    ///
    /// # Errors
    /// Where the browser can't.
    pub async fn open(&self, url: &str) -> Outcome {
        self.post("/url", &json!({ "url": url })).await?;
        Ok(())
    }

    /// What a function with this body returns in the page.
    ///
    /// # Errors
    /// What it throws, or where it returns another type.
    pub async fn run<T: DeserializeOwned>(&self, script: &str) -> Outcome<T> {
        let answer = self
            .post("/execute/sync", &json!({ "script": script, "args": [] }))
            .await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Waits until there is something to be seen at this selector.
    ///
    /// # Errors
    /// Where nothing comes.
    pub async fn shows(&self, css: &str) -> Outcome {
        until(&format!("{css} to be seen"), async || {
            match self.displayed(css).await {
                Ok(false) => None,
                Ok(true) => Some(Ok(())),
                Err(surprise) => Some(Err(surprise)),
            }
        })
        .await?
    }

    /// Whether it is to be seen now.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn displayed(&self, css: &str) -> Outcome<bool> {
        let query = json!({ "using": "css selector", "value": css });
        let found = self.post("/elements", &query).await?;
        let Some(id) = found[0][ELEMENT].as_str() else {
            return Ok(false);
        };
        match self.get(&format!("/element/{id}/displayed")).await {
            // Meanwhile the browser has gone on to another page.
            Err(surprise) if surprise.to_string().contains(STALE) => Ok(false),
            seen => Ok(seen? == Value::Bool(true)),
        }
    }

    /// Clicks on it.
    ///
    /// # Errors
    /// Where it isn't there, or something is in front of it.
    pub async fn click(&self, css: &str) -> Outcome {
        let id = self.element(css).await?;
        self.post(&format!("/element/{id}/click"), &json!({})).await?;
        Ok(())
    }

    /// Empties a field and types this.
    ///
    /// # Errors
    /// Where there is no such field.
    pub async fn fill(&self, css: &str, text: &str) -> Outcome {
        let id = self.element(css).await?;
        self.post(&format!("/element/{id}/clear"), &json!({})).await?;
        self.post(&format!("/element/{id}/value"), &json!({ "text": text }))
            .await?;
        Ok(())
    }

    /// Presses these keys, one after the other, wherever the focus is.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn press(&self, keys: &str) -> Outcome {
        let press = |key: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }));
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("/actions", &json!({ "actions": [keyboard] })).await?;
        Ok(())
    }

    /// The text that is to be read there.
    ///
    /// # Errors
    /// Where it isn't there.
    pub async fn text(&self, css: &str) -> Outcome<String> {
        let id = self.element(css).await?;
        let text = self.get(&format!("/element/{id}/text")).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// What has the focus: its id, or its name where it has none.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn focus(&self) -> Outcome<String> {
        self.run("const has = document.activeElement; return has.id || has.localName")
            .await
    }

    /// The address in its bar.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn url(&self) -> Outcome<String> {
        Ok(self.get("/url").await?.as_str().unwrap_or_default().to_owned())
    }

    /// Opens another tab and goes there. Answers the one that was in front.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn another_tab(&self) -> Outcome<String> {
        let before = self.get("/window").await?.as_str().unwrap_or_default().to_owned();
        let fresh = self.post("/window/new", &json!({ "type": "tab" })).await?;
        self.tab(fresh["handle"].as_str().unwrap_or_default()).await?;
        Ok(before)
    }

    /// Goes to a tab.
    ///
    /// # Errors
    /// Where it is closed.
    pub async fn tab(&self, handle: &str) -> Outcome {
        self.post("/window", &json!({ "handle": handle })).await?;
        Ok(())
    }

    /// The lines of its console that weren't read yet.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn console(&self) -> Outcome<Vec<Line>> {
        let lines = self.post("/se/log", &json!({ "type": "browser" })).await?;
        Ok(serde_json::from_value(lines)?)
    }

    /// A command that Chromium alone has (its DevTools protocol), for what no person can do with a page.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn chromium(&self, name: &str, parameters: Value) -> Outcome<Value> {
        let command = json!({ "cmd": name, "params": parameters });
        self.post("/goog/cdp/execute", &command).await
    }

    /// Takes a picture of what is to be seen, where [`PICTURES`] names a folder for it.
    ///
    /// # Errors
    /// Where it can't be written.
    pub async fn picture(&self, name: &str) -> Outcome {
        let Some(folder) = std::env::var_os(PICTURES).map(PathBuf::from) else {
            return Ok(());
        };
        let picture = self.get("/screenshot").await?;
        let picture = BASE64.decode(picture.as_str().unwrap_or_default().as_bytes())?;
        std::fs::create_dir_all(&folder).during(folder.display())?;
        std::fs::write(folder.join(format!("{name}.png")), picture)?;
        Ok(())
    }

    /// Closes it as a person does, and waits until what it keeps is written.
    ///
    /// # Errors
    /// Where it doesn't end.
    pub async fn quit(self) -> Outcome {
        let path = format!("/session/{}", self.session);
        wire::command(self.address, "DELETE", &path, &Value::Null).await?;
        self.driver.stop().await?;
        Ok(())
    }

    async fn element(&self, css: &str) -> Outcome<String> {
        let query = json!({ "using": "css selector", "value": css });
        let found = self.post("/element", &query).await?;
        let id = found[ELEMENT].as_str();
        id.map(str::to_owned)
            .ok_or_else(|| Surprise::new(format!("{css} isn't an element")))
    }

    async fn get(&self, path: &str) -> Outcome<Value> {
        let path = format!("/session/{}{path}", self.session);
        wire::command(self.address, "GET", &path, &Value::Null).await
    }

    async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        let path = format!("/session/{}{path}", self.session);
        wire::command(self.address, "POST", &path, body).await
    }
}

/// Where a driver listens, once it does.
async fn listening(driver: &mut Process) -> Outcome<SocketAddr> {
    let log = driver.log().to_owned();
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let port = until("chromedriver to listen", async || {
        if driver.ended().is_ok_and(|end| end.is_some()) {
            return Some(None);
        }
        let said = said();
        let port = said.split_once(LISTENS)?.1;
        let digits = port.split(|c: char| !c.is_ascii_digit()).next()?;
        // The line may not be written to its end yet.
        let whole = port.len() > digits.len();
        whole.then(|| digits.parse::<u16>().ok())
    })
    .await?;
    let port = port.ok_or_else(|| Surprise::new(format!("chromedriver ended: {}", said())))?;
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

/// What is asked of a new session.
fn wishes(habits: &Habits, profile: &Path) -> Value {
    let mut args = vec![
        "--headless=new".to_owned(),
        // Its sandbox wants rights that a container doesn't give; every page here is ours.
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        // By a pipe, which breaks when the driver is killed, and the browser ends.
        "--remote-debugging-pipe".to_owned(),
        format!("--user-data-dir={}", profile.display()),
    ];
    if !habits.languages.is_empty() {
        args.push(format!("--accept-lang={}", habits.languages));
    }
    if let Some((host, address)) = &habits.host {
        args.push(format!("--host-resolver-rules=MAP {host} {address}"));
    }
    let forbidden = "profile.managed_default_content_settings.javascript";
    let prefs = match habits.no_scripts {
        true => json!({ forbidden: 2 }),
        false => json!({}),
    };
    json!({ "capabilities": { "alwaysMatch": {
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": { "args": args, "prefs": prefs },
    } } })
}
