//! What executor and supervisor say to each other while a container is kept: requests one way, words the other.
//!
//! Each is a length in four bytes, least significant first, and that many bytes of JSON, which say how many bytes of payload
//! or output follow. The two are the same program, so the format need not last.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::Instant,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{super::wire::Report, Interface, ServiceSettings};
use crate::limits::Usage;

/// The longest JSON: the end of what a program said, with every byte escaped, fits.
const HEAD_BYTES_MAX: usize = 1 << 20;
/// The most that limits allow a payload or an output to have.
const BODY_BYTES_MAX: usize = 64 << 20;

/// How a container is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::container) struct ServiceJob {
    pub interface: Interface,
    pub port: u16,
    pub ready_millis: u64,
}

impl ServiceJob {
    pub(super) fn new(interface: Interface, settings: &ServiceSettings) -> Self {
        Self { interface, port: settings.port, ready_millis: settings.ready_millis }
    }
}

/// A request's head; the payload follows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RequestHead {
    pub time: u64,
    pub seed: [u8; 32],
    pub task_id: [u8; 32],
    payload_bytes: usize,
}

/// A request as the supervisor has it.
#[derive(Debug)]
pub(super) struct Request {
    pub head: RequestHead,
    pub payload: Vec<u8>,
}

/// What a supervisor says of its container.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// Requests can come.
    Ready,
    /// The program answered; if it said why not, with a trap. The output follows.
    Answer { trap: Option<String>, usage: Usage, log: String, output_bytes: usize },
    /// The container is about to end, if for this reason then by the supervisor's hand. The report comes next.
    Last { verdict: Option<Verdict>, log: String },
}

/// Why a container is not kept any longer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Verdict {
    /// What it answered cannot be understood, or broke off.
    Broken(String),
    /// The answer exceeds the limit.
    OutputTooLarge,
    /// It ended, or could not be reached, before it was asked: another container may be.
    NotAsked(String),
    /// It did not become ready in time.
    NotReady(String),
}

/// All that a supervisor can say.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Said {
    Report(Report),
    Word(Word),
}

/// Says a request's head. The payload follows, which is not copied for it.
pub(super) fn send_request(
    socket: &mut UnixStream,
    time: u64,
    seed: [u8; 32],
    task_id: [u8; 32],
    payload: &[u8],
) -> io::Result<()> {
    socket.write_all(&head(&RequestHead { time, seed, task_id, payload_bytes: payload.len() })?)?;
    socket.write_all(payload)
}

/// The bytes of a word without its output.
pub(super) fn head(word: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(word).map_err(io::Error::other)?;
    let length = u32::try_from(bounded("a head", json.len(), HEAD_BYTES_MAX)?).map_err(io::Error::other)?;
    Ok([&length.to_le_bytes()[..], &json].concat())
}

/// Reads what the supervisor says next, and the output that comes with it.
pub(super) fn read_said(socket: &mut UnixStream, deadline: Instant) -> io::Result<(Said, Vec<u8>)> {
    let mut socket = Until { socket, deadline };
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut json = vec![0; head_length(length)?];
    socket.read_exact(&mut json)?;
    let said = parse(&json)?;
    let output_bytes = if let Said::Word(Word::Answer { output_bytes, .. }) = said { output_bytes } else { 0 };
    let mut output = vec![0; bounded("an output", output_bytes, BODY_BYTES_MAX)?];
    socket.read_exact(&mut output)?;
    Ok((said, output))
}

