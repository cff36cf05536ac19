//! Small plots for a terminal, as lines of text.

use crate::ctl::output::Output;

/// What bars are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Block elements, in eighths of a line.
    Unicode,
    /// For terminals of another encoding, and for files.
    Ascii,
}

/// Columns of a day's plots: half an hour each.
pub const COLUMNS: usize = 48;
const ROWS: u32 = 5;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Glyphs {
    /// Those for this output: blocks on a terminal whose locale is UTF-8 alone.
    pub fn of(output: Output) -> Self {
        // In the order of setlocale(3): the first that says anything.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(std::env::var_os)
            .find(|value| !value.is_empty());
        Self::choose(
            output.terminal,
            locale.as_deref().and_then(std::ffi::OsStr::to_str),
        )
    }

    fn choose(terminal: bool, locale: Option<&str>) -> Self {
        let utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        if terminal && utf8 {
            Self::Unicode
        } else {
            Self::Ascii
        }
    }

    /// A piece of a bar that fills `eighths` of its line.
    fn piece(self, eighths: u32) -> char {
        match (self, eighths.min(8)) {
            (Self::Unicode, eighths) => usize::try_from(eighths)
                .ok()
                .and_then(|index| EIGHTHS.get(index).copied())
                .unwrap_or(' '),
            (Self::Ascii, 0) => ' ',
            (Self::Ascii, 1..=3) => '.',
            (Self::Ascii, 4..=7) => ':',
            (Self::Ascii, _) => '#',
        }
    }

    /// A half hour of sleep: deep, light, or none.
    pub const fn sleep(self, sleep: Sleep) -> char {
        match (self, sleep) {
            (_, Sleep::None) => ' ',
            (Self::Unicode, Sleep::Light) => '▄',
            (Self::Unicode, Sleep::Deep) => '█',
            (Self::Ascii, Sleep::Light) => ':',
            (Self::Ascii, Sleep::Deep) => '#',
        }
    }
}

/// How deep the sleep was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// None, or not known.
    None,
    /// Light, or how deep isn't known.
    Light,
    /// Deep.
    Deep,
}

/// Bars for `values`, each `width` columns wide, from `low` at the bottom to `high` at the top; a value that is there
/// shows at least a trace, `None` shows nothing.
pub fn bars(values: &[Option<u32>], width: usize, (low, high): (u32, u32), glyphs: Glyphs) -> Vec<String> {
    let span = u64::from(high.saturating_sub(low)).max(1);
    let levels: Vec<u32> = values
        .iter()
        .map(|value| {
            let Some(value) = value else { return 0 };
            let above = u64::from(value.saturating_sub(low)).min(span);
            let full = u64::from(ROWS * 8);
            u32::try_from((above * full + span / 2) / span)
                .unwrap_or(0)
                .max(1)
        })
        .collect();
    (0..ROWS)
        .rev()
        .map(|row| {
            let label = match row {
                0 => low.to_string(),
                _ if row == ROWS - 1 => high.to_string(),
                _ => String::new(),
            };
            let pieces: String = levels
                .iter()
                .flat_map(|level| {
                    let piece = glyphs.piece(level.saturating_sub(row * 8));
                    std::iter::repeat_n(piece, width)
                })
                .collect();
            labelled(&label, &pieces)
        })
        .collect()
}

/// A line of a plot behind its label.
pub fn labelled(label: &str, pieces: &str) -> String {
    format!("{label:>6} |{pieces}").trim_end().to_owned()
}

/// The hours below a plot of [`COLUMNS`].
pub fn hours() -> String {
    let quarter = COLUMNS / 4;
    let marks: String = ["00", "06", "12", "18"]
        .iter()
        .map(|mark| format!("{mark:<quarter$}"))
        .collect();
    format!("{:>8}{}24", "", marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_need_a_terminal_with_a_locale_of_utf_8() {
        for utf8 in ["C.UTF-8", "de_DE.utf8", "en_GB.UTF-8@euro"] {
            assert_eq!(Glyphs::choose(true, Some(utf8)), Glyphs::Unicode, "{utf8}");
            assert_eq!(Glyphs::choose(false, Some(utf8)), Glyphs::Ascii, "{utf8}");
        }
        for other in [None, Some("C"), Some("POSIX"), Some("de_DE.ISO-8859-1")] {
            assert_eq!(Glyphs::choose(true, other), Glyphs::Ascii, "{other:?}");
        }
    }

    #[test]
    fn bars_are_drawn_in_eighths_of_a_line() {
        let values = [Some(0), None, Some(1), Some(20), Some(33), Some(40)];
        assert_eq!(
            bars(&values, 1, (0, 40), Glyphs::Unicode),
            [
                "    40 |    ▁█",
                "       |    ██",
                "       |   ▄██",
                "       |   ███",
                "     0 |▁ ▁███"
            ]
        );
    }

    #[test]
    fn bars_without_blocks_are_drawn_in_three_steps() {
        let values = [Some(60), None, Some(70), Some(80), Some(100)];
        assert_eq!(
            bars(&values, 2, (60, 100), Glyphs::Ascii),
            [
                "   100 |        ##",
                "       |        ##",
                "       |      ::##",
                "       |    ..####",
                "    60 |..  ######"
            ]
        );
    }

    #[test]
    fn values_all_alike_and_none_at_all_can_be_drawn() {
        assert_eq!(bars(&[Some(7)], 1, (7, 7), Glyphs::Ascii)[4], "     7 |.");
        assert_eq!(bars(&[None], 1, (0, 0), Glyphs::Ascii)[4], "     0 |");
        assert_eq!(
            bars(&[Some(u32::MAX)], 1, (0, u32::MAX), Glyphs::Ascii)[4],
            "     0 |#"
        );
    }

    #[test]
    fn the_hours_stand_below_their_columns() {
        let hours = hours();
        assert_eq!(
            hours,
            "        00          06          12          18          24"
        );
        assert_eq!(hours.find("12").unwrap() - hours.find("00").unwrap(), COLUMNS / 2);
    }
}
