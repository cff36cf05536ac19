//! Accounts and devices as the database would have them, without going through mails; and their owners.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use belay_cloud::app::App;
use belay_cloud::clock::CloudClock;
use belay_cloud::config::{Delivery, Limits, Settings, Work};
use belay_proto::clock::BoottimeClock;
use belay_proto::keys::{BoxKey, SigningKey, random};
use belay_proto::signed::{Action, Command, CommandEnvelope, DeviceCertificate, Signed};
use belay_proto::text::base64url;
use belay_proto::{AccountId, CommandId, DeviceId, Epoch, HardwareId, dpop, id};

use crate::Outcome;
use crate::account::registration;
use crate::device::exchange;
use crate::served::nonce;

/// Devices of one account: fewer than the commands that it may send an hour.
const DEVICES: usize = 500;

pub struct Member {
    pub key: SigningKey,
    id: DeviceId,
    epoch: Epoch,
    account: usize,
}

struct Account {
    id: AccountId,
    owner: SigningKey,
    token: String,
}

pub struct Fleet {
    pub origin: String,
    pub cloud: SocketAddr,
    pub members: Vec<Member>,
    accounts: Vec<Account>,
    nonce: Mutex<String>,
}

/// The owners at their consoles. Each account's session is of its first device's key.
pub struct Owners {
    first: HashMap<usize, usize>,
}

impl Fleet {
    pub async fn fill(data: &Path, devices: usize) -> Outcome<Self> {
        let cloud = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let origin = format!("http://{cloud}");
        let app = App::open(
            settings(data, &origin),
            CloudClock::new(Arc::new(BoottimeClock::new())),
        )?;
        let mut fleet = Self {
            origin,
            cloud,
            members: Vec::new(),
            accounts: Vec::new(),
            nonce: Mutex::default(),
        };
        for first in (0..devices).step_by(DEVICES) {
            fleet.add_account(&app, DEVICES.min(devices - first)).await?;
        }
        Ok(fleet)
    }

    async fn add_account(&mut self, app: &App, devices: usize) -> Outcome<()> {
        let (owner, account) = (SigningKey::generate(), AccountId::random());
        let (body, record) = registration(account, &owner);
        let mut certificates = Vec::new();
        for _ in 0..devices {
            let (key, epoch) = (SigningKey::generate(), Epoch::random());
            let warden = SigningKey::generate().public();
            let certificate = DeviceCertificate {
                account,
                device: id::device_id(&warden, &epoch),
                epoch,
                device_key: key.public(),
                warden_key: warden,
                box_key: BoxKey::generate().public(),
                hardware: HardwareId::from_bytes(random()),
                hardware_locked: true,
                model: "Bench".into(),
                wipe_class: "none".into(),
                key_epoch: 1,
            };
            let bytes = Signed::seal(&certificate, &owner).encode();
            self.members.push(Member {
                key,
                id: certificate.device,
                epoch,
                account: self.accounts.len(),
            });
            certificates.push((certificate, bytes));
        }
        let thumbprint = self.members[self.members.len() - devices]
            .key
            .public()
            .thumbprint();
        let (inside, now) = (app.clone(), app.now());
        let token = app
            .store
            .transact(move |tx| {
                belay_cloud::accounts::table::insert(&inside.vault, tx, &body, &record, now)?;
                for (certificate, bytes) in &certificates {
                    let hardware =
                        belay_cloud::devices::hardware_mac(&inside, certificate.hardware.as_bytes());
                    belay_cloud::devices::table::insert(
                        &inside.vault,
                        tx,
                        certificate,
                        &hardware,
                        bytes,
                        &belay_cloud::devices::Told {
                            name: "x",
                            kind: None,
                        },
                        now,
                    )?;
                }
                let (_, tokens) = belay_cloud::tokens::start(&inside, tx, &account, &thumbprint, now)?;
                Ok(tokens.access_token.expose().to_owned())
            })
            .await?;
        self.accounts.push(Account {
            id: account,
            owner,
            token,
        });
        Ok(())
    }

    /// The newest nonce that any device has seen; they share it here, so that each needs one call to connect.
    pub fn nonce(&self) -> String {
        self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn learn(&self, nonce: Option<String>) {
        if let Some(nonce) = nonce {
            *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = nonce;
        }
    }

    /// A command to one of the devices.
    pub fn ring(&self, number: usize) -> String {
        let member = &self.members[number];
        let account = &self.accounts[member.account];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let command = Command {
            id: CommandId::new(),
            account: account.id,
            device: member.id,
            epoch: member.epoch,
            counter: now,
            issued_at: now,
            expires_at: now + 600_000,
            presence: 0,
            episode: 0,
            action: Action::Ring { seconds: 1 },
        };
        let envelope = CommandEnvelope {
            command: Signed::seal(&command, &account.owner),
            delegate: None,
        };
        base64url(&envelope.encode())
    }

    pub async fn owner(&self) -> Outcome<Owners> {
        self.learn(Some(nonce(self.cloud).await?));
        let mut first = HashMap::new();
        for (number, member) in self.members.iter().enumerate() {
            first.entry(member.account).or_insert(number);
        }
        Ok(Owners { first })
    }
}

impl Owners {
    /// Posts a command.
    pub async fn post(&mut self, fleet: &Fleet, number: usize, envelope: &str) -> Outcome<()> {
        let member = &fleet.members[number];
        let account = &fleet.accounts[member.account];
        let path = format!("/v1/devices/{}/commands", member.id);
        let key = &fleet.members[self.first[&member.account]].key;
        let body = format!(r#"{{"envelope":"{envelope}"}}"#);
        for _ in 0..2 {
            let proof = dpop::create(
                key,
                "POST",
                &format!("{}{path}", fleet.origin),
                Some(&fleet.nonce()),
                Some(&account.token),
                SystemTime::now(),
            );
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ndpop: {proof}\r\nauthorization: DPoP {}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                account.token,
                body.len()
            );
            let answer = exchange(fleet.cloud, &request).await?;
            fleet.learn(answer.nonce);
            match answer.status {
                202 => return Ok(()),
                401 => {}
                other => return Err(format!("a command got {other}").into()),
            }
        }
        Err("no proof is good enough".into())
    }
}

/// The address of an origin of this bench.
pub fn address(origin: &str) -> Outcome<SocketAddr> {
    Ok(origin.trim_start_matches("http://").parse()?)
}

fn settings(data: &Path, origin: &str) -> Settings {
    Settings {
        data: data.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        port_file: None,
        origin: Some(origin.to_owned()),
        local: true,
        proxies: Vec::new(),
        tls: None,
        delivery: Delivery::default(),
        sms_out: None,
        limits: Limits::default(),
        work: Work::default(),
        console: belay_cloud::config::Console::Off,
        metrics: Vec::new(),
        services: Vec::new(),
        bootloader_wait: 0,
    }
}
