use std::collections::VecDeque;

use belay_proto::cbor::MAX_BYTES;
use belay_proto::keys::{KdfParameters, SigningKey};
use belay_proto::signed::{Keyring, MOST_EPOCHS, MOST_REMOVED};
use belay_proto::{AccountId, DeviceId, HardwareId, Secret};

use super::*;
use crate::core::command::book::MOST_OUTCOMES;
use crate::core::command::memory::{DELEGATES, OWNERS};
use crate::core::hold::{Hold, Renewal};
use crate::core::records::Bound;

fn told(sequence: u64) -> Told {
    Told {
        sequence,
        command: CommandId::from_bytes([7; 16]),
        // A signed outcome with the longest reason has 537 bytes.
        bytes: vec![0x5a; 560],
    }
}

fn full() -> Book {
    let known = (0..u64::try_from(OWNERS + DELEGATES).unwrap()).map(|number| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let known = Known {
            verb: Verb::ALL.get(usize::try_from(number % 10).unwrap()).copied(),
            counter: number,
            void_after: (number % 3 > 0).then_some(number),
            fate: match number % 4 {
                0 => Fate::Running,
                1 => Fate::Over,
                2 => Fate::Marked,
                _ => Fate::Refused(Disposition::Stale),
            },
            delegated: number % 5 == 0,
        };
        (CommandId::from_bytes(id), known)
    });
    let since = Moment {
        boottime: Duration::from_secs(9),
        boot_id: "00000000-0000-4000-8000-000000000001".to_owned(),
    };
    let deed = Deed {
        command: CommandId::from_bytes([7; 16]),
        verb: Verb::Ring,
        arguments: vec![1; 20],
        issued_at: u64::MAX,
        void_after: Some(u64::MAX - 1),
        begun: true,
    };
    Book {
        epoch: Some(Epoch::from_bytes([1; 16])),
        time: OwnTime::of(Span::beginning(&since)),
        known: known.collect(),
        floor: Some(u64::MAX),
        outcomes: (0..u64::try_from(MOST_OUTCOMES).unwrap())
            .map(told)
            .collect::<VecDeque<_>>(),
        deeds: vec![deed; 32],
        farewell: Some(told(99)),
        refusals: Tally::of(u64::MAX),
        delegated: DelegatedTally {
            since: u64::MAX,
            tally: Tally::of(3),
        },
        rehearsals: Tally::of(4),
        contact: Contact {
            offline: Span::beginning(&since),
            countdown: Some(Span::beginning(&since)),
            ..Contact::default()
        },
        leaving: Some(Span::beginning(&since)),
        ..Book::default()
    }
}

#[test]
fn a_full_book_reads_back_and_fits_a_state_file() {
    let bytes = book_to_bytes(&full());
    assert_eq!(book_from_bytes(&bytes).unwrap(), full());
    // Beside it a file holds the longest message and the sequences of the other concerns.
    assert!(bytes.len() + 4096 < MAX_BYTES, "{}", bytes.len());
    assert!(book_from_bytes(&bytes[1..]).is_err());
}

#[test]
fn what_is_on_disk_means_the_same_in_the_next_version() {
    let verbs = Verb::ALL.map(|verb| verb.as_str());
    assert_eq!(
        verbs,
        [
            "lock",
            "unlock",
            "wipe",
            "ring",
            "stop-ring",
            "locate",
            "message",
            "sign-out",
            "cancel"
        ]
    );
    let refusals = Disposition::ALL.map(Disposition::as_str);
    assert_eq!(
        refusals,
        [
            "accepted",
            "bad-signature",
            "wrong-device",
            "wrong-epoch",
            "replayed",
            "superseded",
            "stale",
            "cancelled",
            "expired",
            "malformed",
            "unsupported",
            "no-such-delegate",
            "already"
        ]
    );
}

/// A binding in which everything is as long as it gets, for a hold.
fn longest() -> Bound {
    let device = |number: usize| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        DeviceId::from_bytes(id)
    };
    let removed: Vec<DeviceId> = (0..MOST_REMOVED).map(device).collect();
    let account = AccountId::from_bytes([1; 16]);
    let ring = (1..MOST_EPOCHS).fold(Keyring::generate(account, u64::MAX), |ring, _| {
        ring.with_new_epoch(u64::MAX)
    });
    let ring = ring.remembering(&removed);
    assert!(ring.is_full());
    assert_eq!(ring.removed().len(), MOST_REMOVED);
    let owner = SigningKey::from_seed(&Secret::new([1; 32])).public();
    Bound {
        account,
        owner,
        epoch: Epoch::from_bytes([1; 16]),
        device: device(1),
        hardware: HardwareId::from_bytes([1; 32]),
        certificate: vec![1; 1024],
        warden_key: owner,
        warden_seed: vec![1; 64],
        box_secret: vec![1; 64],
        verifier: [1; 32],
        salt: [1; 16],
        parameters: KdfParameters::FLOOR,
        generation: u64::MAX,
        presence: u64::MAX,
        login: "a".repeat(254),
        report_box: Some([1; 32]),
        delegate: Some(vec![1; 512]),
        // What sealing adds is less.
        keyring: Some([ring.encode(), vec![0; 64]].concat()),
        password_score: Some(4),
        password_since: Some(u64::MAX),
        removed: Some(removed),
        left_owner: Some(owner),
        left_generation: Some(u64::MAX),
    }
}

#[test]
fn a_full_book_with_a_hold_fits_a_state_file() {
    let since = Span::beginning(&Moment {
        boottime: Duration::from_secs(9),
        boot_id: "00000000-0000-4000-8000-000000000001".to_owned(),
    });
    let renewal = Renewal {
        bound: Box::new(longest()),
        credentials: [1; 32],
        joins: Some(u64::MAX),
    };
    let book = Book {
        hold: Some(Hold { renewal, since }),
        ..full()
    };
    let bytes = book_to_bytes(&book);
    assert_eq!(book_from_bytes(&bytes).unwrap(), book);
    assert!(bytes.len() + 4096 < MAX_BYTES, "{}", bytes.len());
}
