use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolValue;
use serde_json::{Value, json};
use vouch_core::{
    AppId, Batch, BatchHash, Charge, Domain, Exchange, Limits, Program, ProgramId, Request, RequestId, Status, ecdsa,
    seed,
};

use super::{hash, number, secret, u64_of};

/// The declarations of `VouchTypes.sol`, word for word.
pub mod sol {
    alloy_sol_types::sol! {
        struct Limits { uint64 fuel; uint64 memoryBytes; uint64 payloadBytes; uint64 outputBytes; uint64 wallMillis; uint64 cpuMillis; uint32 pids; }
        struct Program { string runtime; bytes32 artifactDigest; string interfaceName; bytes32 argsHash; bytes32 envHash; Limits limits; string hardwareClass; bytes32 state; bytes32 egress; bytes32 secrets; bytes32 verifierKeysHash; }
        struct Request { bytes32 app; bytes32 programId; address client; uint64 nonce; bytes32 payloadHash; uint64 time; uint64 seedBlock; uint64 deadline; uint256 maxFee; }
        struct Exchange { bytes32 requestId; bytes32 readsHash; uint8 status; bytes32 outputHash; bytes32 preState; bytes32 postState; }
        struct Charge { bytes32 requestId; address client; uint256 fee; uint256 total; }
        struct Batch { uint256 chainId; address registry; bytes32 app; uint32 operatorSetId; address profileId; bytes32 programId; uint32 lane; uint64 sequence; bytes32 parent; bytes32 exchangesRoot; uint32 exchangeCount; bytes32 feesRoot; uint64 inboxCursor; uint256 dataCommitmentX; uint256 dataCommitmentY; uint64 dataLength; uint32 referenceTimestamp; }
    }
}

/// How many of each record, beside the empty one.
const RECORDS: usize = 4;

pub fn types() -> Value {
    let domain = Domain { chain_id: U256::from(31_337), registry: address("registry", 0) };
    json!({
        "about": "encoded: abi.encode of the struct; id: its hash",
        "domain": { "chainId": "31337", "registry": domain.registry, "separator": domain.separator() },
        "programs": records(|index| { let value = program(index); json!({ "encoded": encoded_program(&value), "id": value.id() }) }, json!({ "encoded": encoded_program(&Program::default()), "id": Program::default().id() })),
        "requests": (0..=RECORDS).map(|index| signed_request(&domain, index)).collect::<Vec<_>>(),
        "exchanges": records(|index| { let value = exchange(index); json!({ "encoded": encoded_exchange(&value), "leaf": value.leaf() }) }, json!({ "encoded": encoded_exchange(&Exchange::default()), "leaf": Exchange::default().leaf() })),
        "batches": records(|index| { let value = batch(index); json!({ "encoded": encoded_batch(&value), "hash": value.hash() }) }, json!({ "encoded": encoded_batch(&Batch::default()), "hash": Batch::default().hash() })),
        "charges": records(|index| { let value = charge(index); json!({ "encoded": encoded_charge(&value), "leaf": value.leaf() }) }, json!({ "encoded": encoded_charge(&Charge::default()), "leaf": Charge::default().leaf() })),
        "apps": (0..RECORDS).map(app).collect::<Vec<_>>(),
        "seeds": (0..RECORDS).map(seed_of).collect::<Vec<_>>(),
    })
}

fn records(make: impl Fn(usize) -> Value, empty: Value) -> Vec<Value> {
    std::iter::once(empty).chain((0..RECORDS).map(make)).collect()
}

fn address(label: &str, index: usize) -> Address {
    Address::from_word(hash(label, index))
}

fn program(index: usize) -> Program {
    Program {
        runtime: ["wasmtime-48/x86-64/1", "", "oci/1", "a runtime whose name is longer than one word of 32 bytes"]
            [index]
            .into(),
        artifact_digest: hash("artifact", index),
        interface_name: ["command", "http", "performer", ""][index].into(),
        args_hash: hash("args", index),
        env_hash: hash("env", index),
        limits: limits(index),
        hardware_class: ["", "x86-64", "ünïcödé", "gpu"][index].into(),
        state: hash("state", index),
        egress: hash("egress", index),
        secrets: hash("secrets", index),
        verifier_keys_hash: hash("verifier keys", index),
    }
}

fn limits(index: usize) -> Limits {
    Limits {
        fuel: u64_of("fuel", index),
        memory_bytes: u64_of("memory", index),
        payload_bytes: u64_of("payload bytes", index),
        output_bytes: u64_of("output bytes", index),
        wall_millis: u64_of("wall", index),
        cpu_millis: u64_of("cpu", index),
        pids: u64_of("pids", index) as u32,
    }
}

pub fn request(index: usize) -> Request {
    Request {
        app: AppId(hash("app", index)),
        program_id: ProgramId(hash("program", index)),
        client: ecdsa::address(&secret("client", index)).expect("a hash is a secp256k1 key"),
        nonce: u64_of("nonce", index),
        payload_hash: hash("payload", index),
        time: u64_of("time", index),
        seed_block: u64_of("seed block", index),
        deadline: u64_of("deadline", index),
        max_fee: number("fee", index),
    }
}

