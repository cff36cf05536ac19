use std::path::{Path, PathBuf};

use super::{Backend, BusKind, Config, Kdf};

/// A folder with `belay.toml` and drop-ins.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("belay.d")).unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<Config, String> {
    let folder = folder(files);
    Config::from_files(&folder.path().join("belay.toml"), false).map_err(|error| {
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

#[test]
fn without_any_file_the_defaults_count() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::from_files(&folder.path().join("belay.toml"), false).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.cloud.url, None, "no cloud is contacted unless configured");
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let error = Config::from_files(Path::new("/nonexistent/belay.toml"), true).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/belay.toml: can't be read"),
        "{error}"
    );
}

#[test]
fn every_key_is_taken() {
    let config = load(&[(
        "belay.toml",
        r#"
        [cloud]
        url = "https://cloud.example.org/belay"
        ca = "/etc/belay/ca.pem"
        [bus]
        kind = "session"
        [paths]
        state = "/a"
        [device]
        name = "Ada's phone"
        model = "Phone 5"
        kind = "tablet"
        [platform]
        backend = "exec"
        [platform.exec]
        ring = ["/usr/bin/aplay", "/usr/share/belay/alarm.wav"]
        locate = ["/1"]
        cells = ["/2"]
        wifi = ["/3"]
        call = ["/4", "{number}"]
        hang-up = ["/5"]
        send-text = ["/6", "{number}", "{text}"]
        delete-text = ["/7", "{id}"]
        follow-modem = ["/8"]
        follow-network = ["/9"]
        follow-battery = ["/10"]
        [warden]
        state = "/c"
        runtime = "/d"
        reset-proof-dir = "/e"
        sysfs = "/f"
        idle-exit = 5
        lost-screen-user = "screen"
        new-account-kdf = { memory-kib = 19456, iterations = 2 }
        "#,
    )])
    .unwrap();
    assert_eq!(
        config.cloud.url.unwrap().as_str(),
        "https://cloud.example.org/belay"
    );
    assert_eq!(config.cloud.ca, Some(PathBuf::from("/etc/belay/ca.pem")));
    assert_eq!((config.bus, config.backend), (BusKind::Session, Backend::Exec));
    assert_eq!(
        config.commands.ring,
        ["/usr/bin/aplay", "/usr/share/belay/alarm.wav"]
    );
    assert!(
        config
            .commands
            .keys()
            .iter()
            .all(|(_, _, words)| !words.is_empty())
    );
    assert_eq!(config.paths.state, Path::new("/a"));
    assert_eq!(
        (config.device.name.as_str(), config.device.model.as_str()),
        ("Ada's phone", "Phone 5")
    );
    assert_eq!(config.device.kind, belay_proto::wire::DeviceKind::Tablet);
    assert_eq!(config.warden.reset_proof_dir, Some(PathBuf::from("/e")));
    assert_eq!(
        (config.warden.idle_exit, config.warden.lost_screen_user.as_str()),
        (5, "screen")
    );
    assert_eq!(
        config.warden.new_account_kdf,
        Kdf {
            memory_kib: 19456,
            iterations: 2
        }
    );
}

#[test]
fn an_adapter_is_chosen_by_its_name_or_its_address() {
    use crate::accessory::link::Choice;
    let choice = |key: &str| {
        let config = load(&[("belay.toml", &format!("[accessories]\n{key}\n"))]).unwrap();
        (config.accessories.enabled, config.accessories.adapter)
    };
    assert_eq!(choice(""), (true, Choice::Lowest));
    assert_eq!(choice("adapter = ''"), (true, Choice::Lowest));
    assert_eq!(
        choice("adapter = 'hci1'"),
        (true, Choice::Name("hci1".to_owned()))
    );
    let address = belay_drivers::Address([0x00, 0x1a, 0x7d, 0xda, 0x71, 0x13]);
    assert_eq!(
        choice("enabled = false\nadapter = '00:1A:7D:DA:71:13'"),
        (false, Choice::Address(address))
    );
}

#[test]
fn drop_ins_follow_in_the_order_of_their_names_and_replace_key_by_key() {
    let config = load(&[
        (
            "belay.toml",
            "[device]\nname = 'base'\nmodel = 'base'\n[cloud]\nurl = 'https://a.example'",
        ),
        ("belay.d/20-b.toml", "[device]\nname = 'twenty'"),
        ("belay.d/10-a.toml", "[device]\nname = 'ten'\n[cloud]\nurl = ''"),
        ("belay.d/30-c.toml.disabled", "[device]\nname = 'disabled'"),
    ])
    .unwrap();
    assert_eq!(
        (config.device.name.as_str(), config.device.model.as_str()),
        ("twenty", "base")
    );
    assert_eq!(config.cloud.url, None, "an empty text takes a value back");
}

