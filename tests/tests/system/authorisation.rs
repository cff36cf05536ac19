//! Who may call what: polkit in each of its moods, another user, and the members that only belayd may call.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use belay_tests::app::{App, WARDEN};
use belay_tests::guest;
use belay_tests::polkit::Answer;
use futures_util::future::join_all;

use crate::methods::{METHODS, call, name};
use crate::owner::{PASSWORD, adas, app, state};
use crate::scene::Scene;

/// How long all of them may take together: the ten seconds that polkit is waited for once, on a busy machine. One after the other
/// they would take minutes.
const ALL_WITHIN: Duration = Duration::from_secs(45);

/// Calls every method at once as the person at the device, and expects the same refusal of each.
async fn all_refused(scene: &Scene, expected: &str) {
    let app = app(scene);
    let begun = Instant::now();
    let answers = join_all(
        METHODS
            .iter()
            .map(|(object, member, _)| call(&app, *object, member)),
    )
    .await;
    for ((_, member, _), answer) in METHODS.iter().zip(answers) {
        assert_eq!(name(&answer), expected, "{member}: {answer:?}");
    }
    assert!(begun.elapsed() < ALL_WITHIN, "they took {:?}", begun.elapsed());
    assert_eq!(state(scene).await, "bound");
}

#[tokio::test]
async fn each_method_asks_for_its_action_about_its_caller_and_goes_on_where_the_answer_is_yes() {
    if !guest::is_root() {
        crate::scene::skipped("a caller that needs polkit is another user, which needs root");
        return;
    }
    let scene = adas().await;
    let app = app(&scene);
    // Nothing tells where the device is, which is waited for.
    scene.clock().run(20).unwrap();
    let name_on_bus = app.bus().unique_name().unwrap().to_string();
    for (object, member, action) in METHODS {
        let _before = scene.polkit().asked();
        let answer = call(&app, *object, member).await;
        assert_ne!(name(&answer), "NotAuthorized", "{member}");
        let asked = scene.polkit().asked();
        let ours: Vec<_> = asked.iter().filter(|q| q.subject == name_on_bus).collect();
        assert!(
            ours.iter().any(|q| q.action == *action),
            "{member} asked {asked:?}"
        );
        assert!(
            ours.iter()
                .all(|q| q.kind == "system-bus-name" && q.action == *action),
            "{member} asked {asked:?}"
        );
    }
}

