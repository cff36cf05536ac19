//! `Busy`: from belayd while the same thing, or what excludes it, is under way; from the warden while too much
//! waits for it.

use std::future::{Future, pending, ready};
use std::time::Duration;

use belay_tests::app::{ACCOUNT, Answer, App, DEVICE, Options, WARDEN, memfd, options, refused};
use belay_tests::guest;
use belay_tests::polkit::Answer as Polkit;
use belay_tests::proxy::Trick;
use belay_tests::services::puppet::{Behaviour, Call, Properties, Puppet, Refusal, Strings, Values, props};
use belay_tests::until::{PATIENCE, until, within};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::timeout;
use zbus::{Fd, OwnedFd, Variant};

use crate::methods::{call, name};
use crate::owner::{ADA, BEN, PASSWORD, adas, app, code, registering, state};
use crate::scene::{Scene, scene, skipped};

/// More callers than the session has places for.
const CROWD: usize = 280;
/// With those who have a place more than the 256 that wait for the warden's one task, and the one that it serves.
const QUESTIONS: usize = 64;

/// How long it may take until all is done that finds the warden busy: some of it waits more than once behind hundreds of passwords.
const QUEUED: Duration = PATIENCE.saturating_mul(4);

/// Begins a registration of Ada's; its id and the code of the mail.
async fn begun(scene: &Scene) -> (String, String) {
    let (id, code) = registering(scene, ADA, PASSWORD).await;
    (id, code)
}

/// A method that takes a verification's id and nothing else.
async fn by_id(app: &App, member: &str, id: &str) -> Answer<()> {
    app.call(ACCOUNT, member, &(id, Options::new())).await.unwrap()
}

/// Calls again and again, so that `size` calls are always under way, and tells `busy` once one is answered so. Every
/// other answer has to be one that `fits`.
async fn crowd<T, F: Future<Output = Answer<T>>>(
    size: usize,
    one: impl Fn() -> F,
    fits: impl Fn(&Answer<T>) -> bool,
    busy: &watch::Sender<bool>,
) {
    let mut calls: FuturesUnordered<F> = std::iter::repeat_with(&one).take(size).collect();
    while let Some(answer) = calls.next().await {
        if answer.as_ref().err().is_some_and(|e| e.short() == "Busy") {
            busy.send_replace(true);
        } else {
            assert!(fits(&answer), "{:?}", answer.err());
        }
        calls.push(one());
    }
}

/// Does `work` while the crowd calls, which has met `Busy` by then.
async fn amid(crowd: impl Future<Output = ()>, busy: &watch::Sender<bool>, work: impl Future<Output = ()>) {
    let mut met = busy.subscribe();
    let work = async {
        met.wait_for(|busy| *busy).await.unwrap();
        work.await;
    };
    let (crowd, work) = (std::pin::pin!(crowd), std::pin::pin!(work));
    let ended = timeout(QUEUED, select(crowd, work)).await;
    let ended = ended.unwrap_or_else(|_| panic!("waited in vain for the warden to be busy"));
    assert!(matches!(ended, Either::Right(_)));
}

/// `Warden.Unlock` with the owner's password.
async fn unlock(app: &App) -> Answer<()> {
    let fd = Fd::from(memfd(PASSWORD.as_bytes()).unwrap());
    app.call(WARDEN, "Unlock", &(fd,)).await.unwrap()
}

#[tokio::test]
async fn one_confirmation_at_a_time_and_no_cancellation_once_the_account_is_asked_for() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, code) = begun(&scene).await;
    // The clock stands still: what hangs, hangs until belayd ends.
    scene.network().plan("/v1/accounts", 1, &Trick::Hang);
    let _hangs = tokio::spawn({
        let (app, id, code) = (app.clone(), id.clone(), code.clone());
        async move { app.confirm(&id, &code).await }
    });
    scene.network().played("/v1/accounts").await.unwrap();
    refused(app.confirm(&id, &code).await.unwrap(), "Busy").unwrap();
    refused(by_id(&app, "CancelVerification", &id).await, "Busy").unwrap();
    refused(call(&app, ACCOUNT, "SignIn").await, "Busy").unwrap();
    // Nor does anything begin that an account of this device's would be in the way of.
    refused(app.begin_recovery(BEN).await.unwrap(), "Conflict").unwrap();
    assert_eq!(state(&scene).await, "registering");
}

