//! From the protocol's types to those of the ABI and back. Nothing else in the crate knows both.

use alloy_primitives::{Bytes, U256};
use vouch_core::bls::{PublicKeyG1, PublicKeyG2, Signature};
use vouch_core::{
    AppId, Batch, Certificate, Charge, Exchange, Limits, NonSignerWitness, OperatorInfo, Program, ProgramId, Request,
};

use crate::bindings::{
    app_controller, batch_registry, equivocation_slasher, fee_vault, forced_inbox, gateway_bonds, verifier, wager,
};
use crate::error::Error;
use crate::network::Settlement;

/// Conversions into the structs of one binding: the ABI gives every interface its own copies.
macro_rules! witness_conversions {
    ($($module:ident),*) => {
        $(
            impl From<&PublicKeyG1> for $module::BN254::G1Point {
                fn from(key: &PublicKeyG1) -> Self {
                    let [x, y] = key.to_words();
                    Self { X: x, Y: y }
                }
            }

            impl From<&OperatorInfo> for $module::IBN254CertificateVerifierTypes::BN254OperatorInfo {
                fn from(info: &OperatorInfo) -> Self {
                    Self { pubkey: (&info.pubkey).into(), weights: info.weights.clone() }
                }
            }

            impl From<&NonSignerWitness> for $module::IBN254CertificateVerifierTypes::BN254OperatorInfoWitness {
                fn from(witness: &NonSignerWitness) -> Self {
                    Self {
                        operatorIndex: witness.index,
                        operatorInfoProof: siblings(witness),
                        operatorInfo: (&witness.info).into(),
                    }
                }
            }
        )*
    };
}

macro_rules! certificate_conversions {
    ($($module:ident),*) => {
        $(
            impl From<&Signature> for $module::BN254::G1Point {
                fn from(signature: &Signature) -> Self {
                    let [x, y] = signature.to_words();
                    Self { X: x, Y: y }
                }
            }

            impl From<&PublicKeyG2> for $module::BN254::G2Point {
                fn from(key: &PublicKeyG2) -> Self {
                    let [a, b, c, d] = key.to_words();
                    Self { X: [a, b], Y: [c, d] }
                }
            }

            impl From<&Certificate> for $module::IBN254CertificateVerifierTypes::BN254Certificate {
                fn from(certificate: &Certificate) -> Self {
                    Self {
                        referenceTimestamp: certificate.reference_timestamp,
                        messageHash: certificate.message_hash.0,
                        signature: (&certificate.signature).into(),
                        apk: (&certificate.apk).into(),
                        nonSignerWitnesses: certificate.non_signers.iter().map(Into::into).collect(),
                    }
                }
            }
        )*
    };
}

macro_rules! batch_conversions {
    ($($batch:path),*) => {
        $(impl From<&Batch> for $batch {
            fn from(batch: &Batch) -> Self {
                Self {
                    chainId: batch.chain_id,
                    registry: batch.registry,
                    app: batch.app.0,
                    operatorSetId: batch.operator_set_id,
                    profileId: batch.profile_id,
                    programId: batch.program_id.0,
                    lane: batch.lane,
                    sequence: batch.sequence,
                    parent: batch.parent.0,
                    exchangesRoot: batch.exchanges_root,
                    exchangeCount: batch.exchange_count,
                    feesRoot: batch.fees_root,
                    inboxCursor: batch.inbox_cursor,
                    dataCommitmentX: batch.data_commitment_x,
                    dataCommitmentY: batch.data_commitment_y,
                    dataLength: batch.data_length,
                    referenceTimestamp: batch.reference_timestamp,
                }
            }
        })*
    };
}

macro_rules! request_conversions {
    ($($request:path),*) => {
        $(impl From<&Request> for $request {
            fn from(request: &Request) -> Self {
                Self {
                    app: request.app.0,
                    programId: request.program_id.0,
                    client: request.client,
                    nonce: request.nonce,
                    payloadHash: request.payload_hash,
                    time: request.time,
                    seedBlock: request.seed_block,
                    deadline: request.deadline,
                    maxFee: request.max_fee,
                }
            }
        })*
    };
}

witness_conversions!(batch_registry, equivocation_slasher, fee_vault, verifier);
certificate_conversions!(batch_registry, equivocation_slasher, verifier);
batch_conversions!(
    batch_registry::Batch,
    equivocation_slasher::Batch,
    fee_vault::Batch,
    gateway_bonds::Batch,
    wager::Batch
);
request_conversions!(batch_registry::Request, fee_vault::Request, wager::Request);

/// From the leaf's level upwards, one after the other.
fn siblings(witness: &NonSignerWitness) -> Bytes {
    witness.siblings.iter().flat_map(|sibling| sibling.0).collect()
}

impl TryFrom<verifier::IBN254CertificateVerifierTypes::BN254OperatorInfo> for OperatorInfo {
    type Error = Error;

    fn try_from(info: verifier::IBN254CertificateVerifierTypes::BN254OperatorInfo) -> Result<Self, Error> {
        Ok(Self { pubkey: key_g1(info.pubkey.X, info.pubkey.Y)?, weights: info.weights })
    }
}

