//! What a band shows and how it vibrates.

/// Something the wearer notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// The alert level: 0 off, 1 message, 2 call, 3 vibrate only.
    Level(u8),
    /// A pattern of vibration.
    Pattern {
        /// How long it vibrates, in ms.
        on: u16,
        /// How long it pauses, in ms.
        off: u16,
        /// How often.
        times: u8,
    },
    /// Something on the display.
    Shown {
        /// The category: 0 to 9 as the Bluetooth SIG has them, 250 with an icon.
        category: u8,
        /// Its icon, where it has one.
        icon: Option<u8>,
        /// The texts in their order: for the chunked channel title, body and application.
        texts: Vec<String>,
    },
    /// What was on the display goes.
    Gone {
        /// The category.
        category: u8,
    },
}

/// How many bytes of text a Mi Band 2 shows.
const ROOM: usize = 18;

impl Alert {
    /// What is written to the alert level.
    pub(super) fn level(value: &[u8]) -> Option<Self> {
        match value {
            [level @ 0..=3] => Some(Self::Level(*level)),
            [0xff, a, b, c, d, times] => Some(Self::Pattern {
                on: u16::from_le_bytes([*a, *b]),
                off: u16::from_le_bytes([*c, *d]),
                times: *times,
            }),
            _ => None,
        }
    }

    /// What is written to the new alert.
    pub(super) fn new_alert(value: &[u8]) -> Option<Self> {
        match value {
            [0xfa, _, icon, text @ ..] => Some(Self::Shown {
                category: 0xfa,
                icon: Some(*icon),
                texts: text_of(text),
            }),
            [category, 0] => Some(Self::Gone { category: *category }),
            [category, _, text @ ..] => Some(Self::Shown {
                category: *category,
                icon: None,
                texts: text_of(text.get(..ROOM).unwrap_or(text)),
            }),
            _ => None,
        }
    }

    /// A message of the chunked channel, type 0. `padded`: four zeros follow the category.
    pub(super) fn chunked(message: &[u8], padded: bool) -> Option<Self> {
        let (category, rest) = message.split_first()?;
        let rest = match padded {
            true => rest.strip_prefix(&[0; 4])?,
            false => rest,
        };
        let (_one, rest) = rest.split_first()?;
        let (icon, rest) = match category {
            0xfa => rest.split_first().map(|(icon, rest)| (Some(*icon), rest))?,
            _ => (None, rest),
        };
        // Each text ends with a zero.
        let texts = rest.strip_suffix(&[0])?.split(|byte| *byte == 0);
        Some(Self::Shown {
            category: *category,
            icon,
            texts: texts.map(|t| String::from_utf8_lossy(t).into_owned()).collect(),
        })
    }
}

fn text_of(bytes: &[u8]) -> Vec<String> {
    match bytes.is_empty() {
        true => Vec::new(),
        false => vec![String::from_utf8_lossy(bytes).into_owned()],
    }
}

/// Puts the chunks of the old chunked channel together.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    kind: u8,
    next: u8,
    message: Vec<u8>,
}

impl Chunks {
    /// Takes a chunk; the whole message and its type with the last one.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Option<(u8, Vec<u8>)> {
        let [0, head, index, data @ ..] = chunk else {
            return None;
        };
        let (flags, kind) = (head & 0xc0, head & 0x0f);
        if matches!(flags, 0x00 | 0xc0) {
            *self = Self {
                kind,
                next: *index,
                message: Vec::new(),
            };
        }
        if *index != self.next || kind != self.kind {
            self.message.clear();
            return None;
        }
        self.next = self.next.wrapping_add(1);
        self.message.extend(data);
        matches!(flags, 0x80 | 0xc0).then(|| (kind, std::mem::take(&mut self.message)))
    }
}
