//! Every status on every call of the account: none is taken for another, none ends the session by itself, none is followed.
//!
//! What is told apart here is all that anybody hears of a bare status: what follows from each class of them is played with
//! everybody there, in `tests/tests/system/answers`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use belay_proto::id::{CommandId, DeviceId, HardwareId};
use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use belay_proto::wire::{DeviceKind, NewCredentialsRequest, ProfileChanges, RemoveDeviceRequest, Share};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::server::{Reply, Server};
use super::{Bench, bench_with};
use crate::account::*;
use crate::cloud::call::{Auth, Call};
use crate::cloud::client::{CloudClient, Revocation};
use crate::cloud::error::CloudError;
use crate::cloud::problem::Problem;
use crate::cloud::retry::ATTEMPTS;

/// All that are registered with IANA, and some that aren't.
fn statuses() -> impl Iterator<Item = u16> {
    (300..=308)
        .chain(400..=431)
        .chain([451, 499])
        .chain(500..=511)
        .chain([520, 599])
}

fn work() -> ProofOfWork {
    ProofOfWork {
        challenge: Value::Null,
        solution: Value::Null,
    }
}

fn address() -> NewVerification {
    NewVerification {
        channel: Channel::Email,
        address: "ada@example.org".into(),
        device_name: "A phone".into(),
        language: None,
    }
}

fn credentials() -> NewCredentialsRequest {
    NewCredentialsRequest {
        ticket: None,
        grants: Vec::new(),
        credentials: vec![1].into(),
        keyring: vec![2].into(),
        replaces: vec![3].into(),
        share: Share(Secret::new([4; 32])),
        succession: None,
        owner: None,
    }
}

type Outcome<'a> = BoxFuture<'a, Result<(), CloudError>>;

/// Each call, by the name of its method.
async fn each(client: &CloudClient, name: &str) -> Result<(), CloudError> {
    let device = DeviceId::from_bytes([5; 16]);
    let signature = SigningKey::generate().sign(b"", b"");
    let proof = LoginProof {
        identifier: "ada@example.org",
        nonce: &[6],
        action: "sign-in",
        signature: &signature,
    };
    let removal = RemoveDeviceRequest {
        order: vec![7].into(),
        keyring: vec![8].into(),
        replaces: vec![9].into(),
        grants: Vec::new(),
    };
    let changes = ProfileChanges::default();
    let asked = credentials();
    let revocation = Revocation::new(SigningKey::generate(), Secret::of_text("refresh"));
    let call: Outcome<'_> = match name {
        "work" => client.work().map(|r| r.map(drop)).boxed(),
        "open_verification" => client
            .open_verification(address(), work())
            .map(|r| r.map(drop))
            .boxed(),
        "resend" => client.resend("id", work()).map(|r| r.map(drop)).boxed(),
        "look" => client.look("id").map(|r| r.map(drop)).boxed(),
        "cancel" => client.cancel("id"),
        "prove" => Cloud::prove(client, "id", "123456", "key")
            .map(|r| r.map(drop))
            .boxed(),
        "create_account" => client.create_account("{}", "key").map(|r| r.map(drop)).boxed(),
        "account" => client.account().map(|r| r.map(drop)).boxed(),
        "login_challenge" => client
            .login_challenge("ada@example.org")
            .map(|r| r.map(drop))
            .boxed(),
        "login" => client.login(proof).map(|r| r.map(drop)).boxed(),
        "add_device" => client.add_device(&[1], ("A phone", DeviceKind::Phone), None, [1; 32], "key"),
        "devices" => client.devices().map(|r| r.map(drop)).boxed(),
        "deliver" => client.deliver(&[1]),
        "check_hardware" => client
            .check_hardware(HardwareId::from_bytes([1; 32]), false, work())
            .map(|r| r.map(drop))
            .boxed(),
        "revoke" => Cloud::revoke(client, revocation),
        "set_profile" => client.set_profile(&changes),
        "credentials" => client.credentials().map(|r| r.map(drop)).boxed(),
        "put_credentials" => client.put_credentials(&asked, "key"),
        "open_address" => client
            .open_address(address(), work())
            .map(|r| r.map(drop))
            .boxed(),
        "add_address" => client
            .add_address("ticket", &[1], "key")
            .map(|r| r.map(drop))
            .boxed(),
        "remove_address" => client.remove_address("id", &[1], "key"),
        "set_login" => client.set_login(&[1], "key"),
        "remove_device" => client.remove_device(device, &removal, "key"),
        "delete_account" => client.delete_account(&[1], "key"),
        "service_token" => client
            .service_token("https://x.example.org")
            .map(|r| r.map(drop))
            .boxed(),
        "ask_for_unlock" => client
            .ask_for_unlock(&[1], "why", "key")
            .map(|r| r.map(drop))
            .boxed(),
        "unlock_request" => client.unlock_request().map(|r| r.map(drop)).boxed(),
        "open_recovery" => client
            .open_recovery(address(), work())
            .map(|r| r.map(drop))
            .boxed(),
        "prove_recovery" => client
            .prove_recovery("id", "123456", "key")
            .map(|r| r.map(drop))
            .boxed(),
        "recover" => client.recover("id", &asked, "key"),
        "recover_on_hold" => client
            .recover_on_hold("id", &asked, "key")
            .map(|r| r.map(drop))
            .boxed(),
        "end_hold" => client.end_hold(&[1]),
        "send" => client.send(device, &[1]).map(|r| r.map(drop)).boxed(),
        "life" => client
            .life(device, CommandId::from_bytes([1; 16]), None, Duration::ZERO)
            .map(|r| r.map(drop))
            .boxed(),
        "lives" => client.lives(device, 1).map(|r| r.map(drop)).boxed(),
        "reports" => client.reports(device, 0).map(|r| r.map(drop)).boxed(),
        other => panic!("no such call: {other}"),
    };
    call.await
}

