//! Which adapter.

use belay_drivers::Address;

/// Which adapter the configuration asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The one with the lowest number.
    #[default]
    Lowest,
    /// The one that the kernel calls so, such as `hci1`. The number may change with the next boot.
    Name(String),
    /// The one with this address.
    Address(Address),
}

/// A text that names no adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an adapter's name such as hci0, its address, or nothing")]
pub struct NoAdapterName;

impl std::str::FromStr for Choice {
    type Err = NoAdapterName;

    fn from_str(text: &str) -> Result<Self, NoAdapterName> {
        if text.is_empty() {
            return Ok(Self::Lowest);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        match number(text) {
            Some(_) => Ok(Self::Name(text.to_owned())),
            None => Err(NoAdapterName),
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lowest => Ok(()),
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// An adapter as BlueZ shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Adapter {
    /// Its object's path.
    pub(super) path: String,
    pub(super) address: Address,
    pub(super) powered: bool,
    /// BlueZ gives it no device id (`DeviceID` is off in its `main.conf`). bluez-async 0.9 takes no adapter without the
    /// property `Modalias` (`AdapterInfo::from_properties`), so that btleplug doesn't see it; nothing else makes one.
    pub(super) without_id: bool,
}

impl Adapter {
    /// `hci0`.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The path that BlueZ gives a device of this adapter.
    pub(super) fn device(&self, address: Address) -> String {
        let address = address.to_string().replace(':', "_");
        format!("{}/dev_{address}", self.path)
    }
}

impl Choice {
    /// The adapter to use. BlueZ lists them in no order.
    pub(super) fn of<'a>(&self, adapters: impl IntoIterator<Item = &'a Adapter>) -> Option<&'a Adapter> {
        let mut adapters = adapters.into_iter();
        match self {
            Self::Name(name) => adapters.find(|adapter| adapter.name() == name),
            Self::Address(address) => adapters.find(|adapter| adapter.address == *address),
            // What isn't called as the kernel calls adapters comes last.
            Self::Lowest => {
                adapters.min_by_key(|adapter| (number(adapter.name()).unwrap_or(u32::MAX), &adapter.path))
            }
        }
    }
}

fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("hci")?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, last: u8) -> Adapter {
        Adapter {
            path: format!("/org/bluez/{name}"),
            address: Address([0, 0, 0, 0, 0, last]),
            powered: true,
            without_id: false,
        }
    }

    #[test]
    fn without_a_choice_the_lowest_number_counts_in_whatever_order_they_are_listed() {
        let (two, nine, ten) = (adapter("hci2", 1), adapter("hci9", 2), adapter("hci10", 3));
        for list in [[&ten, &nine, &two], [&two, &ten, &nine], [&nine, &two, &ten]] {
            assert_eq!(Choice::Lowest.of(list), Some(&two));
        }
        assert_eq!(
            Choice::Lowest.of([&ten, &nine]),
            Some(&nine),
            "numbers, not letters"
        );
        assert_eq!(Choice::Lowest.of([]), None);
    }

    #[test]
    fn a_chosen_adapter_that_is_absent_is_replaced_by_none() {
        let (zero, one) = (adapter("hci0", 1), adapter("hci1", 2));
        let by_name: Choice = "hci1".parse().unwrap();
        let by_address: Choice = "00:00:00:00:00:02".parse().unwrap();
        for choice in [by_name, by_address] {
            assert_eq!(choice.of([&zero, &one]), Some(&one));
            assert_eq!(choice.of([&zero]), None);
        }
    }

    #[test]
    fn a_choice_reads_back_as_it_is_shown_and_nonsense_is_refused() {
        for text in ["", "hci0", "hci12", "00:1A:7D:DA:71:13"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        for text in ["hci", "hci-1", "hci+1", "eth0", "/org/bluez/hci0", "00:1A:7D"] {
            assert_eq!(text.parse::<Choice>(), Err(NoAdapterName), "{text}");
        }
    }

    #[test]
    fn a_device_lies_below_its_adapter() {
        let address = Address([0xc8, 0x47, 0x8c, 0xc0, 0x95, 0x89]);
        assert_eq!(
            adapter("hci1", 0).device(address),
            "/org/bluez/hci1/dev_C8_47_8C_C0_95_89"
        );
    }
}
