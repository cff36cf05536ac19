//! Each write of the warden and of the cloud in each deed: hundreds of rounds, for the long mode.

use super::deeds::Deed;
use super::walker::Walker;
use super::{CLOUD_WRITES, WARDEN_WRITES};
use crate::scene::has_time_for;

/// So many of the first writes of a deed are taken one by one. The warden's own tests stop it at each that there is
/// (`crashes.rs`, `account_crashes.rs`).
const WRITES: u32 = 4;

/// Has the owner do everything, and a program die each of the first times that it comes by the point `writes`.
async fn each(names: [&'static str; 3], writes: &str) {
    let third = Deed::ALL.len().div_ceil(3);
    let mut parts = Deed::ALL.chunks(third);
    let mut walk = |name: &'static str| {
        let deeds = parts.next().unwrap_or_default();
        async move {
            let mut walker = Walker::new(name).await;
            for deed in deeds {
                walker.each(*deed, writes, WRITES).await;
            }
        }
    };
    let [first, second, third] = names;
    tokio::join!(walk(first), walk(second), walk(third));
}

#[tokio::test]
async fn the_warden_killed_after_any_of_its_first_writes_is_started_again_and_the_owner_goes_on() {
    if has_time_for("the kill walk over each write of the warden") {
        each(["jana", "kai", "lena"], WARDEN_WRITES).await;
    }
}

#[tokio::test]
async fn the_cloud_killed_after_any_of_its_first_writes_is_started_again_and_the_owner_goes_on() {
    if has_time_for("the kill walk over each write of the cloud") {
        each(["mara", "nils", "olga"], CLOUD_WRITES).await;
    }
}
