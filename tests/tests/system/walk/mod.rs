//! The kill walk: `SIGKILL` to belayd, the warden or the cloud at each point that the source names, in each thing that an owner
//! does with an account; the program is started again and the owner goes on. No device ends bound twice, unbound by accident or
//! locked out, and what was answered holds.

mod deeds;
mod going_on;
mod holds;
mod leaving;
mod walker;
mod writes;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use deeds::Deed;
use walker::Walker;

/// The folders whose sources name points.
const SOURCES: [&str; 4] = ["proto/src", "daemon/src", "daemon/warden/src", "cloud/src"];

/// How the points of each program begin.
const BELAYD: &str = "belayd.";
const WARDEN: &str = "warden.";
const CLOUD: &str = "cloud.";

/// How a point begins in the source.
const POINT: &str = "failpoint!(\"";

/// The points of belayd, and the deeds in which it comes by each: its steps are named one by one.
const STEPS: &[(Deed, &[&str])] = &[
    (
        Deed::Register,
        &[
            "register.keys-made",
            "register.prepared",
            "register.code-sent",
            "register.opened",
        ],
    ),
    (
        Deed::Confirm,
        &[
            "confirm.trying",
            "confirm.code-right",
            "confirm.proved",
            "confirm.submitting",
            "confirm.account-made",
            "confirm.tokens-kept",
            "confirm.accepted",
            "confirm.bound",
            "confirm.kept",
        ],
    ),
    (Deed::Acknowledge, &["acknowledge.told", "acknowledge.kept"]),
    (
        Deed::SignIn,
        &[
            "sign-in.opened",
            "sign-in.session-kept",
            "sign-in.tokens-kept",
            "sign-in.device-added",
            "sign-in.bound",
            "sign-in.kept",
        ],
    ),
    (
        Deed::Reauthenticate,
        &[
            "reauthenticate.opened",
            "reauthenticate.tokens-kept",
            "reauthenticate.kept",
        ],
    ),
    (
        Deed::ChangePassword,
        &[
            "credentials.made",
            "credentials.brought",
            "keep-up.credentials",
            "credentials.taken",
            "change-password.tokens-kept",
            "change-password.kept",
        ],
    ),
    (
        Deed::NewRoot,
        &[
            "credentials.made",
            "credentials.brought",
            "keep-up.succeeded",
            "keep-up.credentials",
            "keep-up.keyring",
            "keep-up.delegate",
            "credentials.taken",
            "change-password.tokens-kept",
        ],
    ),
    (
        Deed::RecoveryCode,
        &[
            "credentials.made",
            "credentials.brought",
            "credentials.taken",
            "recovery-code.kept",
            "recovery-code.told",
            "recovery-code.settled",
        ],
    ),
    (Deed::BeginRecovery, &["address.code-sent", "address.opened"]),
    (
        Deed::CompleteRecovery,
        &[
            "address.trying",
            "recover.code-right",
            "recover.made",
            "recover.brought",
            "recover.kept",
            "recover.session-ended",
            "recover.taken",
        ],
    ),
    (
        Deed::AddAddress,
        &["order.signed", "address.code-sent", "address.opened"],
    ),
    (
        Deed::ConfirmAddress,
        &[
            "address.trying",
            "address.code-right",
            "address.proved",
            "address.added",
            "address.kept",
        ],
    ),
    (Deed::RemoveAddress, &["order.signed", "address.removed"]),
    (Deed::SetLogin, &["order.signed", "address.made-login"]),
    (
        Deed::SignOut,
        &[
            "sign-out.proved",
            "sign-out.noted",
            "sign-out.released",
            "sign-out.kept",
            "sign-out.told",
            "release.delivered",
            "release.kept",
        ],
    ),
    (Deed::RemoveDevice, &["remove.made", "remove.removed"]),
    (
        Deed::DeleteAccount,
        &[
            "order.signed",
            "delete.noted",
            "delete.deleted",
            "delete.released",
            "sign-out.kept",
        ],
    ),
    (
        Deed::BeginHold,
        &[
            "recover.made",
            "hold.taken",
            "hold.begun",
            "recover.brought",
            "recover.kept",
        ],
    ),
    (Deed::WaitOut, &["hold.ended", "hold.told", "hold.settled"]),
    (Deed::RefuseHold, &["hold.ended", "hold.told"]),
    (Deed::RefuseElsewhere, &["keep-up.hold-ended", "hold.settled"]),
    (
        Deed::LeaveData,
        &["sign-out.noted", "sign-out.released", "sign-out.kept"],
    ),
    (Deed::DeletionRefused, &["delete.withdrawn", "delete.stays"]),
    (Deed::ComeBack, &["sign-in.kept", "release.arrived"]),
    (Deed::Reset, &["reset.released", "reset.kept"]),
];

