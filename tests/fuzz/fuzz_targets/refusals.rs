//! What belayd makes of a refusal: `Retry-After` on the first line, `Date` on the second, and then the body.

#![no_main]

use belay_fuzz::problem::{Problem, ProblemKind};
use belay_fuzz::retry::{LONGEST_TOLD, LONGEST_WAIT, kept, retry_after};
use belay_proto::text::misleads;
use libfuzzer_sys::fuzz_target;

/// Whether a text is fit for a line of a log: so long at most, and nothing in it that could fake another.
fn fits(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(misleads)
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (header, date, body) = (part(), part(), part());
    // A header that is no text is none.
    let header = std::str::from_utf8(header).ok();
    let date = std::str::from_utf8(date).ok();
    let wait = header.and_then(|header| retry_after(header, date));
    assert!(wait.is_none_or(|wait| wait <= LONGEST_TOLD), "{wait:?}");
    assert!(kept(wait).is_none_or(|wait| wait <= LONGEST_WAIT), "{wait:?}");
    // The clock of this device is none to go by.
    let alone = header.and_then(|header| retry_after(header, None));
    assert!(alone.is_none() || alone == wait, "{alone:?}, {wait:?}");

    let problem = Problem::read(429, body, wait);
    assert_eq!(
        (problem.status, problem.retry_after, problem.offset),
        (429, wait, None)
    );
    assert!(fits(&problem.name, 64), "{:?}", problem.name);
    assert!(
        problem.login.as_deref().is_none_or(|login| fits(login, 128)),
        "{:?}",
        problem.login
    );
    // What is known by its name keeps it.
    if problem.kind != ProblemKind::Other {
        assert_eq!(ProblemKind::parse(&problem.name), problem.kind);
    }
    assert!(fits(&problem.to_string(), 128));
});
