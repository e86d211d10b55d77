//! Certificates of strangers.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;
mod kit;

use vouch_da::wire::Certificate;

#[test]
fn availability_certificates() {
    let seeds = kit::VERSIONS.map(|version| kit::certificate(version).encode()).to_vec();
    fuzz!("availability_certificates", seeds, |bytes| {
        let Ok(certificate) = Certificate::decode(bytes) else { return false };
        assert_eq!(certificate.encode(), bytes);
        drop(certificate.check());
        true
    });
}
