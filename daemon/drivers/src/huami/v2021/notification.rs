//! Messages and calls on bands with Zepp OS, to the endpoint [`NOTIFICATIONS`](super::endpoint::NOTIFICATIONS), as
//! Gadgetbridge sends them.

use crate::huami::codec::alert::{CALL, ICON, SMS, clean, cut};

const SEND: u8 = 0x03;
const SHOW: u8 = 0x00;
const DISMISS: u8 = 0x02;
const CALL_BEGINS: u8 = 0x00;
const CALL_ENDS: u8 = 0x02;
/// Bytes of a title, or of a caller's name.
const TITLE: usize = 128;
/// Bytes of a text: the most that Gadgetbridge sends.
const BODY: usize = 512;
/// Which application a message is of. Bands choose an icon by that, and without one take the last message's.
const APPLICATION: &str = "org.belay1";
const APPLICATION_NAME: &str = "Belay";

/// Shows a message under the number `id`.
#[must_use]
pub fn message(id: u32, title: &str, body: &str) -> Vec<u8> {
    let (title, body) = (clean(title), clean(body));
    let mut all = head(id, SMS, SHOW);
    for text in [
        APPLICATION,
        cut(&title, TITLE),
        cut(&body, BODY),
        APPLICATION_NAME,
    ] {
        all.extend(text.bytes());
        all.push(0);
    }
    // It can't be answered.
    all.push(0);
    all
}

/// Takes the message `id` from the display.
#[must_use]
pub fn dismiss(id: u32) -> Vec<u8> {
    let mut all = head(id, ICON, DISMISS);
    all.extend([0; 5]);
    all
}

/// Shows that somebody calls.
#[must_use]
pub fn call(caller: &str) -> Vec<u8> {
    of_call(CALL_BEGINS, caller)
}

/// The call has ended.
#[must_use]
pub fn call_ended() -> Vec<u8> {
    of_call(CALL_ENDS, "")
}

/// A call has the number 0; its own number isn't told, so it can't be answered with a message.
fn of_call(state: u8, caller: &str) -> Vec<u8> {
    let caller = clean(caller);
    let mut all = head(0, CALL, state);
    all.push(0);
    all.extend(cut(&caller, TITLE).bytes());
    all.push(0);
    all.extend([0; 4]);
    all
}

fn head(id: u32, kind: u8, what: u8) -> Vec<u8> {
    let [a, b, c, d] = id.to_le_bytes();
    vec![SEND, a, b, c, d, kind, what]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_application_title_text_and_name() {
        let told = message(0x0102, "Ann", "See\0 you");
        assert_eq!(told, b"\x03\x02\x01\0\0\x05\0org.belay1\0Ann\0See you\0Belay\0\0");
        assert_eq!(dismiss(7), [3, 7, 0, 0, 0, 0xfa, 2, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_call_has_a_caller_and_an_end() {
        assert_eq!(call("Ann"), b"\x03\0\0\0\0\x03\0\0Ann\0\0\0\0\0");
        assert_eq!(call_ended(), [3, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn long_texts_are_cut_between_two_characters() {
        let long = "ä".repeat(400);
        let told = message(1, &long, &long);
        let texts: Vec<_> = told[7..].split(|byte| *byte == 0).collect();
        assert_eq!((texts[1].len(), texts[2].len()), (128, 512));
        assert!(texts.iter().all(|text| std::str::from_utf8(text).is_ok()));
    }
}
