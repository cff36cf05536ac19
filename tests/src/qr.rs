//! Reads the QR codes that a program draws on a terminal.

use rqrr::PreparedImage;

use crate::{Outcome, Surprise};

/// Pixels a module.
const SCALE: usize = 4;

/// What stands in the QR code that is drawn in half blocks among other lines, black on white where it has colours, and else in light
/// modules on a dark terminal.
///
/// # Errors
/// Where none is, or none that can be read.
pub fn read(shown: &str) -> Outcome<String> {
    let drawn: Vec<&str> = shown.lines().filter(|line| is_drawn(line)).collect();
    let on_paper = drawn.iter().any(|line| line.contains('\u{1b}'));
    let mut rows: Vec<Vec<bool>> = Vec::new();
    for line in drawn {
        let bare = bare(line);
        let halves = bare.chars().map(|half| match half {
            '█' => (true, true),
            '▀' => (true, false),
            '▄' => (false, true),
            _ => (false, false),
        });
        let (upper, lower): (Vec<bool>, Vec<bool>) = halves.unzip();
        rows.extend([upper, lower]);
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    if width == 0 {
        return Err(Surprise::new(format!("no QR code in:\n{shown}")));
    }
    let is_dark = |x: usize, y: usize| {
        let inked = rows
            .get(y)
            .and_then(|row| row.get(x))
            .copied()
            .unwrap_or(!on_paper);
        inked == on_paper
    };
    let mut image = PreparedImage::prepare_from_greyscale(width * SCALE, rows.len() * SCALE, |x, y| {
        if is_dark(x / SCALE, y / SCALE) { 0 } else { 255 }
    });
    match image.detect_grids().as_slice() {
        [grid] => {
            let (_, text) = grid
                .decode()
                .map_err(|error| Surprise::new(format!("{error}:\n{shown}")))?;
            Ok(text)
        }
        grids => Err(Surprise::new(format!("{} QR codes in:\n{shown}", grids.len()))),
    }
}

fn is_drawn(line: &str) -> bool {
    let bare = bare(line);
    bare.contains(['█', '▀', '▄']) && bare.chars().all(|half| matches!(half, '█' | '▀' | '▄' | ' '))
}

/// A line without colours and the carriage return of a terminal.
fn bare(line: &str) -> String {
    let mut bare = String::new();
    let mut rest = line.trim_end_matches('\r');
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    bare + rest
}