/// What the warden comes by in whatever is done, each time that it has written something.
const WARDEN_WRITES: &str = "warden.effect.done";

/// What the cloud comes by in whatever is done, each time that something is on disk.
const CLOUD_WRITES: &str = "cloud.transaction.committed";

/// So many owners at once: while one waits for a process, another's computes.
const WALKERS: usize = 3;

/// The warden's steps, whose tickets end with it, and those of its files, which `power_cuts.rs` of its own tests takes one by
/// one; and the how many-th time that each is met.
const WARDEN_STEPS: &[(Deed, &str, u32)] = &[
    (Deed::Register, "warden.file.written", 0),
    (Deed::Register, "warden.copy.written", 0),
    (Deed::Confirm, "warden.file.synced", 0),
    (Deed::Confirm, "warden.file.added", 0),
    (Deed::SignIn, "warden.file.renamed", 0),
    (Deed::SignIn, "warden.file.appended", 0),
    (Deed::SignIn, "warden.step.done", 0),
    (Deed::SignIn, "warden.step.done", 2),
    (Deed::SignOut, "warden.file.replaced", 0),
    (Deed::SignOut, "warden.step.done", 0),
    (Deed::SignOut, "warden.step.done", 1),
    (Deed::ChangePassword, "warden.credentials.judged", 0),
    (Deed::ChangePassword, "warden.step.done", 2),
    (Deed::NewRoot, "warden.credentials.judged", 0),
    (Deed::NewRoot, WARDEN_WRITES, 0),
    (Deed::RecoveryCode, "warden.step.done", 1),
    (Deed::CompleteRecovery, "warden.step.done", 1),
    (Deed::CompleteRecovery, WARDEN_WRITES, 0),
    (Deed::RemoveDevice, "warden.step.done", 1),
    (Deed::Acknowledge, WARDEN_WRITES, 0),
    (Deed::DeleteAccount, "warden.step.done", 2),
    (Deed::Reauthenticate, WARDEN_WRITES, 0),
    (Deed::BeginHold, "warden.hold.begun", 0),
    (Deed::WaitOut, "warden.time.passed", 0),
    (Deed::WaitOut, WARDEN_WRITES, 0),
    (Deed::WaitOut, WARDEN_WRITES, 1),
    (Deed::WaitOut, WARDEN_WRITES, 2),
    (Deed::WaitOut, "warden.hold.asked", 0),
    // Once it is told that the cloud knows.
    (Deed::WaitOut, "warden.hold.asked", 1),
    (Deed::RefuseHold, WARDEN_WRITES, 1),
    (Deed::RefuseElsewhere, "warden.hold.asked", 0),
    (Deed::LeaveData, "warden.step.done", 0),
    (Deed::DeletionRefused, WARDEN_WRITES, 1),
    (Deed::Reset, WARDEN_WRITES, 0),
    (Deed::Reset, "warden.step.done", 0),
];

/// What is sent by mail, what is written and not on disk yet, as if it had never been asked for, and what is on disk without an
/// answer. The others are met with all of a deed's rows written, and nothing of them on disk.
const CLOUD_STEPS: &[(Deed, &str, u32)] = &[
    (Deed::Register, "cloud.message.sent", 0),
    (Deed::Register, "cloud.verification.opened", 0),
    (Deed::BeginRecovery, "cloud.message.sent", 0),
    (Deed::BeginRecovery, "cloud.verification.opened", 0),
    (Deed::AddAddress, "cloud.verification.opened", 0),
    (Deed::Confirm, "cloud.transaction.written", 0),
    (Deed::Confirm, "cloud.code.right", 0),
    (Deed::Confirm, "cloud.account.made", 0),
    (Deed::SignIn, "cloud.transaction.written", 0),
    (Deed::SignIn, "cloud.session.begun", 0),
    (Deed::SignIn, "cloud.device.bound", 0),
    (Deed::Reauthenticate, "cloud.session.begun", 0),
    (Deed::ChangePassword, "cloud.transaction.written", 0),
    (Deed::ChangePassword, "cloud.credentials.replaced", 0),
    (Deed::NewRoot, "cloud.credentials.replaced", 0),
    (Deed::RecoveryCode, "cloud.credentials.replaced", 0),
    (Deed::CompleteRecovery, "cloud.code.right", 0),
    (Deed::CompleteRecovery, "cloud.credentials.replaced", 0),
    (Deed::ConfirmAddress, "cloud.code.right", 0),
    (Deed::ConfirmAddress, "cloud.identifier.added", 0),
    (Deed::RemoveAddress, "cloud.identifier.removed", 0),
    (Deed::SetLogin, "cloud.login.set", 0),
    (Deed::SignOut, "cloud.device.released", 0),
    (Deed::RemoveDevice, "cloud.device.removed", 0),
    (Deed::RemoveDevice, CLOUD_WRITES, 0),
    (Deed::DeleteAccount, "cloud.transaction.written", 0),
    (Deed::DeleteAccount, "cloud.account.forgotten", 0),
    (Deed::BeginHold, "cloud.transaction.written", 0),
    (Deed::BeginHold, "cloud.recovery.waits", 0),
    (Deed::BeginHold, CLOUD_WRITES, 1),
    (Deed::WaitOut, "cloud.transaction.written", 0),
    (Deed::WaitOut, "cloud.hold.ended", 0),
    (Deed::WaitOut, "cloud.recovery.held", 0),
    (Deed::WaitOut, CLOUD_WRITES, 0),
    (Deed::RefuseHold, "cloud.hold.ended", 0),
    (Deed::RefuseElsewhere, "cloud.session.begun", 0),
    (Deed::RefuseElsewhere, CLOUD_WRITES, 0),
    (Deed::ComeBack, "cloud.device.bound", 0),
    (Deed::Reset, "cloud.device.released", 0),
];

