//! What each method does with what it should never get: the named error soon, no change, no panic.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use belay_tests::app::{
    ACCOUNT, App, DEVICE, Object, Options, Refusal, WARDEN, memfd, options, pipe, refused,
};
use zbus::{DynamicType, Fd, Variant};

use crate::methods::{METHODS, call_with, name};
use crate::owner::{ADA, PASSWORD, adas, app, registered, state};
use crate::scene::scene;

/// The two seconds that a secret is waited for, and what a busy machine takes besides: nothing hangs.
const SOON: Duration = Duration::from_secs(20);

/// Methods by the arguments before their options.
const NO_ARGUMENT: &[(Object, &str)] = &[(ACCOUNT, "CheckActivation"), (ACCOUNT, "ListDevices")];
const ONE_TEXT: &[(Object, &str)] = &[
    (ACCOUNT, "ResendCode"),
    (ACCOUNT, "VerificationState"),
    (ACCOUNT, "CancelVerification"),
    (ACCOUNT, "AcknowledgeRecoveryCode"),
    (ACCOUNT, "Reauthenticate"),
    (ACCOUNT, "SignOut"),
    (DEVICE, "AuthorizeReset"),
    (DEVICE, "SetName"),
];

/// Calls a method and returns its refusal; whatever it would answer otherwise isn't read.
async fn refusal<B: serde::Serialize + DynamicType>(
    app: &App,
    object: Object,
    member: &str,
    body: &B,
) -> Refusal {
    let begun = Instant::now();
    let call = app.bus().call_method(
        Some(object.service),
        object.path,
        Some(object.interface),
        member,
        body,
    );
    let refusal = match belay_tests::until::within(member, call).await.unwrap() {
        Err(error) => Refusal::from_bus(error).unwrap(),
        Ok(reply) => panic!("{member}: {reply:?}"),
    };
    assert!(begun.elapsed() < SOON, "{member} took {:?}", begun.elapsed());
    belay_tests::contract::judge(object, member, &refusal).unwrap();
    refusal
}

/// Arguments of the wrong types never reach the method; zbus names that error by the D-Bus specification.
fn is_wrong_type(refusal: &Refusal) -> bool {
    refusal.short() == "InvalidArgument" || refusal.name == "org.freedesktop.DBus.Error.InvalidArgs"
}

