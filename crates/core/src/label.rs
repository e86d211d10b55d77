use std::fmt;

use crate::types::Program;

/// What an answer rests on, in words for users; never more than holds. `VouchConsumer` says the same of what it accepts.
///
/// ```
/// use vouch_core::{Label, Program};
///
/// let program = Program { runtime: "oci-1/x86-64/1".into(), interface_name: "command".into(), ..Program::default() };
/// assert_eq!(Label::of(&program), Label::Accepters);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// A WebAssembly command: one input has one certifiable answer, which anyone can compute again.
    Uninsured,
    /// A container's command: only operators that accepted the very program stand behind it.
    Accepters,
    /// Whatever may carry something from one request to the next, or into one from outside.
    Attested,
}

impl Label {
    /// The label of a program's answers.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let pure = program.state.is_zero() && program.egress.is_zero() && program.secrets.is_zero();
        match (pure && program.interface_name == "command", program.is_wasm()) {
            (true, true) => Self::Uninsured,
            (true, false) => Self::Accepters,
            (false, _) => Self::Attested,
        }
    }

    /// The words; `docs/glossary.md` has the same.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uninsured => "uninsured until adjudication exists",
            Self::Accepters => "only the operators that accepted this program; uninsured until adjudication exists",
            Self::Attested => "attested only: a quorum says so, and nobody is slashed for a wrong output",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    fn program(runtime: &str, interface_name: &str) -> Program {
        Program { runtime: runtime.into(), interface_name: interface_name.into(), ..Program::default() }
    }

    #[test]
    fn a_label_says_no_more_than_holds() {
        let cases = [
            ("wasmtime-48/x86-64/1", "command", Label::Uninsured),
            ("oci-1/x86-64/1", "command", Label::Accepters),
            ("a runtime of another day", "command", Label::Accepters),
            ("oci-1/x86-64/1", "http", Label::Attested),
            ("oci-1/x86-64/1", "performer", Label::Attested),
            ("wasmtime-48/x86-64/1", "http", Label::Attested),
            ("wasmtime-48/x86-64/1", "performer", Label::Attested),
        ];
        for (runtime, interface, expected) in cases {
            assert_eq!(Label::of(&program(runtime, interface)), expected, "{runtime} {interface}");
        }
    }

    #[test]
    fn what_comes_from_elsewhere_is_attested_only() {
        let plain = program("wasmtime-48/x86-64/1", "command");
        let some = B256::repeat_byte(1);
        let others = [
            Program { state: some, ..plain.clone() },
            Program { egress: some, ..plain.clone() },
            Program { secrets: some, ..plain },
        ];
        for program in others {
            assert_eq!(Label::of(&program), Label::Attested, "{program:?}");
        }
    }

    #[test]
    fn the_glossary_has_the_same_words() {
        let glossary = include_str!("../../../docs/glossary.md");
        for label in [Label::Uninsured, Label::Accepters, Label::Attested] {
            assert!(glossary.contains(label.as_str()), "{label}");
        }
    }
}
