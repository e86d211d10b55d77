//! Runs programs and turns their answers into certificates.
//!
//! Reading order: [`program`] says what runs, [`artifact`] keeps the bytes, [`driver`] is the trait every engine
//! implements, [`wasm`] is the WebAssembly engine, [`oci`] runs containers. [`executor`] and [`gateway`] are the two roles of the
//! protocol; what they use of their [`machine`], the chain and each other is passed in.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod artifact;
pub mod driver;
pub mod evidence;
pub mod executor;
pub mod fees;
pub mod gateway;
pub mod lane;
pub mod machine;
pub mod observe;
pub mod oci;
pub mod program;
pub mod quorum;
mod request;
pub mod store;
pub mod wasm;
pub mod wire;
