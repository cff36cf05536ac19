//! QR codes on a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::cli::Qr;
use super::output::Output;
use super::text::Ink;

/// Light modules on each side of a code, without which no camera finds it (ISO/IEC 18004, 9.1).
const QUIET: usize = 4;

/// `text` as a QR code, where one is wanted and fits. On a terminal that is too narrow for it lines would break in the middle, which
/// no camera reads: what it takes is said instead.
pub fn draw(text: &str, when: Qr, output: Output) -> Option<String> {
    let wanted = match when {
        Qr::Auto => output.terminal,
        Qr::Yes => !output.json,
        Qr::No => false,
    };
    let code = wanted.then(|| encode(text)).flatten()?;
    let needed = code.width().saturating_add(2 * QUIET);
    match output.columns {
        Some(columns) if when == Qr::Auto && columns < needed => Some(output.ink.faint(&format!(
            "(A QR code of it is {needed} columns wide, and this terminal {columns}.)"
        ))),
        _ => Some(drawn(&code, output.ink)),
    }
}

/// With the least redundancy: it is read from a screen, not from a crumpled label.
fn encode(text: &str) -> Option<QrCode> {
    QrCode::with_error_correction_level(text, EcLevel::L).ok()
}

/// Half blocks, two modules a character. With colour, black on white whatever the terminal's own colours are; without,
/// light modules are drawn, which is right on a dark terminal.
fn drawn(code: &QrCode, ink: Ink) -> String {
    let mut renderer = code.render::<Dense1x2>();
    let (dark, light) = match ink.is_on() {
        true => (Dense1x2::Dark, Dense1x2::Light),
        false => (Dense1x2::Light, Dense1x2::Dark),
    };
    let drawn = renderer.dark_color(dark).light_color(light).build();
    let lines: Vec<String> = drawn.lines().map(|line| ink.paper(line)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPED: Output = Output {
        json: false,
        ink: Ink::OFF,
        terminal: false,
        columns: None,
    };
    const TERMINAL: Output = Output {
        terminal: true,
        columns: Some(80),
        ..PIPED
    };

    #[test]
    fn it_is_drawn_on_a_terminal_unless_told_otherwise() {
        let is_drawn =
            |when, output| draw("belay-release:abc", when, output).is_some_and(|it| it.contains('█'));
        assert!(!is_drawn(Qr::Auto, PIPED) && is_drawn(Qr::Yes, PIPED));
        assert!(is_drawn(Qr::Auto, TERMINAL) && !is_drawn(Qr::No, TERMINAL));
        let json = Output { json: true, ..PIPED };
        assert!(!is_drawn(Qr::Yes, json));
    }

    #[test]
    fn a_terminal_that_is_too_narrow_gets_no_broken_lines_unless_it_insists() {
        let text = "x".repeat(400);
        let said = draw(
            &text,
            Qr::Auto,
            Output {
                columns: Some(40),
                ..TERMINAL
            },
        )
        .unwrap();
        assert_eq!(
            said,
            "(A QR code of it is 77 columns wide, and this terminal 40.)"
        );
        let drawn = draw(&text, Qr::Auto, TERMINAL).unwrap();
        assert!(drawn.lines().all(|line| line.chars().count() == 77), "{drawn}");
        let insisted = draw(
            &text,
            Qr::Yes,
            Output {
                columns: Some(40),
                ..TERMINAL
            },
        );
        assert_eq!(insisted, Some(drawn));
    }

    #[test]
    fn a_release_as_long_as_they_get_fits() {
        assert!(encode(&"x".repeat(1_024)).is_some());
    }
}
