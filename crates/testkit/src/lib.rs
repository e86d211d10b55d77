//! Runs a small cloud and its adversaries for tests
