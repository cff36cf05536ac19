//! The configuration.

use std::path::PathBuf;

use belay_proto::signed::LoginStatement;
use clap::Parser;

use crate::cli::Options;
use crate::config::{ConfigError, Settings, load};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn line(args: &[&str]) -> Result<Settings, ConfigError> {
    let args = std::iter::once("belay-cloud").chain(args.iter().copied());
    load(&Line::try_parse_from(args).unwrap().options)
}

fn file(text: &str) -> Result<Settings, ConfigError> {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("cloud.toml");
    std::fs::write(&path, text).unwrap();
    line(&["--config", path.to_str().unwrap()])
}

/// The keys that a section has, which the error of one it hasn't tells.
fn keys(section: &str) -> Vec<String> {
    let head = match section {
        "" => String::new(),
        _ => format!("[{section}]\n"),
    };
    let error = file(&format!("{head}no-such-key = 1")).err();
    let Some(ConfigError::Toml { source, .. }) = error else {
        panic!("{section} takes any key");
    };
    let text = source.to_string();
    let (_, expected) = text.split_once("expected").unwrap();
    expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_example_shows_every_key() {
    let example = include_str!("../../belay-cloud.example.toml");
    let lines = || example.lines().map(|line| line.trim_start_matches("# "));
    let top = keys("");
    assert!(top.len() > 10, "{top:?}");
    for name in top {
        let section = format!("[{name}]");
        if lines().any(|line| line.trim_end() == section) {
            let rest = lines().skip_while(|line| line.trim_end() != section).skip(1);
            let within: Vec<_> = rest.take_while(|line| !line.starts_with('[')).collect();
            for key in keys(&name) {
                let is_shown = within.iter().any(|line| line.starts_with(&format!("{key} =")));
                assert!(is_shown, "[{name}] {key}");
            }
        } else {
            assert!(
                lines().any(|line| line.starts_with(&format!("{name} ="))),
                "{name}"
            );
        }
    }
}

#[test]
fn the_example_is_a_configuration() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("belay-cloud.example.toml");
    let settings = line(&["--config", path.to_str().unwrap()]).unwrap();
    assert_eq!(settings.origin.as_deref(), Some("https://cloud.example.org"));
    assert_eq!(
        settings.limits.sends_per_network,
        crate::config::Limits::default().sends_per_network
    );
}

#[test]
fn services_are_named_so_that_a_token_can_name_them_and_bootloaders_wait_a_week() {
    let settings = file("data = \"/a\"\nservices = [\"music\", \"https://photos.example.org\"]").unwrap();
    assert_eq!(settings.services, ["music", "https://photos.example.org"]);
    assert_eq!(settings.bootloader_wait, 7 * 24 * 3600 * 1000);
    let settings = file("data = \"/a\"\n[bootloader]\nwait-days = 0").unwrap();
    assert_eq!(settings.bootloader_wait, 0);
    for bad in [
        "services = [\"\"]",
        "services = [\"a b\"]",
        "[bootloader]\nwait-days = -1",
    ] {
        assert!(file(&format!("data = \"/a\"\n{bad}")).is_err(), "{bad}");
    }
}

#[test]
fn the_documented_setup_is_a_configuration() {
    // As the server does at its start: the gateway's client wants one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let page = include_str!("../../../docs/self-hosting.md");
    let mut examples = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let text = examples.next().unwrap();
    assert!(examples.next().is_none(), "one is tested");
    let folder = tempfile::TempDir::new().unwrap();
    for secret in ["smtp-password", "sms-token"] {
        std::fs::write(folder.path().join(secret), "secret\n").unwrap();
    }
    let here = folder.path().to_str().unwrap();
    let settings = file(&text.replace("/etc/belay-cloud/", &format!("{here}/"))).unwrap();
    assert_eq!(settings.origin.as_deref(), Some("https://cloud.example.org"));
    let (cert, _) = settings.tls.unwrap();
    assert!(cert.ends_with("fullchain.pem"));
    assert!(settings.delivery.mails() && settings.delivery.texts());
    crate::delivery::carriers(&settings.delivery).unwrap();
    assert_eq!(settings.metrics.len(), 3);
}

#[test]
fn a_folder_is_all_that_development_needs() {
    let settings = line(&["--data", "/tmp/x"]).unwrap();
    assert!(settings.listen.ip().is_loopback() && settings.origin.is_none() && settings.proxies.is_empty());
    assert!(line(&[]).is_err(), "no folder");
}

