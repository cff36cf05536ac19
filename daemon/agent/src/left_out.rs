//! What isn't mirrored as it stands, for the owner to see.

use serde::Serialize;

/// So many are named; the others are counted.
const EXAMPLES: usize = 5;

/// Why something isn't mirrored. The owner reads it from `belayctl sync sources`, by these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A vdir's file that isn't one contact or event: several, none, cut off, or too long.
    NotOne,
    /// It has the natural key of another file.
    Double,
    /// A file or folder that can't be read.
    Unreadable,
    /// A name that isn't UTF-8.
    Name,
    /// belayd, or the folder, takes it as little as it stands.
    Refused,
}

/// Something that isn't mirrored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Where it lies below the root; of a record that can't be written here, what it is by nature.
    pub place: String,
    /// Why.
    pub why: Why,
}

/// How much isn't mirrored, with examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// How many there are.
    pub count: usize,
    /// Some of them.
    pub examples: Vec<LeftOut>,
}

impl Left {
    /// Counts one more.
    pub fn add(&mut self, place: &str, why: Why) {
        self.count = self.count.saturating_add(1);
        if self.examples.len() < EXAMPLES {
            let place = place.to_owned();
            self.examples.push(LeftOut { place, why });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_a_few_are_named() {
        let mut left = Left::default();
        (0..1000).for_each(|n| left.add(&n.to_string(), Why::Double));
        assert_eq!((left.count, left.examples.len()), (1000, EXAMPLES));
        assert_eq!(left.examples[0].place, "0");
    }
}
