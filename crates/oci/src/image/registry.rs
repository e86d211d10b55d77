//! Registries: fetches an image by its digest into a folder of blobs, whatever the registry says or sends.
//!
//! The protocol is the OCI distribution specification, version 1.1: `GET /v2/NAME/manifests/DIGEST` and
//! `GET /v2/NAME/blobs/DIGEST`. A registry that answers 401 says how it wants to know its users: by Basic, or by a token
//! that another server gives (Bearer). Neither is trusted: every answer has a maximum and a timeout, a blob appears in the
//! folder only when its digest is right, and nothing that began encrypted goes on in the clear.

mod auth;
mod credentials;
mod reference;

use std::{path::Path, time::Duration};

use reqwest::{
    Client, ClientBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderMap},
    redirect::{Attempt, Policy},
};

use self::auth::Authorization;
pub use self::{credentials::Credentials, reference::Reference};
use super::{
    Bounds, Digest, Layout,
    contents::{Wanted, contents},
    partial::Partial,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A whole answer's time: this, and its size at the slowest speed that is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const BYTES_PER_SECOND_MIN: u64 = 64 << 10;
const REDIRECTS_MAX: usize = 5;
/// How often a blob is asked for when the network or the registry fails.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of an answer that is no blob.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
const ANY_TYPE: &str = "*/*";
const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// An image's documents name each other this often at most: indexes, a manifest, then all the rest.
const LEVELS_MAX: usize = 6;

/// Why an image cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a reference, or not one that says what is needed.
    #[error("`{text}` is no image reference: {reason}; expected REGISTRY/NAME@sha256:DIGEST")]
    Reference {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The registry did not answer, or not to the end. Trying again may help.
    #[error("{url} did not answer: {reason}; check the name, the network and the registry, then try again")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The registry answered, but not with what was asked for.
    #[error("{url} answered {status}: {hint}")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
        /// What that means here.
        hint: &'static str,
    },
    /// The registry's answer means nothing.
    #[error("{url} answered what no registry does: {reason}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration of users cannot be used.
    #[error(
        "the registry's user is unknown, because {path} cannot be used: {reason}; log in again (docker login REGISTRY)"
    )]
    Credentials {
        /// The file or the program.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was fetched is no image, or not the one that was asked for, or cannot be stored.
    #[error(transparent)]
    Image(#[from] super::Error),
}

impl Error {
    fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

/// Fetches images.
pub struct Registry {
    /// By way of the environment's proxies, if it names any.
    http: Client,
    /// For registries of this machine, which no proxy reaches.
    local: Client,
    bounds: Bounds,
    credentials: Credentials,
}

impl Registry {
    /// A TLS provider must have been installed for the process ([`rustls`](https://docs.rs/rustls)).
    ///
    /// # Errors
    /// If this machine's certificates cannot be used.
    pub fn new(bounds: Bounds, credentials: Credentials) -> Result<Self, Error> {
        let broken = |error| Error::Unreachable { url: "any registry".into(), reason: chain(&error) };
        let http = builder().build().map_err(broken)?;
        let local = builder().no_proxy().build().map_err(broken)?;
        Ok(Self { http, local, bounds, credentials })
    }

    fn client(&self, reference: &Reference) -> &Client {
        if reference.is_local() { &self.local } else { &self.http }
    }

    /// The digest of what a reference names now; a digest in the reference is taken as it is.
    ///
    /// # Errors
    /// If the registry does not answer or knows no such image.
    pub async fn resolve(&self, reference: &Reference) -> Result<Digest, Error> {
        if let Some(digest) = reference.digest() {
            return Ok(digest);
        }
        let mut session = Session::new(self, reference);
        let url = reference.url("manifests", reference.tag())?;
        let response = session.get(&url, MANIFEST_TYPES).await?;
        // Not the header: what is hashed here cannot be said to be something else.
        Ok(Digest::of(&body(response, self.bounds.document_bytes).await?))
    }

    /// Fetches what is missing of an image into a folder of blobs, which may have some of them already. The reference must
    /// have a digest.
    ///
    /// # Errors
    /// If a blob cannot be fetched, or exceeds the bounds. Whole blobs stay, so that a later try goes on from there.
    pub async fn pull(&self, reference: &Reference, folder: &Path) -> Result<Digest, Error> {
        let digest = reference.digest().ok_or_else(|| reference.invalid("it has no digest"))?;
        Partial::sweep(folder)?;
        let layout = Layout::blobs(folder)?;
        let mut session = Session::new(self, reference);
        for _ in 0..LEVELS_MAX {
            let missing = contents(&layout, digest, &self.bounds)?.missing;
            if missing.is_empty() {
                return Ok(digest);
            }
            for wanted in missing {
                session.fetch(&wanted, folder).await?;
            }
        }
        Err(super::Error::TooLarge { what: "documents within documents", max: LEVELS_MAX as u64 }.into())
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("vouch/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(Policy::custom(redirect))
}

/// Fetches one image.
struct Session<'a> {
    registry: &'a Registry,
    reference: &'a Reference,
    authorization: Option<Authorization>,
}

impl<'a> Session<'a> {
    fn new(registry: &'a Registry, reference: &'a Reference) -> Self {
        Self { registry, reference, authorization: None }
    }

    async fn fetch(&mut self, wanted: &Wanted, folder: &Path) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            match self.fetch_once(wanted, folder).await {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => tokio::time::sleep(PAUSE * attempt).await,
                fetched => return fetched,
            }
            attempt += 1;
        }
    }

    async fn fetch_once(&mut self, wanted: &Wanted, folder: &Path) -> Result<(), Error> {
        let (kind, accept) = if wanted.is_manifest { ("manifests", MANIFEST_TYPES) } else { ("blobs", ANY_TYPE) };
        let url = self.reference.url(kind, &wanted.digest.to_string())?;
        let bytes_max = wanted.size.unwrap_or(self.registry.bounds.document_bytes);
        let whole = ANSWER_TIMEOUT + Duration::from_secs(bytes_max / BYTES_PER_SECOND_MIN);
        let fetched = tokio::time::timeout(whole, self.stream(&url, accept, wanted, folder)).await;
        fetched.unwrap_or_else(|_| Err(slow(&url, whole)))
    }

    async fn stream(&mut self, url: &Url, accept: &str, wanted: &Wanted, folder: &Path) -> Result<(), Error> {
        let mut response = self.get(url, accept).await?;
        let mut partial = Partial::create(folder, wanted.digest, wanted.size, self.registry.bounds.document_bytes)?;
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
            partial.write(&chunk)?;
        }
        let kept = tokio::task::spawn_blocking(move || partial.keep()).await;
        kept.map_err(|error| Error::Unreachable { url: url.to_string(), reason: error.to_string() })?
            .map_err(Into::into)
    }

    /// An answer that succeeded; who asks is said where the registry wants to know.
    async fn get(&mut self, url: &Url, accept: &str) -> Result<Response, Error> {
        let mut response = self.send(url, accept).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenges = response.headers().clone();
            self.authorization = Some(self.authorize(url, &challenges).await?);
            response = self.send(url, accept).await?;
        }
        if response.status().is_success() { Ok(response) } else { Err(refused(url, response.status())) }
    }

    async fn send(&self, url: &Url, accept: &str) -> Result<Response, Error> {
        let mut request = self.registry.client(self.reference).get(url.clone()).header(ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.header());
        }
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, request.send()).await;
        sent.map_err(|_| slow(url, ANSWER_TIMEOUT))?.map_err(|error| unreachable(url, &error))
    }

    async fn authorize(&self, url: &Url, challenges: &HeaderMap) -> Result<Authorization, Error> {
        let user = self.registry.credentials.of(self.reference.registry()).await?;
        let http = self.registry.client(self.reference);
        let asking = auth::authorize(http, url, self.reference.repository(), challenges, user);
        tokio::time::timeout(ANSWER_TIMEOUT, asking).await.map_err(|_| slow(url, ANSWER_TIMEOUT))?
    }
}

