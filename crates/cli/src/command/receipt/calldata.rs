use std::path::PathBuf;

use alloy::dyn_abi::{DynSolType, DynSolValue, JsonAbiExt, Specifier};
use alloy::json_abi::Function;
use alloy::sol_types::{SolCall, SolValue};
use alloy_primitives::{Bytes, hex};
use serde_json::json;
use vouch_api::Receipt;
use vouch_chain::bindings::wager;

use super::read_receipt;
use crate::context::lie_failure;
use crate::failure::Failure;
use crate::output::Output;

/// What stands in a signature for the answer: the struct's name in Solidity.
const ANSWER: &str = "CertifiedExchange";
/// The longest signature; a function of a contract has a few dozen characters.
const SIGNATURE_BYTES_MAX: usize = 1_024;
const EXAMPLE: &str = "give the function as Solidity declares it, for instance 'settle(uint256,CertifiedExchange)'";

#[derive(clap::Args)]
pub struct Arguments {
    /// A receipt's file
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The contract's function, such as 'settle(uint256,CertifiedExchange)'
    #[arg(value_name = "FUNCTION")]
    function: String,
    /// Its other arguments, in order
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let receipt = read_receipt(&arguments.receipt)?;
    let (function, calldata) = encode(&receipt, &arguments.function, &arguments.arguments)?;
    let view = json!({
        "function": function.signature(), "selector": hex::encode_prefixed(function.selector()), "calldata": calldata,
    });
    output.data(&view, |_| calldata.to_string());
    Ok(())
}

/// The call of a contract's function that takes the answer, and `others` wherever it takes something else.
fn encode(receipt: &Receipt, signature: &str, others: &[String]) -> Result<(Function, Bytes), Failure> {
    let (name, answer_type) = answer_type()?;
    let function = parse(signature, &name)?;
    let answer = answer(receipt, &answer_type)?;
    let (mut others, mut values) = (others.iter(), Vec::with_capacity(function.inputs.len()));
    for input in &function.inputs {
        let kind = input.resolve().map_err(|error| Failure::input(format!("{input}: {error}"), EXAMPLE))?;
        values.push(if kind == answer_type { answer.clone() } else { coerce(&kind, others.next())? });
    }
    if !values.contains(&answer) {
        return Err(Failure::input(format!("`{signature}` takes no {ANSWER}"), EXAMPLE));
    }
    if let Some(surplus) = others.next() {
        return Err(Failure::input(format!("`{signature}` has no argument for `{surplus}`"), "leave it out"));
    }
    let calldata = function.abi_encode_input(&values).map_err(|error| Failure::bug(error.to_string()))?;
    Ok((function, calldata.into()))
}

/// What the struct is in a selector, as the compiler's ABI of the example consumer has it.
fn answer_type() -> Result<(String, DynSolType), Failure> {
    let show = Function::parse(wager::showCall::SIGNATURE).map_err(|error| Failure::bug(error.to_string()))?;
    let input = show.inputs.last().ok_or_else(|| Failure::bug("the example consumer takes no answer"))?;
    let kind = input.resolve().map_err(|error| Failure::bug(error.to_string()))?;
    Ok((input.selector_type().into_owned(), kind))
}

fn parse(signature: &str, answer_type: &str) -> Result<Function, Failure> {
    if signature.len() > SIGNATURE_BYTES_MAX {
        let message =
            format!("the function has {} characters, at most {SIGNATURE_BYTES_MAX} are read", signature.len());
        return Err(Failure::input(message, EXAMPLE));
    }
    Function::parse(&signature.replace(ANSWER, answer_type))
        .map_err(|_| Failure::input(format!("`{signature}` is no signature of a function"), EXAMPLE))
}

fn answer(receipt: &Receipt, kind: &DynSolType) -> Result<DynSolValue, Failure> {
    let certified = vouch_sdk::certified_exchange(receipt).map_err(|lie| lie_failure(&lie))?;
    kind.abi_decode(&certified.abi_encode()).map_err(|error| Failure::bug(error.to_string()))
}

fn coerce(kind: &DynSolType, text: Option<&String>) -> Result<DynSolValue, Failure> {
    let Some(text) = text else {
        return Err(Failure::input(format!("an argument of type {kind} is missing"), "give it after the function"));
    };
    kind.coerce_str(text).map_err(|error| Failure::input(format!("`{text}` is no {kind}: {error}"), "correct it"))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    fn receipt() -> Receipt {
        serde_json::from_str(include_str!("total.receipt.json")).unwrap()
    }

    fn refused(signature: &str, arguments: &[&str]) -> String {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        encode(&receipt(), signature, &arguments).unwrap_err().message().to_owned()
    }

    /// Against the codec that the compiler's ABI of the example consumer generates.
    #[test]
    fn a_contract_reads_what_is_encoded() {
        let (_, calldata) = encode(&receipt(), "show(uint256,CertifiedExchange)", &["7".to_owned()]).unwrap();
        let call = wager::showCall::abi_decode(&calldata).unwrap();
        assert_eq!(call.number, U256::from(7));
        assert_eq!(call.certified, vouch_sdk::certified_exchange(&receipt()).unwrap());
    }

    #[test]
    fn a_signature_may_be_copied_from_solidity() {
        let copied = "function show(uint256 number, CertifiedExchange calldata certified) external";
        let (function, _) = encode(&receipt(), copied, &["7".to_owned()]).unwrap();
        assert_eq!(function.selector(), wager::showCall::SELECTOR);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(refused("show", &[]).contains("no signature"));
        assert!(refused("show(uint256)", &["7"]).contains("takes no CertifiedExchange"));
        assert!(refused("show(uint256,CertifiedExchange)", &[]).contains("uint256 is missing"));
        assert!(refused("show(uint256,CertifiedExchange)", &["seven"]).contains("`seven` is no uint256"));
        assert!(refused("show(CertifiedExchange)", &["7"]).contains("no argument for `7`"));
        assert!(refused(&"x".repeat(SIGNATURE_BYTES_MAX + 1), &[]).contains("at most"));
    }
}