#[tokio::test]
async fn no_means_no_and_nothing_is_counted() {
    if !guest::is_root() {
        crate::scene::skipped("a caller that needs polkit is another user, which needs root");
        return;
    }
    let scene = adas().await;
    let before: u32 = app(&scene).get(WARDEN, "TriesLeft").await.unwrap();
    scene.polkit().answer(Answer::No);
    all_refused(&scene, "NotAuthorized").await;
    let after: u32 = app(&scene).get(WARDEN, "TriesLeft").await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_dialogue_that_the_message_forbids_is_named() {
    if !guest::is_root() {
        crate::scene::skipped("a caller that needs polkit is another user, which needs root");
        return;
    }
    let scene = adas().await;
    scene.polkit().answer(Answer::Challenge);
    all_refused(
        &scene,
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    )
    .await;
    assert!(scene.polkit().asked().iter().all(|q| !q.interaction));
}

#[tokio::test]
async fn a_hung_polkit_is_a_no_after_ten_seconds() {
    if !guest::is_root() {
        crate::scene::skipped("a caller that needs polkit is another user, which needs root");
        return;
    }
    let scene = adas().await;
    scene.polkit().answer(Answer::Hung);
    all_refused(&scene, "NotAuthorized").await;
}

#[tokio::test]
async fn without_polkit_only_root_gets_through() {
    if !guest::is_root() {
        crate::scene::skipped("a caller that needs polkit is another user, which needs root");
        return;
    }
    let scene = adas().await;
    scene.polkit().leave().await.unwrap();
    all_refused(&scene, "NotAuthorized").await;
    let root = App::new(&scene.root().await.unwrap());
    root.sign_out(PASSWORD).await.unwrap().unwrap();
    assert_eq!(state(&scene).await, "unbound");
}

#[tokio::test]
async fn what_polkit_allows_one_user_another_does_not_get() {
    let Some(stranger) = guest::stranger() else {
        crate::scene::skipped("another user needs root");
        return;
    };
    let scene = adas().await;
    scene.polkit().except("org.belay1.owner.present", Answer::No);
    scene.polkit().except("org.belay1.account.remove", Answer::No);
    let stranger = App::new(&scene.connect(stranger).await.unwrap());
    let refusal = stranger.sign_out(PASSWORD).await.unwrap().unwrap_err();
    assert_eq!(refusal.short(), "NotAuthorized");
    scene.polkit().answer(Answer::Yes);
    let ticket = app(&scene)
        .present("sign-out", "", &[("password", PASSWORD)])
        .await
        .unwrap()
        .unwrap();
    scene.polkit().except("org.belay1.account.remove", Answer::No);
    let stolen = stranger.sign_out_with(&ticket).await.unwrap().unwrap_err();
    assert_eq!(stolen.short(), "NotAuthorized");
    assert_eq!(state(&scene).await, "bound");
}

#[tokio::test]
async fn what_only_belayd_may_call_the_warden_refuses_to_everybody_else() {
    let scene = adas().await;
    let mut callers = vec![App::new(scene.person())];
    if guest::is_root() {
        callers.push(App::new(&scene.root().await.unwrap()));
        callers.push(App::new(
            &scene.connect(guest::programs().unwrap()).await.unwrap(),
        ));
    }
    for app in callers {
        let bytes: &[u8] = &[1, 2, 3];
        let answers = [
            app.call::<_, bool>(WARDEN, "Credentials", &(bytes,))
                .await
                .unwrap()
                .map(drop),
            app.call::<_, Vec<u8>>(WARDEN, "Use", &("t", "release", bytes))
                .await
                .unwrap()
                .map(drop),
            app.call::<_, Vec<HashMap<String, zbus::OwnedVariant>>>(WARDEN, "History", &(0_u64,))
                .await
                .unwrap()
                .map(drop),
        ];
        for answer in answers {
            assert_eq!(name(&answer), "NotAuthorized");
        }
    }
    // These are root's too, and without root the person here is the warden's own user.
    if guest::is_root() {
        let app = app(&scene);
        let envelope: &[u8] = &[1, 2, 3];
        let done: &[u8] = &[0xa0];
        let answers = [
            app.call::<_, ()>(WARDEN, "Tighten", &("lost",)).await.unwrap(),
            app.call::<_, ()>(WARDEN, "Beat", &()).await.unwrap(),
            app.call::<_, String>(WARDEN, "Command", &(envelope,))
                .await
                .unwrap()
                .map(drop),
            app.call::<_, Vec<u8>>(WARDEN, "Use", &("", "tick", done))
                .await
                .unwrap()
                .map(drop),
        ];
        for answer in answers {
            assert_eq!(name(&answer), "NotAuthorized");
        }
        assert_eq!(app.text(WARDEN, "LockState").await.unwrap(), "unlocked");
    }
    let identity = app(&scene)
        .call::<_, HashMap<String, zbus::OwnedVariant>>(WARDEN, "Identity", &())
        .await
        .unwrap();
    // Without root everybody here is one user, the programs' own.
    assert!(!guest::is_root() || name(&identity.map(drop)) == "NotAuthorized");
    assert_eq!(app(&scene).text(WARDEN, "LockState").await.unwrap(), "unlocked");
}

#[test]
fn the_actions_in_code_are_those_in_the_policy_file() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let policy =
        std::fs::read_to_string(format!("{root}/systemd/polkit-1/actions/org.belay1.policy")).unwrap();
    let in_file: BTreeSet<String> = policy
        .split("<action id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let in_test: BTreeSet<String> = METHODS
        .iter()
        .map(|(_, _, action)| (*action).to_owned())
        .collect();
    assert_eq!(in_file, in_test);
    // The ids are constants of proto; those count that belayd or the warden name.
    let names = std::fs::read_to_string(format!("{root}/proto/src/dbus/names.rs")).unwrap();
    let code = ["daemon/src", "daemon/warden/src"]
        .map(|f| sources(Path::new(&format!("{root}/{f}"))))
        .concat();
    let in_code: BTreeSet<String> = names
        .lines()
        .filter_map(constant)
        .filter(|(name, _)| code.contains(name))
        .map(|(_, id)| id.to_owned())
        .collect();
    assert_eq!(in_file, in_code);
}

/// The texts of all sources below `folder`, tests left out.
fn sources(folder: &Path) -> String {
    let mut texts = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            texts += &sources(&path);
        } else if name.ends_with(".rs") && !name.contains("tests") {
            texts += &std::fs::read_to_string(&path).unwrap();
        }
    }
    texts
}

/// The name and value of `pub const NAME: &str = "org.belay1.a.b";`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line
        .trim()
        .strip_prefix("pub const ")?
        .split_once(": &str = \"")?;
    let id = value.strip_suffix("\";")?;
    let words = id.strip_prefix("org.belay1.")?;
    let lower = |c: char| c.is_ascii_lowercase() || c == '.';
    (words.contains('.') && words.chars().all(lower)).then_some((name, id))
}
