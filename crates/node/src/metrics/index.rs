use prometheus_client::metrics::gauge::Gauge;
use vouch_index::Standing;

use super::catalogue::{Catalogue, Kind, note};

/// How the index of the role `api` does.
#[derive(Debug)]
pub struct Metrics {
    block: Gauge,
    blocks_behind: Gauge,
    events: Gauge,
    failing: Gauge,
}

impl Metrics {
    pub fn new(catalogue: &mut Catalogue) -> Self {
        let mut gauge = |name, help| catalogue.add(note(name, Kind::Gauge, &[], help), Gauge::default());
        Self {
            block: gauge("vouch_index_block", "The block up to which events are in the index"),
            blocks_behind: gauge("vouch_index_blocks_behind", "Finalized blocks whose events are not in the index yet"),
            events: gauge("vouch_index_events", "Events that the index was made from"),
            failing: gauge("vouch_index_failing", "Whether the index cannot go on just now: 1 or 0"),
        }
    }

    pub fn tell(&self, standing: &Standing) {
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.block, standing.block);
        set(&self.blocks_behind, standing.blocks_behind());
        set(&self.events, standing.events);
        set(&self.failing, u64::from(standing.failure.is_some()));
    }
}
