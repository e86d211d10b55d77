use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::Failure;

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

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
