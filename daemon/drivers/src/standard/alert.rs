//! New Alert (2A46) and Alert Notification Control Point (2A44).

use super::Invalid;

/// How many bytes of text a New Alert of the Bluetooth SIG has at most.
pub const MOST_TEXT: usize = 18;

/// A New Alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    /// 0 simple, 1 e-mail, 2 news, 3 call, 4 missed call, 5 SMS, 6 voice mail, 7 schedule, 8 high priority, 9
    /// instant message; 251 to 255 the service's own.
    pub category: u8,
    /// How many there are of this category.
    pub count: u8,
    /// What it says.
    pub text: String,
}

/// Whether the category isn't reserved.
const fn known(category: u8) -> bool {
    matches!(category, 0..=9 | 251..=255)
}

impl NewAlert {
    /// Reads one.
    ///
    /// # Errors
    /// [`Invalid`] for a reserved category, a text above 18 bytes or not in UTF-8, and what is shorter than 2 bytes.
    pub fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let [category, count, text @ ..] = value else {
            return Err(Invalid);
        };
        if !known(*category) || text.len() > MOST_TEXT {
            return Err(Invalid);
        }
        Ok(Self {
            category: *category,
            count: *count,
            text: String::from_utf8(text.to_vec()).map_err(|_| Invalid)?,
        })
    }

    /// Its bytes, with the text cut where a character ends.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.category, self.count];
        bytes.extend_from_slice(cut(&self.text, MOST_TEXT).as_bytes());
        bytes
    }
}

/// The beginning of `text`, at most `most` bytes, cut where a character ends.
#[must_use]
pub fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What a client asks of the service's alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// 0 tell of new alerts, 1 tell of unread ones, 2 and 3 no longer, 4 and 5 tell now.
    pub command: u8,
    /// As in [`NewAlert`]; 255 all.
    pub category: u8,
}

impl Control {
    /// Reads one.
    ///
    /// # Errors
    /// [`Invalid`] for reserved commands and categories, and another length than 2.
    pub const fn decode(value: &[u8]) -> Result<Self, Invalid> {
        match value {
            [command @ 0..=5, category] if known(*category) => Ok(Self {
                command: *command,
                category: *category,
            }),
            _ => Err(Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_a_character_ends() {
        let alert = NewAlert {
            category: 5,
            count: 1,
            text: "Сообщение готово".into(),
        };
        let bytes = alert.encode();
        assert_eq!(bytes.len(), 20);
        assert_eq!(NewAlert::decode(&bytes).unwrap().text, "Сообщение");
        assert_eq!(cut("aя", 2), "a");
        assert_eq!(cut("a", 5), "a");
    }

    #[test]
    fn reserved_alerts_are_invalid() {
        assert_eq!(NewAlert::decode(&[10, 1]), Err(Invalid));
        assert_eq!(NewAlert::decode(&[1]), Err(Invalid));
        assert_eq!(NewAlert::decode(&[1, 1, 0xff]), Err(Invalid));
        assert_eq!(NewAlert::decode(&[b'a'; 21]), Err(Invalid));
        assert_eq!(Control::decode(&[6, 0]), Err(Invalid));
        assert_eq!(Control::decode(&[5, 255]).unwrap().category, 255);
        assert_eq!(Control::decode(&[5]), Err(Invalid));
    }
}
