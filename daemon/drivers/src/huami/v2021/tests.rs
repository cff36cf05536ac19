use proptest::collection::vec;
use proptest::prelude::*;

use super::auth::{self, Reply};
use super::b163::KeyPair;
use super::chunked::{Acknowledgement, Chunk, MAX_LENGTH, Message, Reassembly, Taken, Untaken, flag};
use super::crypto::{SessionKey, first_sequence};
use super::endpoint;
use super::sender::Sender;
use crate::Key;
use crate::huami::codec::Malformed;

fn message(handle: u8, data: &[u8]) -> Message {
    Message {
        handle,
        endpoint: endpoint::BATTERY,
        encrypted: false,
        length: data.len(),
        body: data.to_vec(),
    }
}

fn collect(reassembly: &mut Reassembly, chunks: &[Vec<u8>]) -> Vec<Taken> {
    chunks
        .iter()
        .map(|chunk| reassembly.take(chunk).unwrap())
        .collect()
}

#[test]
fn the_last_chunk_is_acknowledged_and_completes_the_message() {
    let sent = message(7, &[5; 40]);
    let taken = collect(&mut Reassembly::default(), &sent.chunks(23).unwrap());
    assert_eq!(taken.len(), 4, "9, 15, 15 and 1 bytes");
    assert!(taken[..3].iter().all(|taken| *taken == Taken::default()));
    let acknowledge = taken[3].acknowledge.unwrap();
    assert_eq!(acknowledge.encode(), [4, 0, 7, 1, 3]);
    assert_eq!(Acknowledgement::decode(&acknowledge.encode()), Ok(acknowledge));
    assert_eq!(taken[3].message, Some(sent));
}

#[test]
fn a_chunk_of_another_message_is_ignored() {
    let mut reassembly = Reassembly::default();
    let sent = message(7, &[5; 20]);
    let chunks = sent.chunks(23).unwrap();
    assert_eq!(reassembly.take(&chunks[0]), Ok(Taken::default()));
    for foreign in message(8, &[6; 20]).chunks(23).unwrap() {
        assert_eq!(reassembly.take(&foreign), Ok(Taken::default()));
    }
    assert_eq!(reassembly.take(&chunks[1]).unwrap().message, Some(sent));
}

#[test]
fn a_message_that_never_ended_is_forgotten_on_demand() {
    let mut reassembly = Reassembly::default();
    reassembly
        .take(&message(7, &[5; 20]).chunks(23).unwrap()[0])
        .unwrap();
    reassembly.reset();
    let sent = message(8, &[6]);
    let taken = collect(&mut reassembly, &sent.chunks(23).unwrap());
    assert_eq!(taken[0].message, Some(sent));
}

#[test]
fn a_lost_chunk_loses_the_message_and_no_other() {
    let mut reassembly = Reassembly::default();
    let chunks = message(7, &[5; 40]).chunks(23).unwrap();
    reassembly.take(&chunks[0]).unwrap();
    assert_eq!(reassembly.take(&chunks[2]), Err(Untaken::Stray));
    assert_eq!(
        reassembly.take(&chunks[3]),
        Err(Untaken::Stray),
        "it is of no message now"
    );
    let sent = message(8, &[6; 40]);
    let taken = collect(&mut reassembly, &sent.chunks(23).unwrap());
    assert_eq!(taken[3].message, Some(sent));
}

#[test]
fn a_chunk_that_comes_twice_counts_once() {
    let sent = message(7, &[5; 40]);
    let chunks = sent.chunks(23).unwrap();
    for doubled in 0..3 {
        let mut reassembly = Reassembly::default();
        let mut all = chunks.clone();
        all.insert(doubled, chunks[doubled].clone());
        let taken = collect(&mut reassembly, &all);
        assert_eq!(taken[4].message.as_ref(), Some(&sent), "chunk {doubled}");
    }
}

