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
}

const BAND_2: Model = Model {
    scheme: Scheme::Chosen(Dialect { crypt: 0, flag: 0x08 }),
    sample: Size::Four,
    texts: Texts::NewAlert([1, 0, 1, 28]),
    acknowledge: Acknowledge {
        delete: &[0x03],
        keep: &[],
    },
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

/// What is particular to `kind`; `None` where it is none of these bands.
#[must_use]
pub const fn of(kind: Kind) -> Option<Model> {
    match kind {
        Kind::MiBand2 => Some(BAND_2),
        Kind::MiBand3 => Some(BAND_3),
        Kind::MiBand4 => Some(BAND_4),
        Kind::MiBand5 | Kind::MiBand6 => Some(BAND_5),
        _ => None,
    }
}
