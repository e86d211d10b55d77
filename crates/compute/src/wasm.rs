//! The WebAssembly engine: every input has exactly one certifiable leaf.

/// The runtime id of this driver: engine line, compilation target, version of the settings in [`engine`].
pub const RUNTIME: &str = "wasmtime-48/x86-64/1";
