//! Writes the golden files of `vectors/`: `cargo run -p vouch-coding --example make_vectors -- vectors`.
//!
//! Structs stand there as `abi.encode` writes them, made by alloy from the Solidity declarations and not by the code that
//! the files test, so that Solidity decodes and hashes them itself. Everything follows from fixed labels: two runs write
//! the same bytes.

#[path = "make_vectors/mod.rs"]
mod make;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: make_vectors FOLDER")?;
    for (name, content) in make::files() {
        std::fs::write(std::path::Path::new(&folder).join(name), content)?;
    }
    Ok(())
}
