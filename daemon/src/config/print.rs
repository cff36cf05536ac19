//! The effective configuration as a commented file.

use std::path::Path;

use belay_proto::keys::KdfParameters;
use belay_proto::wire::DeviceKind;

use super::{Backend, BusKind, Config, Enforcement};

/// Renders `config` as TOML that reads back as the same configuration.
pub(super) fn render(config: &Config) -> String {
    let Config {
        cloud,
        bus,
        paths,
        device,
        backend,
        commands,
        accessories,
        warden,
    } = config;
    let mut out = Out::default();
    out.section("cloud");
    out.key(
        "The cloud's public address; empty: none, and what needs one answers Offline.",
        "url",
        text(cloud.url.as_ref().map_or("", |url| url.as_str())),
    );
    out.key(
        "A PEM file with the certificates to trust instead of the system's; empty: the system's.",
        "ca",
        path(cloud.ca.as_deref().unwrap_or(Path::new(""))),
    );
    out.section("bus");
    let kind = match bus {
        BusKind::System => "system",
        BusKind::Session => "session",
    };
    out.key("\"system\", or \"session\" for development.", "kind", text(kind));
    out.section("paths");
    out.key(
        "belayd's database and sealing key. STATE_DIRECTORY wins.",
        "state",
        path(&paths.state),
    );
    out.section("device");
    out.key(
        "The name until the owner sets one; empty: the host's name.",
        "name",
        text(&device.name),
    );
    out.key(
        "The model; empty: what the firmware says.",
        "model",
        text(&device.model),
    );
    out.key(
        "phone, tablet, watch, laptop or desktop; empty: what machine-info(5), the device tree or the firmware says.",
        "kind",
        text(device.kind.told().map_or("", DeviceKind::as_str)),
    );
    out.section("platform");
    let backend = match backend {
        Backend::Auto => "auto",
        Backend::Systemd => "systemd",
        Backend::Exec => "exec",
        Backend::Simulated => "simulated",
    };
    out.key(
        "Who carries out what only the operating system can: \"auto\" (a command of platform.exec where there is one, \
         else the system's service), \"systemd\" (the services alone), \"exec\" (the commands alone); \"simulated\" in \
         builds for tests.",
        "backend",
        text(backend),
    );
    out.section("platform.exec");
    for (comment, name, words) in commands.keys() {
        out.key(comment, name, toml::Value::from(words.to_vec()).to_string());
    }
    out.section("accessories");
    out.key(
        "Whether bands, scales and sensors are looked for over Bluetooth; false: there is no adapter.",
        "enabled",
        accessories.enabled.to_string(),
    );
    out.key(
        "The Bluetooth adapter: its address, or its name such as \"hci0\"; empty: the one with the lowest number.",
        "adapter",
        text(&accessories.adapter.to_string()),
    );
    out.section("warden");
    out.key(
        "The warden's state lies in the folders a and b in here.",
        "state",
        path(&warden.state),
    );
    out.key("The warden's run files.", "runtime", path(&warden.runtime));
    out.key(
        "A folder that survives a factory reset; empty: the device has none.",
        "reset-proof-dir",
        path(warden.reset_proof_dir.as_deref().unwrap_or(Path::new(""))),
    );
    out.key(
        "Where the kernel shows the hardware.",
        "sysfs",
        path(&warden.sysfs),
    );
    out.key(
        "Seconds without work after which the warden leaves.",
        "idle-exit",
        warden.idle_exit.to_string(),
    );
    out.key(
        "The user that shows the lost screen.",
        "lost-screen-user",
        text(&warden.lost_screen_user),
    );
    let kdf = warden.new_account_kdf;
    out.key(
        &format!(
            "Argon2id's price for new accounts: KiB of memory, {} to {}, and passes, {} to {}.",
            KdfParameters::FLOOR.memory_kib,
            KdfParameters::CEILING.memory_kib,
            KdfParameters::FLOOR.iterations,
            KdfParameters::CEILING.iterations
        ),
        "new-account-kdf",
        format!(
            "{{ memory-kib = {}, iterations = {} }}",
            kdf.memory_kib, kdf.iterations
        ),
    );
    let enforcement = match warden.enforcement {
        Enforcement::Auto => "auto",
        Enforcement::Systemd => "systemd",
        Enforcement::Exec => "exec",
        Enforcement::None => "none",
    };
    out.key(
        "Who makes the operating system follow lost mode: \"auto\" (systemd where it runs, else the commands \
         below, else nobody), \"systemd\", \"exec\", \"none\".",
        "enforcement",
        text(enforcement),
    );
    out.key(
        "Where belay-wipe keeps its journal; outside of what a wipe erases.",
        "wipe-journal",
        path(&warden.wipe_journal),
    );
    out.section("warden.exec");
    let exec = &warden.exec;
    for (comment, name, command) in [
        (
            "Ends each session and shows the lost screen: a program and its arguments.",
            "lost",
            &exec.lost,
        ),
        ("Undoes that.", "unlock", &exec.unlock),
        ("Starts the watch, and returns.", "watch", &exec.watch),
        (
            "Everything that may refuse a wipe, before the sessions end; exit code 78: refused, nothing was changed.",
            "wipe-prepare",
            &exec.wipe_prepare,
        ),
        (
            "Wipes as the intent says; exit code 78: refused, nothing was changed.",
            "wipe",
            &exec.wipe,
        ),
        (
            "Prints what a wipe is worth here, one word.",
            "wipe-class",
            &exec.wipe_class,
        ),
    ] {
        out.key(comment, name, toml::Value::from(command.clone()).to_string());
    }
    out.0
}

#[derive(Default)]
struct Out(String);

impl Out {
    fn section(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&format!("[{name}]\n"));
    }

    fn key(&mut self, comment: &str, name: &str, value: String) {
        self.0.push_str(&format!("# {comment}\n{name} = {value}\n"));
    }
}

fn text(value: &str) -> String {
    toml::Value::from(value).to_string()
}

/// A path that isn't UTF-8 can't come from a TOML file, only from the environment; it is shown lossily.
fn path(value: &Path) -> String {
    text(&value.to_string_lossy())
}