#[tokio::test]
async fn one_code_at_a_time_is_asked_for() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, _) = begun(&scene).await;
    // Past the minutes that have to be between two codes.
    scene.clock().advance(Duration::from_secs(16 * 60)).unwrap();
    scene.network().plan("/v1/verifications/", 1, &Trick::Hang);
    let _hangs = tokio::spawn({
        let (app, id) = (app.clone(), id.clone());
        async move { by_id(&app, "ResendCode", &id).await }
    });
    scene.network().played("/v1/verifications/").await.unwrap();
    refused(by_id(&app, "ResendCode", &id).await, "Busy").unwrap();
}

/// While the cloud says nothing two calls are made at once, and the one of them that is answered is `Busy`.
async fn second_is_busy<F: Future<Output = Answer<()>>>(scene: &Scene, what: &str, one: impl Fn() -> F) {
    scene.network().plan("/v1/", 1000, &Trick::Hang);
    let mut both: FuturesUnordered<F> = [one(), one()].into_iter().collect();
    let first = within(what, both.next()).await.unwrap().unwrap();
    assert_eq!(name(&first), "Busy", "{what}");
    scene.network().behave();
}

#[tokio::test]
async fn one_thing_of_a_kind_is_asked_of_the_cloud_at_a_time() {
    let scene = scene().await;
    let app = app(&scene);
    second_is_busy(&scene, "CheckActivation", || {
        call(&app, ACCOUNT, "CheckActivation")
    })
    .await;
    let (id, _) = begun(&scene).await;
    let look = async || -> Answer<()> {
        let body = (id.as_str(), Options::new());
        let answer: Answer<String> = app.call(ACCOUNT, "VerificationState", &body).await.unwrap();
        answer.map(drop)
    };
    second_is_busy(&scene, "VerificationState", look).await;

    let scene = adas().await;
    let app = crate::owner::app(&scene);
    for member in ["ListDevices", "GetServiceToken", "SecurityCheck"] {
        second_is_busy(&scene, member, || call(&app, ACCOUNT, member)).await;
    }
    let named = async || -> Answer<()> {
        let name = options([("display-name", "Ada".into())]);
        let body = (name, Options::new());
        app.call(ACCOUNT, "SetProfile", &body).await.unwrap()
    };
    second_is_busy(&scene, "SetProfile", named).await;
}

#[tokio::test]
async fn one_address_at_a_time_is_confirmed() {
    let scene = adas().await;
    let app = app(&scene);
    let id = app.add_identifier(BEN, PASSWORD).await.unwrap().unwrap();
    let code = code(&scene, BEN).await;
    let confirm = async || app.confirm_identifier(&id, &code).await.unwrap();
    second_is_busy(&scene, "ConfirmIdentifier", confirm).await;
}

/// Stands in for a warden that is told of a code that is written down, and takes its time.
struct Slow {
    identity: Properties,
    told: watch::Sender<bool>,
}

impl Behaviour for Slow {
    fn answer(&self, _puppet: Puppet, call: Call) -> BoxFuture<'static, Result<Values, Refusal>> {
        let is_told = call.arguments.get(1) == Some(&Variant::from("acknowledge"));
        match call.member.as_str() {
            "Identity" => Box::pin(ready(Ok(vec![Variant::from(self.identity.clone())]))),
            "Use" if is_told => {
                self.told.send_replace(true);
                Box::pin(pending())
            }
            _ => {
                let refusal = Refusal::new("org.belay1.Error.Internal", "a stand-in");
                Box::pin(ready(Err(refusal)))
            }
        }
    }
}

