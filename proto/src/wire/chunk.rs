//! Chunks: their bytes as they are, and around them headers.

use data_encoding::BASE64;

/// The media type of a chunk's sealed bytes.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// `Repr-Digest` (RFC 9530 §3) of bytes with this SHA-256.
pub fn repr_digest(sha256: &[u8; 32]) -> String {
    format!("sha-256=:{}:", BASE64.encode(sha256))
}

/// The SHA-256 in a `Repr-Digest`, which may tell other digests too. None without one, or where it can't be read.
pub fn from_repr_digest(text: &str) -> Option<[u8; 32]> {
    // A byte sequence (RFC 8941 §3.3.5) has neither comma nor semicolon. Of a key that comes twice the last one counts.
    let member = text
        .split(',')
        .filter_map(|member| member.trim_matches([' ', '\t']).strip_prefix("sha-256="))
        .next_back()?;
    let item = member.split(';').next()?;
    let base64 = item.strip_prefix(':')?.strip_suffix(':')?;
    BASE64.decode(base64.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{from_repr_digest, repr_digest};
    use crate::keys::sha256;

    #[test]
    fn a_digest_is_written_as_rfc_9530_shows_it() {
        // Its appendix B.1.
        let text = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        let digest = sha256(b"{\"hello\": \"world\"}\n");
        assert_eq!(repr_digest(&digest), text);
        for read in [
            text.to_owned(),
            format!("sha-512=:AAAA:, {text}"),
            format!("{text},sha-512=:AAAA:"),
            format!("sha-256=:AAAA:,\t{text};q=1"),
        ] {
            assert_eq!(from_repr_digest(&read), Some(digest), "{read}");
        }
        for bad in [
            "",
            "sha-256",
            "sha-256=",
            "sha-256=::",
            "sha-256=:AAAA:",
            &text.replace('=', ""),
            &text.replace("sha-256=:", "sha-256="),
            &text.replace("sha-256", "sha-512"),
            &format!("{text},sha-256=:AAAA:"),
        ] {
            assert_eq!(from_repr_digest(bad), None, "{bad}");
        }
    }
}
