//! What happens to whom, and when: all of it follows from a seed.

use std::fmt;
use std::time::Duration;

use super::drill::{DISK_NODE, GATEWAY, OPERATORS};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// kill -9; the node is started again at the end.
    Kill(&'static str),
    /// SIGSTOP, and SIGCONT at the end.
    Pause(&'static str),
    /// Nobody reaches the node; what was sent arrives at the end.
    Cut(&'static str),
    /// The node does not reach the chain.
    CutChain(&'static str),
    /// No byte fits on the node's disk.
    FillDisk,
    /// The chain is ended, and started again at the end with what it had.
    StopChain,
    /// That many of the newest blocks are replaced, with all that was in them.
    Reorganize(u64),
}

impl Fault {
    /// What nothing else may happen to meanwhile.
    fn target(self) -> &'static str {
        match self {
            Self::Kill(node) | Self::Pause(node) | Self::Cut(node) | Self::CutChain(node) => node,
            Self::FillDisk => DISK_NODE,
            Self::StopChain | Self::Reorganize(_) => "chain",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(node) => write!(formatter, "kill {node}"),
            Self::Pause(node) => write!(formatter, "pause {node}"),
            Self::Cut(node) => write!(formatter, "cut {node} off from its peers"),
            Self::CutChain(node) => write!(formatter, "cut {node} off from the chain"),
            Self::FillDisk => write!(formatter, "fill the disk of {DISK_NODE}"),
            Self::StopChain => write!(formatter, "stop the chain"),
            Self::Reorganize(blocks) => write!(formatter, "reorganize {blocks} blocks"),
        }
    }
}

/// A fault from `at` until `at + lasts`, counted from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Duration,
    pub lasts: Duration,
    pub fault: Fault,
}

impl Event {
    pub fn end(&self) -> Duration {
        self.at + self.lasts
    }
}

/// The events of a drill, in the order in which they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub seed: u64,
    pub events: Vec<Event>,
}

/// The shortest and longest pause between the beginnings of two faults, in milliseconds.
const PAUSE_MS: (u64, u64) = (700, 3_000);
/// The same for how long a fault lasts.
const LASTS_MS: (u64, u64) = (800, 5_000);
/// The first faults are one of each kind, however short the drill.
const KINDS: u64 = 7;

impl Schedule {
    /// Faults that begin and end within `time`. No two of them are of one node, or of the chain, at once.
    pub fn new(seed: u64, time: Duration, with_disk: bool) -> Self {
        let mut dice = Dice(seed);
        let (mut events, mut at, mut kind): (Vec<Event>, _, _) = (Vec::new(), Duration::ZERO, dice.below(KINDS));
        loop {
            at += dice.between(PAUSE_MS);
            let lasts = dice.between(LASTS_MS);
            if at + lasts > time {
                return Self { seed, events };
            }
            kind = if events.len() < KINDS as usize { (kind + 1) % KINDS } else { dice.below(KINDS) };
            let fault = dice.fault(kind, with_disk);
            let busy = events.iter().any(|other| other.fault.target() == fault.target() && other.end() > at);
            if !busy {
                events.push(Event { at, lasts, fault });
            }
        }
    }
}

/// One end of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Begin(Fault),
    End(Fault),
}

impl fmt::Display for Edge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(fault) => write!(formatter, "{fault}"),
            Self::End(fault) => write!(formatter, "end of: {fault}"),
        }
    }
}

impl Schedule {
    /// Both ends of all faults, in their order.
    #[must_use]
    pub fn edges(&self) -> Vec<(Duration, Edge)> {
        let both = |event: &Event| [(event.at, Edge::Begin(event.fault)), (event.end(), Edge::End(event.fault))];
        let mut edges: Vec<_> = self.events.iter().flat_map(both).collect();
        edges.sort_by_key(|(at, _)| *at);
        edges
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}", self.seed)?;
        for event in &self.events {
            let (from, to) = (event.at.as_secs_f64(), event.end().as_secs_f64());
            writeln!(formatter, "  {from:>6.1} s to {to:>6.1} s: {}", event.fault)?;
        }
        Ok(())
    }
}

/// SplitMix64: the same numbers for the same seed, for ever.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn between(&mut self, (least, most): (u64, u64)) -> Duration {
        Duration::from_millis(least + self.below(most - least))
    }

    /// The gateway as often as any operator.
    fn node(&mut self) -> &'static str {
        let index = self.below(OPERATORS.len() as u64 + 1);
        usize::try_from(index).ok().and_then(|index| OPERATORS.get(index)).copied().unwrap_or(GATEWAY)
    }

    fn fault(&mut self, kind: u64, with_disk: bool) -> Fault {
        match kind {
            0 => Fault::Pause(self.node()),
            1 => Fault::Cut(self.node()),
            2 => Fault::CutChain(self.node()),
            3 if with_disk => Fault::FillDisk,
            4 => Fault::StopChain,
            5 => Fault::Reorganize(1 + self.below(2)),
            _ => Fault::Kill(self.node()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_faults_within_the_time_and_never_two_at_once_of_one_target() {
        for seed in 0..200 {
            let time = Duration::from_secs(60);
            let schedule = Schedule::new(seed, time, true);
            assert_eq!(schedule, Schedule::new(seed, time, true));
            assert!(schedule.events.len() > 10 && schedule.events.iter().all(|event| event.end() <= time));
            for (index, event) in schedule.events.iter().enumerate() {
                let earlier = &schedule.events[..index];
                let clash = |other: &Event| other.fault.target() == event.fault.target() && other.end() > event.at;
                assert!(!earlier.iter().any(clash), "seed {seed}: {schedule}");
            }
        }
    }

    #[test]
    fn without_a_disk_of_its_own_no_disk_is_filled() {
        let schedule = Schedule::new(7, Duration::from_secs(600), false);
        assert!(schedule.events.iter().all(|event| event.fault != Fault::FillDisk));
    }
}
