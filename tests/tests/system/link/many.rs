//! Many connections one after the other: nothing may add up.

use belay_tests::accessories::strap::MEASUREMENT;

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
            let mut settled = None;
            for round in 0..rounds {
                let mut connection = rig.up(listens(MEASUREMENT)).await;
                assert_eq!(connection.next().await, READY, "{round}");
                // A signal while match rules are taken back is what makes bluez-async panic.
                strap.with(|it, air| it.beat(air, 72, &[])).await.unwrap();
                connection.let_go().await;
                rig.bluez.with(|world| world.forget_journal()).await.unwrap();
                if round == FEW / 3 {
                    settled = Some((held(), rig.connections().await));
                }
            }
            let ((memory, threads, files), connections) = settled.unwrap();
            let (memory_now, threads_now, files_now) = held();
            assert_eq!(rig.connections().await, connections);
            assert_eq!((threads_now, files_now), (threads, files));
            eprintln!("{rounds} reconnections: {memory} KiB, in the end {memory_now} KiB");
            assert!(memory_now < memory + 8192, "{memory} KiB became {memory_now} KiB");
        },
    );
}