#[test]
fn a_mistake_names_file_line_and_key() {
    for (content, expected) in [
        (
            "[cloud]\nuri = 'https://a'\n",
            "belay.toml:2: cloud.uri: unknown field `uri`, expected `url` or `ca`",
        ),
        ("\n\n[clod]\n", "belay.toml:3: clod: unknown field `clod`"),
        (
            "[warden]\nidle-exit = 'soon'\n",
            "belay.toml:2: warden.idle-exit: invalid type: string \"soon\", expected u64",
        ),
        (
            "[bus]\n\nkind = 'private'\n",
            "belay.toml:3: bus.kind: unknown variant `private`",
        ),
        (
            "[cloud]\nurl = 'ftp://a'\n",
            "belay.toml:2: cloud.url: the address is neither https nor http",
        ),
        (
            "[cloud]\nurl = 'http://cloud.example.org'\n",
            "belay.toml:2: cloud.url: plain HTTP is for loopback addresses only",
        ),
        (
            "[cloud]\nurl = 'https://me:pw@a'\n",
            "belay.toml:2: cloud.url: the address carries more than a host and a path",
        ),
        (
            "[cloud]\nurl = 'https://a/#b'\n",
            "belay.toml:2: cloud.url: the address carries more than a host and a path",
        ),
        (
            "[cloud]\nurl = 'cloud'\n",
            "belay.toml:2: cloud.url: the address is not a URL",
        ),
        (
            "[paths]\nstate = 'here'\n",
            "belay.toml:2: paths.state: expected an absolute path",
        ),
        (
            "[cloud]\nca = 'ca.pem'\n",
            "belay.toml:2: cloud.ca: expected an absolute path",
        ),
        (
            "[platform.exec]\nring = ['aplay', 'a.wav']\n",
            "belay.toml:2: platform.exec.ring: expected a program's absolute path first",
        ),
        (
            "[accessories]\nadapter = 'eth0'\n",
            "belay.toml:2: accessories.adapter: expected an adapter's name such as hci0, its address, or nothing",
        ),
        (
            "[device]\nkind = 'toaster'\n",
            "belay.toml:2: device.kind: expected phone, tablet, watch, laptop, desktop or nothing",
        ),
        (
            "[warden]\nreset-proof-dir = 'persist'\n",
            "belay.toml:2: warden.reset-proof-dir: expected an absolute path",
        ),
        (
            "[device]\nname = \"a\\nb\"\n",
            "belay.toml:2: device.name: expected no control",
        ),
        (
            "[warden]\nnew-account-kdf = { memory-kib = 8, iterations = 2 }\n",
            "belay.toml:2: warden.new-account-kdf.memory-kib: expected 19456 to 524288",
        ),
        (
            "[warden]\nnew-account-kdf = { memory-kib = 19456 }\n",
            "belay.toml:2: warden.new-account-kdf: missing field `iterations`",
        ),
    ] {
        let error = load(&[("belay.toml", content)]).unwrap_err();
        assert!(error.starts_with(expected), "{content:?} gave: {error}");
    }
    let error = load(&[("belay.toml", "[cloud\n")]).unwrap_err();
    assert!(error.starts_with("belay.toml:1: "), "{error}");
    let error = load(&[("belay.d/5.toml", "x = 1")]).unwrap_err();
    assert!(
        error.starts_with("belay.d/5.toml:1: x: unknown field `x`"),
        "{error}"
    );
}

#[test]
fn plain_http_is_for_the_own_machine() {
    for url in ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:5"] {
        assert!(
            load(&[("belay.toml", &format!("[cloud]\nurl = '{url}'"))]).is_ok(),
            "{url}"
        );
    }
}

#[cfg(not(feature = "simulated"))]
#[test]
fn a_package_refuses_the_simulator() {
    let error = load(&[("belay.toml", "[platform]\nbackend = 'simulated'\n")]).unwrap_err();
    assert_eq!(
        error,
        "belay.toml:2: platform.backend: this build holds no simulator"
    );
}

#[test]
fn systemd_s_folders_win_and_the_first_of_several_counts() {
    let mut config = Config::default();
    config.take_environment(Some("/s/one:/s/two".into()));
    assert_eq!(config.paths.state, Path::new("/s/one"));
    config.take_environment(None);
    config.take_environment(Some("".into()));
    assert_eq!(
        config.paths.state,
        Path::new("/s/one"),
        "an empty variable says nothing"
    );
}

#[test]
fn what_is_printed_reads_back_as_the_same_configuration() {
    let odd = load(&[(
        "belay.toml",
        "[cloud]\nurl = 'http://localhost:1/x'\n[accessories]\nenabled = false\nadapter = '00:1a:7d:da:71:13'\n[bus]\nkind = 'session'\n[device]\nname = 'a \"b\" \\'\n\
         [warden]\nreset-proof-dir = '/e'\nnew-account-kdf = { memory-kib = 20000, iterations = 4 }",
    )])
    .unwrap();
    for config in [Config::default(), odd] {
        let text = config.to_toml();
        assert_eq!(load(&[("belay.toml", &text)]).as_ref(), Ok(&config), "{text}");
        let keys = text
            .lines()
            .filter(|line| line.contains(" = ") && !line.starts_with('#'))
            .count();
        let comments = text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(keys, comments, "each key has its comment:\n{text}");
    }
}
