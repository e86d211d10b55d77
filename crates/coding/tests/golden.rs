//! The golden files of `vectors/` say what this build says. Solidity reads the same files in
//! `contracts/test/vectors/Vectors.t.sol`.

#[path = "../examples/make_vectors/mod.rs"]
mod make;

use std::path::Path;

#[test]
fn committed_vectors_are_what_this_build_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    for (name, content) in make::files() {
        let committed = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            committed == content,
            "{name} differs; if the protocol was changed on purpose: cargo run -p vouch-coding --example make_vectors -- vectors"
        );
    }
}
