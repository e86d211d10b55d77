//! Names, hashes and verifies everything that Vouch signs
