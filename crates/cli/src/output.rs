use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use alloy_primitives::U256;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::Failure;

/// A share of stake, for people: percent with two digits, cut off rather than rounded up, so that what falls short of a
/// threshold does not look as if it reached it.
pub fn percent(part: U256, whole: U256) -> String {
    let hundredths = part.saturating_mul(U256::from(10_000)).checked_div(whole).unwrap_or_default();
    let (whole, rest) = hundredths.div_rem(U256::from(100));
    format!("{whole}.{rest:02} %")
}

/// So many of a thing, in words.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A path as a shell takes it, in commands that people copy.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let bare = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if !text.is_empty() && text.chars().all(bare) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Text that a terminal shows as it is: no bytes that move its cursor or change its state.
pub fn is_plain_text(bytes: &[u8]) -> bool {
    let plain = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(plain))
}

/// Where a command talks: data goes to stdout, everything else to stderr.
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the command's result: `value` with `--json`, else the lines of `text`.
    pub fn data<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) {
        let rendered = if self.json {
            serde_json::to_string_pretty(value).expect("results have string keys only")
        } else {
            text(value)
        };
        // A reader that closed the pipe has seen what it wanted.
        let _closed = writeln!(std::io::stdout(), "{}", rendered.trim_end());
    }

    /// Says something about the work; never data.
    pub fn say(&self, line: impl AsRef<str>) {
        eprintln!("{}", line.as_ref());
    }

    pub fn failure(&self, failure: &Failure) {
        if self.json {
            eprintln!("{}", serde_json::to_string(&failure.view()).expect("failures have string keys only"));
        } else {
            eprintln!("error: {}", failure.message());
            if !failure.next().is_empty() {
                eprintln!("  next: {}", failure.next());
            }
        }
    }

    /// A bar for work whose length is not known; lines when stderr is no terminal.
    pub fn progress(&self, message: impl Into<String>) -> Progress {
        let message = message.into();
        if !std::io::stderr().is_terminal() {
            eprintln!("{message}");
            return Progress { bar: None };
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message(message);
        Progress { bar: Some(bar) }
    }
}

/// Long work in sight; gone when dropped.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn step(&self, message: impl Into<String>) {
        let message = message.into();
        match &self.bar {
            Some(bar) => bar.set_message(message),
            None => eprintln!("{message}"),
        }
    }
}

impl Progress {
    /// `done` of `all` are done: the bar has a length from here on. Nothing where there is no terminal.
    pub fn at(&self, done: usize, all: usize) {
        let Some(bar) = &self.bar else { return };
        let (done, all) = (done as u64, all as u64);
        if bar.length() != Some(all) {
            let style = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len} ({eta} left)");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_length(all);
        }
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_below_a_threshold_looks_below_it() {
        let share = |part: u64, whole: u64| percent(U256::from(part), U256::from(whole));
        assert_eq!(share(6_700, 10_000), "67.00 %");
        assert_eq!(share(669_999, 1_000_000), "66.99 %");
        assert_eq!(share(1, 0), "0.00 %");
        assert_eq!(percent(U256::from(2_000), U256::from(20_000)), "10.00 %");
    }

    #[test]
    fn a_path_can_be_copied_into_a_shell() {
        assert_eq!(shell_word(Path::new("apps/hello-2")), "apps/hello-2");
        assert_eq!(shell_word(Path::new("my app")), "'my app'");
        assert_eq!(shell_word(Path::new("it's;")), r"'it'\''s;'");
    }

    #[test]
    fn what_would_drive_a_terminal_is_no_text() {
        assert!(is_plain_text("hello, wörld\n".as_bytes()));
        assert!(!is_plain_text(b"\x1b[2Jgone"));
        assert!(!is_plain_text(&[0, 0, 7]));
        assert!(!is_plain_text(&[0xff]));
    }
}
