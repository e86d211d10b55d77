//! Calls Vouch apps and verifies their receipts