#[tokio::test]
async fn wrong_types_are_named() {
    let scene = adas().await;
    let app = app(&scene);
    for (object, member) in NO_ARGUMENT.iter().chain(ONE_TEXT) {
        let refusals = [
            refusal(&app, *object, member, &(7_u32,)).await,
            refusal(&app, *object, member, &("x", "y", "z", 1_u8)).await,
            refusal(&app, *object, member, &(vec![1_u8; 100],)).await,
            refusal(&app, *object, member, &()).await,
        ];
        for refusal in refusals {
            assert!(is_wrong_type(&refusal), "{member}: {refusal}");
        }
    }
    for (object, member) in [
        (WARDEN, "Present"),
        (WARDEN, "Check"),
        (WARDEN, "Unlock"),
        (ACCOUNT, "Register"),
        (ACCOUNT, "ConfirmRegistration"),
        (ACCOUNT, "SignIn"),
        (DEVICE, "History"),
    ] {
        // A secret as a string is among them.
        for refusal in [
            refusal(&app, object, member, &(PASSWORD,)).await,
            refusal(
                &app,
                object,
                member,
                &("sign-out", "", HashMap::from([("password", PASSWORD)])),
            )
            .await,
        ] {
            assert!(is_wrong_type(&refusal), "{member}: {refusal}");
        }
    }
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn options_that_nobody_knows_are_refused_not_ignored() {
    let scene = adas().await;
    let app = app(&scene);
    let unknown = || options([("no-such-option", Variant::from(true))]);
    for (object, member, _) in METHODS {
        if [ACCOUNT, DEVICE].contains(object) {
            let answer = call_with(&app, *object, member, unknown()).await;
            assert_eq!(name(&answer), "InvalidArgument", "{member}: {answer:?}");
        }
    }
    let odd = options([("release", "yes".into())]);
    let refusal = refusal(&app, DEVICE, "AuthorizeReset", &("t", odd)).await;
    assert_eq!(refusal.short(), "InvalidArgument", "{refusal}");
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn details_of_the_wrong_kind_are_refused_before_anything_is_sent() {
    let scene = scene().await;
    let app = app(&scene);
    for details in [
        options([("display-name", Variant::from(7_u32))]),
        options([("newsletter", "yes".into())]),
        options([("outgoing-sms", 1_u32.into())]),
        options([("shoe-size", 43_u32.into())]),
        options([("display-name", Variant::from("x".repeat(1024 * 1024)))]),
    ] {
        refused(
            app.register(ADA, PASSWORD, &details).await.unwrap(),
            "InvalidArgument",
        )
        .unwrap();
    }
    assert_eq!(state(&scene).await, "unbound");
    assert!(
        scene
            .network()
            .exchanges()
            .iter()
            .all(|e| e.path != "/v1/verifications")
    );
}

#[tokio::test]
async fn empty_and_enormous_texts_are_refused() {
    let scene = adas().await;
    let app = app(&scene);
    let mebibyte = "x".repeat(1024 * 1024);
    for text in ["", &mebibyte] {
        for (object, member) in ONE_TEXT {
            let refusal = refusal(&app, *object, member, &(text, Options::new())).await;
            assert!(
                ["InvalidArgument", "NotFound", "BadTicket"].contains(&refusal.short()),
                "{member}: {refusal}"
            );
        }
        let secrets = || HashMap::from([("password", Fd::from(memfd(PASSWORD.as_bytes()).unwrap()))]);
        assert_eq!(
            refusal(&app, WARDEN, "Present", &(text, "", secrets()))
                .await
                .short(),
            "InvalidArgument"
        );
        let subject = refusal(&app, WARDEN, "Present", &("sign-in", text, secrets())).await;
        assert!(
            ["InvalidArgument", "AlreadyBound"].contains(&subject.short()),
            "{subject}"
        );
    }
    let crowd: HashMap<String, Fd<'_>> = (0..10)
        .map(|n| (format!("password-{n}"), Fd::from(memfd(b"x").unwrap())))
        .collect();
    assert_eq!(
        refusal(&app, WARDEN, "Present", &("sign-out", "", crowd))
            .await
            .short(),
        "InvalidArgument"
    );
    assert_eq!(
        refusal(
            &app,
            WARDEN,
            "Present",
            &("sign-out", "", HashMap::<&str, Fd<'_>>::new())
        )
        .await
        .short(),
        "InvalidArgument"
    );
    assert_eq!(state(&scene).await, "bound");
}

/// Descriptors that hold no secret, each with its name. Whoever holds the second part keeps it open.
fn odd_descriptors() -> Vec<(&'static str, OwnedFd, Option<OwnedFd>)> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(PASSWORD.as_bytes()).unwrap();
    file.rewind().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // Begins like the password and never ends.
    writer.write_all(PASSWORD.as_bytes()).unwrap();
    let (socket, other) = std::os::unix::net::UnixStream::pair().unwrap();
    let (read_end, write_end) = std::io::pipe().unwrap();
    vec![
        ("a regular file", file.into(), None),
        ("a pipe that never ends", reader.into(), Some(writer.into())),
        (
            "the writing end of a pipe",
            write_end.into(),
            Some(read_end.into()),
        ),
        ("a socket", socket.into(), Some(other.into())),
        ("a device", File::open("/dev/zero").unwrap().into(), None),
        ("a folder", File::open("/").unwrap().into(), None),
        ("a memfd of 1 MiB", memfd(&vec![b'x'; 1024 * 1024]).unwrap(), None),
        ("a pipe of 60 KiB", pipe(&vec![b'x'; 60 * 1024]).unwrap(), None),
        ("a memfd one byte too long", memfd(&[b'x'; 1025]).unwrap(), None),
        (
            "a memfd that isn't text",
            memfd(b"crane\xff\xfe-lantern-49").unwrap(),
            None,
        ),
        (
            "a pipe that isn't text",
            pipe(b"crane\xff\xfe-lantern-49").unwrap(),
            None,
        ),
        ("an empty memfd", memfd(b"").unwrap(), None),
        ("an empty pipe", pipe(b"").unwrap(), None),
    ]
}

#[tokio::test]
async fn a_descriptor_without_a_secret_is_an_invalid_argument_and_counts_nothing() {
    let scene = adas().await;
    let app = app(&scene);
    let before: u32 = app.get(WARDEN, "TriesLeft").await.unwrap();
    for (what, fd, _open) in odd_descriptors() {
        let secrets = HashMap::from([("password", Fd::from(fd))]);
        let refusal = refusal(&app, WARDEN, "Present", &("sign-out", "", secrets)).await;
        assert_eq!(refusal.short(), "InvalidArgument", "{what}: {refusal}");
    }
    for (what, fd, _open) in odd_descriptors() {
        let refusal = refusal(&app, WARDEN, "Unlock", &(Fd::from(fd),)).await;
        assert_eq!(refusal.short(), "InvalidArgument", "{what}: {refusal}");
    }
    for (what, fd, _open) in odd_descriptors() {
        if !what.starts_with("an empty") {
            let refusal = refusal(&app, WARDEN, "Check", &(Fd::from(fd),)).await;
            assert_eq!(refusal.short(), "InvalidArgument", "{what}: {refusal}");
        }
    }
    let after: u32 = app.get(WARDEN, "TriesLeft").await.unwrap();
    assert_eq!(before, after);
    // A pipe that ends is as good as a memfd.
    let secret = vec![("password", pipe(PASSWORD.as_bytes()).unwrap())];
    let ticket = app.present_fds("sign-out", "", secret).await.unwrap().unwrap();
    app.sign_out_with(&ticket).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_code_comes_in_a_descriptor_too() {
    let scene = scene().await;
    let app = app(&scene);
    let id = app
        .register(ADA, PASSWORD, &Options::new())
        .await
        .unwrap()
        .unwrap();
    for (what, fd, _open) in odd_descriptors() {
        let refusal = refusal(
            &app,
            ACCOUNT,
            "ConfirmRegistration",
            &(&id, Fd::from(fd), Options::new()),
        )
        .await;
        let expected = if what.starts_with("an empty") {
            "WrongCode"
        } else {
            "InvalidArgument"
        };
        assert_eq!(refusal.short(), expected, "{what}: {refusal}");
    }
    let code = crate::owner::code(&scene, ADA).await;
    app.confirm(&id, &code).await.unwrap().unwrap();
}

#[tokio::test]
async fn never_ending_secrets_of_many_callers_hold_nobody_up() {
    let scene = adas().await;
    let app = app(&scene);
    // On a busy machine the answers may take as long as a secret is waited for, but not each time.
    let unheld = async || {
        let mut hung = Vec::new();
        let mut writers = Vec::new();
        for _ in 0..20 {
            let (reader, writer) = std::io::pipe().unwrap();
            writers.push(writer);
            let secrets = vec![("password", reader.into())];
            let app = app.clone();
            hung.push(tokio::spawn(async move {
                app.present_fds("sign-out", "", secrets).await.unwrap()
            }));
        }
        let begun = Instant::now();
        assert_eq!(app.text(WARDEN, "BindingState").await.unwrap(), "bound");
        assert_eq!(state(&scene).await, "bound");
        let took = begun.elapsed();
        for call in hung {
            let refusal = call.await.unwrap().unwrap_err();
            assert!(
                ["InvalidArgument", "Busy"].contains(&refusal.short()),
                "{refusal}"
            );
        }
        (took < Duration::from_secs(2)).then_some(())
    };
    belay_tests::until::until("answers while secrets are waited for", unheld)
        .await
        .unwrap();
    app.sign_out(PASSWORD).await.unwrap().unwrap();
}

#[tokio::test]
async fn purposes_that_do_not_exist_yet_or_ever_are_refused() {
    let scene = adas().await;
    let app = app(&scene);
    for purpose in ["", "SIGN-OUT", "sign-out ", "sign_out", "unbind", "unlock"] {
        let answer = app.present(purpose, "", &[("password", PASSWORD)]).await.unwrap();
        refused(answer, "InvalidArgument").unwrap_or_else(|e| panic!("{purpose:?}: {e}"));
    }
    let answer = app.present("sign-out", "", &[("pass", PASSWORD)]).await.unwrap();
    refused(answer, "InvalidArgument").unwrap();
    let answer = app
        .present("sign-out", "", &[("password", PASSWORD), ("more", PASSWORD)])
        .await
        .unwrap();
    refused(answer, "InvalidArgument").unwrap();
}

#[tokio::test]
async fn the_warden_without_a_first_state_answers_storage_to_everything() {
    let mut scene = crate::scene::Scene::empty().await;
    scene.start_cloud().await.unwrap();
    let app = App::new(scene.person());
    refused(
        app.present("register", ADA, &[("password", PASSWORD)])
            .await
            .unwrap(),
        "Storage",
    )
    .unwrap();
    assert_eq!(
        refusal(&app, WARDEN, "Check", &(Fd::from(memfd(b"x1234567").unwrap()),))
            .await
            .short(),
        "Storage"
    );
    scene.kill_warden().await.unwrap();
    scene.init_warden().await.unwrap();
    scene.start_belayd().await.unwrap();
    registered(&scene, ADA, PASSWORD).await;
}
