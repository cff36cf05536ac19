//! What the account says of its owner, what could be better, its password, and what it is asked for elsewhere.

use std::fs;

use belay_tests::guest;
use belay_tests::process::signal;
use belay_tests::proxy::Trick;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Passwords, done, password, path, read, refused};
use crate::account_life::{NEW, configured};
use crate::belayctl::file;
use crate::owner::{PASSWORD, adas, app};

#[tokio::test]
async fn the_profile_is_shown_and_what_is_named_is_changed() {
    let scene = adas().await;
    let shown = done(&scene, &["account", "profile"]).await;
    assert_eq!(shown["profile"], json!({ "newsletter": false }));
    let change = [
        "account",
        "profile",
        "--name",
        "Ada Lovelace",
        "--country",
        "gb",
        "--language",
        "en",
        "--newsletter",
        "yes",
    ];
    let all =
        json!({ "display_name": "Ada Lovelace", "country": "GB", "language": "en", "newsletter": true });
    assert_eq!(done(&scene, &change).await["profile"], all);
    assert_eq!(done(&scene, &["account", "profile"]).await["profile"], all);
    let text = read(&scene, &["account", "profile", "--language", ""]).await;
    assert_eq!(
        text,
        "Name:        Ada Lovelace\nCountry:     GB\nLanguage:    not told\nNewsletter:  yes\n"
    );
    let wrong = ["account", "profile", "--country", "Germany"];
    refused(&scene, &wrong, 65, "InvalidArgument", "a country is two letters").await;
}

#[tokio::test]
async fn what_could_be_better_is_said_with_what_to_type() {
    let scene = adas().await;
    let found = done(&scene, &["account", "check"]).await;
    let of_addresses = |finding: &&Value| finding["advice"] == "add-an-address";
    let finding = found["findings"].as_array().unwrap().iter().find(of_addresses);
    assert_eq!(finding.unwrap()["severity"], "warning", "{found}");
    let text = read(&scene, &["account", "check"]).await;
    assert!(text.contains("belayctl account add-address ADDRESS"), "{text}");
    assert!(
        text.contains("This device has no security chip (TPM) (no-tpm)."),
        "{text}"
    );
    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
    for verb in ["check", "profile", "addresses"] {
        refused(&scene, &["account", verb], 65, "NotBound", "belayctl register").await;
    }
}

#[tokio::test]
async fn who_leaves_what_the_cloud_was_asked_for_is_told_that_it_may_be_done_and_where_it_shows() {
    const OPENED: &str = "/v1/verifications";
    let scene = adas().await;
    let passwords = Passwords::new();
    // The clock stands still: what hangs, hangs.
    scene.network().plan(OPENED, 1, &Trick::Hang);
    let add = ["account", "add-address", "ada@example.com"];
    let add = [&add[..], &passwords.right()].concat();
    let program = scene.program("belayctl", &add).as_user(guest::person());
    let mut belayctl = program.start().unwrap();
    scene.network().played(OPENED).await.unwrap();
    signal(belayctl.pid().unwrap(), Signal::INT).unwrap();
    assert_eq!(belayctl.wait().await.unwrap().code(), Some(130));
    let said = fs::read_to_string(belayctl.log()).unwrap();
    assert!(
        said.contains("the request may be on its way, and be carried out all the same")
            && said.contains("belayctl status shows what became of it."),
        "{said}"
    );
}

#[tokio::test]
async fn the_password_is_changed_with_the_one_so_far() {
    let scene = adas().await;
    let passwords = Passwords::new();
    let (new, third, weak) = (file(NEW), file("walnut-signal-58-harbor"), file("password1"));
    let right = passwords.right();
    let to = |file| ["--new-password-file", path(file)];
    let weak = [&["account", "password"][..], &right, &to(&weak)].concat();
    refused(&scene, &weak, 65, "WeakPassword", "too easy to guess").await;
    let wrong = [&["account", "password"][..], &passwords.wrong(), &to(&new)].concat();
    refused(
        &scene,
        &wrong,
        77,
        "WrongPassword",
        "tries are left before a wait",
    )
    .await;
    let change = [&["account", "password"][..], &right, &to(&new)].concat();
    let changed = done(&scene, &change).await;
    assert_eq!(changed, json!({ "changed": true, "new_keys": false }));
    let again = [
        &["account", "password", "--new-keys"][..],
        &password(&new),
        &to(&third),
    ]
    .concat();
    let text = read(&scene, &again).await;
    assert!(text.contains("It has new keys too."), "{text}");
    let signed_out = app(&scene).sign_out("walnut-signal-58-harbor").await;
    signed_out.unwrap().unwrap();
}

#[tokio::test]
async fn a_token_is_for_a_service_that_the_operator_named() {
    let service = "https://photos.example.org";
    let (scene, _file, _) = configured(&format!("services = [\"{service}\"]\n")).await;
    let given = done(&scene, &["account", "token", service]).await;
    assert_eq!(given["token"].as_str().unwrap().split('.').count(), 3, "{given}");
    assert!(
        given["expires"].as_u64().unwrap() > scene.clock().wall(),
        "{given}"
    );
    let text = read(&scene, &["account", "token", service]).await;
    assert!(text.contains("\n\nGood until 20"), "{text}");
    let elsewhere = ["account", "token", "https://elsewhere.example.org"];
    refused(
        &scene,
        &elsewhere,
        65,
        "NotFound",
        "The cloud's operator has named no such service.",
    )
    .await;
}

#[tokio::test]
async fn the_operator_is_asked_for_the_bootloader_and_the_status_shows_it() {
    let (scene, _file, _) = configured("[bootloader]\nwait-days = 1\n").await;
    let passwords = Passwords::new();
    let right = passwords.right();
    let nothing = [&["account", "unlock-bootloader", "--reason", ""][..], &right].concat();
    refused(
        &scene,
        &nothing,
        65,
        "InvalidArgument",
        "a reason is 1 to 500 characters",
    )
    .await;
    let text = read(&scene, &["status"]).await;
    assert!(!text.contains("Bootloader"), "{text}");
    let ask = [
        &["account", "unlock-bootloader", "--reason", "to build my own"][..],
        &right,
    ]
    .concat();
    assert_eq!(
        done(&scene, &ask).await,
        json!({ "bootloader_unlock": "pending" })
    );
    let text = read(&scene, &["status"]).await;
    assert!(
        text.contains("Bootloader:    whether it may be unlocked is for the cloud's operator to say"),
        "{text}"
    );
}
