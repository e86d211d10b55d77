//! What a gateway can get wrong about a batch on purpose, one thing at a time.

use alloy_primitives::{B256, Bytes};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use vouch_api::AppView;
use vouch_coding::Srs;
use vouch_compute::wire::{Opening, ProposeCall, ProposedData, SignedRequest};
use vouch_core::{Batch, BatchData, Entry, ProgramId, Request, RequestId};

/// One lie. Everything else in the proposal is right, signatures and commitments included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// None at all: shows that it is the lie which is refused
    Nothing,
    /// The header names another release of the app than the requests
    AnotherProgram,
    /// The exchanges are shown in another order than the header commits to
    Reordered,
    /// An exchange that the header counts is not shown
    Dropped,
    /// One exchange was never executed; its output is made up
    Invented,
    /// One request does not carry its client's signature
    UnsignedRequest,
    /// The slot lies beyond the lane's window, behind a batch that nobody signed
    BeyondWindow,
}

/// What lies are made of.
pub struct Material<'a> {
    /// The newest batch of the lane.
    pub genuine: &'a Batch,
    pub view: &'a AppView,
    /// What the executor itself reported for two requests.
    pub reported: Vec<Entry>,
    /// Signed by its client, but not shown to the executor.
    pub unseen: SignedRequest,
}

/// A proposal that its gateway has not signed yet.
pub struct Draft {
    header: Batch,
    parent: Batch,
    shown: BatchData,
    opening: Opening,
}

impl Material<'_> {
    pub fn tell(&self, lie: Lie, srs: &Srs) -> Result<Draft> {
        let parent = self.parent(lie)?;
        let header = Batch {
            program_id: self.program(lie)?,
            sequence: parent.sequence + 1,
            parent: parent.hash(),
            reference_timestamp: self.view.reference_timestamp,
            ..self.genuine.clone()
        };
        let (committed, shown) = self.entries(lie);
        let (header, opening) = commit(header, &BatchData::new(committed)?, srs)?;
        Ok(Draft { header, parent, shown: BatchData::new(shown)?, opening })
    }

    fn program(&self, lie: Lie) -> Result<ProgramId> {
        if lie != Lie::AnotherProgram {
            return Ok(self.genuine.program_id);
        }
        let mut releases = self.view.releases.iter().map(|release| ProgramId(release.program_id));
        releases.find(|program| *program != self.genuine.program_id).context("the app has no other release")
    }

    fn parent(&self, lie: Lie) -> Result<Batch> {
        if lie != Lie::BeyondWindow {
            return Ok(self.genuine.clone());
        }
        let lane =
            self.view.lanes.iter().find(|lane| lane.lane == self.genuine.lane).context("the app has no such lane")?;
        // Twice as far, since the cursor may move meanwhile.
        let sequence = lane.cursor + 2 * u64::from(lane.window);
        Ok(Batch { sequence, ..self.genuine.clone() })
    }

    /// What the header commits to, and what is shown.
    fn entries(&self, lie: Lie) -> (Vec<Entry>, Vec<Entry>) {
        let honest = self.reported.clone();
        let both = |second: Entry| {
            let entries = vec![honest[0].clone(), second];
            (entries.clone(), entries)
        };
        match lie {
            Lie::Nothing | Lie::AnotherProgram | Lie::BeyondWindow => (honest.clone(), honest),
            Lie::Reordered => (honest.clone(), honest.into_iter().rev().collect()),
            Lie::Dropped => (honest.clone(), honest[..1].to_vec()),
            Lie::Invented => both(self.invented()),
            Lie::UnsignedRequest => both(self.unsigned()),
        }
    }

    fn invented(&self) -> Entry {
        let SignedRequest { request, signature, payload } = self.unseen.clone();
        Entry { request, signature, payload, output: Bytes::from_static(b"a million"), ..Entry::default() }
    }

    /// A signature of the same client for another request, and the output that an app which echoes would give.
    fn unsigned(&self) -> Entry {
        let SignedRequest { request, signature, payload } = self.unseen.clone();
        let request = Request { nonce: request.nonce.wrapping_add(1), ..request };
        Entry { request, signature, output: payload.clone(), payload, ..Entry::default() }
    }
}

/// Fills in what follows from the data.
fn commit(header: Batch, data: &BatchData, srs: &Srs) -> Result<(Batch, Opening)> {
    let bytes = data.encode();
    let (commitment, opening) = srs.commit_data(&bytes)?;
    let header = Batch {
        exchanges_root: data.exchanges_root(),
        exchange_count: u32::try_from(data.entries().len())?,
        fees_root: B256::ZERO,
        data_commitment_x: commitment.x,
        data_commitment_y: commitment.y,
        data_length: bytes.len() as u64,
        ..header
    };
    Ok((header, Opening { value: opening.value, proof: opening.proof }))
}

impl Draft {
    /// The requests that are shown, in their order.
    pub fn requests(&self) -> Vec<RequestId> {
        self.shown.entries().iter().map(|entry| entry.request.id()).collect()
    }

    pub fn data(&self) -> Bytes {
        self.shown.encode().into()
    }

    /// The proposal with its data in one form, not signed.
    pub fn call(&self, data: ProposedData) -> ProposeCall {
        ProposeCall {
            header: self.header.clone(),
            gateway_signature: Default::default(),
            parent: Some(self.parent.clone()),
            data,
            opening: self.opening,
            owed: Vec::new(),
        }
    }
}