/// Reads the next request; none if the executor wants no more.
pub(super) async fn read_request(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Request>> {
    let mut length = [0; 4];
    if let Err(error) = socket.read_exact(&mut length).await {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let mut json = vec![0; head_length(length)?];
    socket.read_exact(&mut json).await?;
    let head: RequestHead = parse(&json)?;
    let mut payload = vec![0; bounded("a payload", head.payload_bytes, BODY_BYTES_MAX)?];
    socket.read_exact(&mut payload).await?;
    Ok(Some(Request { head, payload }))
}

fn head_length(length: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    bounded("a head", length, HEAD_BYTES_MAX)
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> io::Result<T> {
    serde_json::from_slice(json).map_err(io::Error::other)
}

fn bounded(what: &str, bytes: usize, max: usize) -> io::Result<usize> {
    if bytes > max { Err(io::Error::other(format!("{what} of {bytes} bytes is above {max}"))) } else { Ok(bytes) }
}

/// A socket that is read until a point in time.
struct Until<'a> {
    socket: &'a mut UnixStream,
    deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{container::wire::Ended, fuzz};
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_word_comes_with_its_output_and_nothing_too_long_is_read() {
        let (mut theirs, mut ours) = UnixStream::pair().unwrap();
        let answer = Word::Answer { trap: None, usage: Usage::default(), log: "said".into(), output_bytes: 3 };
        theirs.write_all(&head(&answer).unwrap()).unwrap();
        theirs.write_all(b"abc").unwrap();
        let (said, output) = read_said(&mut ours, soon()).unwrap();
        assert!(matches!(said, Said::Word(Word::Answer { log, .. }) if log == "said"));
        assert_eq!(output, b"abc");
        theirs.write_all(&u32::MAX.to_le_bytes()).unwrap();
        assert!(read_said(&mut ours, soon()).unwrap_err().to_string().contains("above 1048576"));
        let vast = Word::Answer { trap: None, usage: Usage::default(), log: String::new(), output_bytes: usize::MAX };
        theirs.write_all(&head(&vast).unwrap()).unwrap();
        assert!(read_said(&mut ours, soon()).unwrap_err().to_string().contains("above 67108864"));
    }

    #[test]
    fn a_silent_supervisor_is_waited_for_until_the_deadline() {
        let (_theirs, mut ours) = UnixStream::pair().unwrap();
        let error = read_said(&mut ours, Instant::now() + Duration::from_millis(20)).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error}");
    }

    /// What a supervisor says, its output behind it.
    fn said() -> [Vec<u8>; 4] {
        let usage = Usage { cpu_micros: 5, ..Usage::default() };
        let answer = Word::Answer { trap: Some("out of fuel".into()), usage, log: "said".into(), output_bytes: 3 };
        let last = Word::Last { verdict: Some(Verdict::Broken("no answer".into())), log: String::new() };
        let report = Report { ended: Ended::Signalled(9), usage };
        [head(&Word::Ready), head(&answer).map(|said| [&said[..], b"abc"].concat()), head(&last), head(&report)]
            .map(Result::unwrap)
    }

    fn text_of(said: &Said) -> serde_json::Value {
        match said {
            Said::Report(report) => serde_json::to_value(report).unwrap(),
            Said::Word(word) => serde_json::to_value(word).unwrap(),
        }
    }

    /// Reads from somebody who says these bytes and no more.
    fn hear(bytes: &[u8]) -> io::Result<(Said, Vec<u8>)> {
        let (mut theirs, mut ours) = UnixStream::pair().unwrap();
        theirs.write_all(bytes).unwrap();
        drop(theirs);
        read_said(&mut ours, soon())
    }

    #[test]
    fn supervisor_words() {
        fuzz!("supervisor_words", said().to_vec(), |bytes| {
            let Ok((said, output)) = hear(bytes) else { return false };
            // What was read was said: its output are the bytes behind its head, and as many as it named.
            let (head_bytes, rest) = bytes.split_first_chunk::<4>().unwrap();
            let (_, behind) = rest.split_at(u32::from_le_bytes(*head_bytes) as usize);
            assert_eq!(behind.get(..output.len()), Some(&output[..]));
            let text = text_of(&said);
            let again = [&head(&text).unwrap()[..], &output].concat();
            let (said, same) = hear(&again).unwrap();
            assert_eq!((text_of(&said), same), (text, output));
            true
        });
    }

    #[test]
    fn supervisor_requests() {
        let head_of =
            |payload_bytes| RequestHead { time: 1_700_000_000, seed: [1; 32], task_id: [2; 32], payload_bytes };
        let seed = [&head(&head_of(7)).unwrap()[..], b"payload"].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        fuzz!("supervisor_requests", vec![seed], |bytes| {
            let mut rest = bytes;
            let read = runtime.block_on(read_request(&mut rest));
            let Ok(Some(request)) = read else {
                // Only an end between two requests is one.
                assert!(read.is_err() || bytes.len() < 4);
                return false;
            };
            assert_eq!(request.head.payload_bytes, request.payload.len());
            assert!(bytes[..bytes.len() - rest.len()].ends_with(&request.payload));
            let again = [&head(&request.head).unwrap()[..], &request.payload].concat();
            let same = runtime.block_on(read_request(&mut &again[..])).unwrap().unwrap();
            assert_eq!(
                (same.head.time, same.head.seed, same.payload),
                (request.head.time, request.head.seed, request.payload)
            );
            true
        });
    }
}
