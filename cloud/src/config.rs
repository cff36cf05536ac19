//! The configuration: a TOML file, every key optional, and the command line, which wins.

mod file;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use axum::http::Uri;
use belay_proto::secret::Secret;
use belay_proto::signed::LoginStatement;
use serde::Deserialize;

use self::file::{File, SmsFile, SmsOutFile, SmtpFile};
use crate::budget::Limit;
use crate::cli::Options;
use crate::clock::{DAY, HOUR, Millis};
use crate::net::{BadNetwork, Network};

/// What the cloud runs with.
#[derive(Debug)]
pub struct Settings {
    /// The folder of the database, the server key and the chunks.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// A file that gets the port's number.
    pub port_file: Option<PathBuf>,
    /// What clients call this cloud: scheme, host and port, without a slash at the end. Filled from the
    /// listening address when it isn't configured.
    pub origin: Option<String>,
    /// Whether clients are on this machine alone (development): budgets by network leave those alone. Where
    /// the public URL is another, a call from this machine is a proxy's that forgot to say for whom.
    pub local: bool,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
    /// Certificate chain and key, when this program ends TLS itself.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where messages go.
    pub delivery: Delivery,
    /// Numbers that prove themselves by sending a message.
    pub sms_out: Option<SmsOut>,
    /// What may happen how often.
    pub limits: Limits,
    /// What a proof of work costs.
    pub work: Work,
    /// Whether pages are served that ask for a password.
    pub console: Console,
    /// Who may read `/metrics`.
    pub metrics: Vec<Network>,
    /// Services that accounts may sign on to, by the names that tokens call them.
    pub services: Vec<String>,
    /// How long a request to unlock a bootloader waits before it may be approved.
    pub bootloader_wait: Millis,
}

/// Where messages go. A channel that isn't configured is refused with `channel-unavailable`.
#[derive(Debug, Default)]
pub struct Delivery {
    /// A folder for both channels.
    pub outbox: Option<PathBuf>,
    /// A mail server.
    pub smtp: Option<Smtp>,
    /// An HTTP gateway for text messages.
    pub sms: Option<SmsGateway>,
}

impl Delivery {
    /// Whether mails go anywhere.
    #[must_use]
    pub const fn mails(&self) -> bool {
        self.outbox.is_some() || self.smtp.is_some()
    }

    /// Whether text messages go anywhere.
    #[must_use]
    pub const fn texts(&self) -> bool {
        self.outbox.is_some() || self.sms.is_some()
    }
}

/// A mail server.
#[derive(Debug)]
pub struct Smtp {
    /// Its name.
    pub server: String,
    /// Its port, when it isn't the usual one.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// The sender's address.
    pub from: String,
    /// User and password.
    pub login: Option<(String, Secret<String>)>,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// TLS from the first byte (port 465).
    Tls,
    /// Required STARTTLS (port 587).
    #[default]
    Starttls,
    /// None; only to a server on this machine.
    None,
}

/// An HTTP gateway for text messages: it gets `POST {"to": "+…", "text": "…"}`.
#[derive(Debug)]
pub struct SmsGateway {
    /// The address to post to.
    pub url: String,
    /// A bearer token.
    pub token: Option<Secret<String>>,
}

/// Numbers that prove themselves by sending a message.
#[derive(Debug)]
pub struct SmsOut {
    /// The number to send it to.
    pub number: String,
    /// What the gateway signs with.
    pub secret: Secret<String>,
}

/// What may happen how often. The limits an address are the contract's and can't be configured.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Codes and links an hour to callers of one network.
    pub sends_per_network: u32,
    /// Text messages with codes a day to numbers that differ in the last four digits only; ten times as many
    /// notices of sign-ins and recoveries, and as many others.
    pub sms_per_range: u32,
    /// Text messages with codes a day to numbers with the same first three digits; notices likewise.
    pub sms_per_region: u32,
    /// Sign-ins an hour by callers of one network, refused ones included.
    pub logins_per_network: u32,
    /// Bytes an account may keep, sealed; an operator may give an account another quota.
    pub quota: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sends_per_network: 60,
            sms_per_range: 20,
            sms_per_region: 2000,
            logins_per_network: 600,
            quota: 5 * 1024 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// [`Self::sends_per_network`].
    #[must_use]
    pub const fn network_sends(&self) -> Limit {
        Limit {
            times: self.sends_per_network,
            window: HOUR,
        }
    }

    /// [`Self::sms_per_range`].
    #[must_use]
    pub const fn range_sends(&self) -> Limit {
        Limit {
            times: self.sms_per_range,
            window: DAY,
        }
    }

    /// [`Self::sms_per_region`].
    #[must_use]
    pub const fn region_sends(&self) -> Limit {
        Limit {
            times: self.sms_per_region,
            window: DAY,
        }
    }

    /// [`Self::logins_per_network`].
    #[must_use]
    pub const fn network_logins(&self) -> Limit {
        Limit {
            times: self.logins_per_network,
            window: HOUR,
        }
    }
}

/// Whether pages are served that ask for a password: whoever serves them could read what is typed there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Console {
    /// They are.
    #[default]
    On,
    /// They aren't.
    Off,
}

