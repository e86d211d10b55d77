//! Prints what watching costs: each thing that a node notes, and a span while nobody collects any.

use std::time::{Duration, Instant};

use alloy_primitives::B256;
use vouch_compute::lane::LaneKey;
use vouch_compute::observe::{Event, Observer};
use vouch_core::{AppId, Batch, OperatorId, ProgramId, RequestId, Status};
use vouch_node::metrics::Catalogue;
use vouch_node::watch::{Outcome, Watch};

const TIMES: u32 = 200_000;

fn main() {
    let watch = Watch::new(&mut Catalogue::default(), |_, _| "wasm");
    let (app, program_id) = (AppId(B256::repeat_byte(1)), ProgramId(B256::repeat_byte(2)));
    let (request, operator) = (RequestId(B256::repeat_byte(3)), OperatorId(B256::repeat_byte(4)));
    let (lane, took) = (LaneKey { app, lane: 1 }, Duration::from_micros(900));
    let header = Batch { app, lane: 1, exchange_count: 64, ..Batch::default() };
    let outcome = Outcome { code: "certified".to_owned(), said: String::new(), refused: false };

    measure("gateway, call accepted", || watch.observe(&Event::Admitted { lane, program_id, request }));
    measure("gateway, call answered", || watch.call_ended(request, (app, program_id), &outcome, took));
    measure("gateway, queue measured", || watch.observe(&Event::Queued { lane, calls: 3 }));
    measure("gateway, batch certified", || watch.observe(&Event::Certified { header: &header, signers: 4, took }));
    let ran = Event::Ran { operator, app, program_id, request, status: Status::Ok, took };
    measure("executor, request run", || watch.observe(&ran));
    measure("executor, batch signed", || watch.observe(&Event::Signed { operator, header: &header }));
    measure("a span that nobody collects", || drop(tracing::debug_span!("executor.program.run", %request)));
}

fn measure(what: &str, mut once: impl FnMut()) {
    let start = Instant::now();
    for _ in 0..TIMES {
        once();
    }
    println!("{what:<28} {:?}", start.elapsed() / TIMES);
}
