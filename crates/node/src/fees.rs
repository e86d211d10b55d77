//! Has the fee vault pay for posted charges: the newest of every client pays for all before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use vouch_chain::network::Settlement;
use vouch_chain::{Error, Network, Sender};
use vouch_compute::gateway::{DueCharge, Gateway};
use vouch_compute::lane::LaneKey;
use vouch_compute::lane::chain::ChainView;
use vouch_core::{Batch, BatchHash, NonSignerWitness, VerifiedCertificate};

use crate::mirror::Mirror;

/// Settlements in one transaction: about 150,000 gas each.
const SETTLEMENTS_MAX: usize = 32;

/// What settling takes.
pub struct Settler {
    pub gateway: Gateway,
    pub mirror: Arc<Mirror>,
    pub network: Network,
}

impl Settler {
    /// Settles what is due on every lane of the gateway; what fails is due again next time.
    pub async fn settle_all(&self, sender: &Sender) {
        for lane in self.gateway.lanes() {
            if let Err(error) = self.settle(lane, sender).await {
                tracing::warn!(%lane, %error, "gateway.fees.settle");
            }
        }
    }

    async fn settle(&self, lane: LaneKey, sender: &Sender) -> Result<(), Error> {
        let cursor = self.mirror.lane(lane).map_or(0, |state| state.cursor);
        let gateway = self.gateway.clone();
        let read = tokio::task::spawn_blocking(move || gateway.due_charges(lane, cursor)).await;
        let read = read.map_err(|error| error.to_string()).and_then(|due| due.map_err(|error| error.to_string()));
        let due = read.unwrap_or_else(|error| {
            tracing::error!(%lane, error, "gateway.fees.read");
            Vec::new()
        });
        let batches: BTreeMap<BatchHash, (Batch, VerifiedCertificate)> =
            due.iter().map(|due| (due.header.hash(), (due.header.clone(), due.certificate.clone()))).collect();
        for (hash, (header, certificate)) in &batches {
            self.certify(*hash, header, certificate, sender).await?;
        }
        for part in due.chunks(SETTLEMENTS_MAX) {
            self.pay(part, sender).await?;
        }
        for (header, certificate) in batches.values() {
            self.credit(header, certificate, sender).await;
        }
        Ok(())
    }

    /// A batch that was posted under a later one's certificate needs its own before its charges count.
    async fn certify(
        &self,
        hash: BatchHash,
        header: &Batch,
        certificate: &VerifiedCertificate,
        sender: &Sender,
    ) -> Result<(), Error> {
        let view = self.network.view().await?;
        let certified = self.network.record(&view, hash).await?.is_some_and(|record| record.certified_at.is_some());
        if !certified {
            self.network.post(sender, std::slice::from_ref(header), certificate).await?;
        }
        Ok(())
    }

    /// All at once; one by one where one of them stands in the way of the others.
    async fn pay(&self, due: &[DueCharge], sender: &Sender) -> Result<(), Error> {
        let settlements: Vec<Settlement> = due.iter().map(settlement).collect();
        match self.network.settle_fees(sender, &settlements).await {
            Ok(paid) => tracing::info!(clients = due.len(), gas = paid.gas_used, "gateway.fees.settle"),
            Err(error) if error.revert_name().is_some() => {
                for settlement in &settlements {
                    if let Err(error) = self.network.settle_fees(sender, std::slice::from_ref(settlement)).await {
                        tracing::warn!(client = %settlement.charge.client, %error, "gateway.fees.settle refused");
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Credits every signer of a batch. A gateway that did not would have no signers for long; they can do it themselves.
    async fn credit(&self, header: &Batch, certificate: &VerifiedCertificate, sender: &Sender) {
        let release = self.mirror.release(header.app, header.program_id);
        let table =
            release.and_then(|release| self.mirror.table(header.app, release.table, header.reference_timestamp));
        let Some(table) = table else { return };
        let absent: Vec<u32> = certificate.certificate().non_signers.iter().map(|absent| absent.index).collect();
        for (index, info) in (0u32..).zip(table.table().infos()) {
            let Ok(siblings) = table.table().prove(index as usize) else { continue };
            if absent.contains(&index) {
                continue;
            }
            let signer = NonSignerWitness { index, info: info.clone(), siblings };
            let credited = self.network.credit_signer(sender, header, &absent, &signer).await;
            if let Err(error) = credited
                && error.revert_name() != Some("NothingEarned")
            {
                tracing::warn!(index, %error, "gateway.fees.credit");
            }
        }
    }
}

fn settlement(due: &DueCharge) -> Settlement {
    Settlement {
        batch: due.header.clone(),
        charge: due.charge,
        index: due.index,
        proof: due.proof.clone(),
        request: due.request.clone(),
        signature: due.signature.clone(),
    }
}
