use belay_proto::id::{AccountId, DeviceId, Epoch};
use belay_proto::secret::Secret;

use super::{AccountRows, Part, open};
use crate::account::{Change, Locked, Profile, Release, ReleaseKey, Saved, Session};
use crate::cloud::{Tokens, Vault};
use crate::store::{SealingKey, Store};

async fn rows() -> (AccountRows, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), SealingKey::default()).await.unwrap();
    (AccountRows::new(store), folder)
}

fn session() -> Session {
    Session {
        account: AccountId::from_bytes([1; 16]),
        identifiers: Vec::new(),
        profile: Profile {
            display_name: Some("Ada Lovelace".into()),
            ..Profile::default()
        },
        since: 7,
        recovery_code_set: true,
        bound: true,
        ended: false,
        departure: None,
        new_code: None,
        leaves_data: false,
        deletion_sent: false,
    }
}

fn tokens(n: u8) -> Tokens {
    Tokens {
        access: Secret::new(format!("access-{n}")),
        refresh: Secret::new(format!("refresh-{n}")),
    }
}

fn release(n: u8) -> Release {
    let key = ReleaseKey {
        device: DeviceId::from_bytes([n; 16]),
        epoch: Epoch::from_bytes([n; 16]),
    };
    Release {
        key,
        signed: vec![n; 200],
    }
}

#[tokio::test]
async fn what_was_written_is_read_after_a_restart() {
    let (rows, folder) = rows().await;
    let locked = Locked {
        login: Some("a•••@e•••.org".into()),
    };
    rows.commit(vec![
        Change::Session(Box::new(session())),
        Change::Locked(Some(locked.clone())),
        Change::AddRelease(Box::new(release(1))),
    ])
    .await
    .unwrap();
    rows.put_tokens(tokens(1)).await.unwrap();
    let key = rows.device_key().await.unwrap().public();
    rows.store.close().await;

    let rows = AccountRows::new(Store::open(folder.path(), SealingKey::default()).await.unwrap());
    let saved = rows.load().await.unwrap();
    let expected = Saved {
        session: Some(session()),
        registration: None,
        locked: Some(locked),
        releases: vec![release(1).key],
        commands: Vec::new(),
        proving: None,
    };
    assert_eq!(saved, expected);
    assert_eq!(
        rows.device_key().await.unwrap().public(),
        key,
        "a device has one key"
    );
    assert_eq!(rows.tokens().await.unwrap().unwrap().access.expose(), "access-1");
    assert_eq!(rows.next_release().await.unwrap(), Some(release(1)));
}

#[tokio::test]
async fn a_sign_out_leaves_the_release_alone() {
    let (rows, _folder) = rows().await;
    rows.commit(vec![Change::Session(Box::new(session()))])
        .await
        .unwrap();
    rows.put_tokens(tokens(1)).await.unwrap();
    let key = rows.device_key().await.unwrap().public();
    let released = vec![
        Change::AddRelease(Box::new(release(1))),
        Change::ForgetAccount,
        Change::ForgetDeviceKey,
    ];
    rows.commit(released.clone()).await.unwrap();
    rows.commit(released).await.unwrap();
    let saved = rows.load().await.unwrap();
    assert_eq!(
        saved,
        Saved {
            releases: vec![release(1).key],
            ..Saved::default()
        }
    );
    assert!(rows.tokens().await.unwrap().is_none());
    assert_ne!(rows.device_key().await.unwrap().public(), key);
}

#[tokio::test]
async fn a_delivered_release_is_remembered_by_its_name() {
    let (rows, _folder) = rows().await;
    rows.commit(vec![
        Change::AddRelease(Box::new(release(1))),
        Change::AddRelease(Box::new(release(2))),
    ])
    .await
    .unwrap();
    rows.release_tried(release(1).key).await.unwrap();
    assert_eq!(
        rows.next_release().await.unwrap(),
        Some(release(2)),
        "the least tried comes first"
    );
    assert_eq!(rows.last_delivered().await.unwrap(), None);
    rows.commit(vec![Change::DropRelease(release(2).key)])
        .await
        .unwrap();
    assert_eq!(rows.last_delivered().await.unwrap(), Some(release(2).key));
    assert_eq!(rows.load().await.unwrap().releases, [release(1).key]);
}

#[tokio::test]
async fn tokens_move_on_only_from_those_that_are_held() {
    let (rows, _folder) = rows().await;
    let other = Secret::of_text("refresh-9");
    assert!(
        !rows.rotate(&other, tokens(2)).await.unwrap(),
        "a session that was ended isn't brought back"
    );
    rows.put_tokens(tokens(1)).await.unwrap();
    assert!(!rows.rotate(&other, tokens(2)).await.unwrap());
    assert!(rows.rotate(&tokens(1).refresh, tokens(2)).await.unwrap());
    assert_eq!(
        rows.tokens().await.unwrap().unwrap().refresh.expose(),
        "refresh-2"
    );
}

#[tokio::test]
async fn nothing_that_helps_a_thief_lies_open_and_no_row_opens_in_anothers_place() {
    let (rows, folder) = rows().await;
    rows.commit(vec![Change::Session(Box::new(session()))])
        .await
        .unwrap();
    rows.put_tokens(tokens(1)).await.unwrap();
    let seed = *rows.device_key().await.unwrap().seed().expose();
    rows.store
        .call(|connection| {
            let swap = "UPDATE account SET sealed = (SELECT sealed FROM account WHERE part = 'tokens')";
            connection.execute(&format!("{swap} WHERE part = 'session'"), [])?;
            Ok(())
        })
        .await
        .unwrap();
    let sealer = rows.store.sealer().clone();
    let moved = rows
        .store
        .call(move |connection| open(connection, &sealer, Part::Session))
        .await;
    assert!(moved.is_err());
    rows.store.close().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [&b"Ada Lovelace"[..], b"access-1", b"refresh-1", &seed] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[tokio::test]
async fn a_session_is_what_was_written_last_however_often_it_was_read() {
    let (rows, _folder) = rows().await;
    // Of another handle to the same database.
    let others = AccountRows::new(rows.store.clone());
    let read = async || {
        let (first, again) = (rows.session().await.unwrap(), others.session().await.unwrap());
        assert_eq!(first.0.public(), again.0.public());
        let texts = [first.1, again.1].map(|tokens| {
            tokens.map(|tokens| (tokens.access.expose().clone(), tokens.refresh.expose().clone()))
        });
        assert_eq!(texts[0], texts[1]);
        let [text, _] = texts;
        (first.0.public(), text.map(|(access, _)| access))
    };
    let (key, none) = read().await;
    assert_eq!(none, None);
    rows.put_tokens(tokens(1)).await.unwrap();
    assert_eq!(read().await, (key, Some("access-1".to_owned())));
    assert!(others.rotate(&tokens(1).refresh, tokens(2)).await.unwrap());
    assert_eq!(read().await, (key, Some("access-2".to_owned())));
    others.put_tokens(tokens(3)).await.unwrap();
    assert_eq!(read().await, (key, Some("access-3".to_owned())));
    others.commit(vec![Change::ForgetDeviceKey]).await.unwrap();
    let (other, text) = read().await;
    assert!(other != key && text.as_deref() == Some("access-3"));
    others.commit(vec![Change::ForgetAccount]).await.unwrap();
    assert_eq!(read().await, (other, None));
}
