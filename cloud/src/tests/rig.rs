//! A cloud, and clients that call it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use belay_proto::clock::FakeClock;
use belay_proto::keys::{SigningKey, random};
use belay_proto::text::hex;
use belay_proto::{Secret, dpop};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower_service::Service;

use super::contract;
use super::postman::Postman;
use crate::app::App;
use crate::clock::CloudClock;
use crate::config::{Console, Delivery, Limits, Settings, SmsOut, Work};
use crate::net::Peer;
use crate::routes;

pub const ORIGIN: &str = "https://cloud.example.org";
/// When each cloud starts, ms since 1970: what numbers begin with.
pub const START: u64 = 1_800_000_000_000;
/// A service that accounts may sign on to.
pub const SERVICE: &str = "https://photos.example.org";
pub const GATEWAY_SECRET: &str = "between gateway and cloud";

pub struct Rig {
    pub app: App,
    pub clock: Arc<FakeClock>,
    pub folder: TempDir,
    pub postman: Arc<Postman>,
    router: Router,
}

pub fn settings(folder: &TempDir) -> Settings {
    Settings {
        data: folder.path().join("data"),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        port_file: None,
        origin: Some(ORIGIN.to_owned()),
        local: true,
        proxies: vec!["127.0.0.1".parse().unwrap()],
        tls: None,
        delivery: Delivery {
            outbox: Some(folder.path().join("outbox")),
            ..Delivery::default()
        },
        sms_out: Some(SmsOut {
            number: "+4915100000".into(),
            secret: Secret::new(GATEWAY_SECRET.to_owned()),
        }),
        limits: Limits {
            sends_per_network: 8,
            sms_per_range: 3,
            sms_per_region: 6,
            logins_per_network: 30,
            quota: 1_000_000,
        },
        work: Work {
            rounds: 1,
            prefix: "0".into(),
        },
        console: Console::On,
        metrics: vec!["127.0.0.0/8".parse().unwrap()],
        services: vec![SERVICE.to_owned()],
        bootloader_wait: 7 * 24 * 3600 * 1000,
    }
}

impl Rig {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let settings = settings(&folder);
        Self::with(folder, settings)
    }

    pub fn with(folder: TempDir, settings: Settings) -> Self {
        let clock = Arc::new(FakeClock::new());
        clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_millis(START));
        Self::start(folder, settings, clock)
    }

    /// Stops, and leaves the data.
    pub fn stop(self) -> TempDir {
        self.folder
    }

    /// Stops and starts again on the same data.
    pub fn restart(self) -> Self {
        let Self {
            app,
            clock,
            folder,
            router,
            ..
        } = self;
        drop((router, app));
        let settings = settings(&folder);
        Self::start(folder, settings, clock)
    }

    /// What the data folder holds, by file name: the database as one whole, whatever is still on its way into it.
    pub fn backup(&self) -> Vec<(OsString, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.folder.path().join("data")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_owned();
            // What SQLite has for itself.
            let log = name.to_string_lossy().contains("sqlite-");
            if log || !path.is_file() {
                continue;
            }
            let copy = self.folder.path().join("copy");
            if path.extension().is_some_and(|it| it == "sqlite") {
                let database = rusqlite::Connection::open(&path).unwrap();
                database
                    .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
                    .unwrap();
                files.push((name, std::fs::read(&copy).unwrap()));
                std::fs::remove_file(copy).unwrap();
            } else {
                files.push((name, std::fs::read(path).unwrap()));
            }
        }
        files
    }

    /// Starts anew from what a backup held, at this time, ms since 1970. In a folder of its own: the database of
    /// before is closed some time after the last who used it is gone, and takes its files along.
    pub fn restore(self, backup: &[(OsString, Vec<u8>)], now: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = settings(&folder);
        let data = folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
        for (name, bytes) in backup {
            std::fs::write(data.join(name), bytes).unwrap();
            std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let clock = Arc::new(FakeClock::new());
        clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_millis(now));
        Self::start(folder, settings, clock)
    }

    fn start(folder: TempDir, settings: Settings, clock: Arc<FakeClock>) -> Self {
        let app = App::open(settings, CloudClock::new(clock.clone())).unwrap();
        Self {
            router: routes::router(app.clone()),
            app,
            clock,
            folder,
            postman: Arc::default(),
        }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn client(&self) -> Client<'_> {
        Client {
            rig: self,
            key: SigningKey::generate(),
            nonce: Mutex::new(None),
            from: None,
            token: None,
        }
    }

    /// Exactly this request; the answer with its body unread.
    pub async fn begin(&self, request: Request<Vec<u8>>) -> Response<Body> {
        let mut request = request.map(Body::from);
        request
            .extensions_mut()
            .insert(Peer(SocketAddr::from(([127, 0, 0, 1], 4000))));
        let mut router = self.router.clone();
        router.call(request).await.unwrap()
    }

    /// Exactly this request.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Reply {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let sent = (request.headers().clone(), request.body().clone());
        let (parts, body) = self.begin(request).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let reply = Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        contract::judge(&method, &path, &sent, &reply);
        reply
    }

    /// A JSON call without a proof.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(serde_json::to_vec(body).unwrap()).unwrap())
            .await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Vec::new()).unwrap()).await
    }

    /// A solved proof of work.
    pub async fn work(&self) -> Value {
        let answer = self.post("/v1/challenges", &json!({})).await;
        let challenge = answer.json()["challenge"].clone();
        let typed = serde_json::from_value(challenge.clone()).unwrap();
        let solution = altcha::solve_challenge(altcha::SolveChallengeOptions::new(&typed)).unwrap();
        json!({ "challenge": challenge, "solution": solution.unwrap() })
    }
}

