//! A gateway that leaves an entry of the forced inbox unanswered is replaced by an operator, and by nobody else.

use alloy_primitives::{Address, B256, Bytes, U256};
use vouch_chain::Error;
use vouch_chain::network::{Forced, Submission};
use vouch_core::{Batch, BatchHash, Request};

use super::{Cloud, cloud};

/// Seconds from a submission to its deadline.
const PATIENCE: u64 = 20;

impl Cloud {
    async fn now(&self) -> u64 {
        self.local.anvil.mine(1).await.unwrap();
        let number = self.local.chain.latest_block_number().await.unwrap();
        self.local.anvil.finalize(number).await.unwrap();
        self.local.chain.finalized().await.unwrap().block().timestamp
    }

    /// Puts a request into the lane's inbox that is due soon.
    async fn force(&self, payload: &'static [u8]) -> Forced {
        let deadline = self.now().await + PATIENCE;
        let (app, lane, program, payload) = (self.app.id, self.lane, &self.program, Bytes::from_static(payload));
        let submission = Submission { app, lane, program, payload, deadline };
        let fee_max = self.network.forced_fee(&submission).await.unwrap() * U256::from(2);
        self.network.submit_forced(&self.owner, &submission, fee_max).await.unwrap()
    }

    /// Records a batch that answers the inbox up to `inbox_cursor`.
    async fn answer(&self, sequence: u64, parent: BatchHash, inbox_cursor: u64) -> BatchHash {
        let batch = Batch { inbox_cursor, ..self.header(sequence, parent) };
        let certificate = self.certify(&batch, &[0, 1]);
        self.network.post(&self.owner, std::slice::from_ref(&batch), &certificate).await.unwrap();
        batch.hash()
    }

    async fn relieve(&self, operator: usize, request: &Request, gateway: Address) -> Result<u32, Error> {
        self.network.relieve_gateway(&self.operators[operator].sender, request, gateway).await
    }

    async fn refusal(&self, operator: usize, request: &Request, gateway: Address) -> String {
        let error = self.relieve(operator, request, gateway).await.unwrap_err();
        error.revert_name().unwrap_or_else(|| panic!("{error}")).to_owned()
    }

    fn skip_delay(&self) -> u64 {
        u64::from(self.network.deployment().parameters.skip_delay_seconds)
    }
}

/// The second in which the next block comes is the contract's; a call is tried in a block of that second or a later one.
async fn set_time(cloud: &Cloud, timestamp: u64) {
    cloud.local.anvil.set_next_time(timestamp).await.unwrap();
    cloud.local.anvil.mine(1).await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_leaves_an_entry_overdue_is_relieved_by_an_operator() {
    let cloud = cloud().await;
    let entry = cloud.force(b"first").await;
    let due = entry.request.deadline + cloud.skip_delay();
    let (old, new) = (cloud.owner.address(), Address::repeat_byte(0x51));
    assert_eq!(cloud.refusal(0, &entry.request, new).await, "TooEarly");
    set_time(&cloud, due).await;
    let stranger = cloud.network.relieve_gateway(&cloud.owner, &entry.request, new).await.unwrap_err();
    assert_eq!(stranger.revert_name(), Some("NotMember"), "{stranger}");
    for gateway in [old, Address::ZERO] {
        assert_eq!(cloud.refusal(0, &entry.request, gateway).await, "InvalidGateway");
    }
    let unknown = Request { payload_hash: B256::repeat_byte(9), ..entry.request.clone() };
    assert_eq!(cloud.refusal(0, &unknown, new).await, "NotInInbox");
    let before = cloud.network.lane(&cloud.network.view().await.unwrap(), cloud.app.id, cloud.lane).await.unwrap();
    let epoch = cloud.relieve(0, &entry.request, new).await.unwrap();
    assert_eq!((before.gateway, epoch), (old, before.epoch + 1));
    cloud.local.anvil.mine(3).await.unwrap();
    let lane = cloud.network.lane(&cloud.network.view().await.unwrap(), cloud.app.id, cloud.lane).await.unwrap();
    assert_eq!((lane.gateway, lane.epoch), (new, epoch));
}

#[tokio::test]
async fn a_new_gateway_has_its_own_time_and_each_operator_one_turn_until_an_entry_is_answered() {
    let cloud = cloud().await;
    let [first, second] = [cloud.force(b"first").await, cloud.force(b"second").await];
    set_time(&cloud, second.request.deadline + cloud.skip_delay()).await;
    let gateways = [0x51, 0x52, 0x53].map(Address::repeat_byte);
    cloud.relieve(0, &first.request, gateways[0]).await.unwrap();
    assert_eq!(cloud.refusal(1, &first.request, gateways[1]).await, "TooEarly");
    let later = cloud.now().await + cloud.skip_delay();
    set_time(&cloud, later).await;
    assert_eq!(cloud.refusal(0, &first.request, gateways[1]).await, "TurnTaken");
    cloud.relieve(1, &first.request, gateways[1]).await.unwrap();
    // The first entry is answered: it is no ground any more, the second one is, and the turns begin anew.
    cloud.answer(1, BatchHash::ZERO, first.index).await;
    let later = cloud.now().await + cloud.skip_delay();
    set_time(&cloud, later).await;
    assert_eq!(cloud.refusal(0, &first.request, gateways[2]).await, "EntryAnswered");
    assert_eq!(cloud.relieve(0, &second.request, gateways[2]).await.unwrap(), 4);
}
