//! Reads finalized chain state, sends transactions and keeps keys
