//! Where an account's node answers and by which keys it is known there, as the contract `Endpoints` has it.
//!
//! Whoever pays for a transaction decides what a url says, so it is treated as hostile: only `https`, no credentials, no path,
//! and no address of this machine's own networks unless the operator of this machine allows it. A name is judged by what it
//! resolves to at the moment of connecting, not before: it may resolve to something else the next time.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use alloy_primitives::{Address, B256};
use reqwest::Url;

use crate::bindings::endpoints;

/// The most bytes of a url, as in the contract.
pub const URL_BYTES_MAX: usize = 256;

/// Why a url is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("the url has {length} bytes; it needs 1 to {URL_BYTES_MAX}")]
    Length { length: usize },
    #[error("`{url}` is no url of the form https://HOST:PORT: {detail}")]
    Form { url: String, detail: &'static str },
    #[error(
        "`{host}` is an address of a private network; set `tls.private_peers = true` if the nodes share that network"
    )]
    Private { host: String },
}

/// `https://HOST[:PORT]`, normalized, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    text: String,
    literal: Option<IpAddr>,
}

impl EndpointUrl {
    /// # Errors
    /// [`UrlError::Length`] or [`UrlError::Form`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() || text.len() > URL_BYTES_MAX {
            return Err(UrlError::Length { length: text.len() });
        }
        let wrong = |detail| Err(UrlError::Form { url: text.escape_default().to_string(), detail });
        // What a url library repairs in silence (line breaks, backslashes), people read differently.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return wrong("it has characters that no url has");
        }
        let Ok(url) = Url::parse(text) else { return wrong("it cannot be read") };
        if url.scheme() != "https" {
            return wrong("only https is called");
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return wrong("it names a user");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return wrong("it goes on behind host and port");
        }
        if url.port() == Some(0) {
            return wrong("nothing listens on port 0");
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else { return wrong("it has no host") };
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), literal })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where its server listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        Url::parse(&self.text).ok().and_then(|url| url.port_or_known_default()).unwrap_or(443)
    }

    /// Refuses an address of a private network. Names pass: they are judged when they are resolved.
    ///
    /// # Errors
    /// [`UrlError::Private`].
    pub fn require_public(&self) -> Result<(), UrlError> {
        match self.literal {
            Some(address) if !is_public(address) => Err(UrlError::Private { host: address.to_string() }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Whether an address can be anybody's on the Internet, so that calling it reaches nothing that only this machine reaches.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let benchmark = a == 198 && (18..20).contains(&b);
    !(a == 0
        || a >= 224
        || shared
        || protocol
        || benchmark
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

/// Only 2000::/3 is handed out. The ways to write an IPv4 address into one (6to4, Teredo, NAT64) are not followed.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let documentation = first == 0x2001 && second == 0xdb8;
    let embeds_v4 = first == 0x2002 || (first == 0x2001 && second == 0);
    first & 0xe000 == 0x2000 && !documentation && !embeds_v4
}

/// The one or two keys under which an account's node is known: SHA-256 of a SubjectPublicKeyInfo each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransportKeys {
    key: B256,
    next: B256,
}

impl TransportKeys {
    /// `next` is zero for none.
    #[must_use]
    pub fn new(key: B256, next: B256) -> Self {
        Self { key, next }
    }

    /// The first key, and the second one if there is one.
    #[must_use]
    pub fn both(&self) -> (B256, Option<B256>) {
        (self.key, (!self.next.is_zero()).then_some(self.next))
    }

    /// Zero is no key.
    #[must_use]
    pub fn contains(&self, key: B256) -> bool {
        !key.is_zero() && (key == self.key || key == self.next)
    }
}

/// A node of an account: who it is follows from the keys, where it is from the url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub account: Address,
    pub url: EndpointUrl,
    pub keys: TransportKeys,
}

impl Endpoint {
    /// None for an account without an endpoint.
    ///
    /// # Errors
    /// Says what is wrong with the url that the account registered.
    pub fn from_words(account: Address, url: &str, key: B256, next: B256) -> Result<Option<Self>, UrlError> {
        if key.is_zero() {
            return Ok(None);
        }
        Ok(Some(Self { account, url: EndpointUrl::parse(url)?, keys: TransportKeys::new(key, next) }))
    }

    /// What an event says: see [`Self::from_words`].
    ///
    /// # Errors
    /// As [`Self::from_words`].
    pub fn from_event(event: &endpoints::EndpointSet) -> Result<Option<Self>, UrlError> {
        Self::from_words(event.account, &event.url, event.transportKey, event.nextTransportKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_host_and_port_is_normalized() {
        for text in ["https://node.example:7000", "https://node.example:7000/", "HTTPS://NODE.example:7000"] {
            assert_eq!(EndpointUrl::parse(text).unwrap().as_str(), "https://node.example:7000");
        }
        assert_eq!(EndpointUrl::parse("https://node.example:443").unwrap().as_str(), "https://node.example");
    }

    #[test]
    fn url_tricks_are_refused() {
        let tricks = [
            "http://node.example",
            "file:///etc/passwd",
            "https://user@node.example",
            "https://user:word@node.example",
            "https://node.example@10.0.0.1",
            "https://@node.example",
            "https://node.example/v1/calls",
            "https://node.example?x=1",
            "https://node.example#x",
            "https://node.example:0",
            "https://",
            "https:\\\\node.example",
            "https://node.example\n",
            "https://node .example",
            "https://n\u{f6}de.example",
            "",
        ];
        for text in tricks {
            assert!(EndpointUrl::parse(text).is_err(), "{text:?}");
        }
        assert!(EndpointUrl::parse(&format!("https://{}", "a".repeat(URL_BYTES_MAX))).is_err());
    }

    #[test]
    fn no_spelling_of_a_private_address_is_public() {
        let private = [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00::1]",
            "[ff02::1]",
        ];
        for host in private {
            let url = EndpointUrl::parse(&format!("https://{host}:7000")).unwrap();
            assert!(matches!(url.require_public(), Err(UrlError::Private { .. })), "{host}");
        }
        for host in ["8.8.8.8", "[2606:4700::1111]", "node.example"] {
            EndpointUrl::parse(&format!("https://{host}")).unwrap().require_public().unwrap();
        }
    }

    #[test]
    fn zero_is_nobodys_key() {
        let keys = TransportKeys::new(B256::repeat_byte(1), B256::ZERO);
        assert!(keys.contains(B256::repeat_byte(1)));
        assert!(!keys.contains(B256::ZERO));
        assert!(!keys.contains(B256::repeat_byte(2)));
    }
}
