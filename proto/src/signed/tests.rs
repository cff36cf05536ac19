use std::sync::LazyLock;

use proptest::prelude::*;

use super::{
    AccountOrder, Action, Command, CommandEnvelope, CredentialsRecord, DelegateCertificate,
    DeviceCertificate, EnvelopeError, HoldEnd, Keyring, LoginStatement, Object, Outcome, Release,
    ResetAuthorisation, Signed, SignedError, Signer, StateReport, Succession, Verb,
};
use crate::id::{AccountId, CommandId, DeviceId, Epoch, HardwareId};
use crate::keys::{Root, SigningKey};
use crate::secret::Secret;

mod account;
mod commands;
mod keyring;
mod samples;
use samples::{
    certificate, command, credentials, delegate, hold_end, login, order, outcome, release, reset,
    state_report, succession,
};

fn owner() -> SigningKey {
    SigningKey::from_seed(&Secret::new([1; 32]))
}

/// A signed object's bytes, and whether changed ones still open as that object.
struct Sample {
    bytes: Vec<u8>,
    opens: fn(&[u8]) -> bool,
}

fn sample<T: Object>(object: &T) -> Sample {
    let bytes = Signed::seal(object, &owner()).encode();
    let opens =
        |bytes: &[u8]| Signed::decode(bytes).is_ok_and(|signed| signed.open::<T>(&owner().public()).is_ok());
    assert!(opens(&bytes));
    Sample { bytes, opens }
}

static SAMPLES: LazyLock<[Sample; 13]> = LazyLock::new(|| {
    [
        sample(&credentials()),
        sample(&certificate()),
        sample(&release()),
        sample(&reset()),
        sample(&login()),
        sample(&Keyring::generate(AccountId::from_bytes([1; 16]), 1)),
        sample(&delegate(owner().public(), vec![Verb::Ring])),
        sample(&command(Action::SignOut)),
        sample(&outcome()),
        sample(&state_report()),
        sample(&order()),
        sample(&succession()),
        sample(&hold_end()),
    ]
});

/// Whether any signed object still opens after its bytes were changed.
fn any_survives(change: impl Fn(&mut Vec<u8>)) -> bool {
    SAMPLES.iter().any(|sample| {
        let mut bytes = sample.bytes.clone();
        change(&mut bytes);
        bytes != sample.bytes && (sample.opens)(&bytes)
    })
}

proptest! {
    #[test]
    fn no_single_changed_bit_verifies(at: prop::sample::Index, bit in 0..8_u8) {
        prop_assert!(!any_survives(|bytes| *at.get_mut(bytes) ^= 1 << bit));
    }

    #[test]
    fn no_piece_put_elsewhere_verifies(
        from: prop::sample::Index, to: prop::sample::Index, piece in prop::collection::vec(any::<u8>(), 0..40), cut in 0..40_usize
    ) {
        let survived = any_survives(|bytes| {
            let (start, place) = (from.index(bytes.len()), to.index(bytes.len()));
            let end = (start + cut).min(bytes.len());
            let moved: Vec<u8> = bytes[start..end].to_vec();
            bytes.splice(place..place, moved);
            let place = place.min(bytes.len());
            bytes.splice(place..place, piece.clone());
        });
        prop_assert!(!survived);
    }

    #[test]
    fn no_shortened_object_verifies(at: prop::sample::Index) {
        prop_assert!(!any_survives(|bytes| bytes.truncate(at.index(bytes.len()))));
    }

    #[test]
    fn a_payload_of_any_bytes_never_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let owner = owner();
        let signature = owner.sign(Command::DOMAIN, &payload);
        let signed = Signed { payload, signature };
        prop_assert!(matches!(signed.open::<Command>(&owner.public()), Err(SignedError::Malformed(_))));
        prop_assert_eq!(Signed::decode(&signed.encode()), Ok(signed));
    }

    #[test]
    fn any_release_crosses_as_text(id: [u8; 16], hardware: [u8; 32], key: [u8; 32]) {
        let release = Release { device: DeviceId::from_bytes(id), hardware: HardwareId::from_bytes(hardware), ..release() };
        let key = SigningKey::from_seed(&Secret::new(key));
        let text = Release::to_text(&Signed::seal(&release, &key));
        prop_assert!(text.len() <= 1024);
        let read: Release = Release::from_text(&format!(" {text}\n")).unwrap().open(&key.public()).unwrap();
        prop_assert_eq!(read, release);
    }
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let owner = owner();
    let reset = reset();
    let signed = Signed::seal(&reset, &owner);
    let payload = signed.payload.clone();
    for domain in [
        CredentialsRecord::DOMAIN,
        DeviceCertificate::DOMAIN,
        Release::DOMAIN,
        Command::DOMAIN,
        DelegateCertificate::DOMAIN,
        Keyring::DOMAIN,
        LoginStatement::DOMAIN,
        Outcome::DOMAIN,
        StateReport::DOMAIN,
        AccountOrder::DOMAIN,
        Succession::DOMAIN,
        HoldEnd::DOMAIN,
    ] {
        assert!(domain.ends_with(b"\0") && domain != ResetAuthorisation::DOMAIN);
        assert!(
            owner
                .public()
                .verify(domain, &payload, &signed.signature)
                .is_err()
        );
    }
    assert_eq!(signed.open::<ResetAuthorisation>(&owner.public()), Ok(reset));
}

