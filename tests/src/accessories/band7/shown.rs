//! What it shows of what it is sent.

/// Something on the display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A message.
    Message {
        /// Its number.
        number: u32,
        /// Title and text.
        texts: [String; 2],
    },
    /// A message goes.
    Gone(u32),
    /// Somebody calls.
    Call(String),
    /// The call has ended.
    CallEnded,
}

impl Shown {
    /// What is sent to be shown: a number of four bytes, what it is, and what is to be done.
    pub(super) fn of(sent: &[u8]) -> Option<Self> {
        let [3, a, b, c, d, kind, what, rest @ ..] = sent else {
            return None;
        };
        let number = u32::from_le_bytes([*a, *b, *c, *d]);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        match (kind, what) {
            (5, 0) => {
                // The application, title, text, the application's name, and whether it can be answered.
                let mut parts = rest.strip_suffix(&[0, 0])?.split(|byte| *byte == 0);
                let [_, title, body, _] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
                let texts = [text(title)?, text(body)?];
                parts.next().is_none().then_some(Self::Message { number, texts })
            }
            (0xfa, 2) => (rest == [0; 5]).then_some(Self::Gone(number)),
            (3, 0) => {
                let name = rest.strip_prefix(&[0])?.strip_suffix(&[0; 5])?;
                text(name).map(Self::Call)
            }
            (3, 2) => (rest == [0; 6]).then_some(Self::CallEnded),
            _ => None,
        }
    }
}