/// The names of all points in the source; each is there once.
fn named() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut names = BTreeSet::new();
    for folder in SOURCES {
        find(&root.join(folder), &mut names);
    }
    names
}

fn find(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, names);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for name in text
                .split(POINT)
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                assert!(names.insert(name.to_owned()), "{name} is there twice");
            }
        }
    }
}

/// The points of a program that weren't met.
fn unmet<'a>(program: &str, named: &'a BTreeSet<String>, met: &BTreeSet<String>) -> Vec<&'a str> {
    let own = named.iter().filter(|name| name.starts_with(program));
    own.filter(|name| !met.contains(*name))
        .map(String::as_str)
        .collect()
}

/// Has the owner do each deed of `rounds`, and the program die that comes by its point for the so many-th time: several owners
/// at once, each with a device and a cloud of their own, who take the next round as soon as they are done with the last. Then
/// no point of `program` may be left.
async fn all(program: &str, walkers: [&'static str; WALKERS], rounds: Vec<(Deed, String, u32)>) {
    let rounds = Mutex::new(rounds.into_iter());
    let walk = async |name: &'static str| {
        let mut walker = Walker::new(name).await;
        loop {
            // Not in the loop's head, where the lock would be held for the whole round.
            let next = rounds.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((deed, point, hits)) = next else { break };
            walker.once(deed, &point, hits).await;
        }
        walker.met().clone()
    };
    let [first, second, third] = walkers;
    let (first, second, third) = tokio::join!(walk(first), walk(second), walk(third));
    let met = first.into_iter().chain(second).chain(third).collect();
    let named = named();
    assert_eq!(unmet(program, &named, &met), [""; 0], "no round comes by these");
}

/// Rounds of a table.
fn rounds(steps: &[(Deed, &str, u32)]) -> Vec<(Deed, String, u32)> {
    let round = |(deed, point, hits): &(Deed, &str, u32)| (*deed, (*point).to_owned(), *hits);
    steps.iter().map(round).collect()
}

#[test]
fn each_point_is_one_of_the_three_programs() {
    let named = named();
    assert!(named.len() > 60, "{named:?}");
    let strange = named.iter().find(|name| {
        ![BELAYD, WARDEN, CLOUD]
            .iter()
            .any(|program| name.starts_with(program))
    });
    assert_eq!(strange, None);
}

#[test]
fn a_point_that_no_round_comes_by_is_told() {
    let named = ["belayd.here", "belayd.there", "cloud.here"].map(str::to_owned);
    let met = BTreeSet::from(["belayd.here".to_owned()]);
    assert_eq!(unmet(BELAYD, &named.into(), &met), ["belayd.there"]);
}

#[tokio::test]
async fn belayd_killed_at_any_point_of_whatever_the_owner_does_is_started_again_and_they_go_on() {
    let round = |(deed, points): &(Deed, &'static [&'static str])| {
        let deed = *deed;
        points
            .iter()
            .map(move |point| (deed, format!("{BELAYD}{point}"), 0))
    };
    all(
        BELAYD,
        ["ada", "ben", "cleo"],
        STEPS.iter().flat_map(round).collect(),
    )
    .await;
}

#[tokio::test]
async fn the_warden_killed_at_any_point_of_whatever_the_owner_does_is_started_again_and_they_go_on() {
    all(WARDEN, ["dora", "emil", "fred"], rounds(WARDEN_STEPS)).await;
}

#[tokio::test]
async fn the_cloud_killed_at_any_point_of_whatever_the_owner_does_is_started_again_and_they_go_on() {
    all(CLOUD, ["gita", "hugo", "ines"], rounds(CLOUD_STEPS)).await;
}
