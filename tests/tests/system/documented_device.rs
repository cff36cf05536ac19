//! Errors of `org.belay1.Device` that its documentation names and no story of the other tests meets.

use std::future::Future;

use belay_proto::steps::{PolicyChanges, policies_subject};
use belay_tests::app::{Answer, App, DEVICE, Options, Refusal, WARDEN, memfd, options, refused};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use zbus::{Fd, OwnedFd};

use crate::owner::{ADA, PASSWORD, adas, app, registered};
use crate::scene::{Scene, scene};

/// The methods that take a ticket, each with its purpose.
const OWNERS: [(&str, &str); 3] = [
    ("AuthorizeReset", "reset"),
    ("SetFindEnabled", "find"),
    ("SetPolicies", "policies"),
];

fn changes() -> PolicyChanges {
    PolicyChanges {
        dry_run: Some(true),
        ..PolicyChanges::default()
    }
}

/// A ticket for the very thing that [`with`] asks for.
async fn ticket(app: &App, purpose: &str, password: &str) -> String {
    let subject = match purpose {
        "find" => "off".to_owned(),
        "policies" => policies_subject(&changes()),
        _ => String::new(),
    };
    app.present(purpose, &subject, &[("password", password)])
        .await
        .unwrap()
        .unwrap()
}

/// Calls one of [`OWNERS`].
async fn with(app: &App, member: &str, ticket: &str) -> Answer<()> {
    let none = Options::new();
    match member {
        "AuthorizeReset" => {
            let answer: Answer<OwnedFd> = app.call(DEVICE, member, &(ticket, none)).await.unwrap();
            answer.map(drop)
        }
        "SetFindEnabled" => app.call(DEVICE, member, &(false, ticket, none)).await.unwrap(),
        _ => {
            let policies = options([("dry-run", true.into())]);
            app.call(DEVICE, member, &(policies, ticket, none)).await.unwrap()
        }
    }
}

#[tokio::test]
async fn a_wrong_password_opens_nothing_and_after_too_many_the_right_one_waits() {
    let scene = adas().await;
    let app = app(&scene);
    let mut right = Vec::new();
    for (member, purpose) in OWNERS {
        right.push((member, ticket(&app, purpose, PASSWORD).await));
    }
    for n in 0..5 {
        let (member, purpose) = OWNERS[n % OWNERS.len()];
        let wrong = ticket(&app, purpose, &format!("guess-number-{n}")).await;
        refused(with(&app, member, &wrong).await, "WrongPassword").unwrap();
    }
    for (member, ticket) in right {
        refused(with(&app, member, &ticket).await, "TooManyAttempts").unwrap();
    }
    assert!(app.get::<bool>(DEVICE, "FindEnabled").await.unwrap());
}

#[tokio::test]
async fn on_a_device_that_is_nobodys_every_ticket_is_a_bad_one() {
    let scene = adas().await;
    let app = app(&scene);
    let mut tickets = Vec::new();
    for (member, purpose) in OWNERS {
        tickets.push((member, ticket(&app, purpose, PASSWORD).await));
    }
    app.sign_out(PASSWORD).await.unwrap().unwrap();
    for (member, ticket) in tickets {
        refused(with(&app, member, &ticket).await, "BadTicket").unwrap();
    }
}

#[tokio::test]
async fn stopping_the_noise_takes_no_options() {
    let scene = adas().await;
    let odd = options([("odd", true.into())]);
    let answer: Answer<()> = app(&scene).call(DEVICE, "StopRinging", &(odd,)).await.unwrap();
    refused(answer, "InvalidArgument").unwrap();
}

#[tokio::test]
async fn without_a_modem_and_a_location_service_nothing_tells_where_it_is() {
    let scene = scene().await;
    registered(&scene, ADA, PASSWORD).await;
    scene.clock().run(20).unwrap();
    scene.services().modem().unplug().await.unwrap();
    scene.services().position().puppet().leave().await.unwrap();
    let app = app(&scene);
    // What has just left may still be asked once.
    let named = async || -> Option<Refusal> {
        type Fix = (f64, f64, f64, f64, u64, u64, String);
        let answer: Answer<(Fix,)> = app.call(DEVICE, "GetLocation", &(Options::new(),)).await.unwrap();
        answer.err().filter(|refusal| refusal.short() == "NotSupported")
    };
    belay_tests::until::until("both to be missed", named)
        .await
        .unwrap();
}

/// The state can't be read: neither can the log.
#[tokio::test]
async fn a_device_without_a_state_has_no_log() {
    let mut scene = Scene::empty().await;
    scene.start_cloud().await.unwrap();
    scene.launch_belayd().await.unwrap();
    refused(app(&scene).history(0).await.unwrap(), "Storage").unwrap();
}

/// More callers than the session has places at the warden.
const CROWD: usize = 280;
/// With those who have a place more than wait for the warden's one task.
const QUESTIONS: usize = 64;

/// Keeps as many calls under way as there are of `one`; tells `busy` once one is answered so.
async fn crowd<T, F: Future<Output = Answer<T>>>(
    size: usize,
    one: impl Fn() -> F,
    busy: &watch::Sender<bool>,
) {
    let mut calls: FuturesUnordered<F> = std::iter::repeat_with(&one).take(size).collect();
    while let Some(answer) = calls.next().await {
        if answer.is_err_and(|refusal| refusal.short() == "Busy") {
            busy.send_replace(true);
        }
        calls.push(one());
    }
}

#[tokio::test]
async fn a_setting_that_finds_the_warden_with_a_full_queue_is_answered_busy() {
    let scene = adas().await;
    let app = app(&scene);
    let (session, full) = (watch::Sender::new(false), watch::Sender::new(false));
    // Each Unlock is a password check of its own, one at a time; so as many of the session wait as may. The rest
    // of the queue belayd fills, with questions that it is asked.
    let unlock = || async {
        let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
        app.call::<_, ()>(WARDEN, "Unlock", &(fd,)).await.unwrap()
    };
    let question = || async { app.history(0).await.unwrap() };
    let questions = async {
        session.subscribe().wait_for(|busy| *busy).await.unwrap();
        crowd(QUESTIONS, question, &full).await;
    };
    let settings = async {
        full.subscribe().wait_for(|busy| *busy).await.unwrap();
        for member in ["SetFindEnabled", "SetPolicies"] {
            until_busy(&app, member).await;
        }
    };
    let all = async {
        tokio::select! {
            () = crowd(CROWD, unlock, &session) => panic!("the crowd has gone"),
            () = questions => panic!("the questions have ended"),
            () = settings => {}
        }
    };
    belay_tests::until::within("the warden to be busy", all)
        .await
        .unwrap();
    // Not the crowd's end is waited for: what waits in the queue is nobody's any more.
    scene.kill_warden().await.unwrap();
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
}

/// Calls as often as the warden's queue has room, with a ticket of nobody's, until one is refused for want of room.
async fn until_busy(app: &App, member: &str) {
    let made = "0123456789abcdef0123456789abcdef";
    let mut calls: FuturesUnordered<_> = std::iter::repeat_with(|| with(app, member, made))
        .take(QUESTIONS)
        .collect();
    while let Some(answer) = calls.next().await {
        match answer.unwrap_err().short() {
            "Busy" => return,
            other => assert_eq!(other, "BadTicket", "{member}"),
        }
        calls.push(with(app, member, made));
    }
}
