//! How long to wait, and how often to try again within one call.

use std::time::Duration;

/// The longest `Retry-After` that is told to whoever asked: a recovery that is waited out takes a week.
pub const LONGEST_TOLD: Duration = Duration::from_secs(30 * 24 * 3600);

/// The longest one that this device keeps where it asks again by itself: a cloud may be wrong, and mended meanwhile.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Attempts of one call when the cloud is briefly out of order, the first included.
pub const ATTEMPTS: u32 = 3;

/// The longest wait between two attempts of one call; a caller is waiting.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Reads a `Retry-After` header (RFC 9110 §10.2.3): seconds, or an HTTP date.
///
/// A date is compared with the `Date` of the same answer, so that a wrong clock on this device doesn't
/// matter. The wait is at most [`LONGEST_TOLD`]; an unreadable header, or a date without a `Date`, is no header.
#[must_use]
pub fn retry_after(header: &str, date: Option<&str>) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = header.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_TOLD));
    }
    let until = httpdate::parse_http_date(header).ok()?;
    let now = httpdate::parse_http_date(date?.trim()).ok()?;
    Some(
        until
            .duration_since(now)
            .unwrap_or(Duration::ZERO)
            .min(LONGEST_TOLD),
    )
}

/// What this device keeps of a wait that the cloud asks for, before it asks again by itself.
#[must_use]
pub fn kept(asked: Option<Duration>) -> Option<Duration> {
    asked.map(|wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: &str = "Fri, 20 Nov 2026 12:00:00 GMT";
    const LATER: &str = "Fri, 20 Nov 2026 12:00:30 GMT";

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(retry_after("120", None), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 ", None), Some(Duration::ZERO));
        assert_eq!(retry_after(LATER, Some(NOON)), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(NOON, Some(LATER)), Some(Duration::ZERO));
    }

    #[test]
    fn a_date_is_measured_against_the_clouds_own_clock_or_not_at_all() {
        assert_eq!(retry_after(LATER, None), None);
        assert_eq!(retry_after(LATER, Some("noon")), None);
    }

    #[test]
    fn nonsense_is_no_header_and_a_century_is_a_month() {
        for nonsense in ["", "soon", "-5", "1.5", "12 34"] {
            assert_eq!(retry_after(nonsense, None), None, "{nonsense}");
        }
        assert_eq!(
            retry_after("99999999999999999999999999", None),
            Some(LONGEST_TOLD)
        );
    }

    #[test]
    fn a_week_is_told_as_a_week_and_kept_for_a_day() {
        let week = retry_after("604800", None);
        assert_eq!(week, Some(Duration::from_secs(7 * 24 * 3600)));
        assert_eq!(kept(week), Some(LONGEST_WAIT));
        let soon = Some(Duration::from_secs(120));
        assert_eq!((kept(soon), kept(None)), (soon, None));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_client_panic_or_wait_longer_than_a_day(header: String, date: String) {
            let wait = retry_after(&header, Some(&date));
            prop_assert!(wait.is_none_or(|wait| wait <= LONGEST_TOLD));
            prop_assert!(kept(wait).is_none_or(|wait| wait <= LONGEST_WAIT));
        }
    }
}
