use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use belay_proto::{DeviceId, Epoch};
use futures_util::FutureExt;
use rusqlite::Connection;

use super::{FILE_NAME, SealingKey, Store, StoreError, device, meta, migrations, release};

async fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, SealingKey::default()).await
}

#[tokio::test]
async fn what_was_stored_is_there_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store
        .call(|db| device::set_name(db, "Ada's phone"))
        .await
        .unwrap();
    let sealed = store.sealer().seal("meta/x", b"hidden");
    store.call(move |db| meta::set(db, "x", &sealed)).await.unwrap();
    store.close().await;
    assert!(matches!(store.call(|_| Ok(())).await, Err(StoreError::Gone)));

    let store = open(folder.path()).await.unwrap();
    let row = store.call(|db| device::load(db)).await.unwrap();
    assert_eq!(
        row,
        device::DeviceRow {
            name: "Ada's phone".into(),
            name_dirty: true
        }
    );
    let sealed = store.call(|db| meta::get(db, "x")).await.unwrap().unwrap();
    assert_eq!(
        store.sealer().open("meta/x", &sealed).unwrap().expose(),
        b"hidden"
    );
    assert!(
        store.sealer().open("meta/y", &sealed).is_err(),
        "a sealed value opens in its place only"
    );
}

#[tokio::test]
async fn files_are_made_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/state");
    let _store = open(&state).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("sealing.key")), 0o600);
}

#[tokio::test]
async fn a_second_belayd_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).await.unwrap();
    assert!(matches!(open(folder.path()).await, Err(StoreError::InUse { .. })));
}

#[tokio::test]
async fn with_another_key_nothing_opens_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.unwrap().close().await;
    let before = std::fs::read(folder.path().join(FILE_NAME)).unwrap();
    let key = folder.path().join("sealing.key");
    std::fs::write(&key, [7; 32]).unwrap();
    assert!(matches!(open(folder.path()).await, Err(StoreError::WrongKey)));
    std::fs::write(&key, [7; 31]).unwrap();
    assert!(matches!(
        open(folder.path()).await,
        Err(StoreError::BadKey { .. })
    ));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(
        open(folder.path()).await,
        Err(StoreError::KeyMissing { .. })
    ));
    assert!(!key.exists(), "no new key for an old database");
    assert_eq!(std::fs::read(folder.path().join(FILE_NAME)).unwrap(), before);
}

#[tokio::test]
async fn a_key_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("sealing.key");
    std::fs::write(&key, [7; 32]).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        open(folder.path()).await,
        Err(StoreError::BadKey { .. })
    ));
}

#[tokio::test]
async fn a_credential_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = tempfile::tempdir().unwrap();
    std::fs::write(credentials.path().join("belay.key"), [9; 32]).unwrap();
    let key = || SealingKey::new(Some(credentials.path().to_owned()));
    Store::open(folder.path(), key()).await.unwrap().close().await;
    assert!(!folder.path().join("sealing.key").exists());
    Store::open(folder.path(), key()).await.unwrap().close().await;
    assert!(matches!(
        open(folder.path()).await,
        Err(StoreError::KeyMissing { .. })
    ));
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sealing.key"), [7; 32]).unwrap();
    std::fs::set_permissions(
        folder.path().join("sealing.key"),
        std::fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    let garbage = b"this is not a database, but long enough to be looked at as one".repeat(40);
    std::fs::write(folder.path().join(FILE_NAME), &garbage).unwrap();
    assert!(matches!(open(folder.path()).await, Err(StoreError::Open { .. })));
    assert_eq!(std::fs::read(folder.path().join(FILE_NAME)).unwrap(), garbage);
}

#[tokio::test]
async fn a_database_of_a_newer_belayd_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.unwrap().close().await;
    let newer = migrations::ALL.len() + 1;
    let database = Connection::open(folder.path().join(FILE_NAME)).unwrap();
    database
        .pragma_update(None, "user_version", u32::try_from(newer).unwrap())
        .unwrap();
    drop(database);
    let error = open(folder.path()).await.unwrap_err();
    assert!(
        matches!(error, StoreError::TooNew { found, .. } if found == newer),
        "{error}"
    );
}

