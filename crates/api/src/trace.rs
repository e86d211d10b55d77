use std::fmt;
use std::str::FromStr;

/// The header that carries a [`TraceParent`].
pub const TRACEPARENT_HEADER: &str = "traceparent";
/// Bytes of a header of version 00: `00-TRACE-SPAN-FLAGS`.
const LENGTH: usize = 55;

/// Which trace a call belongs to: W3C Trace Context, version 00.
///
/// It comes from whoever calls, so it decides nothing but where spans are shown. Any other version or form is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Not zero.
    pub trace_id: [u8; 16],
    /// Of the caller's span; not zero.
    pub span_id: [u8; 8],
    /// Whether the caller records its own part.
    pub sampled: bool,
}

/// What is no `traceparent` of version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 00-TRACE-SPAN-FLAGS with 32, 16 and 2 lower-case hexadecimal digits, trace and span not zero")]
pub struct InvalidTraceParent;

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let bytes = text.as_bytes();
        let dashes = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
        if bytes.len() != LENGTH || !dashes || &bytes[..2] != b"00" {
            return Err(InvalidTraceParent);
        }
        let (trace_id, span_id, flags) = (digits(&bytes[3..35])?, digits(&bytes[36..52])?, digits::<1>(&bytes[53..])?);
        if trace_id == [0; 16] || span_id == [0; 8] {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace_id, span_id, sampled: flags[0] & 1 == 1 })
    }
}

/// Lower-case hexadecimal digits only: capitals are no valid header either.
fn digits<const N: usize>(text: &[u8]) -> Result<[u8; N], InvalidTraceParent> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(InvalidTraceParent),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_is_read_back() {
        let parent: TraceParent = TEXT.parse().unwrap();
        assert_eq!((parent.trace_id[0], parent.span_id[7], parent.sampled), (0x4b, 0xb7, true));
        assert_eq!(parent.to_string(), TEXT);
        let quiet: TraceParent = TEXT.replace("-01", "-02").parse().unwrap();
        assert!(!quiet.sampled, "only the lowest flag is known");
    }

    #[test]
    fn every_other_form_is_none() {
        let cases = [
            String::new(),
            TEXT.to_uppercase(),
            TEXT.replacen("00-", "01-", 1),
            TEXT.replacen("00-", "ff-", 1),
            format!("{TEXT}-00"),
            format!(" {TEXT}"),
            TEXT[..54].to_owned(),
            TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            TEXT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            TEXT.replace("-01", "-0g"),
            TEXT.replace("4bf9", "4bé"),
            TEXT.replace("36-00f0", "3600-f0"),
        ];
        for case in cases {
            assert_eq!(case.parse::<TraceParent>(), Err(InvalidTraceParent), "{case}");
        }
    }
}