/// The warden is gone, and somebody slow has its name. What belayd asks for besides would start it again, so that it may take
/// more than one try.
async fn slow_warden(scene: &Scene, account: &str, told: &watch::Sender<bool>) -> Strings {
    let takes_over = async || {
        scene.kill_warden().await.unwrap();
        let slow = Slow {
            identity: props([("account", account.to_owned().into())]).unwrap(),
            told: told.clone(),
        };
        let shown = [
            ("BindingState", "bound".into()),
            ("LockState", "unlocked".into()),
            ("TriesLeft", 5_u32.into()),
        ];
        let set = async |puppet: &Puppet| puppet.add(WARDEN.path, WARDEN.interface, props(shown)?).await;
        Strings::attach(scene.bus().socket(), WARDEN.service, slow, set)
            .await
            .ok()
    };
    until("the warden's name to be free", takes_over).await.unwrap()
}

#[tokio::test]
async fn one_acknowledgement_of_a_recovery_code_at_a_time() {
    let scene = scene().await;
    let app = app(&scene);
    let (id, code) = begun(&scene).await;
    app.confirm(&id, &code).await.unwrap().unwrap();
    let account = app.text(ACCOUNT, "UserId").await.unwrap();
    let told = watch::Sender::new(false);
    let _slow = slow_warden(&scene, &account, &told).await;
    let _waits = tokio::spawn({
        let (app, id) = (app.clone(), id.clone());
        async move { by_id(&app, "AcknowledgeRecoveryCode", &id).await }
    });
    let mut told = told.subscribe();
    within("the warden to be told", told.wait_for(|told| *told))
        .await
        .unwrap()
        .unwrap();
    refused(by_id(&app, "AcknowledgeRecoveryCode", &id).await, "Busy").unwrap();
}

#[tokio::test]
async fn while_the_password_is_proved_anew_neither_that_nor_a_sign_out_begins() {
    let scene = adas().await;
    let app = app(&scene);
    scene.network().plan("/v1/login/challenge", 1, &Trick::Hang);
    let _hangs = tokio::spawn({
        let app = app.clone();
        async move { app.reauthenticate(ADA, PASSWORD).await }
    });
    scene.network().played("/v1/login/challenge").await.unwrap();
    for member in ["Reauthenticate", "SignOut"] {
        assert_eq!(name(&call(&app, ACCOUNT, member).await), "Busy", "{member}");
    }
    refused(app.sign_out(PASSWORD).await.unwrap(), "Busy").unwrap();
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn the_warden_judges_a_few_new_passwords_at_once_and_answers_busy_to_the_rest() {
    let scene = scene().await;
    let app = app(&scene);
    // Long, and full of what the judge looks for: dates, sequences, words, words in disguise.
    let long: String = "p4ssw0rd19871224qwertzuiopabcdefgh"
        .chars()
        .cycle()
        .take(1000)
        .collect();
    let one = async || -> Answer<u8> {
        let fd = Fd::from(memfd(long.as_bytes()).unwrap());
        app.call(WARDEN, "Check", &(fd,)).await.unwrap()
    };
    let busy = watch::Sender::new(false);
    let judged = |answer: &Answer<u8>| answer.as_ref().is_ok_and(|score| *score <= 4);
    amid(crowd(64, one, judged, &busy), &busy, async {}).await;
    // It is busy with that only.
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "unbound");
}

