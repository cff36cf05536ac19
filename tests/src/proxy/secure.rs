//! TLS, with the certificates that the client's own tests use: good for a hundred years, for `localhost` alone, and nobody
//! holds the authority's key.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::Outcome;

/// The authority that the server's certificate is from, PEM.
pub const AUTHORITY: &str = include_str!("../../../daemon/src/cloud/tests/tls/authority.pem");

const CERTIFICATE: &str = include_str!("../../../daemon/src/cloud/tests/tls/server.pem");
const KEY: &str = include_str!("../../../daemon/src/cloud/tests/tls/server-key.pem");

/// What makes a connection a secure one.
///
/// # Errors
/// What rustls says of the certificates.
pub(crate) fn acceptor() -> Outcome<TlsAcceptor> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE.as_bytes())?],
            PrivateKeyDer::from_pem_slice(KEY.as_bytes())?,
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
