//! States what a node answers over HTTP
