//! The HTTP client and whom it trusts.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::cloud::error::CloudError;

/// Connections without a call that are kept for the next one. HTTP/2 has one in any case; without it as many calls go on at
/// once as long contents are brought.
const IDLE: usize = 4;

/// Checks the configured address: `https`, or plain `http` to a loopback address, without user, query or
/// fragment. The result has no slash at its end.
///
/// # Errors
/// [`CloudError::Misconfigured`] with the reason.
pub fn check_url(url: &str) -> Result<Url, CloudError> {
    let refuse = |why: &str| Err(CloudError::Misconfigured(why.to_owned()));
    let Ok(url) = Url::parse(url) else {
        return refuse("the address is not a URL");
    };
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return refuse("the address carries more than a host and a path");
    }
    match (url.scheme(), url.host_str()) {
        (_, None) => refuse("the address names no host"),
        ("https", _) => Ok(url),
        ("http", Some(host)) if is_loopback(host) => Ok(url),
        ("http", _) => refuse("plain HTTP is for loopback addresses only"),
        _ => refuse("the address is neither https nor http"),
    }
}

/// Builds the client. Reading the system's certificates blocks for some milliseconds, so this runs on a
/// blocking thread, at the first call.
///
/// # Errors
/// [`CloudError::Misconfigured`] when the certificates can't be read.
pub fn build(url: &Url, ca: Option<&Path>) -> Result<reqwest::Client, CloudError> {
    let tls = config(url, ca)?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A DPoP proof names one address: following a redirect could only fail, or leak.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(IDLE)
        .pool_idle_timeout(std::time::Duration::from_secs(30))
        .user_agent(concat!("belayd/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| CloudError::Misconfigured(format!("the HTTP client can't be built: {error}")))
}

fn config(url: &Url, ca: Option<&Path>) -> Result<ClientConfig, CloudError> {
    let wrong =
        |what: &str, error: &dyn std::fmt::Display| CloudError::Misconfigured(format!("{what}: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("TLS", &error))?;
    let mut tls = if url.scheme() == "http" {
        // No TLS happens; an empty store trusts nobody.
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    } else if let Some(ca) = ca {
        let mut roots = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(ca).map_err(|error| wrong("the configured authority", &error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong("the configured authority", &error))?;
            roots
                .add(certificate)
                .map_err(|error| wrong("the configured authority", &error))?;
        }
        if roots.is_empty() {
            return Err(CloudError::Misconfigured(
                "the configured authority's file holds no certificate".into(),
            ));
        }
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        let verifier = rustls_platform_verifier::Verifier::new(provider)
            .map_err(|error| wrong("the system's certificates", &error))?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth()
    };
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "https://cloud.example.org",
            "http://127.0.0.1:8080",
            "http://[::1]:1/",
            "http://localhost:9/base",
        ] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "cloud.example.org",
            "http://cloud.example.org",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "ftp://127.0.0.1",
            "https://user@cloud.example.org",
            "https://cloud.example.org/?x",
            "https://cloud.example.org/#x",
            "file:///etc/passwd",
        ] {
            assert!(
                matches!(check_url(bad), Err(CloudError::Misconfigured(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_authority_that_is_missing_or_empty_is_named_at_the_first_call() {
        let url = Url::parse("https://cloud.example.org").expect("a URL");
        assert!(matches!(
            build(&url, Some(Path::new("/nonexistent"))),
            Err(CloudError::Misconfigured(_))
        ));
        assert!(matches!(
            build(&url, Some(Path::new("/dev/null"))),
            Err(CloudError::Misconfigured(_))
        ));
    }

    #[test]
    fn loopback_needs_no_certificates_of_the_system() {
        let url = Url::parse("http://127.0.0.1:1").expect("a URL");
        assert!(build(&url, None).is_ok());
    }
}
