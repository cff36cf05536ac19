//! Against a warden and a belayd that only write down what they are asked, on a private bus.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use zbus::{Connection, OwnedFd, OwnedVariant, connection, interface};

use super::{dictionary, send_command, set_find_enabled, set_policies};
use crate::dbus::fd::read_secret;
use crate::dbus::{Details, Error, names, read_arguments};
use crate::id::{CommandId, DeviceId};
use crate::secret::Secret;
use crate::signed::{Action, Verb};
use crate::steps::{PolicyChanges, command_subject, policies_subject};

const TICKET: &str = "00112233445566778899aabbccddeeff";
const NUMBER: &str = "+4915112345678";

/// What was asked, in order.
type Asked = Arc<Mutex<Vec<String>>>;

struct Warden(Asked);
struct Device(Asked);
struct Account(Asked);

#[interface(name = "org.belay1.Warden")]
impl Warden {
    async fn present(
        &self,
        purpose: String,
        subject: String,
        secrets: std::collections::HashMap<String, OwnedFd>,
    ) -> String {
        let mut all = String::new();
        for (name, fd) in secrets {
            all += &format!(" {name}={}", read_secret(fd).await.unwrap().expose());
        }
        note(&self.0, format!("present {purpose} [{subject}]{all}"));
        TICKET.to_owned()
    }
}

#[interface(name = "org.belay1.Device")]
impl Device {
    async fn set_find_enabled(&self, enabled: bool, ticket: String, options: Details) {
        note(&self.0, format!("find {enabled} {ticket} {}", options.len()));
    }

    async fn set_policies(&self, mut policies: Details, ticket: String, options: Details) {
        let number = match policies.remove("trusted-number") {
            Some(number) => {
                let fd = std::os::fd::OwnedFd::try_from(zbus::Fd::try_from(number).unwrap()).unwrap();
                read_secret(fd).await.unwrap().expose().clone()
            }
            None => "none".to_owned(),
        };
        let mut keys: Vec<_> = policies.keys().cloned().collect();
        keys.sort();
        note(
            &self.0,
            format!("policies {keys:?} {number} {ticket} {}", options.len()),
        );
    }
}

#[interface(name = "org.belay1.Account")]
impl Account {
    async fn send_command(
        &self,
        device: String,
        action: String,
        arguments: Details,
        ticket: String,
        options: Details,
    ) -> String {
        let action = read_arguments(Verb::parse(&action).unwrap(), arguments).unwrap();
        let subject = command_subject(&device.parse().unwrap(), &action);
        note(&self.0, format!("send [{subject}] [{ticket}] {}", options.len()));
        CommandId::from_bytes([7; 16]).to_string()
    }
}

fn note(asked: &Asked, what: String) {
    asked.lock().unwrap().push(what);
}

/// The bus, ended with the value, and both services on it.
struct Stage {
    daemon: Child,
    client: Connection,
    _services: Connection,
    asked: Asked,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Stage {
    async fn set() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let asked = Asked::default();
        let bus = || connection::Builder::address(address.trim());
        let services = bus()
            .name(names::BUS_NAME)
            .name(names::WARDEN_NAME)
            .serve_at(names::WARDEN_PATH, Warden(asked.clone()))
            .serve_at(names::DEVICE_PATH, Device(asked.clone()))
            .serve_at(names::ACCOUNT_PATH, Account(asked.clone()))
            .build()
            .await
            .unwrap();
        Self {
            client: bus().build().await.unwrap(),
            _services: services,
            daemon,
            asked,
        }
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn password() -> Secret<String> {
    Secret::of_text("correct horse")
}

#[tokio::test]
async fn finding_is_turned_with_a_ticket_for_that_and_not_for_the_other_way() {
    let stage = Stage::set().await;
    for (enabled, subject) in [(true, "on"), (false, "off")] {
        set_find_enabled(&stage.client, enabled, &password())
            .await
            .unwrap();
        assert_eq!(
            stage.asked(),
            [
                format!("present find [{subject}] password=correct horse"),
                format!("find {enabled} {TICKET} 0"),
            ]
        );
    }
}

#[tokio::test]
async fn policies_go_with_a_ticket_for_these_changes_and_the_number_in_a_descriptor() {
    let stage = Stage::set().await;
    let mut changes = PolicyChanges {
        lock_after_offline: Some(0),
        dry_run: Some(true),
        trusted_number: Some(NUMBER.to_owned()),
        ..PolicyChanges::default()
    };
    for (number, told) in [
        (Some(NUMBER.to_owned()), NUMBER),
        (Some(String::new()), ""),
        (None, "none"),
    ] {
        changes.trusted_number = number;
        set_policies(&stage.client, &changes, &password()).await.unwrap();
        assert_eq!(
            stage.asked(),
            [
                format!(
                    "present policies [{}] password=correct horse",
                    policies_subject(&changes)
                ),
                format!("policies [\"dry-run\", \"lock-after-offline\"] {told} {TICKET} 0"),
            ]
        );
    }
    changes.lock_after_offline = Some(1000);
    let refused = set_policies(&stage.client, &changes, &password()).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
    assert!(stage.asked().is_empty(), "the password stayed here");
}

#[tokio::test]
async fn a_command_goes_with_a_ticket_for_it_alone_or_with_none() {
    let stage = Stage::set().await;
    let device = DeviceId::from_bytes([2; 16]);
    let lock = |message: &str| Action::Lock {
        message: message.to_owned(),
        phone: NUMBER.to_owned(),
    };
    let subject = command_subject(&device, &lock("Please call"));
    let id = send_command(&stage.client, &device, &lock("Please call"), Some(&password()))
        .await
        .unwrap();
    assert_eq!(id, CommandId::from_bytes([7; 16]));
    assert_eq!(
        stage.asked(),
        [
            format!("present command [{subject}] password=correct horse"),
            format!("send [{subject}] [{TICKET}] 0"),
        ]
    );
    send_command(&stage.client, &device, &Action::StopRing, None)
        .await
        .unwrap();
    let subject = command_subject(&device, &Action::StopRing);
    assert_eq!(stage.asked(), [format!("send [{subject}] [] 0")]);
    let refused = send_command(&stage.client, &device, &lock("a\u{202e}b"), Some(&password())).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
    assert!(stage.asked().is_empty(), "the password stayed here");
}

#[test]
fn the_dictionary_holds_what_changes_and_never_the_number() {
    let changes = PolicyChanges {
        lock_after_offline: Some(0),
        dry_run: Some(false),
        trusted_number: Some(NUMBER.to_owned()),
        ..PolicyChanges::default()
    };
    let mut entries: Vec<_> = dictionary(&changes)
        .into_iter()
        .map(|(key, value)| (key, value.value_signature().to_string()))
        .collect();
    entries.sort();
    assert_eq!(
        entries,
        [
            ("dry-run", "b".to_owned()),
            ("lock-after-offline", "t".to_owned())
        ]
    );
    assert!(dictionary(&PolicyChanges::default()).is_empty());
    let all = PolicyChanges {
        lock_after_offline: Some(1),
        wipe_after_offline: Some(1),
        lock_on_sim_change: Some(true),
        lock_on_accessory_lost: Some(true),
        recovery_without_code: Some(true),
        dry_run: Some(true),
        trusted_number: None,
    };
    assert_eq!(dictionary(&all).len(), 6);
    assert_eq!(
        OwnedVariant::try_from(dictionary(&all).remove("wipe-after-offline").unwrap())
            .ok()
            .and_then(|value| u64::try_from(value).ok()),
        Some(1)
    );
}
