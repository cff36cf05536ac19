//! The configuration of a stage.

use super::Plan;
use crate::place::Place;

/// The cloud's own authority, where there is one.
pub(super) const AUTHORITY: &str = "authority.pem";

/// The text of `belay.toml`. New accounts get Argon2id at exactly the floor, so that tests stay quick.
pub(super) fn config(place: &Place, url: &str, plan: &Plan) -> String {
    let path = |name: &str| format!("{:?}", place.at(name).display().to_string());
    let proof = if plan.reset_proof {
        format!("reset-proof-dir = {}\n", path("proof"))
    } else {
        String::new()
    };
    let ca = if plan.secure {
        format!("ca = {}\n", path(AUTHORITY))
    } else {
        String::new()
    };
    let journal = match &plan.wipe_journal {
        Some(folder) => format!("{:?}", folder.display().to_string()),
        None => path("wipe-journal"),
    };
    format!(
        "[cloud]\nurl = \"{url}\"\n{ca}\n\
         [bus]\nkind = \"system\"\n\n\
         [paths]\nstate = {}\n\n\
         [platform]\nbackend = \"{}\"\n\n\
         [warden]\nstate = {}\nruntime = {}\nsysfs = {}\n{proof}\
         enforcement = \"{}\"\nwipe-journal = {}\n\
         new-account-kdf = {{ memory-kib = 19456, iterations = 2 }}\n\n{}",
        path("belayd"),
        plan.backend,
        path("warden"),
        path("warden-run"),
        path("sys"),
        plan.enforcement,
        journal,
        plan.more,
    )
}