/// Somebody with a device key.
pub struct Client<'a> {
    pub rig: &'a Rig,
    pub key: SigningKey,
    pub nonce: Mutex<Option<String>>,
    pub from: Option<&'static str>,
    pub token: Option<String>,
}

impl Client<'_> {
    pub fn proof(&self, method: &str, path: &str) -> String {
        let nonce = self.nonce.lock().unwrap().clone();
        let url = format!("{ORIGIN}{path}");
        dpop::create(
            &self.key,
            method,
            &url,
            nonce.as_deref(),
            self.token.as_deref(),
            SystemTime::UNIX_EPOCH,
        )
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, body, &hex(&random::<8>())).await
    }

    pub async fn post_with(&self, path: &str, body: &Value, key: &str) -> Reply {
        self.call("POST", path, Some(body), Some(key)).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None, None).await
    }

    /// One call, and once more when the cloud asks for its nonce.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>, key: Option<&str>) -> Reply {
        let reply = self.once(method, path, body, key).await;
        if reply.problem() == "use-dpop-nonce" {
            self.once(method, path, body, key).await
        } else {
            reply
        }
    }

    async fn once(&self, method: &str, path: &str, body: Option<&Value>, key: Option<&str>) -> Reply {
        let request = self.request(method, path, body, key);
        let reply = self.rig.send(request).await;
        *self.nonce.lock().unwrap() = reply.header("dpop-nonce");
        reply
    }

    /// The request of a call, with a fresh proof.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Request<Vec<u8>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("dpop", self.proof(method, path));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("DPoP {token}"));
        }
        if let Some(from) = self.from {
            request = request.header("x-forwarded-for", from);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body
            .map(|body| serde_json::to_vec(body).unwrap())
            .unwrap_or_default();
        request.body(body).unwrap()
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self, field: &str) -> String {
        let value = self.json()[field].clone();
        value
            .as_str()
            .unwrap_or_else(|| panic!("no {field} in {}", self.json()))
            .to_owned()
    }

    /// The problem's name; empty when it is none.
    pub fn problem(&self) -> String {
        let json = self.json();
        let kind = json["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:belay:problem:")
            .unwrap_or_default()
            .to_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    pub fn retry_after(&self) -> u64 {
        self.header("retry-after").expect("Retry-After").parse().unwrap()
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    #[track_caller]
    pub fn refuses(self, status: u16, problem: &str) -> Self {
        let reply = self.is(status);
        assert_eq!(reply.problem(), problem);
        reply
    }
}
