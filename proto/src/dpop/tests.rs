use std::time::{Duration, SystemTime};

use super::{DpopError, create, verify};
use crate::keys::SigningKey;
use crate::text::base64url;

const URL: &str = "https://cloud.example.org/v1/devices";

fn proof(key: &SigningKey, token: Option<&str>) -> String {
    create(
        key,
        "POST",
        URL,
        Some("n-1"),
        token,
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    )
}

#[test]
fn a_proof_verifies_for_its_call_and_token_only() {
    let key = SigningKey::generate();
    let proof = proof(&key, Some("token"));
    let verified = verify(&proof, "POST", URL, Some("token")).unwrap();
    assert_eq!((verified.key, verified.iat), (key.public(), 1_700_000_000));
    assert_eq!(verified.nonce.as_deref(), Some("n-1"));
    assert_eq!(
        verify(&proof, "GET", URL, Some("token")),
        Err(DpopError::OtherCall)
    );
    assert_eq!(
        verify(
            &proof,
            "POST",
            "https://cloud.example.org/v1/device",
            Some("token")
        ),
        Err(DpopError::OtherCall)
    );
    assert_eq!(
        verify(
            &proof,
            "POST",
            "http://cloud.example.org/v1/devices",
            Some("token")
        ),
        Err(DpopError::OtherCall)
    );
    assert_eq!(
        verify(&proof, "POST", URL, Some("Token")),
        Err(DpopError::OtherToken)
    );
    assert_eq!(verify(&proof, "POST", URL, None), Err(DpopError::OtherToken));
}

#[test]
fn a_proof_without_a_token_is_no_proof_for_one() {
    let proof = proof(&SigningKey::generate(), None);
    assert!(verify(&proof, "POST", URL, None).is_ok());
    assert_eq!(
        verify(&proof, "POST", URL, Some("token")),
        Err(DpopError::OtherToken)
    );
}

#[test]
fn the_same_address_in_other_words_is_the_same_call() {
    let proof = proof(&SigningKey::generate(), None);
    for url in [
        "HTTPS://Cloud.Example.org:443/v1/devices",
        "https://cloud.example.org/v1/devices?x=1#y",
    ] {
        assert!(verify(&proof, "POST", url, None).is_ok(), "{url}");
    }
}

#[test]
fn no_changed_character_verifies() {
    let proof = proof(&SigningKey::generate(), None);
    for position in 0..proof.len() {
        let mut changed = proof.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(
            verify(&changed, "POST", URL, None).is_err(),
            "position {position}"
        );
    }
}

#[test]
fn foreign_headers_are_refused_whatever_the_signature() {
    let key = SigningKey::generate();
    let x = key.public();
    for (header, expected) in [
        (
            format!(r#"{{"typ":"dpop+jwt","alg":"none","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#),
            DpopError::Unsupported,
        ),
        (
            format!(r#"{{"typ":"jwt","alg":"EdDSA","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#),
            DpopError::Unsupported,
        ),
        (
            format!(
                r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"AA"}}}}"#
            ),
            DpopError::Unsupported,
        ),
        (
            format!(
                r#"{{"typ":"dpop+jwt","alg":"EdDSA","crit":["exp"],"jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#
            ),
            DpopError::Unsupported,
        ),
        (
            format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{{"kty":"OKP","crv":"X25519","x":"{x}"}}}}"#),
            DpopError::Unsupported,
        ),
        (
            r#"{"typ":"dpop+jwt","alg":"EdDSA"}"#.to_owned(),
            DpopError::Malformed,
        ),
        (
            format!(r#"["dpop+jwt","EdDSA",{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]"#),
            DpopError::Malformed,
        ),
        (
            format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":["OKP","Ed25519","{x}"]}}"#),
            DpopError::Malformed,
        ),
    ] {
        let claims = format!(r#"{{"jti":"1","htm":"POST","htu":"{URL}","iat":1}}"#);
        let message = format!(
            "{}.{}",
            base64url(header.as_bytes()),
            base64url(claims.as_bytes())
        );
        let signed = format!("{message}.{}", key.sign(b"", message.as_bytes()));
        assert_eq!(verify(&signed, "POST", URL, None), Err(expected), "{header}");
    }
    let header =
        format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#);
    let listed = format!(r#"["1","POST","{URL}",1]"#);
    let message = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(listed.as_bytes())
    );
    let signed = format!("{message}.{}", key.sign(b"", message.as_bytes()));
    assert_eq!(
        verify(&signed, "POST", URL, None),
        Err(DpopError::Malformed),
        "{listed}"
    );
    for nonsense in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "\u{e9}.\u{e9}.\u{e9}",
        &"A".repeat(5000),
    ] {
        assert_eq!(verify(nonsense, "POST", URL, None), Err(DpopError::Malformed));
    }
}
