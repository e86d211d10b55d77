//! What a gateway can say that is not an answer.

use alloy_primitives::Address;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::http::VIEW_BYTES_MAX;
use crate::receipt::tests::{DOMAIN, PAYLOAD, client, receipt, request};

/// A gateway that answers `count` requests with the same status and body, whatever they ask.
async fn gateway(status: u16, body: Vec<u8>, count: usize) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for _ in 0..count {
            let (stream, _) = listener.accept().await.unwrap();
            answer(stream, status, &body).await;
        }
    });
    Client::new(&url, DOMAIN).unwrap()
}

/// A gateway whose apps are free and which wants to be paid all the same; the first lines of what it is asked.
async fn two_minded_gateway() -> (Client, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&asked);
    let zero = U256::ZERO;
    let free = FeeStanding { token: None, per_call: zero, per_page: zero, owed: zero, unpaid: zero, available: zero };
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let question = read(&mut stream).await;
            let line = String::from_utf8_lossy(&question).lines().next().unwrap().to_owned();
            let (status, body) = match () {
                () if line.contains("/fees") => (200, serde_json::to_vec(&free).unwrap()),
                () if line.contains("/clock") => (
                    200,
                    serde_json::to_vec(&Clock { time: 1_000, finalized_block: 1, finalized_timestamp: 1_000 }).unwrap(),
                ),
                () => (402, serde_json::to_vec(&Problem::new(ProblemCode::PaymentRequired, "")).unwrap()),
            };
            lines.lock().unwrap().push(line);
            reply(stream, status, &body).await;
        }
    });
    (Client::new(&url, DOMAIN).unwrap(), asked)
}

#[tokio::test]
async fn a_free_app_is_asked_for_its_price_once_and_again_when_it_wants_to_be_paid() {
    let (gateway, asked) = two_minded_gateway().await;
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(2)).unwrap();
    let call = async |gateway: &Client| {
        let options = CallOptions::default();
        gateway.call(B256::repeat_byte(1), B256::repeat_byte(3), PAYLOAD, &signer, &options).await.unwrap_err()
    };
    let count = |part: &str| asked.lock().unwrap().iter().filter(|line| line.contains(part)).count();
    assert_eq!(call(&gateway).await.problem().unwrap().code, ProblemCode::PaymentRequired);
    assert_eq!((count("/fees"), count("POST")), (1, 1));
    assert_eq!(call(&gateway.clone()).await.problem().unwrap().code, ProblemCode::PaymentRequired);
    assert_eq!(
        (count("/fees"), count("POST")),
        (2, 3),
        "asked again after the refusal alone, and signed for once more"
    );
}

/// Reads one request to its end and answers it.
async fn answer(mut stream: TcpStream, status: u16, body: &[u8]) {
    read(&mut stream).await;
    reply(stream, status, body).await;
}

async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let (mut asked, mut part) = (Vec::new(), vec![0; 65_536]);
    while !is_whole(&asked) {
        let read = stream.read(&mut part).await.unwrap();
        assert_ne!(read, 0, "the client went away in the middle of its request");
        asked.extend_from_slice(&part[..read]);
    }
    asked
}

async fn reply(mut stream: TcpStream, status: u16, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // A client that has read enough closes the connection.
    let _closed = stream.write_all(&[head.as_bytes(), body].concat()).await;
}

