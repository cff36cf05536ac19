//! What destroys data stays small.

use std::process::Command;

#[test]
fn no_network_no_bus_and_no_database_is_under_the_wipe() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "-p",
            "belay-wipe",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"rustix"), "the tree was read");
    for banned in ["reqwest", "rustls", "hyper", "btleplug", "rusqlite", "zbus"] {
        assert!(!names.contains(&banned), "{banned} is under the wipe");
    }
}
