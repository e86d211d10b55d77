use vouch_chain::network::{App, Release};
use vouch_core::{OperatorTable, VerifiedCertificate};

use super::{CheckedReceipt, Lie};

/// What the chain says about the app, the release and the operators that a receipt names.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub app: &'a App,
    pub release: &'a Release,
    /// The set's table of the batch's reference timestamp.
    pub table: &'a OperatorTable,
}

/// Checks a receipt against the chain's facts: a quorum of the app's own operators signed it.
///
/// # Errors
/// Names the first check that failed.
pub fn check_facts(receipt: &CheckedReceipt, facts: &Facts<'_>) -> Result<VerifiedCertificate, Lie> {
    check_app(receipt, facts)?;
    check_program(receipt, facts)?;
    let verified = receipt.certificate.clone().verify(facts.table.summary()).map_err(Lie::Certificate)?;
    let threshold_bips = facts.app.threshold_bips;
    if verified.reaches(threshold_bips) {
        return Ok(verified);
    }
    let (signed, total) = (verified.signed_weights()[0], facts.table.totals()[0]);
    Err(Lie::ThresholdNotReached { signed, total, threshold_bips })
}

fn check_app(receipt: &CheckedReceipt, facts: &Facts<'_>) -> Result<(), Lie> {
    let (batch, app) = (&receipt.batch, facts.app);
    if facts.release.app != batch.app || app.id != batch.app {
        let (expected, found) = (batch.app.0, facts.release.app.0);
        return Err(Lie::ReleaseOfAnotherApp { program: batch.program_id.0, expected, found });
    }
    if batch.operator_set_id != app.operator_set_id {
        return Err(Lie::AnotherSet { expected: app.operator_set_id, found: batch.operator_set_id });
    }
    if batch.profile_id != app.profile {
        return Err(Lie::AnotherProfile { expected: app.profile, found: batch.profile_id });
    }
    Ok(())
}

/// What the program cannot have done is not in its answer.
fn check_program(receipt: &CheckedReceipt, facts: &Facts<'_>) -> Result<(), Lie> {
    let (exchange, program) = (&receipt.exchange, &facts.release.program);
    if program.egress.is_zero() && !exchange.reads_hash.is_zero() {
        return Err(Lie::ReadsWithoutEgress);
    }
    let stateless = exchange.pre_state.is_zero() && exchange.post_state.is_zero();
    if program.state.is_zero() && !stateless {
        return Err(Lie::StateOfStateless);
    }
    Ok(())
}
