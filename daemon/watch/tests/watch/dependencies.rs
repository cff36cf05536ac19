//! What keeps a lost device stays small.

use std::process::Command;

#[test]
fn nothing_that_faces_the_network_or_a_database_is_under_the_watch() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "-p",
            "belay-watch",
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
    assert!(names.contains(&"zbus"), "the tree was read");
    for banned in ["reqwest", "rustls", "hyper", "btleplug", "rusqlite"] {
        assert!(!names.contains(&banned), "{banned} is under the watch");
    }
}
