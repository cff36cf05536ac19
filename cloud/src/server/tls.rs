//! Certificate and key, read again when somebody renewed them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay_proto::text::with_causes;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::ServeError;

/// TLS with the files it comes from.
pub(super) struct Tls {
    cert: PathBuf,
    key: PathBuf,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they can't be read, or don't go together.
    pub(super) fn read(cert: &Path, key: &Path) -> Result<Self, ServeError> {
        Ok(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            acceptor: acceptor(cert, key)?,
        })
    }

    /// What the next connection gets.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Reads the files again: the next connections get what they hold now. Are they of no use, half written perhaps, all
    /// stays as it was.
    pub(super) fn reload(&mut self) {
        match acceptor(&self.cert, &self.key) {
            Ok(acceptor) => {
                self.acceptor = acceptor;
                tracing::info!("certificate and key were read again");
            }
            Err(error) => {
                tracing::error!("certificate and key stay as they were: {}", with_causes(&error));
            }
        }
    }
}

fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, ServeError> {
    let bad = |path: &Path| {
        let path = path.to_owned();
        move |error| ServeError::Pem(path, error)
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(bad(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(bad(key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(ServeError::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_no_use_change_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let write = |cert_pem: &str, key_pem: &str| {
            std::fs::write(&cert, cert_pem).unwrap();
            std::fs::write(&key, key_pem).unwrap();
        };
        let (first, second) = (
            [
                include_str!("../tests/tls/cert.pem"),
                include_str!("../tests/tls/key.pem"),
            ],
            [
                include_str!("../tests/tls/renewed.pem"),
                include_str!("../tests/tls/renewed-key.pem"),
            ],
        );
        write(first[0], first[1]);
        let mut tls = Tls::read(&cert, &key).unwrap();
        let config = |tls: &Tls| Arc::as_ptr(tls.acceptor().config());
        let before = config(&tls);
        for (cert_pem, key_pem) in [
            ("", ""),
            (second[0], first[1]),
            (first[0], second[1]),
            (&second[0][..100], second[1]),
            ("nonsense", second[1]),
        ] {
            write(cert_pem, key_pem);
            assert!(Tls::read(&cert, &key).is_err());
            tls.reload();
            assert_eq!(config(&tls), before);
        }
        write(second[0], second[1]);
        tls.reload();
        assert_ne!(config(&tls), before);
    }
}
