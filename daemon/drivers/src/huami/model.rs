//! What differs between the bands: one table.

use super::codec::auth::Dialect;
use super::codec::sample::Size;
use crate::kind::Kind;

/// How a band is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// With a key that we draw and its wearer confirms with a tap.
    Chosen(Dialect),
    /// With a key that the account server issued, which can't be changed from here.
    Issued(Dialect),
    /// With such a key and one that both sides agree on: the protocol of 2021.
    Agreed,
    /// As the firmware has it: [`Scheme::Agreed`] where it has the characteristics for that, else
    /// [`Scheme::Issued`].
    Either(Dialect),
}

/// Where a band takes texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// 2A46, from this firmware on; before, it shows that there is something.
    NewAlert([u16; 4]),
    /// The chunked channel, with or without four zero bytes.
    Chunked {
        /// With them.
        padded: bool,
    },
    /// An endpoint of the protocol of 2021.
    Endpoint,
}

/// Where a band has its values, and what it wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// On characteristics.
    Characteristics,
    /// Zepp OS: on endpoints of the protocol of 2021. Clock, history and what a band says of itself are on
    /// characteristics nevertheless.
    Zepp,
}

/// How a transfer of the history ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// Written once it is on disk: the band may forget it.
    pub delete: &'static [u8],
    /// Written where it isn't: the band keeps it. Empty where a band needs no such word.
    pub keep: &'static [u8],
}

/// What is particular to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its authentication.
    pub scheme: Scheme,
    /// The size of its samples.
    pub sample: Size,
    /// Its texts.
    pub texts: Texts,
    /// Its acknowledgement of a transfer.
    pub acknowledge: Acknowledge,
    /// Where its values are.
    pub system: System,
}

const BAND_2: Model = Model {
    scheme: Scheme::Chosen(Dialect { crypt: 0, flag: 0x08 }),
    sample: Size::Four,
    texts: Texts::NewAlert([1, 0, 1, 28]),
    acknowledge: Acknowledge {
        delete: &[0x03],
        keep: &[],
    },
    system: System::Characteristics,
};

const BAND_3: Model = Model {
    scheme: Scheme::Chosen(Dialect { crypt: 0, flag: 0 }),
    texts: Texts::Chunked { padded: false },
    ..BAND_2
};

const BAND_4: Model = Model {
    scheme: Scheme::Issued(Dialect { crypt: 0x80, flag: 0 }),
    texts: Texts::Chunked { padded: true },
    ..BAND_2
};

const BAND_5: Model = Model {
    sample: Size::Eight,
    ..BAND_4
};

/// With newer firmware only the way of commands differs.
const BAND_6: Model = Model {
    scheme: Scheme::Either(Dialect { crypt: 0x80, flag: 0 }),
    ..BAND_5
};

const BAND_7: Model = Model {
    scheme: Scheme::Agreed,
    sample: Size::Eight,
    texts: Texts::Endpoint,
    acknowledge: Acknowledge {
        delete: &[0x03, 0x01],
        keep: &[0x03, 0x09],
    },
    system: System::Zepp,
};

/// What is particular to `kind`; `None` where it is none of these bands.
#[must_use]
pub const fn of(kind: Kind) -> Option<Model> {
    match kind {
        Kind::MiBand2 => Some(BAND_2),
        Kind::MiBand3 => Some(BAND_3),
        Kind::MiBand4 => Some(BAND_4),
        Kind::MiBand5 => Some(BAND_5),
        Kind::MiBand6 => Some(BAND_6),
        Kind::MiBand7 => Some(BAND_7),
        _ => None,
    }
}
