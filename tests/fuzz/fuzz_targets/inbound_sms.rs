//! What the cloud's SMS gateway posts, and whoever passes for it: the signature on the first line, and then the body.

#![no_main]

use belay_fuzz::inbound_sms::{is_signed, token};
use belay_fuzz::json::read;
use belay_proto::keys::hmac_sha256;
use belay_proto::text::hex;
use belay_proto::wire::InboundSms;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// What gateway and cloud share.
const SECRET: &str = "between gateway and cloud";

/// The same bytes but for one bit; with none, one more.
fn changed(bytes: &[u8], bit: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = usize::from(bit) % bytes.len().max(1);
    match bytes.get_mut(at) {
        Some(byte) => *byte ^= 1 << (bit % 7),
        None => bytes.push(bit),
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (brought, body) = (part(), part());
    let mac = hmac_sha256(SECRET.as_bytes(), body);
    let good = hex(&mac);
    // A header that is no text is none.
    let brought = std::str::from_utf8(brought).ok();
    assert_eq!(
        is_signed(SECRET, body, brought),
        brought == Some(good.as_str()),
        "signed without the secret"
    );
    assert!(is_signed(SECRET, body, Some(&good)));
    assert!(!is_signed("between others", body, Some(&good)));
    for bit in [data.len() as u8, mac[0]] {
        assert!(!is_signed(SECRET, &changed(body, bit), Some(&good)));
        let other = changed(good.as_bytes(), bit);
        assert!(!is_signed(SECRET, body, std::str::from_utf8(&other).ok()));
    }

    let Ok(sms) = read::<InboundSms>(body) else {
        return;
    };
    // It says no more and no less than that.
    let said = serde_json::from_slice::<Value>(body).ok();
    assert_eq!(said, Some(json!({ "from": sms.from, "text": sms.text })));
    if let Some(found) = token(&sms.text) {
        let word = sms.text.split_whitespace().next_back().unwrap_or_default();
        assert_eq!(word.to_ascii_lowercase(), hex(&found));
    }
    // Whatever stands before it, and however a phone writes it.
    let sent = format!("{} {} \r\n", sms.text, hex(&mac[..16]).to_uppercase());
    assert_eq!(token(&sent).as_deref(), Some(&mac[..16]));
});
