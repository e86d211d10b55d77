use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

/// On which side of the target a figure must be.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// At most that much above the baseline.
    AtMostAbove(f64),
    /// Recorded, not judged.
    None,
}

/// One figure of `results.json`.
#[derive(Serialize)]
pub struct Figure {
    group: &'static str,
    name: String,
    value: f64,
    unit: &'static str,
    baseline: Option<f64>,
    /// The value by the baseline.
    ratio: Option<f64>,
    target: String,
    /// None where nothing is to be met.
    met: Option<bool>,
}

pub struct Figures {
    path: PathBuf,
    group: &'static str,
    all: Vec<Figure>,
}

impl Figures {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), group: "compute", all: Vec::new() }
    }

    /// The figures that follow are of this group.
    pub fn group(&mut self, group: &'static str) {
        self.group = group;
    }

    /// A figure whose target is about its value.
    pub fn value(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        baseline: Option<f64>,
        target: Target,
    ) {
        self.add(name.into(), value, unit, baseline, target, value);
    }

    /// A figure whose target is about its ratio to the baseline.
    pub fn ratio(&mut self, name: impl Into<String>, value: f64, unit: &'static str, baseline: f64, target: Target) {
        self.add(name.into(), value, unit, Some(baseline), target, value / baseline);
    }

    fn add(
        &mut self,
        name: String,
        value: f64,
        unit: &'static str,
        baseline: Option<f64>,
        target: Target,
        judged: f64,
    ) {
        let (target, met) = match target {
            Target::AtLeast(least) => (format!("at least {least}"), Some(judged >= least)),
            Target::AtMost(most) => (format!("at most {most}"), Some(judged <= most)),
            Target::AtMostAbove(more) => {
                (format!("at most +{more}"), Some(judged <= baseline.unwrap_or_default() + more))
            }
            Target::None => ("recorded".to_owned(), None),
        };
        let ratio = baseline.map(|baseline| rounded(value / baseline));
        let figure = Figure {
            group: self.group,
            name,
            value: rounded(value),
            unit,
            baseline: baseline.map(rounded),
            ratio,
            target,
            met,
        };
        println!("{}", line(&figure));
        self.all.push(figure);
    }

    /// How many targets were missed.
    pub fn missed(&self) -> usize {
        self.all.iter().filter(|figure| figure.met == Some(false)).count()
    }

    pub fn save(&self) -> Result<()> {
        std::fs::write(&self.path, serde_json::to_string_pretty(&self.all)?)
            .with_context(|| self.path.display().to_string())
    }

    /// As Markdown, for docs/benchmarks.md.
    pub fn table(&self) -> String {
        let head = [
            "| figure | value | unit | baseline | ratio | target | met |".to_owned(),
            "|---|---|---|---|---|---|---|".to_owned(),
        ];
        let rows = self.all.iter().map(|figure| {
            let number = |number: Option<f64>| number.map_or("-".to_owned(), |number| number.to_string());
            let met = figure.met.map_or("-", |met| if met { "yes" } else { "NO" });
            let Figure { name, value, unit, baseline, ratio, target, .. } = figure;
            format!("| {name} | {value} | {unit} | {} | {} | {target} | {met} |", number(*baseline), number(*ratio))
        });
        head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }
}

fn line(figure: &Figure) -> String {
    format!("{:<48} {:>12} {}", figure.name, figure.value, figure.unit)
}

/// Three decimals are more than any of these figures is good for.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_shows() {
        let folder = tempfile::tempdir().unwrap();
        let mut figures = Figures::new(&folder.path().join("results.json"));
        figures.value("recorded", 1.0, "gas", None, Target::None);
        figures.ratio("good", 7.0, "calls/s", 10.0, Target::AtLeast(0.7));
        assert_eq!(figures.missed(), 0);
        figures.value("bad", 401.0, "MiB", None, Target::AtMost(400.0));
        figures.value("slow", 41.0, "ms", Some(10.0), Target::AtMostAbove(30.0));
        assert_eq!(figures.missed(), 2);
        figures.save().unwrap();
        let written: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&figures.path).unwrap()).unwrap();
        assert_eq!((&written[1]["ratio"], &written[2]["met"]), (&serde_json::json!(0.7), &serde_json::json!(false)));
    }
}
