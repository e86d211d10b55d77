//! Cases that every driver must pass.
