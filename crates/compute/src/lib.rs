//! Runs programs and turns their answers into certificates.
//!
//! Reading order: [`program`] says what runs, [`artifact`] keeps the bytes, [`driver`] is the trait every engine
//! implements, [`wasm`] is the WebAssembly engine.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod artifact;
pub mod driver;
pub mod program;
pub mod wasm;
