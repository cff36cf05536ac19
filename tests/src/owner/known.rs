//! Whom a stranger asks about: somebody in each way in which a cloud may know an address, and somebody whom none knows.

use belay_proto::dbus::client;
use belay_proto::keys::random;
use belay_proto::steps::PolicyChanges;
use belay_proto::text::hex;
use belay_proto::wire::Channel;
use belay_proto::{AccountId, DeviceId, Secret};
use rusqlite::{Connection, OpenFlags};
use zbus::Fd;

use crate::app::{ACCOUNT, App, Options, memfd};
use crate::{Outcome, Stage, expect};

const LOGIN: &str = "adalovelace0@example.org";
const SECOND: &str = "adalovelace1@example.org";
const NUMBER: &str = "+4915123456789";
const PASSWORD: &str = "crane-lantern-49-orbit";
const NEW: &str = "marble-ferry-17-canyon";

/// Later than any clock of a stage goes, ms.
const NEVER: i64 = 4_000_000_000_000_000;

/// How a cloud knows an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// An account is signed in to with it.
    Login,
    /// The same of a number.
    Number,
    /// It belongs to an account that is signed in to with another.
    Second,
    /// Somebody recovers its account without the recovery code, which is being waited out.
    Held,
}

/// Whom a question is about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// An address or a number.
    pub address: String,
    /// The account, as the cloud names it.
    pub account: AccountId,
    /// A device of the account.
    pub device: DeviceId,
}

impl Known {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Login, Self::Number, Self::Second, Self::Held];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "an address",
            Self::Number => "a number",
            Self::Second => "a second address",
            Self::Held => "the address of an account that waits for a recovery",
        }
    }

    /// Has the device of `stage` make such an account, the first one of its cloud.
    ///
    /// # Errors
    /// Where something is refused, or doesn't come.
    pub async fn made(self, stage: &Stage) -> Outcome<Subject> {
        let app = App::new(stage.person());
        let login = match self {
            Self::Number => NUMBER,
            _ => LOGIN,
        };
        let id = app.register(login, PASSWORD, &Options::new()).await??;
        let code = stage.outbox().code(login).await?;
        app.confirm(&id, &code).await??;
        app.acknowledge(&id).await??;
        let asked = match self {
            Self::Login | Self::Number => login,
            Self::Second => {
                let id = app.add_identifier(SECOND, PASSWORD).await??;
                let code = stage.outbox().code(SECOND).await?;
                app.confirm_identifier(&id, &code).await??;
                SECOND
            }
            Self::Held => {
                hold(stage, &app).await?;
                login
            }
        };
        Subject::only(stage, asked)
    }
}

/// Begins a recovery without the code, which is waited out for ever.
async fn hold(stage: &Stage, app: &App) -> Outcome {
    let changes = PolicyChanges {
        recovery_without_code: Some(true),
        ..PolicyChanges::default()
    };
    client::set_policies(stage.person(), &changes, &Secret::of_text(PASSWORD)).await?;
    let id = app.begin_recovery(LOGIN).await??;
    let code = stage.outbox().code(LOGIN).await?;
    let ticket = app.present("recover", LOGIN, &[("new", NEW)]).await??;
    let code = Fd::from(memfd(code.as_bytes())?);
    app.call::<_, ()>(ACCOUNT, "CompleteRecovery", &(id, code, ticket, Options::new()))
        .await??;
    // The questions take years, after which it would be over, and swept away.
    let database = stage.place().at("cloud").join(belay_cloud::store::FILE);
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let prolonged = "UPDATE waiting SET ready_at = ?1, told_at = ?1, until = ?1";
    let waiting = database.execute(prolonged, [NEVER])?;
    expect!(waiting == 1, "{waiting} recoveries wait");
    Ok(())
}

impl Subject {
    /// The owner of the only account that the stage's cloud has, with its first device.
    fn only(stage: &Stage, address: &str) -> Outcome<Self> {
        let database = stage.place().at("cloud").join(belay_cloud::store::FILE);
        let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let id = |sql: &str| database.query_row(sql, [], |row| row.get::<_, [u8; 16]>(0));
        Ok(Self {
            address: address.to_owned(),
            account: AccountId::from_bytes(id("SELECT id FROM accounts")?),
            device: DeviceId::from_bytes(id("SELECT id FROM devices")?),
        })
    }

    /// Somebody whom no cloud knows, whose address or number looks like this one and is as long.
    #[must_use]
    pub fn stranger(&self) -> Self {
        let address = match self.channel() {
            Channel::Email => format!("{}@example.org", hex(&random::<6>())),
            _ => format!("+49151{:08}", u32::from_be_bytes(random()) % 100_000_000),
        };
        Self {
            address,
            account: AccountId::random(),
            device: DeviceId::from_bytes(random()),
        }
    }

    /// How a code travels to it.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self.address.starts_with('+') {
            true => Channel::Sms,
            false => Channel::Email,
        }
    }
}
