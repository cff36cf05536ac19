//! Tells the story on standard output: numbered steps, and what each answered.

use std::fmt::Display;

/// Counts the steps.
#[derive(Debug, Default)]
pub struct Teller {
    steps: u32,
}

impl Teller {
    /// A new step: what is about to be done.
    pub fn step(&mut self, what: &str) {
        self.steps += 1;
        println!("\n{:>2}. {}", self.steps, wrapped(what, "      "));
    }

    /// What a step answered.
    pub fn answer(&self, what: impl Display) {
        println!("    → {}", wrapped(&what.to_string(), "      "));
    }

    /// The end.
    pub fn end(&self, what: &str) {
        println!("\n{}", wrapped(what, ""));
    }
}

/// Broken into lines that fit a terminal, the later ones indented so.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 96 {
            lines.push('\n');
            lines.push_str(indent);
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_are_broken_between_words_and_nothing_is_lost() {
        let text = "word ".repeat(60);
        let told = wrapped(&text, "      ");
        assert!(told.lines().all(|line| line.trim().len() <= 96));
        assert_eq!(told.split_whitespace().count(), 60);
    }
}