/// The methods of the traits, read from their source: one that is added is asked here too, or the test fails.
fn methods() -> Vec<&'static str> {
    let sources = [
        include_str!("../../account/ports.rs"),
        include_str!("../../account/ports/upkeep.rs"),
    ];
    let mut methods = Vec::new();
    for source in sources {
        for body in source.split("\npub trait ").skip(1) {
            let (body, _) = body.split_once("\n}\n").unwrap();
            for part in body.split("\n    fn ").skip(1) {
                let end = part.find(['<', '(']).unwrap();
                methods.push(&part[..end]);
            }
        }
    }
    // What asks the cloud nothing.
    methods.retain(|name| !["url", "device_key", "account_body", "revocation"].contains(name));
    methods
}

async fn answering(reply: impl Fn() -> Reply + Send + 'static) -> Bench {
    let bench = bench_with(Server::with(move |_| reply()).await);
    bench.vault.put("access", "refresh");
    bench
}

/// A cloud that answers everything with one status, and a client of it with a session.
struct Stubborn {
    bench: Bench,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

impl Stubborn {
    async fn new() -> Self {
        let (status, asked) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicUsize::new(0)));
        let (says, counts) = (Arc::clone(&status), Arc::clone(&asked));
        let bench = answering(move || {
            counts.fetch_add(1, Ordering::Relaxed);
            bare(says.load(Ordering::Relaxed))
        })
        .await;
        Self { bench, status, asked }
    }

    /// It answers so from now on, and counts anew how often it is asked.
    fn says(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
        self.asked.store(0, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Nobody was signed out by it, or sent elsewhere.
    fn has_changed_nothing(&self, what: &str) {
        let held = self.bench.vault.held();
        assert_eq!(held, Some(("access".into(), "refresh".into())), "{what}");
        let seen = self.bench.server.seen();
        assert!(
            seen.iter().all(|request| request.path != "/v1/elsewhere"),
            "{what}"
        );
    }
}

/// An answer that is a status and nothing more.
fn bare(status: u16) -> Reply {
    let reply = match status {
        // None yet: one follows. But who switches protocols has answered.
        100 | 102..200 => return Reply::Interim(status, Box::new(bare(418))),
        // There is no body.
        101 | 204 | 304 => Reply::json(status, ""),
        _ => Reply::json(status, "{}"),
    };
    reply.with("location", "/v1/elsewhere")
}

#[track_caller]
fn is_what_it_is(error: &CloudError, status: u16, what: &str) {
    match status {
        101 | 200..400 => assert!(matches!(error, CloudError::Nonsense(_)), "{what}: {error}"),
        502..=504 => assert!(error.is_offline(), "{what}: {error}"),
        _ => assert!(
            matches!(error, CloudError::Problem(problem) if problem.status == status),
            "{what}: {error}"
        ),
    }
    // Without a name it is nobody's decision.
    assert!(!error.is_decided(), "{what}");
    assert!(!error.is_unsent(), "{what}");
}

#[test]
fn a_refusal_is_a_decision_where_the_cloud_gives_it_a_name() {
    for status in 400..=599 {
        let is_decided = |body: &str| {
            let problem = Problem::read(status, body.as_bytes(), None);
            CloudError::Problem(problem).is_decided()
        };
        let named = r#"{"type":"urn:belay:problem:another"}"#;
        assert_eq!(is_decided(named), status < 500 && status != 429, "{status}");
        for page in ["", "<html>", "{}"] {
            assert!(!is_decided(page), "{status}: {page}");
        }
    }
}

#[tokio::test]
async fn every_status_on_every_call_is_what_it_is_and_ends_no_session() {
    let methods = methods();
    assert!(methods.len() > 25, "{methods:?}");
    for name in methods {
        let cloud = Stubborn::new().await;
        for status in statuses() {
            cloud.says(status);
            let what = format!("{name}: {status}");
            let error = each(&cloud.bench.client, name).await.expect_err(&what);
            is_what_it_is(&error, status, &what);
        }
        cloud.has_changed_nothing(name);
    }
}

#[tokio::test]
async fn every_status_that_can_be_is_what_it_is_on_every_kind_of_call_and_asked_for_so_often() {
    let kinds = [
        Call::get("/v1/things", Auth::Open),
        Call::post("/v1/things", Auth::Open, b"{}".to_vec()),
        Call::get("/v1/things", Auth::Device),
        Call::post("/v1/things", Auth::Device, b"{}".to_vec()),
        Call::put("/v1/things", Auth::Device, b"{}".to_vec()),
        Call::get("/v1/things", Auth::Session),
        Call::post("/v1/things", Auth::Session, b"{}".to_vec()),
        Call::patch("/v1/things", Auth::Session, b"{}".to_vec()),
        Call::delete("/v1/things", Auth::Session),
    ];
    for call in kinds {
        let cloud = Stubborn::new().await;
        for status in 100..=599 {
            cloud.says(status);
            let what = format!("{} {:?}: {status}", call.method, call.auth);
            let ended = cloud.bench.client.done(&call).await;
            match status {
                204 => assert!(ended.is_ok(), "{what}: {ended:?}"),
                100 | 102..200 => is_what_it_is(&ended.expect_err(&what), 418, &what),
                _ => is_what_it_is(&ended.expect_err(&what), status, &what),
            }
            let times = match status {
                500 | 502..=504 => usize::try_from(ATTEMPTS).unwrap(),
                // And once for another token.
                401 if call.auth == Auth::Session => 2,
                _ => 1,
            };
            assert_eq!(cloud.asked(), times, "{what}");
        }
        cloud.has_changed_nothing(call.method.as_str());
    }
}

#[tokio::test]
async fn every_call_that_proves_a_key_is_made_once_more_where_the_proof_was_used() {
    for name in methods() {
        let bench = answering(|| Reply::problem(401, "invalid-dpop-proof")).await;
        each(&bench.client, name).await.expect_err(name);
        let seen = bench.server.seen();
        let proves = !seen[0].header("dpop").is_empty();
        let times = seen.iter().filter(|request| request.path == seen[0].path).count();
        assert_eq!(times, if proves { 2 } else { 1 }, "{name}");
    }
}

#[tokio::test]
async fn nonsense_is_nonsense_on_every_call_also_on_one_that_is_only_to_say_that_it_is_done() {
    let replies: [fn() -> Reply; 5] = [
        || Reply::json(200, "[1, 2, 3]"),
        || Reply::json(200, "{\"id\": \""),
        || Reply::bytes(200, "text/html", b"<html>Sign in to the hotel</html>".to_vec()),
        || Reply::bytes(200, "application/json", vec![0xff; 100]),
        || Reply::Endless,
    ];
    for name in methods() {
        for (number, reply) in replies.into_iter().enumerate() {
            let bench = answering(reply).await;
            let error = each(&bench.client, name).await.expect_err(name);
            assert!(
                matches!(error, CloudError::Nonsense(_)),
                "{name}: {number}: {error}"
            );
            assert!(!error.to_string().contains("hotel"), "{name}: {error}");
            assert_eq!(
                bench.vault.held(),
                Some(("access".into(), "refresh".into())),
                "{name}"
            );
        }
    }
}