/// A public key that the chain has checked; an endpoint may still have invented it.
pub(crate) fn key_g1(x: U256, y: U256) -> Result<PublicKeyG1, Error> {
    PublicKeyG1::from_words([x, y]).map_err(|source| Error::inconsistent("a public key on G1", source))
}

/// As [`key_g1`], on G2.
pub(crate) fn key_g2(x: [U256; 2], y: [U256; 2]) -> Result<PublicKeyG2, Error> {
    PublicKeyG2::from_words([x[0], x[1], y[0], y[1]])
        .map_err(|source| Error::inconsistent("a public key on G2", source))
}

impl From<&Exchange> for wager::Exchange {
    fn from(exchange: &Exchange) -> Self {
        Self {
            requestId: exchange.request_id.0,
            readsHash: exchange.reads_hash,
            status: exchange.status.into(),
            outputHash: exchange.output_hash,
            preState: exchange.pre_state,
            postState: exchange.post_state,
        }
    }
}

impl From<&Settlement> for fee_vault::IFeeVault::Settlement {
    fn from(settlement: &Settlement) -> Self {
        Self {
            batch: (&settlement.batch).into(),
            charge: (&settlement.charge).into(),
            index: settlement.index,
            proof: settlement.proof.clone(),
            request: (&settlement.request).into(),
            clientSignature: settlement.signature.clone(),
        }
    }
}

impl From<&Charge> for fee_vault::Charge {
    fn from(charge: &Charge) -> Self {
        Self { requestId: charge.request_id.0, client: charge.client, fee: charge.fee, total: charge.total }
    }
}

impl From<&Program> for app_controller::Program {
    fn from(program: &Program) -> Self {
        Self {
            runtime: program.runtime.clone(),
            artifactDigest: program.artifact_digest,
            interfaceName: program.interface_name.clone(),
            argsHash: program.args_hash,
            envHash: program.env_hash,
            limits: (&program.limits).into(),
            hardwareClass: program.hardware_class.clone(),
            state: program.state,
            egress: program.egress,
            secrets: program.secrets,
            verifierKeysHash: program.verifier_keys_hash,
        }
    }
}

impl From<app_controller::Program> for Program {
    fn from(program: app_controller::Program) -> Self {
        Self {
            runtime: program.runtime,
            artifact_digest: program.artifactDigest,
            interface_name: program.interfaceName,
            args_hash: program.argsHash,
            env_hash: program.envHash,
            limits: program.limits.into(),
            hardware_class: program.hardwareClass,
            state: program.state,
            egress: program.egress,
            secrets: program.secrets,
            verifier_keys_hash: program.verifierKeysHash,
        }
    }
}

impl From<&Limits> for app_controller::Limits {
    fn from(limits: &Limits) -> Self {
        Self {
            fuel: limits.fuel,
            memoryBytes: limits.memory_bytes,
            payloadBytes: limits.payload_bytes,
            outputBytes: limits.output_bytes,
            wallMillis: limits.wall_millis,
            cpuMillis: limits.cpu_millis,
            pids: limits.pids,
        }
    }
}

impl From<app_controller::Limits> for Limits {
    fn from(limits: app_controller::Limits) -> Self {
        Self {
            fuel: limits.fuel,
            memory_bytes: limits.memoryBytes,
            payload_bytes: limits.payloadBytes,
            output_bytes: limits.outputBytes,
            wall_millis: limits.wallMillis,
            cpu_millis: limits.cpuMillis,
            pids: limits.pids,
        }
    }
}

/// The interfaces' own copies of the structs that they share, made from the AppController's and the Wager's.
impl From<&Program> for forced_inbox::Program {
    fn from(program: &Program) -> Self {
        let program = app_controller::Program::from(program);
        let limits = program.limits;
        Self {
            runtime: program.runtime,
            artifactDigest: program.artifactDigest,
            interfaceName: program.interfaceName,
            argsHash: program.argsHash,
            envHash: program.envHash,
            limits: forced_inbox::Limits {
                fuel: limits.fuel,
                memoryBytes: limits.memoryBytes,
                payloadBytes: limits.payloadBytes,
                outputBytes: limits.outputBytes,
                wallMillis: limits.wallMillis,
                cpuMillis: limits.cpuMillis,
                pids: limits.pids,
            },
            hardwareClass: program.hardwareClass,
            state: program.state,
            egress: program.egress,
            secrets: program.secrets,
            verifierKeysHash: program.verifierKeysHash,
        }
    }
}

impl From<forced_inbox::Request> for Request {
    fn from(request: forced_inbox::Request) -> Self {
        Self {
            app: AppId(request.app),
            program_id: ProgramId(request.programId),
            client: request.client,
            nonce: request.nonce,
            payload_hash: request.payloadHash,
            time: request.time,
            seed_block: request.seedBlock,
            deadline: request.deadline,
            max_fee: request.maxFee,
        }
    }
}