#[test]
fn a_message_is_as_long_as_it_said_and_not_above_64_kib() {
    let first = |length: u32, flags: u8, body: &[u8]| {
        let length = length.to_le_bytes();
        [&[3, flags, 0, 1, 0], &length[..], &[0x29, 0], body].concat()
    };
    let take = |bytes: &[u8]| Reassembly::default().take(bytes).map(|taken| taken.message);
    let single = flag::FIRST | flag::LAST;
    assert_eq!(take(&first(2, single, &[1, 2])), Ok(Some(message(1, &[1, 2]))));
    assert_eq!(take(&first(2, single, &[1])), Err(Untaken::Length), "too short");
    assert_eq!(
        take(&first(2, flag::FIRST, &[1, 2, 3])),
        Err(Untaken::Length),
        "too long"
    );
    let most = u32::try_from(MAX_LENGTH).unwrap();
    assert_eq!(take(&first(most, flag::FIRST, &[])), Ok(None));
    assert_eq!(take(&first(most + 1, flag::FIRST, &[])), Err(Untaken::Length));
    assert_eq!(take(&first(u32::MAX, flag::FIRST, &[])), Err(Untaken::Length));
}

#[test]
fn the_longest_message_arrives_though_its_index_wraps() {
    let most = u32::try_from(MAX_LENGTH).unwrap();
    let mut reassembly = Reassembly::default();
    let first = [&[3, flag::FIRST, 0, 9, 0][..], &most.to_le_bytes(), &[0x16, 0]].concat();
    reassembly.take(&first).unwrap();
    let mut index = 0_u8;
    for left in (0..MAX_LENGTH / 16).rev() {
        index = index.wrapping_add(1);
        let flags = if left == 0 { flag::LAST } else { 0 };
        let chunk = [&[3, flags, 0, 9, index][..], &[7; 16]].concat();
        let message = reassembly.take(&chunk).unwrap().message;
        assert_eq!(message.is_some(), left == 0);
    }
}

#[test]
fn a_message_of_more_chunks_than_an_index_counts_is_not_sent() {
    assert_eq!(message(1, &[0; 9 + 255 * 15]).chunks(23).unwrap().len(), 256);
    assert_eq!(message(1, &[0; 10 + 255 * 15]).chunks(23), None);
}

#[test]
fn handles_wrap_and_every_encrypted_message_has_the_next_sequence_number() {
    let key = SessionKey::new([3; 16]);
    let mut sender = Sender::after(254);
    assert_eq!(sender.sealed(endpoint::BATTERY, &[3], 23), None, "no session yet");
    sender.secure(key.clone(), u32::MAX);
    let mut sent = |sealed: bool| {
        let chunks = if sealed {
            sender.sealed(endpoint::BATTERY, &[3], 247)
        } else {
            sender.plain(endpoint::BATTERY, &[3], 247)
        };
        let mut taken = collect(&mut Reassembly::default(), &chunks.unwrap());
        let message = taken.remove(0).message.unwrap();
        let opened = key.open(message.handle, message.length, &message.body);
        (message.handle, opened.ok().map(|opened| opened.sequence))
    };
    assert_eq!(sent(true), (255, Some(u32::MAX)));
    assert_eq!(
        sent(false),
        (0, None),
        "a message in clear takes no sequence number"
    );
    assert_eq!(sent(true), (1, Some(0)));
}

#[test]
fn band_and_phone_agree_on_a_session() {
    let (phone, band) = (KeyPair::new(&[1; 24]).unwrap(), KeyPair::new(&[2; 24]).unwrap());
    let key = Key::new([9; 16]);
    let random = [4; 16];
    let request = auth::send_public(phone.public());
    assert_eq!(request.len(), 52);
    let reply = [&[0x10, 4, 1], &random[..], &band.public()[..]].concat();
    let Ok(Reply::Public { random, public }) = auth::decode(&reply) else {
        panic!("no public key");
    };
    let shared = phone.agree(&public).unwrap();
    let theirs = band.agree(phone.public()).unwrap();
    assert_eq!(first_sequence(&shared), first_sequence(&theirs));
    let session = SessionKey::derive(&shared, &key).unwrap();
    assert_eq!(Some(&session), SessionKey::derive(&theirs, &key).as_ref());
    assert_eq!(auth::answer(&key, &session, &random).unwrap().len(), 33);
    assert_eq!(format!("{session:?}"), "SessionKey(…)");
}

