//! Whether containers work here, found out by running some: for `vouch doctor`.
//!
//! The containers run the host's own shell on the host's own files, read-only, so that no image is needed.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{Error, Failure, Input, Outcome, Runtime, Settings, Status};
use crate::limits::Limits;

/// The least memory in which a shell runs comfortably.
const MEMORY_BYTES: u64 = 32 << 20;
/// Time for a container that is expected to end by itself.
const WALL_MILLIS: u64 = 20_000;
/// How much of a processor the container gets in which processor time is measured.
const CPU_MILLIS: u64 = 250;
/// What the kernel's accounting may let through: half a period.
const CPU_SLACK: Duration = Duration::from_millis(50);

/// What is checked, and what came of it.
#[derive(Debug)]
pub struct Check {
    /// What is checked, for people.
    pub name: &'static str,
    /// Whether it works.
    pub result: CheckResult,
}

/// Fails with what happened instead.
pub type CheckResult = Result<(), String>;

type Ended = Result<Outcome, Failure>;

/// One check: a script, limits, and what has to come of them.
struct Trial {
    name: &'static str,
    script: &'static str,
    limits: fn(&mut Limits),
    holds: fn(&Ended, Duration) -> bool,
}

const TRIALS: [Trial; 8] = [
    Trial {
        name: "a container starts, with a system call filter and without rights",
        script: r#"while read name value; do case $name in Seccomp:|NoNewPrivs:|CapBnd:) echo $name$value;; esac; done < /proc/self/status"#,
        limits: |_| {},
        holds: |ended, _| {
            printed(ended).is_some_and(|text| {
                ["CapBnd:0000000000000000", "NoNewPrivs:1", "Seccomp:2"].iter().all(|line| text.contains(line))
            })
        },
    },
    Trial {
        name: "the memory limit holds",
        script: "a=x; while :; do a=$a$a; done",
        limits: |_| {},
        holds: |ended, _| matches!(ended, Err(Failure::Memory { .. })),
    },
    Trial {
        name: "the limit on processes holds",
        script: "for i in 1 2 3 4 5 6 7 8 9; do { while :; do :; done & } 2>/dev/null; done; echo all",
        limits: |limits| limits.processes = 4,
        holds: |ended, _| matches!(ended, Ok(outcome) if outcome.usage.process_refusals > 0),
    },
    Trial {
        name: "the limit on processor time holds",
        script: "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo $i",
        // Slow on an emulated processor, of which it gets a part only.
        limits: |limits| (limits.cpu_millis, limits.wall_millis) = (CPU_MILLIS, 4 * WALL_MILLIS),
        holds: |ended, took| matches!(ended, Ok(outcome) if Duration::from_micros(outcome.usage.cpu_micros) <= took.mul_f64(CPU_MILLIS as f64 / 1e3) + CPU_SLACK),
    },
    Trial {
        name: "the limit on output holds",
        script: "while :; do echo output; done",
        limits: |limits| limits.output_bytes = 10_000,
        holds: |ended, _| matches!(ended, Ok(outcome) if outcome.status == Status::OutputTooLarge),
    },
    Trial {
        name: "the wall-clock limit holds",
        script: "while :; do :; done",
        limits: |limits| limits.wall_millis = 200,
        holds: |ended, _| matches!(ended, Err(Failure::WallClock { .. })),
    },
    Trial {
        name: "the limit on temporary bytes holds",
        script: "while echo 1234567 2>/dev/null; do :; done > /tmp/file; read line < /tmp/file; echo $line",
        limits: |limits| limits.tmp_bytes = 65_536,
        holds: |ended, _| printed(ended) == Some("1234567"),
    },
    Trial {
        name: "the limit on temporary files holds, and nothing else can be written",
        script: "i=0; while { true > /tmp/$i; } 2>/dev/null; do i=$((i+1)); done; { true > /file; } 2>/dev/null || echo $i",
        limits: |limits| limits.tmp_files = 10,
        holds: |ended, _| printed(ended) == Some("9"),
    },
];

impl Runtime {
    /// Runs a container for each thing that has to work, and says which do. Takes a few seconds.
    pub fn check(&self) -> Vec<Check> {
        TRIALS.iter().map(|trial| Check { name: trial.name, result: self.try_out(trial) }).collect()
    }

    fn try_out(&self, trial: &Trial) -> CheckResult {
        let prepared = self.prepare(settings(trial)).map_err(|error: Error| error.to_string())?;
        let started = Instant::now();
        let ended = prepared.run(&Input { payload: b"", time: 0, seed: [0; 32] });
        if (trial.holds)(&ended, started.elapsed()) {
            return Ok(());
        }
        Err(match ended {
            Err(failure) => failure.to_string(),
            Ok(outcome) => format!(
                "it ended with {:?} and `{}`{}",
                outcome.status,
                String::from_utf8_lossy(&outcome.output).trim(),
                outcome.message.map(|message| format!(": {message}")).unwrap_or_default()
            ),
        })
    }
}

fn settings(trial: &Trial) -> Settings {
    let mut limits = Limits { memory_bytes: MEMORY_BYTES, wall_millis: WALL_MILLIS, ..Limits::default() };
    (trial.limits)(&mut limits);
    Settings {
        layers: vec![PathBuf::from("/")],
        args: ["/bin/sh", "-c", trial.script].map(str::to_owned).to_vec(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: PathBuf::from("/"),
        user: 0,
        group: 0,
        groups: Vec::new(),
        limits,
    }
}

/// What a successful run wrote.
fn printed(ended: &Ended) -> Option<&str> {
    match ended {
        Ok(outcome) if outcome.status == Status::Ok => Some(std::str::from_utf8(&outcome.output).ok()?.trim()),
        _ => None,
    }
}
