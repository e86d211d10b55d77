//! Bodies and headers of HTTP that a stranger sends.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use serde::Serialize;
use serde::de::DeserializeOwned;
use vouch_api::{CallRequest, Explanation, Health, Problem, ProblemCode, Receipt, TraceParent, Wanted};

const RECEIPT: &[u8] = include_bytes!("../../cli/src/command/receipt/total.receipt.json");

/// Whether `bytes` are a `T`; what was read is written as something that reads the same.
fn reads_back<T: Serialize + DeserializeOwned + std::fmt::Debug>(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else { return false };
    let text = serde_json::to_string(&value).unwrap();
    let again: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    true
}

fn call() -> Vec<u8> {
    let receipt: Receipt = serde_json::from_slice(RECEIPT).unwrap();
    let call = CallRequest {
        request: receipt.request,
        client_signature: receipt.client_signature,
        payload: b"hello".as_slice().into(),
    };
    serde_json::to_vec(&call).unwrap()
}

#[test]
fn calls() {
    fuzz!("calls", vec![call()], reads_back::<CallRequest>);
}

#[test]
fn receipts() {
    fuzz!("receipts", vec![RECEIPT.to_vec()], |bytes| {
        if let Ok(receipt) = serde_json::from_slice::<Receipt>(bytes) {
            // What the conversions take, they give back.
            if let Ok(exchange) = vouch_core::Exchange::try_from(receipt.exchange.clone()) {
                assert_eq!(vouch_api::Exchange::from(&exchange), receipt.exchange);
            }
            if let Ok(certificate) = vouch_core::Certificate::try_from(receipt.certificate.clone()) {
                assert_eq!(vouch_api::Certificate::from(&certificate), receipt.certificate);
            }
        }
        reads_back::<Receipt>(bytes)
    });
}

#[test]
fn problems() {
    let problem = Problem::new(ProblemCode::PayloadTooLarge, "the payload has 9 bytes, the program takes 8");
    fuzz!("problems", vec![serde_json::to_vec(&problem).unwrap()], reads_back::<Problem>);
}

#[test]
fn views() {
    fuzz!("views", Vec::new(), |bytes| reads_back::<Health>(bytes) || reads_back::<Explanation>(bytes));
}

#[test]
fn trace_parents() {
    let seed = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_vec();
    fuzz!("trace_parents", vec![seed], |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let Ok(parent) = text.parse::<TraceParent>() else { return false };
        assert_eq!(parent.to_string().parse::<TraceParent>(), Ok(parent));
        true
    });
}

#[test]
fn wanted() {
    let seeds = ["0x0af76519", "1/20", "0x0af76519/1/20"].map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz!("wanted", seeds, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let Ok(wanted) = text.parse::<Wanted>() else { return false };
        assert_eq!(wanted.to_string().parse::<Wanted>(), Ok(wanted));
        true
    });
}
