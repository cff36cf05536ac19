//! Does the time of an answer tell whether an address has an account?
//!
//! `cargo bench -p belay-cloud`: known and unknown addresses in turn, through the real router over a real
//! database; prints medians and quartiles, and how far apart they are in units of the spread. A time isn't a
//! test: on a busy machine anything may happen, so a person looks at this.

#[path = "shared/account.rs"]
mod account;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use belay_cloud::app::App;
use belay_cloud::clock::CloudClock;
use belay_cloud::config::{Delivery, Limits, Settings, Work};
use belay_cloud::net::Peer;
use belay_cloud::routes;
use belay_proto::AccountId;
use belay_proto::clock::BoottimeClock;
use belay_proto::dpop;
use belay_proto::identifier::Identifier;
use belay_proto::keys::{SigningKey, random};
use belay_proto::text::base64url;
use serde_json::{Value, json};
use tower_service::Service;

use self::account::registration;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ORIGIN: &str = "https://cloud.example.org";
const ACCOUNTS: usize = 200;
const ROUNDS: usize = 1500;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let folder = tempfile::TempDir::new()?;
    let app = App::open(settings(&folder), CloudClock::new(Arc::new(BoottimeClock::new())))?;
    fill(&app).await?;
    let mut caller = Caller {
        router: routes::router(app),
        key: SigningKey::generate(),
        nonce: String::new(),
    };
    caller.post("/v1/challenges", &json!({})).await?;
    let (mut known, mut unknown) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        // In turn, and each address seldom, so that neither the throttle nor a warm page decides.
        let n = round % ACCOUNTS;
        caller
            .sign_in(&format!("known{n}@example.org"), &mut known)
            .await?;
        caller
            .sign_in(&format!("nobody{n}@example.org"), &mut unknown)
            .await?;
    }
    for (name, known, unknown) in [
        ("challenge", &mut known.challenge, &mut unknown.challenge),
        ("wrong proof", &mut known.login, &mut unknown.login),
    ] {
        report(name, known, unknown);
    }
    Ok(())
}

#[derive(Default)]
struct Times {
    challenge: Vec<Duration>,
    login: Vec<Duration>,
}

struct Caller {
    router: Router,
    key: SigningKey,
    nonce: String,
}

impl Caller {
    async fn sign_in(&mut self, address: &str, times: &mut Times) -> Outcome<()> {
        let (challenge, took) = self
            .post("/v1/login/challenge", &json!({ "identifier": address }))
            .await?;
        times.challenge.push(took);
        let signature = base64url(&random::<64>());
        let body = json!({
            "identifier": address, "nonce": challenge["nonce"], "action": "sign-in", "signature": signature,
        });
        let (answer, took) = self.post("/v1/login", &body).await?;
        // A throttled answer is another one.
        if answer["type"] == "urn:belay:problem:login-refused" {
            times.login.push(took);
        }
        Ok(())
    }

    async fn post(&mut self, path: &str, body: &Value) -> Outcome<(Value, Duration)> {
        let url = format!("{ORIGIN}{path}");
        let proof = dpop::create(
            &self.key,
            "POST",
            &url,
            Some(&self.nonce),
            None,
            SystemTime::now(),
        );
        let mut request = Request::post(path)
            .header("dpop", proof)
            .header("content-type", "application/json")
            .body(Body::from(serde_json::to_vec(body)?))?;
        request
            .extensions_mut()
            .insert(Peer(SocketAddr::from(([127, 0, 0, 1], 1))));
        let start = Instant::now();
        let response = self.router.call(request).await?;
        let took = start.elapsed();
        if let Some(nonce) = response.headers().get("dpop-nonce") {
            self.nonce = nonce.to_str()?.to_owned();
        }
        let bytes = to_bytes(response.into_body(), 1 << 20).await?;
        Ok((serde_json::from_slice(&bytes)?, took))
    }
}

/// Accounts as the database would have them, without going through mails.
async fn fill(app: &App) -> Outcome<()> {
    for n in 0..ACCOUNTS {
        let account = AccountId::random();
        let (body, record) = registration(account, &SigningKey::generate());
        let address = Identifier::parse(&format!("known{n}@example.org"))?;
        let inside = app.clone();
        app.store
            .transact(move |tx| {
                let lookup = belay_cloud::verifications::table::lookup(&inside.vault, &address);
                belay_cloud::accounts::table::insert(&inside.vault, tx, &body, &record, 0)?;
                belay_cloud::identifiers::insert(&inside.vault, tx, &account, &lookup, address.as_str(), 0)
            })
            .await?;
    }
    Ok(())
}

fn report(name: &str, known: &mut [Duration], unknown: &mut [Duration]) {
    known.sort();
    unknown.sort();
    let micros = |times: &[Duration], part: usize| {
        times
            .get(times.len() * part / 4)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    let [known_at, unknown_at] = [&*known, &*unknown].map(|times| [1, 2, 3].map(|part| micros(times, part)));
    let spread = (known_at[2] - known_at[0]).max(unknown_at[2] - unknown_at[0]);
    let apart = (known_at[1] - unknown_at[1]).abs();
    println!(
        "{name:12} µs at quartiles: known {known_at:.0?} ({}), unknown {unknown_at:.0?} ({})",
        known.len(),
        unknown.len()
    );
    println!(
        "{name:12} medians {apart:.1} µs apart, {:.2} of the spread between quartiles",
        apart / spread
    );
}

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings {
        data: folder.path().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        port_file: None,
        origin: Some(ORIGIN.to_owned()),
        local: true,
        proxies: Vec::new(),
        tls: None,
        delivery: Delivery::default(),
        sms_out: None,
        limits: Limits::default(),
        work: Work::default(),
        metrics: Vec::new(),
        services: Vec::new(),
        bootloader_wait: 0,
    }
}
