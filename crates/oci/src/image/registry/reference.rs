use std::{fmt, str::FromStr};

use reqwest::Url;

use super::Error;
use crate::image::Digest;

const BYTES_MAX: usize = 1_024;
/// What names without a registry mean, where it is reached, and by which name users log in there.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// Names an image in a registry: `[REGISTRY/]NAME[:TAG][@sha256:DIGEST]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry's host, and its port if it has one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The image's name in the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Its tag; `latest` if none is given.
    pub fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// Its digest, if one is given.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same image by its digest alone.
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    pub(super) fn invalid(&self, reason: &'static str) -> Error {
        Error::Reference { text: self.to_string(), reason }
    }

    /// Whether the registry is one of this machine.
    pub(super) fn is_local(&self) -> bool {
        let host = self.registry.split(':').next().unwrap_or(&self.registry);
        host == "localhost" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
    }

    /// Where the registry serves something of the image. This machine's own registries are asked in the clear.
    pub(super) fn url(&self, kind: &str, name: &str) -> Result<Url, Error> {
        let host = if self.registry == DOCKER_HUB { DOCKER_HUB_HOST } else { &self.registry };
        let scheme = if self.is_local() { "http" } else { "https" };
        Url::parse(&format!("{scheme}://{host}/v2/{}/{kind}/{name}", self.repository))
            .map_err(|_| self.invalid("its registry is no host name"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::Reference { text: text.chars().take(200).collect(), reason };
        if text.len() > BYTES_MAX {
            return Err(invalid("it is too long"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            // A colon before a slash belongs to a port.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (name, None),
        };
        let (registry, repository) = split(name);
        if !is_host(&registry) {
            return Err(invalid("its registry is no host name"));
        }
        if !repository.split('/').all(is_component) {
            return Err(invalid("its name has other characters than lower-case letters, digits, `.`, `_` and `-`"));
        }
        if tag.as_ref().is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("its tag has other characters than letters, digits, `.`, `_` and `-`"));
        }
        Ok(Self { registry, repository, tag, digest })
    }
}

/// What comes before the first slash is a registry if it looks like a host; else the name is one of Docker Hub.
fn split(name: &str) -> (String, String) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            let is_hub = first == DOCKER_HUB || first == "index.docker.io";
            if is_hub { on_hub(rest) } else { (first.to_owned(), rest.to_owned()) }
        }
        _ => on_hub(name),
    }
}

fn on_hub(name: &str) -> (String, String) {
    let name = if name.contains('/') { name.to_owned() } else { format!("library/{name}") };
    (DOCKER_HUB.to_owned(), name)
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    host.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && host.bytes().all(letter)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_component(text: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(word)
        && bytes.last().is_some_and(word)
        && bytes.iter().all(|byte| word(byte) || b"._-".contains(byte))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let url = |text: &str| {
            let reference: Reference = text.parse().unwrap();
            reference.url("manifests", reference.tag()).unwrap().to_string()
        };
        for (text, expected) in [
            ("busybox", "https://registry-1.docker.io/v2/library/busybox/manifests/latest"),
            ("some/app:1.2", "https://registry-1.docker.io/v2/some/app/manifests/1.2"),
            ("docker.io/busybox", "https://registry-1.docker.io/v2/library/busybox/manifests/latest"),
            ("example.org/a/b-c.d:V_1", "https://example.org/v2/a/b-c.d/manifests/V_1"),
            ("localhost:5000/a", "http://localhost:5000/v2/a/manifests/latest"),
            ("127.0.0.1:5000/a", "http://127.0.0.1:5000/v2/a/manifests/latest"),
            ("128.0.0.1:5000/a", "https://128.0.0.1:5000/v2/a/manifests/latest"),
        ] {
            assert_eq!(url(text), expected, "{text}");
        }
        let text = format!("example.org:444/a:b@{DIGEST}");
        let reference: Reference = text.parse().unwrap();
        assert_eq!((reference.to_string(), reference.digest().unwrap().to_string()), (text, DIGEST.to_owned()));
    }

    #[test]
    fn what_would_be_another_address_is_refused() {
        for text in [
            "",
            "a.b/../c",
            "a.b/A",
            "a.b/c?d",
            "a.b/c#d",
            "u@a.b/c",
            "a.b:0/c",
            "a.b:99999/c",
            "a.b/c:",
            "a.b/c:d e",
            "a.b//c",
            "a.b/",
            "a.b/c@sha256:1",
            "-a.b/c",
            "a%2e.b/c",
        ] {
            text.parse::<Reference>().unwrap_err();
        }
    }
}
