//! Many connections one after the other: nothing may add up.

use std::collections::HashMap;

use belay_tests::accessories::strap::MEASUREMENT;
use belay_tests::until::within;

use super::{READY, Rig, linked, listens};

/// More than the match rules that a connection to the bus may have, two a reconnection, would allow.
const FEW: usize = 300;
const MANY: usize = 5000;

/// What a process holds: KiB of memory, threads, open files.
fn held() -> (usize, usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let number = |key: &str| -> usize {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (number("VmRSS:"), number("Threads:"), files)
}

/// How many match rules the bus keeps for all its clients. It counts them itself.
async fn rules(rig: &Rig) -> usize {
    let call = rig.bus.call_method(
        Some("org.freedesktop.DBus"),
        "/org/freedesktop/DBus",
        Some("org.freedesktop.DBus.Debug.Stats"),
        "GetAllMatchRules",
        &(),
    );
    let reply = within("the bus to count", call).await.unwrap().unwrap();
    let body = reply.body();
    let all: HashMap<String, Vec<String>> = body.deserialize().unwrap();
    all.values().map(Vec::len).sum()
}

/// What is there once everything has been done a few times.
#[derive(Clone, Copy)]
struct Settled {
    held: (usize, usize, usize),
    connections: usize,
    /// Match rules while there is a connection, and between two.
    rules: (usize, usize),
}

/// `BELAY_LONG` has it be 5,000.
#[test]
fn reconnecting_again_and_again_leaves_nothing_behind() {
    linked(
        "many::reconnecting_again_and_again_leaves_nothing_behind",
        async |rig: Rig| {
            let strap = rig.strap().await;
            let rounds = match std::env::var_os("BELAY_LONG") {
                Some(_) => MANY,
                None => FEW,
            };
            let mut settled: Option<Settled> = None;
            for round in 0..rounds {
                let mut connection = rig.up(listens(MEASUREMENT)).await;
                assert_eq!(connection.next().await, READY, "{round}");
                let at_work = rules(&rig).await;
                // A signal while match rules are taken back is what makes bluez-async panic.
                strap.with(|it, air| it.beat(air, 72, &[])).await.unwrap();
                connection.let_go().await;
                rig.bluez.with(|world| world.forget_journal()).await.unwrap();
                if let Some(then) = settled {
                    // In every round, so that none is taken back only now and then.
                    assert_eq!((at_work, rules(&rig).await), then.rules, "{round}");
                } else if round == FEW / 3 {
                    settled = Some(Settled {
                        rules: (at_work, rules(&rig).await),
                        connections: rig.connections().await,
                        held: held(),
                    });
                }
            }
            let settled = settled.unwrap();
            let (at_work, at_rest) = settled.rules;
            assert!(at_work > at_rest, "a connection has rules of its own: {at_work}");
            assert_eq!(rig.connections().await, settled.connections);
            let (memory, threads, files) = settled.held;
            let (memory_now, threads_now, files_now) = held();
            assert_eq!((threads_now, files_now), (threads, files));
            eprintln!(
                "measured: {rounds} reconnections: {memory} KiB, in the end {memory_now} KiB; {at_rest} match rules, {at_work} while connected"
            );
            assert!(memory_now < memory + 8192, "{memory} KiB became {memory_now} KiB");
        },
    );
}
