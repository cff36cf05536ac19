//! Many connections: one after the other nothing may add up, and at once they don't keep each other from coming about.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use belay::accessory::link::Patience;
use belay::accessory::ports::LinkEnd;
use belay_drivers::Address;
use belay_tests::accessories::Strap;
use belay_tests::accessories::strap::MEASUREMENT;
use belay_tests::bluez::{Address as Aired, Faults};
use belay_tests::until::{until, within};

use super::{READY, Rig, idle, linked, listens};

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
            // A thread says that its connection is over before it is gone itself.
            let let_go = async || {
                let (memory_now, threads_now, files_now) = held();
                (threads_now <= threads && files_now <= files).then_some(memory_now)
            };
            let memory_now = until("threads and files to be let go", let_go).await.unwrap();
            eprintln!(
                "measured: {rounds} reconnections: {memory} KiB, in the end {memory_now} KiB; {at_rest} match rules, {at_work} while connected"
            );
            assert!(memory_now < memory + 8192, "{memory} KiB became {memory_now} KiB");
        },
    );
}

#[test]
fn eight_connections_are_made_at_once_and_each_has_its_turn() {
    linked(
        "many::eight_connections_are_made_at_once_and_each_has_its_turn",
        async |mut rig: Rig| {
            let patience = Patience {
                connected: Duration::from_secs(2),
                ..Patience::default()
            };
            rig.link = rig.link.clone().with_patience(patience);
            let mut all = Vec::new();
            for last in 0..20 {
                let octets = [0xc0, 0xff, 0xee, 0, 1, last];
                let strap = Strap::new(Aired::random(octets));
                let absent = Faults {
                    absent: true,
                    ..Faults::default()
                };
                let strap = rig.bluez.add(strap).await.unwrap();
                strap.faults(absent).await.unwrap();
                all.push(rig.connect_to(Address(octets), idle));
            }
            for connection in &mut all {
                assert_eq!(connection.end().await, LinkEnd::Unreachable);
            }
            let (mut tried, mut trying, mut most) = (HashSet::new(), HashSet::new(), 0);
            for line in rig.bluez.journal().await.unwrap() {
                if let Some(device) = line.strip_suffix(" Connect") {
                    tried.insert(device.to_owned());
                    trying.insert(device.to_owned());
                } else if let Some(device) = line.strip_suffix(" Disconnect") {
                    trying.remove(device);
                }
                most = most.max(trying.len());
            }
            assert_eq!(tried.len(), 20);
            assert!(most <= 8, "{most}");
        },
    );
}
