//! The chess referee as a command: payload on stdin, the ABI-encoded verdict on stdout. Malformed input is exit status 1
//! with the reason on stderr and nothing on stdout; it says nothing about any game.
mod input;
mod json;
mod referee;
mod rules;
mod typed_data;

use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<(), String> {
    let mut payload = Vec::new();
    let bound = input::PAYLOAD_BYTES_MAX as u64 + 1; // One more, so that what is too long is seen to be.
    io::stdin().lock().take(bound).read_to_end(&mut payload).map_err(|e| format!("cannot read the payload: {e}"))?;
    let verdict = referee::judge(&input::parse(&payload)?);
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(&verdict.encode())
        .and_then(|()| stdout.flush())
        .map_err(|e| format!("cannot write the verdict: {e}"))
}