#[test]
fn another_key_an_unknown_key_and_another_version_are_refused() {
    let owner = owner();
    let signed = Signed::seal(&release(), &owner);
    let other = SigningKey::generate().public();
    assert!(matches!(
        signed.open::<Release>(&other),
        Err(SignedError::BadSignature(_))
    ));
    let mut map = crate::cbor::MapReader::new(&release().encode()).unwrap();
    let (account, device): (AccountId, DeviceId) =
        (map.take("account").unwrap(), map.take("device").unwrap());
    let (epoch, hardware): (Epoch, HardwareId) = (map.take("epoch").unwrap(), map.take("hardware").unwrap());
    let base = |version: u64| {
        crate::cbor::MapWriter::new()
            .put("v", &version)
            .put("account", &account)
            .put("device", &device)
            .put("epoch", &epoch)
            .put("hardware", &hardware)
    };
    assert!(Release::decode(&base(1).finish()).is_ok());
    assert!(Release::decode(&base(2).finish()).is_err());
    assert!(Release::decode(&base(1).put("more", &true).finish()).is_err());
    for text in [
        "",
        "belay-release:",
        "belay-release:AAAA",
        "release:AAAA",
        "belay-release:!",
    ] {
        assert!(Release::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn every_action_crosses_with_its_arguments() {
    let actions = [
        Action::Lock {
            message: "Lost. Please call.".to_owned(),
            phone: "+4915112345678".to_owned(),
        },
        Action::Lock {
            message: String::new(),
            phone: String::new(),
        },
        Action::Unlock,
        Action::Wipe {
            external: true,
            keep_esim: false,
        },
        Action::Ring { seconds: 60 },
        Action::StopRing,
        Action::Locate,
        Action::Message {
            text: "ä".repeat(200),
        },
        Action::SignOut,
        Action::Cancel {
            id: CommandId::from_bytes([9; 16]),
        },
    ];
    for action in actions {
        let command = command(action);
        assert_eq!(Command::decode(&command.encode()), Ok(command));
    }
    for action in [
        Action::Message {
            text: "ä".repeat(201),
        },
        Action::Lock {
            message: String::new(),
            phone: "112".to_owned(),
        },
    ] {
        assert!(Command::decode(&command(action).encode()).is_err());
    }
}

#[test]
fn a_delegate_asks_for_what_its_certificate_says_and_for_nothing_else() {
    let (owner, delegate_key) = (owner(), SigningKey::generate());
    let certificate = delegate(delegate_key.public(), vec![Verb::Ring, Verb::Locate]);
    let envelope = |action, signer: &SigningKey, certificate: Option<&DelegateCertificate>| {
        let envelope = CommandEnvelope {
            command: Signed::seal(&command(action), signer),
            delegate: certificate.map(|certificate| Signed::seal(certificate, &owner)),
        };
        CommandEnvelope::decode(&envelope.encode())
            .unwrap()
            .open(&owner.public())
    };
    assert!(matches!(
        envelope(Action::SignOut, &owner, None),
        Ok((_, Signer::Owner))
    ));
    let ring = envelope(Action::Ring { seconds: 5 }, &delegate_key, Some(&certificate));
    assert!(matches!(ring, Ok((_, Signer::Delegate(_)))));
    for action in [
        Action::StopRing,
        Action::SignOut,
        Action::Unlock,
        Action::Wipe {
            external: false,
            keep_esim: true,
        },
    ] {
        assert_eq!(
            envelope(action, &delegate_key, Some(&certificate)),
            Err(EnvelopeError::NotDelegated)
        );
    }
    assert!(envelope(Action::Locate, &delegate_key, None).is_err());
    assert!(envelope(Action::Locate, &owner, Some(&certificate)).is_err());
    let foreign = DelegateCertificate {
        account: AccountId::from_bytes([8; 16]),
        ..certificate
    };
    assert_eq!(
        envelope(Action::Locate, &delegate_key, Some(&foreign)),
        Err(EnvelopeError::NotDelegated)
    );
}

#[test]
fn the_grave_verbs_cant_be_delegated() {
    for verb in Verb::ALL {
        let outcome = super::delegate::DelegatedVerbs::new(vec![verb]);
        let grave = matches!(verb, Verb::Unlock | Verb::Wipe | Verb::SignOut | Verb::Cancel);
        assert_eq!(outcome.is_err(), grave, "{verb:?}");
    }
    assert!(super::delegate::DelegatedVerbs::new(vec![]).is_err());
}

#[test]
fn a_keyring_opens_for_its_root_account_and_generation_only() {
    let (root, account) = (Root::generate(), AccountId::random());
    let keyring = Keyring::generate(account, 1);
    let sealed = keyring.seal(&root);
    let opened = Keyring::open(&root, &account, 1, &sealed).unwrap();
    assert_eq!(opened.key_epoch(), 1);
    assert_eq!(opened.index_key.expose(), keyring.index_key.expose());
    assert_eq!(
        opened.data_roots.get(1).unwrap().expose(),
        keyring.data_roots.get(1).unwrap().expose()
    );
    assert!(Keyring::open(&Root::generate(), &account, 1, &sealed).is_err());
    assert!(Keyring::open(&root, &AccountId::random(), 1, &sealed).is_err());
    assert!(Keyring::open(&root, &account, 2, &sealed).is_err());
    assert!(!format!("{keyring:?}").contains(&format!("{:?}", keyring.index_key.expose())));
}

#[test]
fn a_certificate_names_itself_only_with_the_right_device_id() {
    let certificate = certificate();
    assert!(certificate.names_itself());
    assert_eq!(
        DeviceCertificate::decode(&certificate.encode()).as_ref(),
        Ok(&certificate)
    );
    let other = DeviceCertificate {
        epoch: Epoch::from_bytes([6; 16]),
        ..certificate
    };
    assert!(!other.names_itself());
}

#[test]
fn a_login_statement_that_differs_in_anything_doesnt_verify() {
    let statement = login();
    for (url, origin) in [
        ("HTTPS://Cloud.example.org/base/", "https://cloud.example.org"),
        (" https://cloud.example.org:443 ", "https://cloud.example.org"),
        (
            "https://cloud.example.org:8443/?x",
            "https://cloud.example.org:8443",
        ),
        ("http://127.0.0.1:80#y", "http://127.0.0.1"),
        ("http://[::1]:443/", "http://[::1]:443"),
        ("cloud.example.org", ""),
    ] {
        assert_eq!(LoginStatement::origin_of(url), origin, "{url}");
    }
    let signature = statement.sign(&owner());
    assert_eq!(statement.verify(&owner().public(), &signature), Ok(()));
    for other in [
        LoginStatement {
            origin: "https://relay.example.org".to_owned(),
            ..statement.clone()
        },
        LoginStatement {
            identifier: "b@example.org".to_owned(),
            ..statement.clone()
        },
        LoginStatement {
            nonce: vec![1; 15],
            ..statement.clone()
        },
        LoginStatement {
            action: "reauthenticate".to_owned(),
            ..statement.clone()
        },
        LoginStatement {
            thumbprint: [3; 32],
            ..statement.clone()
        },
    ] {
        assert!(other.verify(&owner().public(), &signature).is_err());
    }
}
