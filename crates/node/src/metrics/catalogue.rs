use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric, for documents and for those who check boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// As Prometheus shows it; a histogram's series have `_bucket`, `_sum` and `_count` behind it.
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// The registry, and a list of what is in it.
#[derive(Debug, Default)]
pub struct Catalogue {
    registry: Registry,
    notes: Vec<Note>,
}

impl Catalogue {
    /// Registers a metric and hands it back.
    pub fn add<M: Metric + Clone>(&mut self, note: Note, metric: M) -> M {
        // The encoder adds a counter's suffix itself.
        let name = note.name.strip_suffix("_total").unwrap_or(note.name);
        self.registry.register(name, note.help, metric.clone());
        self.notes.push(note);
        metric
    }

    /// All metrics in OpenMetrics' text format.
    ///
    /// # Errors
    /// Never in practice: a string takes everything.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut document = String::new();
        text::encode(&mut document, &self.registry)?;
        Ok(document)
    }

    #[must_use]
    pub fn into_notes(self) -> Vec<Note> {
        self.notes
    }
}

/// A metric's note in one line.
pub const fn note(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Note {
    Note { name, kind, labels, help }
}