#[test]
fn the_command_line_wins() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("cloud.toml");
    std::fs::write(&path, "data = \"/a\"\nlisten = \"127.0.0.1:1\"\n").unwrap();
    let settings = line(&[
        "--config",
        path.to_str().unwrap(),
        "--data",
        "/b",
        "--listen",
        "127.0.0.1:0",
    ])
    .unwrap();
    assert_eq!((settings.data, settings.listen.port()), (PathBuf::from("/b"), 0));
}

#[test]
fn mistakes_are_named_with_line_and_key() {
    for (text, words) in [
        ("data = \"/a\"\nsurprise = 1\n", ["line 2", "surprise"]),
        ("data = \"/a\"\n[limits]\nsends = 1\n", ["line 3", "sends"]),
        ("data = 7\n", ["line 1", "7"]),
        ("data = \"/a\"\ntrusted-proxy = [\"x\"]\n", ["line 2", "x"]),
    ] {
        let error = file(text).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}

#[test]
fn an_empty_secret_is_none() {
    let folder = tempfile::TempDir::new().unwrap();
    let secret = folder.path().join("secret");
    let text = format!("data = \"/a\"\n[sms-out]\nnumber = \"+1\"\nsecret-file = {secret:?}\n");
    for (content, good) in [("", false), ("\n", false), ("x\n", true)] {
        std::fs::write(&secret, content).unwrap();
        assert_eq!(file(&text).is_ok(), good, "{content:?}");
    }
}

#[test]
fn the_origin_is_the_one_that_wardens_sign() {
    let tls = [
        "--data",
        "/tmp/x",
        "--tls-cert",
        "c",
        "--tls-key",
        "k",
        "--public-url",
    ];
    for (url, origin, local) in [
        (
            "https://Cloud.Example.org:443/",
            "https://cloud.example.org",
            false,
        ),
        (
            "HTTPS://cloud.example.org:8443",
            "https://cloud.example.org:8443",
            false,
        ),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]", false),
        ("http://127.0.0.1:80", "http://127.0.0.1", true),
    ] {
        let settings = line(&[&tls[..], &[url]].concat()).unwrap();
        assert_eq!(settings.origin.as_deref(), Some(origin));
        assert_eq!(settings.origin, Some(LoginStatement::origin_of(url)));
        assert_eq!(settings.local, local, "{url}");
    }
}

#[test]
fn secrets_never_go_in_the_clear_by_mistake() {
    for args in [
        &["--listen", "0.0.0.0:80"][..],
        &["--listen", "[::]:80", "--public-url", "https://cloud.example.org"],
        &["--public-url", "http://cloud.example.org"],
        &["--public-url", "https://cloud.example.org"],
        &[
            "--public-url",
            "https://cloud.example.org/path",
            "--trusted-proxy",
            "127.0.0.1",
        ],
        &[
            "--public-url",
            "https://user@cloud.example.org",
            "--trusted-proxy",
            "127.0.0.1",
        ],
        &[
            "--public-url",
            "cloud.example.org",
            "--trusted-proxy",
            "127.0.0.1",
        ],
        &["--trusted-proxy", "127.0.0.1"],
        &[
            "--trusted-proxy",
            "nonsense",
            "--public-url",
            "https://cloud.example.org",
        ],
    ] {
        assert!(line(&[&["--data", "/tmp/x"], args].concat()).is_err(), "{args:?}");
    }
    for args in [
        &["--public-url", "http://127.0.0.1:9000"][..],
        &[
            "--listen",
            "0.0.0.0:80",
            "--public-url",
            "https://Cloud.example.org/",
            "--trusted-proxy",
            "10.0.0.0/8",
        ],
        &[
            "--listen",
            "0.0.0.0:443",
            "--public-url",
            "https://c.org",
            "--tls-cert",
            "c",
            "--tls-key",
            "k",
        ],
    ] {
        assert!(line(&[&["--data", "/tmp/x"], args].concat()).is_ok(), "{args:?}");
    }
    for text in [
        "data = \"/a\"\n[smtp]\nserver = \"mail.example.org\"\nfrom = \"a@b.org\"\nsecurity = \"none\"\n",
        "data = \"/a\"\n[sms]\ngateway-url = \"http://sms.example.org\"\n",
        "data = \"/a\"\ntls-cert = \"c\"\n",
        "data = \"/a\"\n[proof-of-work]\nprefix = \"zz\"\n",
    ] {
        assert!(file(text).is_err(), "{text}");
    }
}