/// What a proof of work costs: about 16 to the power of the prefix's length guesses of `rounds` each.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Work {
    /// Rounds of PBKDF2-HMAC-SHA-256 a guess.
    pub rounds: u32,
    /// What the derived key has to begin with, hexadecimal.
    pub prefix: String,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            rounds: 1000,
            prefix: "00".to_owned(),
        }
    }
}

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file can't be read.
    #[error("{file}")]
    File {
        /// Which one.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file says something that isn't understood; the message names line and key.
    #[error("{file}: {source}")]
    Toml {
        /// Which one.
        file: String,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A proxy or network can't be read.
    #[error(transparent)]
    Network(#[from] BadNetwork),
    /// What is asked for would be unsafe or means nothing.
    #[error("{0}")]
    Refused(&'static str),
}

/// Reads the file, if one is named, and puts the command line over it.
///
/// # Errors
/// When a file can't be read or understood, or the result would be unsafe.
pub fn load(options: &Options) -> Result<Settings, ConfigError> {
    let file = match &options.config {
        Some(path) => file::parse(path, &file::read(path)?)?,
        None => File::default(),
    };
    let data = options
        .data
        .clone()
        .or(file.data)
        .ok_or(ConfigError::Refused("no data folder: give --data DIR"))?;
    let proxies = if options.trusted_proxy.is_empty() {
        file.trusted_proxy
    } else {
        options
            .trusted_proxy
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()?
    };
    let tls = match (
        options.tls_cert.clone().or(file.tls_cert),
        options.tls_key.clone().or(file.tls_key),
    ) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return Err(ConfigError::Refused("tls-cert and tls-key belong together")),
    };
    let origin = options
        .public_url
        .as_deref()
        .or(file.public_url.as_deref())
        .map(parse_origin)
        .transpose()?;
    let settings = Settings {
        data,
        listen: options
            .listen
            .or(file.listen)
            .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
        port_file: options.port_file.clone().or(file.port_file),
        local: origin.as_deref().is_none_or(is_loopback_origin),
        origin,
        proxies,
        tls,
        delivery: Delivery {
            outbox: options.outbox.clone().or(file.outbox),
            smtp: file.smtp.map(SmtpFile::read).transpose()?,
            sms: file.sms.map(SmsFile::read).transpose()?,
        },
        sms_out: file.sms_out.map(SmsOutFile::read).transpose()?,
        limits: file.limits,
        work: file.proof_of_work,
        console: options.console.or(file.console).unwrap_or_default(),
        metrics: file.metrics.map_or_else(loopback, |metrics| metrics.networks),
        services: file.services,
        bootloader_wait: u64::from(file.bootloader.wait_days) * DAY,
    };
    check(&settings)?;
    Ok(settings)
}

/// Refuses what would carry secrets in the clear, or count every caller as one.
fn check(settings: &Settings) -> Result<(), ConfigError> {
    let loopback = settings.listen.ip().is_loopback();
    if settings.tls.is_none() && settings.proxies.is_empty() {
        if !loopback {
            return Err(ConfigError::Refused(
                "plain HTTP is for loopback addresses only: give tls-cert and tls-key, or trusted-proxy",
            ));
        }
        if settings
            .origin
            .as_deref()
            .is_some_and(|origin| !is_loopback_origin(origin))
        {
            return Err(ConfigError::Refused(
                "a public-url that isn't loopback needs tls-cert and tls-key, or trusted-proxy",
            ));
        }
    }
    if settings.origin.is_none() && (!settings.proxies.is_empty() || !loopback) {
        return Err(ConfigError::Refused(
            "public-url has to be given when clients come from elsewhere",
        ));
    }
    if settings.work.rounds == 0 || settings.work.prefix.bytes().any(|byte| !byte.is_ascii_hexdigit()) {
        return Err(ConfigError::Refused(
            "proof-of-work needs rounds and a hexadecimal prefix",
        ));
    }
    let is_name =
        |name: &String| (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !settings.services.iter().all(is_name) {
        return Err(ConfigError::Refused(
            "a service's name has 1 to 128 visible ASCII characters",
        ));
    }
    if let Some(Smtp {
        security: SmtpSecurity::None,
        server,
        ..
    }) = &settings.delivery.smtp
        && !is_loopback_host(server)
    {
        return Err(ConfigError::Refused(
            "smtp without TLS is for a server on this machine only",
        ));
    }
    Ok(())
}

fn parse_origin(text: &str) -> Result<String, ConfigError> {
    let refused =
        ConfigError::Refused("public-url has to be https://HOST[:PORT], or http:// with a loopback host");
    let Ok(uri) = text.parse::<Uri>() else {
        return Err(refused);
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(refused);
    };
    // What the wardens sign names this cloud in the same words, so that one function finds them.
    let origin = LoginStatement::origin_of(text);
    let bare = uri.query().is_none() && matches!(uri.path(), "" | "/") && !authority.as_str().contains('@');
    let safe = scheme == "https" || (scheme == "http" && is_loopback_host(authority.host()));
    if bare && safe { Ok(origin) } else { Err(refused) }
}

fn is_loopback_origin(origin: &str) -> bool {
    origin
        .parse::<Uri>()
        .is_ok_and(|uri| uri.host().is_some_and(is_loopback_host))
}

fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn loopback() -> Vec<Network> {
    ["127.0.0.0/8", "::1"]
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}
