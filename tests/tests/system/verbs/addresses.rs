//! The account's addresses: one more, which is the login then, and the first one removed.

use super::{Passwords, done, read, refused};
use crate::account_life::OTHER;
use crate::belayctl::ctl;
use crate::owner::{ADA, PASSWORD, adas, app, code, other_code};

#[tokio::test]
async fn an_address_is_added_made_the_login_and_the_first_one_removed() {
    let scene = adas().await;
    let passwords = Passwords::new();
    let right = passwords.right();
    let with = |verb, what| [&["account", verb, what][..], &right].concat();
    let first = done(&scene, &["account", "addresses"]).await["addresses"].clone();
    let first = first[0]["id"].as_str().unwrap().to_owned();
    refused(
        &scene,
        &with("add-address", "nowhere"),
        65,
        "InvalidArgument",
        "address",
    )
    .await;
    let wrong = [&["account", "add-address", OTHER][..], &passwords.wrong()].concat();
    refused(
        &scene,
        &wrong,
        77,
        "WrongPassword",
        "That isn't the account password.",
    )
    .await;

    let added = done(&scene, &with("add-address", OTHER)).await;
    assert_eq!(added["pending"]["kind"], "identifier", "{added}");
    let id = added["id"].as_str().unwrap();
    let text = read(&scene, &["status"]).await;
    assert!(
        text.contains(&format!("belayctl account confirm-address {id}\n")),
        "{text}"
    );
    let code = code(&scene, OTHER).await;
    let wrong = other_code(&code);
    let confirm = |code| ["account", "confirm-address", id, code];
    refused(
        &scene,
        &confirm(&wrong),
        65,
        "WrongCode",
        "That isn't the code that was sent",
    )
    .await;
    assert_eq!(done(&scene, &confirm(&code)).await["added"], true);

    let listed = done(&scene, &["account", "addresses"]).await["addresses"].clone();
    let second = listed[1]["id"].as_str().unwrap();
    assert_eq!(
        (&listed[0]["login"], &listed[1]["login"]),
        (&true.into(), &false.into()),
        "{listed}"
    );
    assert_eq!(
        (&listed[1]["kind"], &listed[1]["verified"]),
        (&"email".into(), &true.into()),
        "{listed}"
    );
    let text = read(&scene, &["account", "addresses"]).await;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].ends_with(&format!("{first}  login")) && lines[1].ends_with(second),
        "{text}"
    );

    refused(
        &scene,
        &with("set-login", "ffffffff"),
        65,
        "Data",
        "belayctl account addresses lists them",
    )
    .await;
    let login = with("remove-address", &first);
    refused(
        &scene,
        &login,
        65,
        "Conflict",
        "The account signs in with this address.\nMake another one the login",
    )
    .await;
    assert_eq!(
        done(&scene, &with("set-login", &second[..8])).await["login"],
        second
    );
    let text = read(&scene, &login).await;
    assert_eq!(text, "The address doesn't belong to the account any more.\n");
    let left = done(&scene, &["account", "addresses"]).await;
    assert_eq!(left["addresses"].as_array().unwrap().len(), 1, "{left}");
    refused(
        &scene,
        &with("remove-address", &first),
        65,
        "Data",
        "no such address",
    )
    .await;

    app(&scene).sign_out(PASSWORD).await.unwrap().unwrap();
    refused(
        &scene,
        &with("sign-in", ADA)[1..],
        77,
        "WrongPassword",
        "or no account is called so",
    )
    .await;
    done(&scene, &with("sign-in", OTHER)[1..]).await;
}

#[tokio::test]
async fn an_address_whose_link_was_opened_needs_no_code() {
    let scene = adas().await;
    let passwords = Passwords::new();
    let add = [&["account", "add-address", OTHER][..], &passwords.right()].concat();
    let said = read(&scene, &add).await;
    let id = said.trim().rsplit(' ').next().unwrap();
    assert!(
        said.contains(&format!("A code is on its way to {OTHER}.")),
        "{said}"
    );
    // Nobody is there to be asked for one.
    let (exit, answer) = ctl(&scene, &["account", "confirm-address", id]).await;
    assert_eq!(
        (exit, &answer["error"]["name"]),
        (Some(64), &"Usage".into()),
        "{answer}"
    );
    let link = scene.outbox().next(OTHER).await.unwrap().link.unwrap();
    let path = link.strip_prefix(&scene.network().url()).unwrap();
    assert!(crate::http::post_form(&scene, path).await.status < 400);
    assert_eq!(
        done(&scene, &["account", "confirm-address", id]).await["added"],
        true
    );
}
