//! Alerts: the level of 2A06, the texts of 2A46, and what goes over the chunked channel instead.

/// To 2A06: ends every alert.
pub const LEVEL_OFF: [u8; 1] = [0x00];
/// To 2A06: a message without a text.
pub const LEVEL_MESSAGE: [u8; 1] = [0x01];
/// To 2A06: a call without a name, until it is ended.
pub const LEVEL_CALL: [u8; 1] = [0x02];
/// To 2A06: vibrates for a moment.
pub const LEVEL_VIBRATE: [u8; 1] = [0x03];

/// A call comes in.
pub const CALL: u8 = 3;
/// A message.
pub const SMS: u8 = 5;
/// An icon of Huami's own.
pub const ICON: u8 = 0xfa;

/// To 2A46: the call has ended.
pub const CALL_ENDED: [u8; 2] = [CALL, 0];

/// The most bytes of text that a Mi Band 2 takes.
const TEXT: usize = 18;
/// The most bytes of a notification on the chunked channel.
const NOTIFICATION: usize = 230;

/// To 2A06: a pattern of vibration.
#[must_use]
pub const fn vibration(on_ms: u16, off_ms: u16, repeats: u8) -> [u8; 6] {
    let ([a, b], [c, d]) = (on_ms.to_le_bytes(), off_ms.to_le_bytes());
    [0xff, a, b, c, d, repeats]
}

/// To 2A46: one alert with a text, cut after 18 bytes between two characters.
#[must_use]
pub fn new_alert(category: u8, text: &str) -> Vec<u8> {
    let text = clean(text);
    [&[category, 1], cut(&text, TEXT).as_bytes()].concat()
}

/// To 2A46: one alert that is only an icon.
#[must_use]
pub const fn new_icon(icon: u8) -> [u8; 3] {
    [ICON, 1, icon]
}

/// For the chunked channel, type 0: one notification with a title and a body, 230 bytes at most. `padded`: with the
/// four zero bytes that Mi Band 4 and later want.
#[must_use]
pub fn notification(category: u8, padded: bool, title: &str, body: &str) -> Vec<u8> {
    let mut all = vec![category];
    if padded {
        all.extend([0; 4]);
    }
    all.push(1);
    let room = NOTIFICATION - all.len() - 2;
    let (title, body) = (clean(title), clean(body));
    // A long title leaves half of the room to the body, if that needs it.
    let title = cut(&title, room.saturating_sub(body.len().min(room / 2)));
    let body = cut(&body, room - title.len());
    all.extend(title.bytes());
    all.push(0);
    all.extend(body.bytes());
    all.push(0);
    all
}

/// The text without the zero bytes that would end it.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "")
}

/// The beginning of `text`, at most `limit` bytes, cut between two characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev();
    let end = end.into_iter().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters() {
        let alert = new_alert(SMS, "Привет, как дела?");
        assert_eq!(&alert[..2], &[5, 1]);
        assert_eq!(std::str::from_utf8(&alert[2..]), Ok("Привет, ка"));
        assert_eq!(new_alert(CALL, "Hello").len(), 7);
    }

    #[test]
    fn a_notification_keeps_within_its_bytes_and_has_both_ends() {
        for padded in [false, true] {
            let long = "ä".repeat(300);
            let all = notification(SMS, padded, &long, &long);
            assert!(all.len() <= 230 && all.len() > 225, "{}", all.len());
            let text = &all[if padded { 6 } else { 2 }..];
            let parts: Vec<_> = text.split(|byte| *byte == 0).collect();
            assert_eq!(parts.len(), 3);
            assert!(parts[..2].iter().all(|part| std::str::from_utf8(part).is_ok()));
        }
        assert_eq!(notification(CALL, false, "A\0nn", ""), b"\x03\x01Ann\0\0");
        assert_eq!(notification(SMS, true, "A", "b"), b"\x05\0\0\0\0\x01A\0b\0");
    }
}
