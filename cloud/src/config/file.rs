//! The configuration file as it stands, before the command line and the files that it names.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use belay_proto::secret::Secret;
use serde::Deserialize;

use super::{ConfigError, Console, Limits, SmsGateway, SmsOut, Smtp, SmtpSecurity, Work, is_loopback_origin};
use crate::net::Network;

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::File {
        file: path.display().to_string(),
        source,
    })
}

fn read_secret(path: &Path) -> Result<Secret<String>, ConfigError> {
    let secret = read(path)?.trim_end_matches(['\r', '\n']).to_owned();
    if secret.is_empty() {
        // Everybody knows the empty one: with it anybody could sign a gateway's messages.
        return Err(ConfigError::Refused("a file that should hold a secret is empty"));
    }
    Ok(Secret::new(secret))
}

pub(super) fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Toml {
        file: path.display().to_string(),
        source: Box::new(error),
    })
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    pub(super) data: Option<PathBuf>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) port_file: Option<PathBuf>,
    pub(super) public_url: Option<String>,
    pub(super) trusted_proxy: Vec<Network>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) outbox: Option<PathBuf>,
    pub(super) console: Option<Console>,
    pub(super) smtp: Option<SmtpFile>,
    pub(super) sms: Option<SmsFile>,
    pub(super) sms_out: Option<SmsOutFile>,
    pub(super) limits: Limits,
    pub(super) proof_of_work: Work,
    pub(super) metrics: Option<MetricsFile>,
    pub(super) services: Vec<String>,
    pub(super) bootloader: Bootloader,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Bootloader {
    pub(super) wait_days: u16,
}

impl Default for Bootloader {
    fn default() -> Self {
        Self { wait_days: 7 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SmtpFile {
    server: String,
    port: Option<u16>,
    #[serde(default)]
    security: SmtpSecurity,
    from: String,
    user: Option<String>,
    password_file: Option<PathBuf>,
}

impl SmtpFile {
    pub(super) fn read(self) -> Result<Smtp, ConfigError> {
        let login = match (self.user, self.password_file) {
            (Some(user), Some(file)) => Some((user, read_secret(&file)?)),
            (None, None) => None,
            _ => {
                return Err(ConfigError::Refused(
                    "smtp: user and password-file belong together",
                ));
            }
        };
        Ok(Smtp {
            server: self.server,
            port: self.port,
            security: self.security,
            from: self.from,
            login,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SmsFile {
    gateway_url: String,
    token_file: Option<PathBuf>,
}

impl SmsFile {
    pub(super) fn read(self) -> Result<SmsGateway, ConfigError> {
        let safe = self.gateway_url.starts_with("https://") || is_loopback_origin(&self.gateway_url);
        if !safe {
            return Err(ConfigError::Refused(
                "sms: gateway-url has to be https, or http on this machine",
            ));
        }
        let token = self.token_file.as_deref().map(read_secret).transpose()?;
        Ok(SmsGateway {
            url: self.gateway_url,
            token,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SmsOutFile {
    number: String,
    secret_file: PathBuf,
}

impl SmsOutFile {
    pub(super) fn read(self) -> Result<SmsOut, ConfigError> {
        Ok(SmsOut {
            number: self.number,
            secret: read_secret(&self.secret_file)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct MetricsFile {
    pub(super) networks: Vec<Network>,
}
