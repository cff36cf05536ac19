//! Texts that people give and other people read.

use belay_proto::text::misleads;

use crate::problem::Problem;

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// A name of a device or person: 1 to 100 characters, none of which steers a terminal or turns the
/// direction of writing.
///
/// # Errors
/// `malformed`.
pub fn name(text: &str) -> Result<&str, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || text.chars().any(misleads) {
        return Err(Problem::malformed(
            "a name has 1 to 100 characters, without control characters",
        ));
    }
    Ok(text)
}

/// A language tag (BCP 47), or nothing.
///
/// # Errors
/// `malformed`.
pub fn language(tag: Option<&str>) -> Result<&str, Problem> {
    let tag = tag.unwrap_or("");
    let good = tag.len() <= 35
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if good {
        Ok(tag)
    } else {
        Err(Problem::malformed("a language is a tag like de-AT"))
    }
}

/// Text for a place in HTML, element or quoted attribute.
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_steers_nothing() {
        assert_eq!(name("  Jo's Phone ").ok(), Some("Jo's Phone"));
        let long = "x".repeat(101);
        for bad in ["", "  ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{61c}b", &long] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn html_is_text_afterwards() {
        assert_eq!(
            escape_html(r#"<b a="x" c='y'>&"#),
            "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;"
        );
    }
}
