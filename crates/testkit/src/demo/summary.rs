//! What happened, step by step: `summary.json` and a table.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Step {
    name: String,
    ok: bool,
    seconds: f64,
    facts: Value,
}

pub struct Summary {
    path: PathBuf,
    steps: Vec<Step>,
}

impl Summary {
    pub fn new(path: &Path) -> Result<Self> {
        let summary = Self { path: path.to_owned(), steps: Vec::new() };
        summary.save()?;
        Ok(summary)
    }

    /// Does one step and writes down how it ended. An error is a fact of the step; only a summary that cannot be
    /// written is one of ours.
    pub async fn step<T>(&mut self, name: &str, work: impl Future<Output = Result<(T, Value)>>) -> Result<Option<T>> {
        println!("{:>2}. {name}", self.steps.len() + 1);
        let start = Instant::now();
        let (done, facts) = match work.await {
            Ok((done, facts)) => (Some(done), facts),
            Err(error) => (None, json!({ "error": format!("{error:#}") })),
        };
        let seconds = (start.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        if let Some(facts) = facts.as_object() {
            facts.iter().for_each(|(key, value)| println!("      {key}: {}", shown(value)));
        }
        self.steps.push(Step { name: name.to_owned(), ok: done.is_some(), seconds, facts });
        self.save()?;
        Ok(done)
    }

    pub fn all_ok(&self) -> bool {
        self.steps.iter().all(|step| step.ok)
    }

    pub fn table(&self) -> String {
        let line = |step: &Step| {
            format!("{}  {:>6.1} s  {}", if step.ok { "ok    " } else { "FAILED" }, step.seconds, step.name)
        };
        let total: f64 = self.steps.iter().map(|step| step.seconds).sum();
        let mut lines: Vec<_> = self.steps.iter().map(line).collect();
        lines.push(format!("        {total:>6.1} s  in all; facts in {}", self.path.display()));
        lines.join("\n")
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&json!({ "steps": self.steps }))?;
        std::fs::write(&self.path, text).with_context(|| self.path.display().to_string())
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_step_is_written_with_its_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let mut summary = Summary::new(&path).unwrap();
        summary.step("works", async { Ok(((), json!({ "n": 1 }))) }).await.unwrap();
        let failed = async { Err::<((), Value), _>(anyhow::anyhow!("no")) };
        assert!(summary.step("fails", failed).await.unwrap().is_none());
        let written: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(written["steps"][0]["facts"]["n"], 1);
        assert_eq!((&written["steps"][1]["ok"], &written["steps"][1]["facts"]["error"]), (&json!(false), &json!("no")));
        assert!(!summary.all_ok());
    }
}
