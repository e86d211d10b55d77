//! JSON as `JSON.parse` of JavaScript takes it, so that both referees accept the same payloads: the last of equal keys
//! counts, numbers have any size, unpaired surrogates are characters. Depth costs no stack: what lies deeper than any
//! field of the input is checked for its form and forgotten.
use std::collections::BTreeMap;

/// The deepest nesting that is kept: more than the input has.
const DEPTH_MAX: usize = 6;

/// A value, as far as the input needs to tell values apart.
pub enum Value {
    Object(BTreeMap<String, Value>),
    List(Vec<Value>),
    Text(String),
    /// A number, true, false, null, or something nested too deeply to be a field.
    Other,
}

/// Parses all of `text`; the error names the byte where it stops being JSON.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser { bytes: text.as_bytes(), at: 0 };
    let parsed = parser.value(0).filter(|_| {
        parser.space();
        parser.at == parser.bytes.len()
    });
    parsed.ok_or_else(|| format!("the payload is not JSON at byte {}", parser.at))
}

/// `None` throughout is a syntax error at `at`.
struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.peek()? {
            b'{' | b'[' if depth == DEPTH_MAX => self.skip_nested(),
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map(Value::Text),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut fields = BTreeMap::new();
        if self.accept(b'}') {
            return Some(Value::Object(fields));
        }
        loop {
            let key = self.key()?;
            let value = self.value(depth + 1)?;
            fields.insert(key, value);
            if self.accept(b'}') {
                return Some(Value::Object(fields));
            }
            self.expect(b',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        if self.accept(b']') {
            return Some(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.accept(b']') {
                return Some(Value::List(items));
            }
            self.expect(b',')?;
        }
    }

    /// Checks an object or list of any depth with a stack on the heap: one closing byte for each that is open.
    fn skip_nested(&mut self) -> Option<Value> {
        let mut open = Vec::new();
        loop {
            self.space();
            match self.peek()? {
                b'{' | b'[' => {
                    let close = self.peek()? + 2; // In ASCII both brackets close two characters later.
                    self.at += 1;
                    if !self.accept(close) {
                        open.push(close);
                        if close == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                _ => drop(self.scalar()?),
            }
            while let Some(&close) = open.last() {
                if !self.accept(close) {
                    break;
                }
                open.pop();
            }
            match open.last() {
                None => return Some(Value::Other),
                Some(&close) => {
                    self.expect(b',')?;
                    if close == b'}' {
                        self.key()?;
                    }
                }
            }
        }
    }

    fn key(&mut self) -> Option<String> {
        self.space();
        let key = self.string()?;
        self.expect(b':')?;
        Some(key)
    }

    fn scalar(&mut self) -> Option<Value> {
        for word in ["true", "false", "null"] {
            if self.bytes[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Some(Value::Other);
            }
        }
        self.number()
    }

    fn number(&mut self) -> Option<Value> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Some(Value::Other)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<String> {
        if !self.take(b'"') {
            return None;
        }
        let mut units = Vec::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            units.extend(std::str::from_utf8(&self.bytes[start..self.at]).ok()?.encode_utf16());
            match self.peek()? {
                b'"' => break,
                b'\\' => units.push(self.escape()?),
                _ => return None,
            }
        }
        self.at += 1;
        // An unpaired surrogate becomes U+FFFD: no field that is accepted holds either of them.
        Some(String::from_utf16_lossy(&units))
    }

    fn escape(&mut self) -> Option<u16> {
        let byte = *self.bytes.get(self.at + 1)?;
        self.at += 2;
        Some(u16::from(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unit(),
            _ => return None,
        }))
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.bytes.get(self.at..self.at + 4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        self.at += 4;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.space();
        self.take(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accept(byte).then_some(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}
