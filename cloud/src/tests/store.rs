//! Transactions: all or nothing.

use std::os::unix::fs::PermissionsExt;

use rusqlite::{TransactionBehavior, params};

use super::owner::{Device, Owner};
use super::rig::{Rig, settings};
use crate::admin::{self, AdminError};
use crate::app::App;
use crate::clock::CloudClock;
use crate::problem::{Kind, Problem};
use crate::store::{self, Failure, Store, StoreError};

pub fn count(rig: &Rig, table: &str) -> i64 {
    let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn an_account_that_breaks_half_way_leaves_nothing_and_the_next_try_works() {
    let rig = Rig::new();
    let client = rig.client();
    let (owner, device) = (Owner::new("jo@example.org"), Device::new());
    let ticket = owner.ticket(&client).await;
    let body = owner.account_body(&client, &device, &ticket);
    for table in [
        "accounts",
        "shares",
        "identifiers",
        "devices",
        "families",
        "answers",
    ] {
        let connection = store::connect(&rig.app.settings.data.join(store::FILE)).unwrap();
        let trap = format!(
            "CREATE TRIGGER trap BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'power cut'); END"
        );
        connection.execute_batch(&trap).unwrap();
        client
            .post_with("/v1/accounts", &body, "k")
            .await
            .refuses(500, "internal");
        connection.execute_batch("DROP TRIGGER trap").unwrap();
        for empty in [
            "accounts",
            "shares",
            "identifiers",
            "devices",
            "families",
            "parameter_sets",
        ] {
            assert_eq!(count(&rig, empty), 0, "{empty} after {table}");
        }
    }
    client.post_with("/v1/accounts", &body, "k").await.is(201);
    assert_eq!(count(&rig, "shares"), 1);
}

#[tokio::test]
async fn a_refusal_keeps_what_was_counted_and_a_failure_keeps_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = Store::open(&folder.path().join("db")).unwrap();
    let insert = |id: u8| {
        move |tx: &rusqlite::Transaction<'_>| -> Result<(), Failure> {
            tx.execute("INSERT INTO proofs VALUES (?1, 0)", params![vec![id]])?;
            match id {
                1 => Ok(()),
                2 => Err(Problem::new(Kind::NotFound).into()),
                3 => Err(StoreError::Unreadable("x").into()),
                _ => panic!("on purpose"),
            }
        }
    };
    assert!(store.transact(insert(1)).await.is_ok());
    assert_eq!(store.transact(insert(2)).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(store.transact(insert(3)).await.unwrap_err().kind, Kind::Internal);
    assert_eq!(store.transact(insert(4)).await.unwrap_err().kind, Kind::Internal);
    let rows =
        store.transact(|tx| Ok(tx.query_row("SELECT count(*) FROM proofs", [], |row| row.get::<_, i64>(0))?));
    assert_eq!(rows.await.unwrap(), 2, "and the thread lives on after a panic");
}

#[tokio::test]
async fn a_database_that_another_program_has_is_busy_and_not_broken() {
    let rig = Rig::new();
    let client = rig.client();
    let data = rig.app.settings.data.clone();
    let mut other = store::connect(&data.join(store::FILE)).unwrap();
    let held = other
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let hardware = "00".repeat(32);
    let command = {
        let (data, hardware) = (data.clone(), hardware.clone());
        tokio::task::spawn_blocking(move || admin::hardware::show(&data, &hardware))
    };
    // The second waits behind the first, and no longer.
    let (first, second, command) = tokio::join!(client.get("/healthz"), client.get("/healthz"), command);
    for answer in [first, second] {
        assert_eq!(answer.refuses(503, "busy").retry_after(), 1);
    }
    let error = command.unwrap().unwrap_err();
    assert!(matches!(error, AdminError::Busy), "{error:?}");
    assert_eq!(error.exit_code(), 69);
    drop(held);
    client.get("/healthz").await.is(200);
    assert_eq!(admin::hardware::show(&data, &hardware).unwrap(), "never bound");
}

#[tokio::test]
async fn a_database_without_its_key_or_from_the_future_is_refused() {
    let rig = Rig::new();
    let settings = || settings(&rig.folder);
    let clock = || CloudClock::new(rig.clock.clone());
    let key = settings().data.join("server.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert!(App::open(settings(), clock()).is_err(), "no key");
    std::fs::write(&key, [1; 32]).unwrap();
    assert!(App::open(settings(), clock()).is_err(), "another key");
    for length in [0, 31, 33] {
        std::fs::write(&key, vec![1; length]).unwrap();
        assert!(App::open(settings(), clock()).is_err(), "{length} bytes");
    }
    std::fs::write(&key, kept).unwrap();
    assert!(App::open(settings(), clock()).is_ok());
    let connection = store::connect(&settings().data.join(store::FILE)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(App::open(settings(), clock()).is_err(), "from the future");
}

#[test]
fn nobody_else_on_the_machine_reads_the_database() {
    let folder = tempfile::TempDir::new().unwrap();
    // An operator's folder, readable by everybody.
    let path = folder.path().join(store::FILE);
    let connection = store::connect(&path).unwrap();
    connection
        .execute("INSERT INTO meta (name, value) VALUES ('x', x'00')", [])
        .unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let rig = Rig::new();
    let mut client = rig.client();
    let owner = Owner::new("jo@example.org");
    owner.register(&mut client, &Device::new()).await;
    owner.challenge(&client).await.is(200);
    rig.mails().await;
    rig.advance(3 * 24 * 3600);
    client.token = None;
    client.get("/v1/account/credentials").await.is(200);
    for table in [
        "spent_work",
        "answers",
        "events",
        "verifications",
        "login_nonces",
        "messages",
    ] {
        assert_eq!(count(&rig, table), 0, "{table}");
    }
    assert_eq!(count(&rig, "proofs"), 1, "this call's own");
    assert_eq!(count(&rig, "accounts"), 1);
}