#[test]
fn each_answer_of_the_authentication_is_told_apart() {
    assert_eq!(auth::decode(&[0x10, 5, 1]), Ok(Reply::Authenticated));
    assert_eq!(auth::decode(&[0x10, 5, 0x25]), Ok(Reply::KeyMismatch));
    assert_eq!(auth::decode(&[0x10, 5, 2]), Ok(Reply::AnswerRefused(2)));
    assert_eq!(auth::decode(&[0x10, 4, 2]), Ok(Reply::PublicRefused(2)));
    assert_eq!(
        auth::decode(&[0x10, 4, 1, 0]),
        Err(Malformed),
        "without a public key"
    );
    assert_eq!(auth::decode(&[0x10, 6, 1]), Err(Malformed));
    assert_eq!(auth::decode(&[0x10, 5]), Err(Malformed));
}

#[test]
fn a_short_key_makes_no_session() {
    let key = Key::from_slice(&[1; 12]).unwrap();
    assert_eq!(SessionKey::derive(&[1; 48], &key), None);
    assert_eq!(auth::answer(&key, &SessionKey::new([0; 16]), &[0; 16]), None);
}

proptest! {
    #[test]
    fn what_is_split_at_any_mtu_is_put_together_again(
        data in vec(any::<u8>(), 0..3000), handle in any::<u8>(), mtu in any::<u16>(), sequence in any::<u32>(),
    ) {
        let key = SessionKey::new([handle ^ 0x5a; 16]);
        let mut sender = Sender::after(handle);
        sender.secure(key.clone(), sequence);
        let mut reassembly = Reassembly::default();
        for encrypted in [true, false] {
            let chunks = if encrypted {
                sender.sealed(endpoint::STEPS, &data, mtu)
            } else {
                sender.plain(endpoint::STEPS, &data, mtu)
            };
            let chunks = chunks.unwrap();
            prop_assert!(chunks.iter().all(|chunk| chunk.len() <= usize::from(mtu.max(23)) - 3));
            let taken = collect(&mut reassembly, &chunks).pop().unwrap();
            let message = taken.message.unwrap();
            prop_assert_eq!((message.endpoint, message.encrypted), (endpoint::STEPS, encrypted));
            if encrypted {
                let opened = key.open(message.handle, message.length, &message.body).unwrap();
                prop_assert_eq!((&opened.data, opened.sequence), (&data, sequence));
            } else {
                prop_assert_eq!(&message.body, &data);
            }
        }
    }

    #[test]
    fn a_message_with_a_flipped_bit_or_another_handle_is_refused(
        data in vec(any::<u8>(), 0..64), handle in any::<u8>(), bit in any::<prop::sample::Index>(),
    ) {
        let key = SessionKey::new([1; 16]);
        let mut sealed = key.seal(handle, 77, &data);
        prop_assert_eq!(key.open(handle ^ 1, data.len(), &sealed), Err(Malformed));
        // The zeros at the end are in no CRC: only a block that has data, number or CRC counts.
        let bit = bit.index(8 * (data.len() + 8));
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key.open(handle, data.len(), &sealed), Err(Malformed));
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        chunks in vec(vec(any::<u8>(), 0..40), 0..20), headers in vec((any::<u8>(), 0..4_u8, 0..3_u8), 20),
        length in any::<usize>(),
    ) {
        let mut reassembly = Reassembly::default();
        for (chunk, (flags, handle, index)) in chunks.iter().zip(headers) {
            let _ = reassembly.take(chunk);
            let _ = reassembly.take(&[&[3, flags, 0, handle, index], &chunk[..]].concat());
            let _ = Chunk::decode(chunk);
            let _ = Acknowledgement::decode(chunk);
            let _ = auth::decode(chunk);
            let _ = SessionKey::new([1; 16]).open(3, length, chunk);
        }
    }
}
