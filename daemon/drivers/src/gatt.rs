//! What a connected device offers, and what may be asked of it.

use uuid::Uuid;

/// A 16-bit UUID of the Bluetooth SIG, spelt out.
#[must_use]
pub const fn sig(short: u16) -> Uuid {
    Uuid::from_u128(((short as u128) << 96) | 0x0000_0000_0000_1000_8000_0080_5f9b_34fb)
}

/// What a characteristic declares it can do; a client looks here before it chooses how to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Can be read.
    pub read: bool,
    /// Can be written with a response.
    pub write: bool,
    /// Can be written without one.
    pub write_without_response: bool,
    /// Can notify.
    pub notify: bool,
    /// Can indicate.
    pub indicate: bool,
}

/// A characteristic as it was discovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Characteristic {
    /// Its service.
    pub service: Uuid,
    /// Its own UUID, unique within the service only.
    pub uuid: Uuid,
    /// What it can do.
    pub properties: Properties,
}

/// What was discovered after a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gatt {
    /// Every characteristic, in the order of discovery.
    pub characteristics: Vec<Characteristic>,
    /// The ATT MTU, bytes; a write without response takes 3 fewer. 23 where nobody has told.
    pub mtu: u16,
}

impl Gatt {
    /// The characteristic `uuid` of `service`.
    #[must_use]
    pub fn find(&self, service: Uuid, uuid: Uuid) -> Option<Characteristic> {
        let mut all = self.characteristics.iter();
        all.find(|one| one.service == service && one.uuid == uuid)
            .copied()
    }

    /// Whether there is such a service.
    #[must_use]
    pub fn has_service(&self, service: Uuid) -> bool {
        self.characteristics.iter().any(|one| one.service == service)
    }

    /// How many bytes one write without response takes.
    #[must_use]
    pub fn payload(&self) -> usize {
        usize::from(self.mtu.max(23)) - 3
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// ATT Write Request: the device answers.
    Request,
    /// ATT Write Command: it doesn't.
    Command,
}

/// One GATT operation. The link performs them one after the other, in the order in which they were put out.
#[derive(Clone, PartialEq, Eq)]
pub enum Operation {
    /// Read the value.
    Read(Characteristic),
    /// Write `value`.
    Write {
        /// Where to.
        to: Characteristic,
        /// How.
        kind: WriteKind,
        /// What; at most [`Gatt::payload`] bytes.
        value: Vec<u8>,
    },
    /// Have notifications or indications sent.
    Subscribe(Characteristic),
    /// Have none sent any more.
    Unsubscribe(Characteristic),
}

impl Operation {
    /// Writes `value` in the way that `to` declares; with a response where it declares both or neither.
    #[must_use]
    pub fn write(to: Characteristic, value: Vec<u8>) -> Self {
        let command = to.properties.write_without_response && !to.properties.write;
        let kind = if command {
            WriteKind::Command
        } else {
            WriteKind::Request
        };
        Self::Write { to, kind, value }
    }

    /// The characteristic that it is about.
    #[must_use]
    pub const fn characteristic(&self) -> Characteristic {
        match self {
            Self::Read(one) | Self::Subscribe(one) | Self::Unsubscribe(one) => *one,
            Self::Write { to, .. } => *to,
        }
    }
}

impl std::fmt::Debug for Operation {
    /// Without the value: among them are keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, length) = match self {
            Self::Read(_) => ("Read", None),
            Self::Write { value, .. } => ("Write", Some(value.len())),
            Self::Subscribe(_) => ("Subscribe", None),
            Self::Unsubscribe(_) => ("Unsubscribe", None),
        };
        let mut shown = f.debug_struct(name);
        shown.field("uuid", &self.characteristic().uuid);
        if let Some(length) = length {
            shown.field("bytes", &length);
        }
        shown.finish()
    }
}

/// Why an operation failed. The link ends the connection itself after [`OperationError::TimedOut`] and
/// [`OperationError::Lost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The device answered with an error.
    #[error("the accessory refused the operation")]
    Refused,
    /// No answer in time.
    #[error("the accessory didn't answer in time")]
    TimedOut,
    /// The connection is gone.
    #[error("the connection is gone")]
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_uuid_is_spelt_out() {
        assert_eq!(sig(0x2a37).to_string(), "00002a37-0000-1000-8000-00805f9b34fb");
    }

    #[test]
    fn a_value_is_written_as_the_characteristic_declares() {
        let with = |write, write_without_response| {
            let properties = Properties {
                write,
                write_without_response,
                ..Properties::default()
            };
            let to = Characteristic {
                service: sig(1),
                uuid: sig(2),
                properties,
            };
            match Operation::write(to, vec![1]) {
                Operation::Write { kind, .. } => kind,
                _ => unreachable!("a write is written"),
            }
        };
        assert_eq!(with(false, true), WriteKind::Command);
        assert_eq!(with(true, true), WriteKind::Request);
        assert_eq!(with(true, false), WriteKind::Request);
    }

    #[test]
    fn an_operation_is_shown_without_its_bytes() {
        let to = Characteristic {
            service: sig(1),
            uuid: sig(2),
            properties: Properties::default(),
        };
        let shown = format!("{:?}", Operation::write(to, vec![0xab; 18]));
        assert!(shown.contains("bytes: 18") && !shown.contains("171"), "{shown}");
    }
}