fn exchange(index: usize) -> Exchange {
    Exchange {
        request_id: RequestId(hash("request", index)),
        reads_hash: hash("reads", index),
        status: [Status::Ok, Status::Trap, Status::OutOfFuel, Status::OutputTooLarge][index],
        output_hash: hash("output", index),
        pre_state: hash("pre", index),
        post_state: hash("post", index),
    }
}

fn charge(index: usize) -> Charge {
    Charge {
        request_id: RequestId(hash("request", index)),
        client: address("client address", index),
        fee: number("fee", index),
        total: number("total", index),
    }
}

fn batch(index: usize) -> Batch {
    Batch {
        chain_id: number("chain", index),
        registry: address("registry", index),
        app: AppId(hash("app", index)),
        operator_set_id: u64_of("set", index) as u32,
        profile_id: address("profile", index),
        program_id: ProgramId(hash("program", index)),
        lane: u64_of("lane", index) as u32,
        sequence: u64_of("sequence", index),
        parent: BatchHash(hash("parent", index)),
        exchanges_root: hash("exchanges", index),
        exchange_count: u64_of("count", index) as u32,
        fees_root: hash("fees", index),
        inbox_cursor: u64_of("inbox", index),
        data_commitment_x: number("x", index),
        data_commitment_y: number("y", index),
        data_length: u64_of("length", index),
        reference_timestamp: u64_of("reference", index) as u32,
    }
}

fn signed_request(domain: &Domain, index: usize) -> Value {
    let request = request(index);
    let digest = request.digest(domain);
    let signature = ecdsa::sign(digest, &secret("client", index)).expect("a hash is a secp256k1 key");
    json!({
        "encoded": Bytes::from(encoded_request(&request)),
        "id": request.id(),
        "digest": digest,
        "client": request.client,
        "signature": Bytes::from(signature),
    })
}

fn app(index: usize) -> Value {
    let (controller, set) = (address("controller", index), index as u32 + 1);
    json!({ "controller": controller, "operatorSetId": set, "id": AppId::of(U256::from(31_337), controller, set) })
}

fn seed_of(index: usize) -> Value {
    let (request, prevrandao) = (RequestId(hash("request", index)), hash("prevrandao", index));
    json!({ "requestId": request, "prevrandao": prevrandao, "seed": seed::seed(request, Some(prevrandao)) })
}

fn encoded_program(program: &Program) -> Bytes {
    let Limits { fuel, memory_bytes, payload_bytes, output_bytes, wall_millis, cpu_millis, pids } = program.limits;
    let encoded = sol::Program {
        runtime: program.runtime.clone(),
        artifactDigest: program.artifact_digest,
        interfaceName: program.interface_name.clone(),
        argsHash: program.args_hash,
        envHash: program.env_hash,
        limits: sol::Limits {
            fuel,
            memoryBytes: memory_bytes,
            payloadBytes: payload_bytes,
            outputBytes: output_bytes,
            wallMillis: wall_millis,
            cpuMillis: cpu_millis,
            pids,
        },
        hardwareClass: program.hardware_class.clone(),
        state: program.state,
        egress: program.egress,
        secrets: program.secrets,
        verifierKeysHash: program.verifier_keys_hash,
    };
    encoded.abi_encode().into()
}

pub fn encoded_request(request: &Request) -> Vec<u8> {
    let encoded = sol::Request {
        app: request.app.0,
        programId: request.program_id.0,
        client: request.client,
        nonce: request.nonce,
        payloadHash: request.payload_hash,
        time: request.time,
        seedBlock: request.seed_block,
        deadline: request.deadline,
        maxFee: request.max_fee,
    };
    encoded.abi_encode()
}

pub fn encoded_exchange(exchange: &Exchange) -> Bytes {
    let encoded = sol::Exchange {
        requestId: exchange.request_id.0,
        readsHash: exchange.reads_hash,
        status: exchange.status.into(),
        outputHash: exchange.output_hash,
        preState: exchange.pre_state,
        postState: exchange.post_state,
    };
    encoded.abi_encode().into()
}

fn encoded_charge(charge: &Charge) -> Bytes {
    let encoded =
        sol::Charge { requestId: charge.request_id.0, client: charge.client, fee: charge.fee, total: charge.total };
    encoded.abi_encode().into()
}

fn encoded_batch(batch: &Batch) -> Bytes {
    let encoded = sol::Batch {
        chainId: batch.chain_id,
        registry: batch.registry,
        app: batch.app.0,
        operatorSetId: batch.operator_set_id,
        profileId: batch.profile_id,
        programId: batch.program_id.0,
        lane: batch.lane,
        sequence: batch.sequence,
        parent: B256::from(batch.parent),
        exchangesRoot: batch.exchanges_root,
        exchangeCount: batch.exchange_count,
        feesRoot: batch.fees_root,
        inboxCursor: batch.inbox_cursor,
        dataCommitmentX: batch.data_commitment_x,
        dataCommitmentY: batch.data_commitment_y,
        dataLength: batch.data_length,
        referenceTimestamp: batch.reference_timestamp,
    };
    encoded.abi_encode().into()
}
