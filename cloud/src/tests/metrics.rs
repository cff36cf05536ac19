//! `/metrics`, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Request;
use serde_json::json;

use super::owner::{Device, Owner, open};
use super::rig::Rig;

/// The samples by name with labels, as they are written, after the format was judged (exposition format 0.0.4).
async fn samples(rig: &Rig) -> BTreeMap<String, f64> {
    let reply = rig.get("/metrics").await.is(200);
    let kind = reply.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.ends_with('\n'));
    let (mut helped, mut typed) = (BTreeSet::new(), BTreeMap::new());
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(helped.insert(name.to_owned()) && words.ends_with('.'), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(
                helped.contains(name) && name.starts_with("belay_cloud_"),
                "{line}"
            );
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(typed.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(typed.contains_key(family(name, &typed)), "{line}");
            labels(name);
            assert!(samples.insert(name.to_owned(), value).is_none(), "{line}");
        }
    }
    let shown: BTreeSet<_> = samples
        .keys()
        .map(|name| family(name, &typed).to_owned())
        .collect();
    assert_eq!(shown, helped, "each has a sample");
    histograms(&samples);
    samples
}

fn family<'a>(name: &'a str, typed: &BTreeMap<String, String>) -> &'a str {
    let bare = name.split('{').next().unwrap();
    let of_histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| bare.strip_suffix(end))
        .filter(|base| typed.get(*base).is_some_and(|kind| kind == "histogram"));
    of_histogram.unwrap_or(bare)
}

fn labels(name: &str) -> Vec<(&str, &str)> {
    let Some((_, labels)) = name.split_once('{') else {
        return Vec::new();
    };
    let labels = labels.strip_suffix("\"}").unwrap_or_else(|| panic!("{name}"));
    let pairs = labels.split("\",").map(|pair| pair.split_once("=\"").unwrap());
    pairs
        .inspect(|(label, value)| {
            let word = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(
                label.chars().all(word) && !value.contains(['"', '\\', '\n']),
                "{name}"
            );
        })
        .collect()
}

/// Buckets grow up to the count.
fn histograms(samples: &BTreeMap<String, f64>) {
    let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (name, count) in samples.iter().filter(|(name, _)| name.contains("_bucket{")) {
        let (others, bound) = name.split_once(",le=\"").unwrap();
        let bound = bound.strip_suffix("\"}").unwrap().parse().unwrap();
        let counted = others.replace("_bucket", "_count") + "}";
        buckets.entry(counted).or_default().push((bound, *count));
    }
    for (counted, mut bounds) in buckets {
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(bounds.is_sorted_by(|a, b| a.1 <= b.1), "{counted}");
        assert_eq!(
            bounds.last(),
            Some(&(f64::INFINITY, samples[&counted])),
            "{counted}"
        );
    }
}

#[tokio::test]
async fn everything_is_there_from_the_start() {
    let rig = Rig::new();
    rig.get("/healthz").await.is(200);
    let samples = samples(&rig).await;
    for name in [
        "belay_cloud_streams",
        "belay_cloud_messages_waiting",
        "belay_cloud_accounts",
        "belay_cloud_devices",
        "belay_cloud_stored_bytes",
        "belay_cloud_registrations_total",
        "belay_cloud_sign_ins_total{result=\"ok\"}",
        "belay_cloud_sign_ins_total{result=\"refused\"}",
        "belay_cloud_sign_ins_total{result=\"throttled\"}",
        "belay_cloud_sync_pushes_total{result=\"ok\"}",
        "belay_cloud_messages_total{channel=\"email\",result=\"sent\"}",
        "belay_cloud_messages_total{channel=\"sms\",result=\"given_up\"}",
    ] {
        assert_eq!(samples.get(name), Some(&0.0), "{name}");
    }
    let healthy = "{method=\"GET\",route=\"/healthz\",status=\"2xx\"}";
    assert_eq!(samples[&format!("belay_cloud_requests_total{healthy}")], 1.0);
    let times = |name: &&String| name.starts_with("belay_cloud_request_duration_seconds_bucket{");
    assert_eq!(samples.keys().filter(times).count(), 13);
}

#[tokio::test]
async fn what_happens_is_counted_once_and_names_nobody() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    let ticket = owner.ticket(&client).await;
    let body = owner.account_body(&client, &Device::new(), &ticket);
    for _ in 0..2 {
        // A repetition after a lost answer is no other account.
        client.post_with("/v1/accounts", &body, "same").await.is(201);
    }
    owner.guess(&client).await.refuses(403, "login-refused");
    owner.sign_in(&mut client).await.is(200);
    open(&rig.client(), "xx@example.org").await.is(202);
    let request = client.request("POST", "/v1/sync/push", None, None);
    let refused = rig.send(request).await;
    assert!(refused.status.is_client_error());
    let samples = samples(&rig).await;
    for (name, value) in [
        ("registrations_total", 1.0),
        ("accounts", 1.0),
        ("devices", 1.0),
        ("messages_total{channel=\"email\",result=\"sent\"}", 1.0),
        ("messages_waiting", 1.0),
        ("sign_ins_total{result=\"ok\"}", 1.0),
        ("sign_ins_total{result=\"refused\"}", 1.0),
        ("sign_ins_total{result=\"throttled\"}", 0.0),
        ("sync_pushes_total{result=\"refused\"}", 1.0),
        (
            "requests_total{method=\"POST\",route=\"/v1/accounts\",status=\"2xx\"}",
            2.0,
        ),
        (
            "request_duration_seconds_count{method=\"POST\",route=\"/v1/accounts\"}",
            2.0,
        ),
    ] {
        assert_eq!(
            samples.get(&format!("belay_cloud_{name}")),
            Some(&value),
            "{name}"
        );
    }
    let text = format!("{samples:?}");
    for personal in [
        "jo@",
        "xx@",
        "example.org",
        &owner.account.to_string(),
        "Phone",
        "127.0.0.1",
    ] {
        assert!(!text.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn what_the_database_counts_is_at_most_a_minute_old() {
    let rig = Rig::new();
    assert_eq!(samples(&rig).await["belay_cloud_accounts"], 0.0);
    Owner::new("jo@example.org")
        .register(&mut rig.client(), &Device::new())
        .await;
    assert_eq!(samples(&rig).await["belay_cloud_accounts"], 0.0);
    rig.advance(60);
    assert_eq!(samples(&rig).await["belay_cloud_accounts"], 1.0);
}

#[tokio::test]
async fn no_caller_makes_a_label() {
    let rig = Rig::new();
    let before = samples(&rig).await.len();
    for number in 0..20 {
        let invented = format!("X{number}");
        let request = Request::builder().method(invented.as_str()).uri("/v1/login");
        rig.send(request.body(Vec::new()).unwrap()).await.is(405);
        rig.get(&format!("/nowhere/{number}")).await.is(404);
    }
    // A counter and a histogram for an invented method, for no route, and for this page itself.
    let after = samples(&rig).await.len();
    assert!(after <= before + 3 * 17, "{before} → {after}");
    let body = json!({});
    rig.post("/v1/login", &body).await;
    rig.send(
        Request::get("/metrics")
            .header("x-forwarded-for", "203.0.113.1")
            .body(Vec::new())
            .unwrap(),
    )
    .await
    .refuses(404, "not-found");
}
