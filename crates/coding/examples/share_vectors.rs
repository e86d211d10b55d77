//! Writes a fresh `shares.json`: `cargo run -p vouch-coding --example share_vectors -- SEED FOLDER ROWS`. The seed is any text; it is
//! printed, and the same one writes the same file.

use std::path::Path;

use alloy_primitives::keccak256;
use vouch_coding::vectors::shares_file;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seed, folder, rows] = arguments.as_slice() else {
        return Err("usage: share_vectors SEED FOLDER ROWS".into());
    };
    let file = Path::new(folder).join("shares.json");
    println!("{}: seed {seed}, {rows} rows", file.display());
    std::fs::create_dir_all(folder)?;
    std::fs::write(file, shares_file(keccak256(seed), rows.parse()?))?;
    Ok(())
}
