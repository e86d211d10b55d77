use std::process::ExitCode;

use serde_json::{Value, json};

/// Why a command ended without its result: what was wrong, and what to do next.
#[derive(Debug)]
pub struct Failure(Box<Story>);

/// Boxed, since results carry it everywhere and it is rare.
#[derive(Debug)]
struct Story {
    kind: Kind,
    message: String,
    next: String,
    details: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The input, or what it refers to, is wrong. Exit 1.
    Input,
    /// The chain did not answer. Exit 3.
    Chain,
    /// The gateway or another node did not answer, or refused. Exit 4.
    Node,
    /// This machine lacks something. Exit 5.
    Host,
    /// A receipt, a vector or a program that is checked does not hold. Exit 6.
    Verification,
    /// A fault of this program. Exit 70.
    Bug,
}

impl Failure {
    pub fn input(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Kind::Input, message, next)
    }

    pub fn chain(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Kind::Chain, message, next)
    }

    pub fn node(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Kind::Node, message, next)
    }

    pub fn host(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Kind::Host, message, next)
    }

    pub fn verification(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Kind::Verification, message, next)
    }

    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Kind::Bug, message, "please report this with the command and its output")
    }

    /// Adds machine-readable details to `--json` output.
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    fn new(kind: Kind, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self(Box::new(Story { kind, message: message.into(), next: next.into(), details: Value::Null }))
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn next(&self) -> &str {
        &self.0.next
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.0.kind {
            Kind::Input => 1,
            Kind::Chain => 3,
            Kind::Node => 4,
            Kind::Host => 5,
            Kind::Verification => 6,
            Kind::Bug => 70,
        })
    }

    pub fn view(&self) -> Value {
        let kind = format!("{:?}", self.0.kind).to_lowercase();
        json!({ "error": { "kind": kind, "message": self.0.message, "next": self.0.next, "details": self.0.details } })
    }
}

/// An error and its sources in one line.
pub fn chain_of(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = inner.source();
    }
    line
}
