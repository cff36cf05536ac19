//! Answers that aren't: nonsense, too much, too late, out of order.

use std::sync::Arc;
use std::time::Duration;

use belay_proto::clock::Clock as _;
use serde::Deserialize;

use super::{Auth, CloudClient, MemoryVault, Reply, SkippingClock, bench, change, read};
use crate::cloud::error::CloudError;
use crate::cloud::problem::ProblemKind;
use crate::cloud::retry::ATTEMPTS;
use crate::cloud::transport::{EXCHANGE_TIMEOUT, LARGEST_ANSWER};

#[derive(Debug, PartialEq, Deserialize)]
struct Answer {
    number: u32,
}

#[tokio::test]
async fn an_answer_is_read_and_may_hold_more_than_is_known() {
    let bench = bench([Reply::json(200, r#"{"number":7,"news":[]}"#)]).await;
    assert_eq!(
        bench.client.json::<Answer>(&read()).await.unwrap(),
        Answer { number: 7 }
    );
}

#[tokio::test]
async fn nonsense_is_refused() {
    let html = Reply::Send {
        status: 200,
        headers: vec![("content-type", "text/html".into())],
        body: b"{}".into(),
    };
    let bare = Reply::Send {
        status: 200,
        headers: Vec::new(),
        body: br#"{"number":7}"#.to_vec(),
    };
    for reply in [
        html,
        bare,
        Reply::json(200, ""),
        Reply::json(200, "{"),
        Reply::json(200, "[]"),
        Reply::json(200, r#"{"number":-1}"#),
        Reply::json(200, r#"{"number":"7"}"#),
        Reply::json(200, &format!("{}1{}", "[".repeat(5000), "]".repeat(5000))),
        Reply::json(204, ""),
        Reply::json(302, "{}").with("location", "http://127.0.0.1:9/"),
    ] {
        let bench = bench([reply]).await;
        let error = bench.client.json::<Answer>(&read()).await.unwrap_err();
        assert!(matches!(error, CloudError::Nonsense(_)), "{error}");
        assert_eq!(bench.server.seen().len(), 1, "nonsense isn't asked for twice");
    }
}

#[tokio::test]
async fn what_is_said_about_nonsense_quotes_none_of_it() {
    let bench = bench([Reply::json(200, r#"{"number":"a-secret-token"}"#)]).await;
    let error = bench.client.json::<Answer>(&read()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit_and_no_further() {
    let large = |length: usize| format!(r#"{{"number":7,"x":"{}"}}"#, "x".repeat(length));
    let fitting = large(LARGEST_ANSWER - large(0).len());
    let bench_fits = bench([Reply::json(200, &fitting)]).await;
    assert!(bench_fits.client.json::<Answer>(&read()).await.is_ok());
    for reply in [Reply::json(200, &large(LARGEST_ANSWER)), Reply::Endless] {
        let bench = bench([reply]).await;
        let error = bench.client.json::<Answer>(&read()).await.unwrap_err();
        assert!(matches!(error, CloudError::Nonsense(_)), "{error}");
    }
}

#[tokio::test]
async fn a_cloud_that_hangs_is_offline_in_ten_seconds() {
    let bench = bench([Reply::Hang]).await;
    let call = read();
    let (outcome, ()) = tokio::join!(bench.client.done(&call), async {
        bench.server.requests(1).await;
        bench.clock.advance(EXCHANGE_TIMEOUT);
    });
    assert!(outcome.unwrap_err().is_offline());
}

#[tokio::test]
async fn a_connection_that_breaks_is_offline() {
    for reply in [Reply::Close, Reply::Short] {
        let bench = bench([reply]).await;
        let error = bench.client.json::<Answer>(&read()).await.unwrap_err();
        assert!(error.is_offline(), "{error}");
        assert!(
            !format!("{error:?}").contains("/v1/config"),
            "the address stays out of logs"
        );
    }
}

#[tokio::test]
async fn nobody_there_is_offline_and_so_is_no_cloud_at_all() {
    let (vault, clock) = (
        std::sync::Arc::new(MemoryVault::default()),
        std::sync::Arc::new(SkippingClock::default()),
    );
    let nobody = CloudClient::new(Some("http://127.0.0.1:1"), None, vault.clone(), clock.clone());
    assert!(nobody.done(&read()).await.unwrap_err().is_offline());
    let none = CloudClient::new(None, None, vault.clone(), clock.clone());
    assert!(none.done(&read()).await.unwrap_err().is_offline());
    let plain = CloudClient::new(Some("http://cloud.example.org"), None, vault, clock);
    assert!(matches!(
        plain.done(&read()).await,
        Err(CloudError::Misconfigured(_))
    ));
}

#[tokio::test]
async fn a_cloud_that_is_briefly_out_of_order_is_asked_again_as_the_same_call() {
    let bench = bench([
        Reply::json(503, "").with("retry-after", "1"),
        Reply::json(500, ""),
        Reply::json(201, r#"{"number":1}"#),
    ])
    .await;
    bench.client.json::<Answer>(&change(Auth::Device)).await.unwrap();
    let seen = bench.server.seen();
    assert_eq!(seen.len(), 3);
    let key = seen[0].header("idempotency-key");
    assert_eq!(key.len(), 32);
    assert!(
        seen.iter()
            .all(|request| request.header("idempotency-key") == key && request.body == "{}")
    );
    assert_eq!(
        bench.clock.waits()[0],
        Duration::from_secs(1),
        "Retry-After is honoured"
    );
}

#[tokio::test]
async fn a_cloud_that_stays_out_of_order_is_given_up_by_its_name() {
    for (status, offline) in [(500, false), (502, true), (503, true), (504, true)] {
        let attempts = usize::try_from(ATTEMPTS).unwrap();
        let bench = bench((0..attempts).map(|_| Reply::json(status, ""))).await;
        let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
        assert_eq!(error.is_offline(), offline, "{status}: {error}");
        assert!(!error.is_decided(), "nobody knows what became of the call");
        assert_eq!(bench.server.seen().len(), attempts);
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_for_a_caller_is_told_instead() {
    for (reply, wait) in [
        (Reply::json(503, "").with("retry-after", "30"), 30),
        (Reply::problem(429, "too-soon").with("retry-after", "900"), 900),
        (Reply::problem(429, "too-many").with("retry-after", "1"), 1),
        (Reply::json(429, "").with("retry-after", "99999999999"), 24 * 3600),
    ] {
        let bench = bench([reply]).await;
        let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(wait)));
        assert_eq!(bench.server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_wait_of_a_week_is_told_in_full_and_kept_for_a_day() {
    let week = 7 * 24 * 3600;
    let reply = Reply::problem(403, "recovery-on-hold").with("retry-after", &week.to_string());
    let bench = bench([reply]).await;
    let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(24 * 3600)));
    let CloudError::Problem(problem) = error else {
        panic!("{error}")
    };
    assert_eq!(problem.retry_after, Some(Duration::from_secs(week)));
}

#[tokio::test]
async fn a_cloud_that_asks_for_rest_gets_it_and_a_wait_for_one_call_holds_up_no_other() {
    for (reply, rests) in [
        (Reply::json(503, "").with("retry-after", "30"), true),
        (Reply::done().with("retry-after", "30"), true),
        (Reply::problem(429, "too-soon").with("retry-after", "30"), false),
        (Reply::problem(403, "wrong-code").with("retry-after", "30"), false),
    ] {
        let bench = bench([reply, Reply::done()]).await;
        let _ = bench.client.done(&change(Auth::Device)).await;
        let next = bench.client.done(&read()).await;
        assert_eq!(next.is_err_and(|error| error.is_offline()), rests);
        assert_eq!(bench.server.seen().len(), if rests { 1 } else { 2 });
        if rests {
            bench.clock.advance(Duration::from_secs(29));
            bench.client.done(&read()).await.unwrap();
            assert_eq!(
                bench.clock.waits(),
                [Duration::from_secs(1)],
                "what is left is waited for"
            );
        }
    }
}

#[tokio::test]
async fn a_rest_without_measure_ends_after_minutes() {
    let bench = bench([Reply::json(503, "").with("retry-after", "86400"), Reply::done()]).await;
    assert!(bench.client.done(&read()).await.is_err());
    bench.clock.advance(Duration::from_secs(300));
    bench.client.done(&read()).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_known_by_its_name() {
    let bench = bench([Reply::problem(409, "identifier-taken")]).await;
    let error = bench.client.done(&change(Auth::Device)).await.unwrap_err();
    assert!(error.is_decided());
    assert!(matches!(error, CloudError::Problem(problem) if problem.kind == ProblemKind::IdentifierTaken));
}

#[tokio::test]
async fn two_calls_carry_two_idempotency_keys_and_a_stored_one_is_repeated() {
    let bench = bench((0..3).map(|_| Reply::done())).await;
    for call in [
        change(Auth::Open),
        change(Auth::Open),
        change(Auth::Open).keyed("stored"),
    ] {
        bench.client.done(&call).await.unwrap();
    }
    let seen = bench.server.seen();
    assert_ne!(
        seen[0].header("idempotency-key"),
        seen[1].header("idempotency-key")
    );
    assert_eq!(seen[2].header("idempotency-key"), "stored");
}

#[tokio::test]
async fn what_never_left_is_told_from_what_may_have_arrived() {
    // Held and not listened at: nobody is there, and no server of another test comes there meanwhile.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let nobody = format!("http://{}", held.local_addr().unwrap());
    let (vault, clock) = (
        Arc::new(MemoryVault::default()),
        Arc::new(SkippingClock::default()),
    );
    let client = CloudClient::new(Some(&nobody), None, vault, clock);
    let error = client.done(&change(Auth::Open)).await.unwrap_err();
    assert!(error.is_offline() && error.is_unsent(), "{error:?}");
    drop(held);

    // It arrived: in the last case the cloud even says so, and asks for rest.
    let resting = Reply::problem(503, "busy").with("retry-after", "60");
    for replies in [vec![Reply::Close], vec![Reply::Short], vec![resting]] {
        let bench = bench(replies).await;
        let error = bench.client.done(&change(Auth::Open)).await.unwrap_err();
        assert!(error.is_offline() && !error.is_unsent(), "{error:?}");
    }
    let bench = bench([Reply::problem(503, "busy").with("retry-after", "60")]).await;
    bench.client.done(&change(Auth::Open)).await.unwrap_err();
    let error = bench.client.done(&change(Auth::Open)).await.unwrap_err();
    assert!(error.is_unsent(), "it was asked to be left alone: {error:?}");
    assert_eq!(bench.server.seen().len(), 1);
}

#[tokio::test]
async fn the_clouds_clock_is_compared_with_this_devices() {
    let now = SkippingClock::default().wall();
    let later = httpdate::fmt_http_date(now + Duration::from_secs(600));
    let earlier = httpdate::fmt_http_date(now - Duration::from_secs(60));
    let bench = bench([
        Reply::done(),
        Reply::done().with("date", &later),
        Reply::done().with("date", "yesterday"),
        Reply::done().with("date", &earlier),
    ])
    .await;
    for expected in [None, Some(600_000), Some(600_000), Some(-60_000)] {
        bench.client.done(&read()).await.unwrap();
        assert_eq!(bench.client.clock_ahead(), expected);
    }
}
