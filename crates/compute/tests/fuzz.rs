//! What peers say to a node, and what developers give it to run.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use vouch_compute::evidence::SignedHeader;
use vouch_compute::lane::LaneKey;
use vouch_compute::program::Description;
use vouch_compute::wasm;
use vouch_compute::wire::{
    Answer, BODY_BYTES_MAX, BatchContent, Call, CertifyCall, ExecuteAnswer, ExecuteCall, Holding, Opening,
    OperatorSignature, ProposeCall, ProposedData, Refusal, Report, ReportList, SignedRequest, Signer, SlotsCall,
};
use vouch_core::{AppId, Batch, BatchHash, Exchange, OperatorId, ProgramId, Request, RequestId};

const APP: AppId = AppId(B256::repeat_byte(1));
const PROGRAM: ProgramId = ProgramId(B256::repeat_byte(2));
const OPERATOR: OperatorId = OperatorId(B256::repeat_byte(3));

fn signed_request() -> SignedRequest {
    let request = Request {
        app: APP,
        program_id: PROGRAM,
        client: Address::repeat_byte(3),
        nonce: 4,
        payload_hash: B256::repeat_byte(5),
        time: 1_700_000_000,
        seed_block: 6,
        deadline: 1_700_000_060,
        max_fee: U256::from(7),
    };
    SignedRequest { request, signature: vec![8; 65].into(), payload: Bytes::from_static(b"payload") }
}

fn certified() -> CertifyCall {
    CertifyCall {
        header: Batch { sequence: 9, ..Batch::default() },
        gateway_signature: FixedBytes::repeat_byte(4),
        signatures: vec![OperatorSignature { operator: OPERATOR, signature: FixedBytes::repeat_byte(5) }],
        data: Some(Bytes::from_static(b"data")),
    }
}

fn propose(data: ProposedData) -> Call {
    let opening = Opening { value: B256::repeat_byte(6), proof: FixedBytes::repeat_byte(7) };
    Call::Propose(Box::new(ProposeCall {
        header: Batch::default(),
        gateway_signature: FixedBytes::repeat_byte(4),
        parent: Some(Batch::default()),
        data,
        opening,
        owed: vec![U256::ONE],
    }))
}

fn calls() -> Vec<Call> {
    let lane = LaneKey { app: APP, lane: 1 };
    vec![
        Call::Execute(ExecuteCall { app: APP, program_id: PROGRAM, requests: vec![signed_request()] }),
        propose(ProposedData::Whole(Bytes::from_static(b"whole"))),
        propose(ProposedData::Known(vec![RequestId(B256::repeat_byte(8))])),
        Call::Certify(Box::new(certified())),
        Call::Held(Signer::Operator(OPERATOR)),
        Call::Held(Signer::Gateway(Address::repeat_byte(9))),
        Call::Batch(BatchHash(B256::repeat_byte(1))),
        Call::Slots(SlotsCall { lane, epoch: 2, after: 3 }),
        Call::Data(BatchHash(B256::repeat_byte(1))),
    ]
}

fn answers() -> Vec<Answer> {
    let id = RequestId(B256::repeat_byte(8));
    let reports = vec![Report::Ran(Exchange::default()), Report::Refused(id, Refusal::Busy)];
    let list = ReportList { app: APP, program_id: PROGRAM, operator: OPERATOR, reports };
    let outputs = vec![Bytes::from_static(b"out"), Bytes::new()];
    let signed = SignedHeader { header: Batch::default(), gateway_signature: FixedBytes::repeat_byte(4) };
    vec![
        Answer::Reports(Box::new(ExecuteAnswer { list, signature: FixedBytes::repeat_byte(5), outputs })),
        Answer::Signature(FixedBytes::repeat_byte(6)),
        Answer::Kept,
        Answer::Held(vec![Holding { header: Batch::default(), signature: vec![7; 64].into() }]),
        Answer::Batch(Some(Box::new(certified()))),
        Answer::Batch(None),
        Answer::Refused(Refusal::MalformedData("why".into())),
        Answer::Slots(vec![signed]),
        Answer::Data(Some(BatchContent { data: Bytes::from_static(b"data"), owed: vec![U256::MAX] })),
    ]
}

#[test]
fn wire_calls() {
    fuzz!("wire_calls", calls().iter().map(Call::encode).collect(), |bytes| {
        let Ok(call) = Call::decode(bytes) else { return false };
        let again = call.encode();
        // What is passed on or hashed is never longer than what came, and reads the same.
        assert!(again.len() <= bytes.len() && bytes.len() <= BODY_BYTES_MAX);
        assert_eq!(Call::decode(&again), Ok(call));
        true
    });
}

#[test]
fn wire_answers() {
    fuzz!("wire_answers", answers().iter().map(Answer::encode).collect(), |bytes| {
        let Ok(answer) = Answer::decode(bytes) else { return false };
        let again = answer.encode();
        assert!(again.len() <= bytes.len() && bytes.len() <= BODY_BYTES_MAX);
        assert_eq!(Answer::decode(&again), Ok(answer));
        true
    });
}

const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "_start")))"#;

#[test]
fn artifacts() {
    fuzz!("artifacts", vec![wat::parse_str(MODULE).unwrap()], |bytes| {
        let found = wasm::inspect(bytes);
        assert_eq!(wasm::inspect(bytes), found);
        found.is_ok()
    });
}

#[test]
fn descriptions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouch.toml");
    std::fs::write(folder.path().join("program.wasm"), wat::parse_str(MODULE).unwrap()).unwrap();
    let seed = "artifact = \"program.wasm\"\nargs = [\"a\"]\n[limits]\nfuel = 1_000_000\nwall-millis = 1_000\n";
    fuzz!("descriptions", vec![seed.into()], |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(description) = Description::read(&path) else { return false };
        // What is read is fit to be published.
        assert!(description.program.validate().is_ok());
        // The artifact lies where the file says, and nothing else is looked for.
        assert!(description.artifact.starts_with(folder.path()) || description.artifact.is_absolute());
        true
    });
}