fn is_whole(asked: &[u8]) -> bool {
    let text = String::from_utf8_lossy(asked);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn call() -> SignedCall {
    SignedCall::sign(request(), PAYLOAD, &DOMAIN, &client()).unwrap()
}

async fn answered(body: &impl serde::Serialize) -> Result<Receipt, Error> {
    let gateway = gateway(200, serde_json::to_vec(body).unwrap(), 1).await;
    gateway.send(&call(), Duration::from_secs(5)).await
}

fn no_quorum(answers: &[&str]) -> Problem {
    let said = |answer: &&str| Answered { operator: Address::ZERO, answer: (*answer).to_owned() };
    Problem { answered: answers.iter().map(said).collect(), ..Problem::new(ProblemCode::NoQuorum, "") }
}

#[tokio::test]
async fn an_honest_answer_is_handed_out() {
    assert_eq!(answered(&receipt()).await.unwrap(), receipt());
}

#[tokio::test]
async fn a_true_receipt_of_another_request_is_no_answer() {
    let other = SignedCall::sign(Request { nonce: 6, ..request() }, PAYLOAD, &DOMAIN, &client()).unwrap();
    let gateway = gateway(200, serde_json::to_vec(&receipt()).unwrap(), 2).await;
    let error = gateway.send(&other, Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, Error::Lie(Lie::AnotherRequest { .. })), "{error}");
    let error = gateway.receipt(B256::repeat_byte(7)).await.unwrap_err();
    assert!(matches!(error, Error::Lie(Lie::AnotherRequest { .. })), "{error}");
}

#[tokio::test]
async fn a_receipt_with_another_output_is_no_answer() {
    let mut forged = receipt();
    forged.output = Bytes::from_static(b"hello, thief");
    let error = answered(&forged).await.unwrap_err();
    assert!(matches!(error, Error::Lie(Lie::Output { .. })), "{error}");
}

#[tokio::test]
async fn what_is_no_receipt_is_named() {
    let error = answered(&json!({ "request": 1 })).await.unwrap_err();
    assert!(matches!(error, Error::BadAnswer { what: "a receipt", .. }), "{error}");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let gateway = gateway(200, vec![b' '; VIEW_BYTES_MAX + 1], 1).await;
    assert!(matches!(gateway.apps().await, Err(Error::TooLarge { bytes_max: VIEW_BYTES_MAX })));
}

#[tokio::test]
async fn a_refusal_keeps_the_gateways_reason() {
    let problem = Problem::new(ProblemCode::WrongSignature, "not yours");
    let refusing = gateway(400, serde_json::to_vec(&problem).unwrap(), 1).await;
    let error = refusing.send_patiently(&call(), Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.problem(), Some(&problem));
    let speechless = gateway(502, b"bad gateway".to_vec(), 1).await;
    assert!(matches!(speechless.status().await, Err(Error::BadAnswer { what: "a refusal", .. })));
}

#[tokio::test]
async fn the_last_answer_in_time_is_told_and_not_hidden_by_another_try() {
    let problem = no_quorum(&["signed", "no answer in time"]);
    let gateway = gateway(504, serde_json::to_vec(&problem).unwrap(), 1).await;
    let error = gateway.send_patiently(&call(), RETRY_INTERVAL / 2).await.unwrap_err();
    assert_eq!(error.problem(), Some(&problem));
}

#[tokio::test]
async fn nothing_too_large_is_sent() {
    let large = SignedCall { payload: vec![0; PAYLOAD_BYTES_MAX + 1].into(), ..call() };
    let gateway = Client::new("http://127.0.0.1:1", DOMAIN).unwrap();
    let error = gateway.send(&large, Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(error, Error::PayloadTooLarge { .. }), "{error}");
    assert!(matches!(gateway.status().await, Err(Error::Unreachable { .. })));
}

#[test]
fn only_what_time_changes_is_asked_again() {
    assert!(needs_time(&Problem::new(ProblemCode::Busy, "")));
    assert!(needs_time(&no_quorum(&["answered 0x01", "no answer in time"])));
    assert!(!needs_time(&no_quorum(&["answered 0x01", "answered 0x02", "refused: the request has expired"])));
    assert!(!needs_time(&Problem::new(ProblemCode::WrongSignature, "")));
}

#[test]
fn addresses_that_are_none_are_refused() {
    for url in ["", "localhost:80", "ftp://localhost", "http://"] {
        assert!(matches!(Client::new(url, DOMAIN), Err(Error::InvalidUrl { .. })), "{url}");
    }
    for url in ["http://node.example:7000", "http://10.0.0.1", "http://127.0.0.1.example"] {
        assert!(matches!(Client::new(url, DOMAIN), Err(Error::InTheClear { .. })), "{url}");
    }
}