#[tokio::test]
async fn as_many_tickets_live_at_once_as_the_warden_keeps_and_the_next_is_busy() {
    let scene = scene().await;
    let app = app(&scene);
    let mut alive = 0;
    // The clock stands still: none of them ends.
    let refusal = loop {
        match app
            .present_once("sign-in", BEN, &[("password", PASSWORD)])
            .await
            .unwrap()
        {
            Ok(_) => alive += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((alive, refusal.short()), (256, "Busy"));
    scene.clock().advance(Duration::from_secs(60)).unwrap();
    app.present("sign-in", BEN, &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_warden_with_a_full_queue_answers_busy_and_so_does_belayd_where_it_needs_it() {
    let scene = adas().await;
    let app = app(&scene);
    let mut tickets = Vec::new();
    for _ in 0..8 {
        tickets.push(
            app.present("reset", "", &[("password", PASSWORD)])
                .await
                .unwrap()
                .unwrap(),
        );
    }
    // Each Unlock is a password check of its own, one at a time; so as many of the session wait as may.
    let busy = watch::Sender::new(false);
    let others = async {
        one_is_busy((0..8).map(|_| call(&app, WARDEN, "RecoveryCode")), "NotFound").await;
        // They leave room in the queue: for root, and for belayd until it has too many questions of its own.
        if guest::is_root() {
            let root = App::new(&scene.root().await.unwrap());
            assert_eq!(unlock(&root).await, Ok(()));
        }
        let full = watch::Sender::new(false);
        let resets = one_is_busy(tickets.iter().map(|ticket| reset(&app, ticket)), "granted");
        amid(
            crowd(QUESTIONS, || history(&app), Result::is_ok, &full),
            &full,
            resets,
        )
        .await;
    };
    amid(crowd(CROWD, || unlock(&app), Result::is_ok, &busy), &busy, others).await;
    // Not the crowd's end is waited for: what waits in the queue is nobody's any more.
    scene.kill_warden().await.unwrap();
    assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
    assert_eq!(unlock(&app).await, Ok(()));
}

/// How many of the session may be kept waiting by polkit, or keep the warden waiting.
const PLACES: usize = 224;

#[tokio::test]
async fn a_session_that_hangs_takes_neither_every_place_nor_every_descriptor() {
    if !guest::is_root() {
        skipped("the lost screen's and root's own places need root");
        return;
    }
    let scene = adas().await;
    let app = app(&scene);
    scene.polkit().answer(Polkit::Hung);
    let mut calls: FuturesUnordered<_> = (0..PLACES + 20).map(|_| unlock(&app)).collect();
    let mut busy = 0;
    while busy < 20 {
        match name(&calls.next().await.unwrap()) {
            "Busy" => busy += 1,
            // On a busy machine polkit was waited for to the end before all had come, and others take their places.
            other => assert_eq!(other, "NotAuthorized"),
        }
        calls.push(unlock(&app));
    }
    let warden = scene.owner("org.belay1.Warden").await.unwrap().unwrap();
    let open = std::fs::read_dir(format!("/proc/{warden}/fd")).unwrap().count();
    assert!(
        (PLACES / 2..2 * PLACES + 64).contains(&open),
        "{open} descriptors"
    );
    // Whoever brings more secrets than any purpose has waits for nobody and leaves nothing behind.
    let three = ["password", "old", "new"].map(|secret| (secret, PASSWORD));
    let answer = app.present_once("sign-out", "", &three).await.unwrap();
    refused(answer, "InvalidArgument").unwrap();
    let root = App::new(&scene.root().await.unwrap());
    assert_eq!(unlock(&root).await, Ok(()));
}

/// Waits until one of the calls is answered `Busy`; every other answer has to be `or`.
async fn one_is_busy(calls: impl Iterator<Item = impl Future<Output = Answer<()>>>, or: &str) {
    let mut calls: FuturesUnordered<_> = calls.collect();
    while let Some(answer) = calls.next().await {
        match name(&answer) {
            "Busy" => return,
            other => assert_eq!(other, or, "{answer:?}"),
        }
    }
    panic!("none was busy");
}

/// `Device.History`, which belayd asks the warden for.
async fn history(app: &App) -> Answer<()> {
    app.history(0).await.unwrap().map(drop)
}

/// `Device.AuthorizeReset` with a ticket.
async fn reset(app: &App, ticket: &str) -> Answer<()> {
    app.call::<_, OwnedFd>(DEVICE, "AuthorizeReset", &(ticket, Options::new()))
        .await
        .unwrap()
        .map(drop)
}