#[tokio::test]
async fn a_panic_rolls_its_transaction_back_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let outcome = store
        .transaction(|db| -> Result<(), StoreError> {
            device::set_name(db, "half")?;
            panic!("on purpose");
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Panicked)));
    assert_eq!(
        store.call(|db| device::load(db)).await.unwrap(),
        device::DeviceRow::default()
    );
}

#[tokio::test]
async fn work_whose_caller_has_left_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    {
        // The thread is held, so that no answer can come before the caller has left.
        let mut held = std::pin::pin!(store.call(move |_| {
            wait.recv().ok();
            Ok(())
        }));
        let mut call = std::pin::pin!(store.call(|db| device::set_name(db, "kept")));
        // One poll hands the work over.
        assert!(held.as_mut().now_or_never().is_none());
        assert!(call.as_mut().now_or_never().is_none());
    }
    go.send(()).unwrap();
    assert_eq!(store.call(|db| device::load(db)).await.unwrap().name, "kept");
}

#[tokio::test]
async fn a_name_changed_again_stays_undelivered() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.call(|db| device::set_name(db, "one")).await.unwrap();
    store.call(|db| device::set_name(db, "two")).await.unwrap();
    store.call(|db| device::name_delivered(db, "one")).await.unwrap();
    assert!(store.call(|db| device::load(db)).await.unwrap().name_dirty);
    store.call(|db| device::name_delivered(db, "two")).await.unwrap();
    assert!(!store.call(|db| device::load(db)).await.unwrap().name_dirty);
}

#[tokio::test]
async fn releases_wait_in_turn_until_delivered_and_wake_who_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let (one, two) = ([1; 16], [2; 16]);
    for bytes in [one, two, one] {
        store
            .put_release(
                DeviceId::from_bytes(bytes),
                Epoch::from_bytes(bytes),
                bytes.to_vec(),
            )
            .await
            .unwrap();
    }
    store.release_put().await;
    let next = |store: &Store| {
        let store = store.clone();
        async move {
            store
                .call(|db| release::next(db))
                .await
                .unwrap()
                .map(|release| release.device)
        }
    };
    assert_eq!(next(&store).await, Some(one));
    store
        .call(move |db| release::tried(db, &one, &one))
        .await
        .unwrap();
    assert_eq!(
        next(&store).await,
        Some(two),
        "one that failed waits behind the others"
    );
    store
        .call(move |db| release::delivered(db, &two, &two))
        .await
        .unwrap();
    assert_eq!(next(&store).await, Some(one));
    store
        .call(move |db| release::delivered(db, &one, &one))
        .await
        .unwrap();
    assert!(!store.call(|db| release::any(db)).await.unwrap());
}

/// The schema in a canonical form: what the tables look like, whatever steps led there.
fn schema(connection: &Connection) -> String {
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name")
        .unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|row| row.unwrap() + ";\n").collect()
}

#[test]
fn the_migrations_lead_to_the_recorded_schema() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrations::run(&mut connection, migrations::ALL).unwrap();
    let schema = schema(&connection);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/schema.sql");
    if std::env::var_os("BELAY_BLESS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        schema == recorded,
        "run with BELAY_BLESS=1 to record this schema:\n{schema}"
    );
}

#[test]
fn a_database_of_any_earlier_version_comes_up_to_the_same_schema() {
    let mut fresh = Connection::open_in_memory().unwrap();
    migrations::run(&mut fresh, migrations::ALL).unwrap();
    for version in 0..migrations::ALL.len() {
        let mut old = Connection::open_in_memory().unwrap();
        migrations::run(&mut old, &migrations::ALL[..version]).unwrap();
        migrations::run(&mut old, migrations::ALL).unwrap();
        assert_eq!(schema(&old), schema(&fresh), "from version {version}");
    }
}

#[test]
fn a_failing_migration_leaves_the_version_before_it() {
    let mut connection = Connection::open_in_memory().unwrap();
    let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
    let error = migrations::run(&mut connection, &steps).unwrap_err();
    assert!(matches!(error, StoreError::Migration { number: 2, .. }));
    let version: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(
        (version, schema(&connection).as_str()),
        (1, "CREATE TABLE a (x);\n")
    );
}
