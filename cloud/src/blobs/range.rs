//! Which part of a chunk is asked for (RFC 9110 §14).

use axum::http::{HeaderMap, header};

/// What of a chunk's bytes is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    Whole,
    /// From the first to the last of these, both counted from 0.
    Range(u64, u64),
    /// Nothing: the range lies behind the end.
    Nowhere,
}

/// What the headers ask for of `length` bytes. A range of another unit, more than one range and what can't be read count
/// as none at all (§14.2), and so does one with `If-Range`: no answer has a validator that it could name.
#[must_use]
pub fn asked(headers: &HeaderMap, length: u64) -> Part {
    let mut ranges = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Part::Whole;
    };
    if headers.contains_key(header::IF_RANGE) {
        return Part::Whole;
    }
    range
        .to_str()
        .ok()
        .and_then(|range| read(range, length))
        .unwrap_or(Part::Whole)
}

fn read(range: &str, length: u64) -> Option<Part> {
    let (unit, range) = range.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    let end = length.checked_sub(1)?;
    if first.is_empty() {
        return Some(match number(last)? {
            0 => Part::Nowhere,
            suffix => Part::Range(length.saturating_sub(suffix), end),
        });
    }
    let first = number(first)?;
    let last = match last {
        "" => end,
        last => number(last)?,
    };
    if last < first && first <= end {
        return None;
    }
    Some(match first <= end {
        true => Part::Range(first, last.min(end)),
        false => Part::Nowhere,
    })
}

/// Digits alone; as many as there may be, so what is over counts as the most.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of_ten(range: &str) -> Part {
        let headers = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
        asked(&headers, 10)
    }

    #[test]
    fn a_single_range_is_taken_and_what_isnt_one_counts_as_none() {
        for (range, part) in [
            ("bytes=0-0", Part::Range(0, 0)),
            ("bytes=3-5", Part::Range(3, 5)),
            ("BYTES=3-", Part::Range(3, 9)),
            ("bytes=0-99999999999999999999", Part::Range(0, 9)),
            ("bytes=-4", Part::Range(6, 9)),
            ("bytes=-400", Part::Range(0, 9)),
            ("bytes=10-", Part::Nowhere),
            ("bytes=10-12", Part::Nowhere),
            ("bytes=99999999999999999999-", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=5-3", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes 0-1", Part::Whole),
            ("chunks=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(of_ten(range), part, "{range}");
        }
    }

    #[test]
    fn a_range_that_comes_twice_or_with_a_condition_counts_as_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(asked(&headers, 10), Part::Whole);
        let range = HeaderValue::from_static("bytes=1-2");
        headers.append(header::RANGE, range.clone());
        assert_eq!(asked(&headers, 10), Part::Range(1, 2));
        headers.append(header::IF_RANGE, HeaderValue::from_static("\"x\""));
        assert_eq!(asked(&headers, 10), Part::Whole);
        headers.remove(header::IF_RANGE);
        headers.append(header::RANGE, range);
        assert_eq!(asked(&headers, 10), Part::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_in_the_chunk(range in "(bytes=)?[0-9]{0,20}-?[0-9]{0,20}", length in 1_u64..100) {
            let headers = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
            if let Part::Range(first, last) = asked(&headers, length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
