//! Tests of what a password opens.

use belay_proto::id::AccountId;

use super::*;
use crate::account::AccountDetails;
use crate::cloud::Tokens;

struct Account {
    master: Master,
    challenge: LoginChallenge,
    login: Login,
}

/// An account as its own warden would have made it.
fn account() -> Account {
    let (salt, parameters) = ([7; 16], KdfParameters::FLOOR);
    let password = Secret::of_text("correct horse 7");
    let master = Master::derive(&password, &salt, &parameters).unwrap();
    let (root, share) = (Root::generate(), Secret::new([1; 32]));
    let id = AccountId::from_bytes([3; 16]);
    let record = CredentialsRecord {
        account: id,
        generation: 4,
        salt,
        parameters,
        login: master.login_key().public(),
        verify_digest: master.verify_digest(),
        wrapped_root: root.wrap(&master.wrap_key(&share), &id, 4),
        recovery_wrap: Vec::new(),
    };
    let login = Login {
        account: id,
        owner: root.owner_key().public(),
        tokens: Tokens {
            access: Secret::of_text("a"),
            refresh: Secret::of_text("r"),
        },
        share,
        credentials: Signed::seal(&record, &root.owner_key()).encode(),
        keyring: Keyring::generate(id, 4).seal(&root),
        details: AccountDetails::default(),
        certificates: Vec::new(),
        key_epoch: 0,
    };
    let challenge = LoginChallenge {
        salt,
        parameters,
        nonce: vec![9; 16],
    };
    Account {
        master,
        challenge,
        login,
    }
}

#[test]
fn the_right_password_opens_the_owners_key() {
    let Account {
        master,
        challenge,
        login,
    } = account();
    let opened = open(&master, &challenge, &login).unwrap();
    assert_eq!((opened.owner(), opened.generation), (login.owner, 4));
}

#[test]
fn a_cloud_that_gives_out_anything_else_is_refused_by_name() {
    let lies: [fn(&mut Account); 6] = [
        |account| account.login.share = Secret::new([2; 32]),
        |account| account.login.owner = SigningKey::generate().public(),
        |account| account.login.account = AccountId::from_bytes([4; 16]),
        |account| account.login.keyring[5] ^= 1,
        |account| account.login.credentials = b"nonsense".to_vec(),
        |account| account.challenge.salt = [8; 16],
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let mut account = account();
        lie(&mut account);
        let error = open(&account.master, &account.challenge, &account.login)
            .err()
            .unwrap();
        assert_eq!(error.json()["error"]["name"], "CloudRefused", "{number}");
    }
}

#[tokio::test]
async fn parameters_out_of_bounds_are_refused_before_any_work() {
    for memory_kib in [1024, 4 << 20] {
        let parameters = KdfParameters {
            memory_kib,
            ..KdfParameters::FLOOR
        };
        let error = derive(Secret::of_text("x"), [0; 16], parameters)
            .await
            .unwrap_err();
        assert_eq!(error.json()["error"]["name"], "CloudRefused", "{memory_kib}");
    }
}

#[test]
fn the_statement_names_the_cloud_that_was_typed() {
    let Account {
        master, challenge, ..
    } = account();
    let device = SigningKey::generate().public();
    let signature = statement(
        &master,
        "https://cloud.example.org/base",
        "ada@example.org",
        &challenge,
        &device,
        "sign-in",
    );
    let expected = |origin: &str| LoginStatement {
        origin: origin.into(),
        identifier: "ada@example.org".into(),
        nonce: challenge.nonce.clone(),
        action: "sign-in".into(),
        thumbprint: device.thumbprint(),
    };
    let login = master.login_key().public();
    assert!(
        expected("https://cloud.example.org")
            .verify(&login, &signature)
            .is_ok()
    );
    assert!(
        expected("https://relay.example.org")
            .verify(&login, &signature)
            .is_err()
    );
}