/// The whole of a small answer.
async fn body(mut response: Response, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let url = response.url().clone();
    let reading = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&url, &error))? {
            if (bytes.len() + chunk.len()) as u64 > bytes_max {
                return Err(Error::Answer { url: url.to_string(), reason: format!("more than {bytes_max} bytes") });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(ANSWER_TIMEOUT, reading).await.map_err(|_| slow(&url, ANSWER_TIMEOUT))?
}

fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    match objection(attempt.previous(), attempt.url()) {
        Some(reason) => attempt.error(reason),
        None => attempt.follow(),
    }
}

/// Why a registry is not followed to where it leads.
fn objection(previous: &[Url], next: &Url) -> Option<&'static str> {
    if previous.len() > REDIRECTS_MAX {
        return Some("it leads on more than 5 times");
    }
    let was_secret = previous.first().is_some_and(|first| first.scheme() == "https");
    (was_secret && next.scheme() != "https").then_some("it leads from https to http")
}

fn refused(url: &Url, status: StatusCode) -> Error {
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "it wants a user who may read this image; log in (docker login REGISTRY)"
        }
        StatusCode::NOT_FOUND => "it has no such image or blob; check the name and the digest",
        StatusCode::TOO_MANY_REQUESTS => "it was asked too often; wait, or log in (docker login REGISTRY)",
        _ => "check that it is a registry, and try again",
    };
    Error::Refused { url: url.to_string(), status: status.as_u16(), hint }
}

fn slow(url: &Url, limit: Duration) -> Error {
    Error::Unreachable { url: url.to_string(), reason: format!("it was not done after {} s", limit.as_secs()) }
}

fn unreachable(url: &Url, error: &reqwest::Error) -> Error {
    Error::Unreachable { url: url.to_string(), reason: chain(error) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_in_secret_is_not_led_into_the_clear() {
        let urls = |texts: &[&str]| texts.iter().map(|text| Url::parse(text).unwrap()).collect::<Vec<_>>();
        let objection = |previous: &[&str], next| objection(&urls(previous), &Url::parse(next).unwrap());
        let https = "https://registry.example/v2/";
        assert_eq!(objection(&[https], "https://elsewhere.example/"), None);
        assert_eq!(objection(&["http://localhost:5000/v2/"], "http://localhost:5001/"), None);
        for next in ["http://registry.example/", "ftp://registry.example/"] {
            assert_eq!(objection(&[https], next), Some("it leads from https to http"));
        }
        assert_eq!(
            objection(&[https, "https://elsewhere.example/"], "http://elsewhere.example/"),
            objection(&[https], "http://a.example/")
        );
    }
}
