//! Normal forms, compared forms, and what is none.

use super::{Identifier, IdentifierKind};

#[test]
fn addresses_keep_their_local_part_and_lower_the_domain() {
    let id = Identifier::parse("  Jo.Doe+x@Example.ORG ").unwrap();
    assert_eq!(
        (id.kind(), id.as_str()),
        (IdentifierKind::Email, "Jo.Doe+x@example.org")
    );
    assert_eq!(id.masked(), "J•••@e•••.org");
    assert!(!format!("{id:?}").contains("Doe"));
}

#[test]
fn numbers_lose_their_separators() {
    let id = Identifier::parse("+49 (151) 234-567").unwrap();
    assert_eq!((id.kind(), id.as_str()), (IdentifierKind::Phone, "+49151234567"));
    assert_eq!(id.masked(), "+49•••••67");
    assert_eq!(id.country(), Some("DE"));
    // What only begins like a number is none.
    assert_eq!(Identifier::parse("49@example.org").unwrap().country(), None);
}

#[test]
fn an_address_has_one_form_however_its_letters_are_put_together() {
    for (typed, normal) in [
        ("\u{212a}im@example.org", "Kim@example.org"),
        ("jose\u{301}@example.org", "jos\u{e9}@example.org"),
        ("a@xn--bcher-kva.example", "a@b\u{fc}cher.example"),
        ("a@XN--BCHER-KVA.example", "a@b\u{fc}cher.example"),
        ("a@B\u{dc}CHER.example", "a@b\u{fc}cher.example"),
        ("a@bu\u{308}cher.example", "a@b\u{fc}cher.example"),
        ("a@\u{ff45}xample.org", "a@example.org"),
        ("a@example\u{3002}org", "a@example.org"),
        ("a@\u{212a}.example", "a@k.example"),
        (
            "\u{930}@\u{92e}\u{939}\u{93e}\u{930}\u{93e}\u{937}\u{94d}\u{91f}\u{94d}\u{930}.example",
            "\u{930}@\u{92e}\u{939}\u{93e}\u{930}\u{93e}\u{937}\u{94d}\u{91f}\u{94d}\u{930}.example",
        ),
        ("stra\u{df}e@example.org", "stra\u{df}e@example.org"),
    ] {
        assert_eq!(Identifier::parse(typed).unwrap().as_str(), normal, "{typed:?}");
    }
}

#[test]
fn letters_that_another_program_takes_for_plain_ones_are_refused() {
    for local in [
        "\u{ff4a}o",   // full width
        "jame\u{17f}", // long s
        "j\u{131}m",   // dotless i
        "J\u{130}M",   // dotted I
        "\u{fb01}n",   // a ligature
        "jo\u{b2}",    // a small 2
        "\u{1d4ff}an", // a mathematical letter
        "\u{2460}",    // a digit in a ring
        "\u{ff71}",    // half width: another spelling, though of no plain letter
    ] {
        assert!(
            Identifier::parse(&format!("{local}@example.org")).is_err(),
            "{local:?}"
        );
    }
    for domain in [
        "xn--a.example",
        "xn--.example",
        "a_b.example",
        "a\u{200d}b.example",
        "\u{301}a.example",
        "a..b",
        &format!("{}.org", "a".repeat(64)),
    ] {
        assert!(Identifier::parse(&format!("jo@{domain}")).is_err(), "{domain:?}");
    }
}

#[test]
fn in_a_mail_the_domain_is_in_the_letters_of_dns() {
    for (text, written) in [
        ("Ada@example.org", "Ada@example.org"),
        ("ada@b\u{fc}cher.example", "ada@xn--bcher-kva.example"),
        (
            "jos\u{e9}@xn--bcher-kva.example",
            "jos\u{e9}@xn--bcher-kva.example",
        ),
        ("+49151234567", "+49151234567"),
    ] {
        assert_eq!(Identifier::parse(text).unwrap().in_mail(), written);
    }
    // No domain: another program may judge it.
    let none = Identifier::stored("a@b \u{fc}").unwrap();
    assert_eq!(none.in_mail(), "a@b \u{fc}");
}

#[test]
fn spellings_of_one_mailbox_compare_equal_and_others_do_not() {
    let compared = |text: &str| Identifier::parse(text).unwrap().compared().map(str::to_owned);
    for (one, other) in [
        ("Jo@example.org", "jO@EXAMPLE.org"),
        (
            "\u{3a3}\u{399}\u{3a3}@example.org",
            "\u{3c3}\u{3b9}\u{3c2}@example.org",
        ),
        ("JOS\u{c9}@example.org", "jose\u{301}@example.org"),
        ("\u{1e9e}@example.org", "\u{df}@example.org"),
        ("+49 151 234567", "+49151234567"),
    ] {
        assert_eq!(compared(one), compared(other));
    }
    assert_ne!(
        compared("stra\u{df}e@example.org"),
        compared("strasse@example.org")
    );
    assert_ne!(compared("jos\u{e9}@example.org"), compared("jose@example.org"));
}

#[test]
fn what_was_stored_keeps_its_text_and_is_compared_as_it_is_read_today() {
    for (text, today) in [
        ("a@xn--bcher-kva.example", "a@b\u{fc}cher.example"),
        ("\u{212a}im@example.org", "kim@example.org"),
        ("jose\u{301}@example.org", "jos\u{e9}@example.org"),
        ("Jo@example.org", "jo@example.org"),
        ("+49151234567", "+49151234567"),
    ] {
        let stored = Identifier::stored(text).unwrap();
        assert_eq!((stored.as_str(), stored.compared()), (text, Some(today)));
        assert_eq!(stored.kind(), Identifier::parse(text).unwrap().kind());
    }
    // It is no other's, least of all the plain one.
    for refused in [
        "j\u{131}m@example.org",
        "\u{17f}am@example.org",
        "\u{fb01}n@example.org",
    ] {
        let stored = Identifier::stored(refused).unwrap();
        assert_eq!((stored.as_str(), stored.compared()), (refused, None));
        assert_eq!(stored.kind(), IdentifierKind::Email);
    }
    for none in ["", "@", "@b.de", "0151234567"] {
        assert!(Identifier::stored(none).is_err(), "{none:?}");
    }
}

#[test]
fn everything_else_is_refused() {
    for text in [
        "",
        "@",
        "a@",
        "@b.c",
        "a@b",
        "a b@c.de",
        "a@b..c",
        "a@-b.de",
        "a..b@c.de",
        "\"a\"@b.de",
        "0151234567",
        "+0151234567",
        "+12345",
        "+1234567890123456",
        "+49x1234567",
        "a@b.de\0",
        "\u{202e}a@b.de",
        "a\u{202e}\n@b.de",
    ] {
        assert!(Identifier::parse(text).is_err(), "{text:?}");
    }
}
