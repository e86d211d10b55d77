//! Turns payloads into blobs and commits to them
