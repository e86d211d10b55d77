//! How a registry wants to know who asks: RFC 7617 (Basic), and tokens as in the distribution specification (Bearer).

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{
    Client, RequestBuilder, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;

use super::{ANSWER_BYTES_MAX, Error, body, credentials::User, refused, unreachable};

/// Challenges that are looked at, and the bytes of one.
const CHALLENGES_MAX: usize = 8;
const CHALLENGE_BYTES_MAX: usize = 4_096;

/// What a request carries to say who asks.
pub(super) struct Authorization(HeaderValue);

impl Authorization {
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    fn new(scheme: &str, secret: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("{scheme} {secret}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

/// One `WWW-Authenticate`.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Does what the registry asked for at `url`.
pub(super) async fn authorize(
    http: &Client,
    url: &Url,
    repository: &str,
    challenges: &HeaderMap,
    user: Option<User>,
) -> Result<Authorization, Error> {
    let all: Vec<_> = challenges.get_all(WWW_AUTHENTICATE).iter().take(CHALLENGES_MAX).filter_map(parse).collect();
    let find = |scheme: &str| all.iter().find(|challenge| challenge.scheme == scheme);
    let unauthorized = || refused(url, reqwest::StatusCode::UNAUTHORIZED);
    if let Some(challenge) = find("bearer") {
        let token = token(http, url, repository, challenge, user.as_ref()).await?;
        return Authorization::new("Bearer", &token).ok_or_else(|| answer(url, "its token cannot be sent"));
    }
    match (find("basic"), user) {
        (Some(_), Some(User::Password { name, password })) => {
            Authorization::new("Basic", &STANDARD.encode(format!("{name}:{password}"))).ok_or_else(unauthorized)
        }
        _ => Err(unauthorized()),
    }
}

async fn token(
    http: &Client,
    url: &Url,
    repository: &str,
    challenge: &Challenge,
    user: Option<&User>,
) -> Result<String, Error> {
    let realm = challenge.parameters.get("realm").and_then(|realm| Url::parse(realm).ok());
    let realm = realm.ok_or_else(|| answer(url, "it names no address for tokens"))?;
    if !may_be_told(url, &realm) {
        return Err(answer(url, "it wants to know the user in the clear"));
    }
    let scope = format!("repository:{repository}:pull");
    let mut parameters = vec![("scope", scope.as_str())];
    if let Some(service) = challenge.parameters.get("service") {
        parameters.push(("service", service));
    }
    let request = request(http, &realm, parameters, user);
    let response = request.send().await.map_err(|error| unreachable(&realm, &error))?;
    if !response.status().is_success() {
        return Err(refused(&realm, response.status()));
    }
    let token: Option<Token> = serde_json::from_slice(&body(response, ANSWER_BYTES_MAX).await?).ok();
    let token = token.and_then(|token| token.token.or(token.access_token)).filter(|token| !token.is_empty());
    token.ok_or_else(|| answer(&realm, "it has no token"))
}

/// Whether a secret that the registry at `url` asks for may go to `realm`: not in the clear, unless it is asked so itself.
fn may_be_told(url: &Url, realm: &Url) -> bool {
    realm.scheme() == "https" || (realm.scheme() == "http" && url.scheme() == "http")
}

fn request<'a>(
    http: &Client,
    realm: &Url,
    mut parameters: Vec<(&'a str, &'a str)>,
    user: Option<&'a User>,
) -> RequestBuilder {
    let encoded = |parameters: &[(&str, &str)]| {
        let mut url = realm.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        url
    };
    match user {
        None => http.get(encoded(&parameters)),
        Some(User::Password { name, password }) => http.get(encoded(&parameters)).basic_auth(name, Some(password)),
        Some(User::Identity(token)) => {
            parameters.extend([("grant_type", "refresh_token"), ("client_id", "vouch"), ("refresh_token", token)]);
            let mut form = realm.clone();
            form.set_query(None);
            form.query_pairs_mut().extend_pairs(&parameters);
            let body = form.query().unwrap_or_default().to_owned();
            http.post(realm.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
        }
    }
}

fn answer(url: &Url, reason: &str) -> Error {
    Error::Answer { url: url.to_string(), reason: reason.to_owned() }
}

/// `SCHEME name=value, name="value"`; none for what is not of that form.
fn parse(header: &HeaderValue) -> Option<Challenge> {
    let text = header.to_str().ok().filter(|text| text.len() <= CHALLENGE_BYTES_MAX)?;
    let (scheme, mut rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let mut parameters = HashMap::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = value(after)?;
        parameters.insert(name.trim_matches([' ', ',']).to_ascii_lowercase(), value);
        rest = after;
    }
    Some(Challenge { scheme: scheme.to_ascii_lowercase(), parameters })
}

/// A value and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, letter) in quoted.char_indices() {
        match letter {
            _ if is_escaped => value.push(letter),
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => {}
            _ => value.push(letter),
        }
        is_escaped = !is_escaped && letter == '\\';
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn a_registry_cannot_have_a_password_sent_in_the_clear() {
        let may = |url, realm| may_be_told(&Url::parse(url).unwrap(), &Url::parse(realm).unwrap());
        assert!(may("https://a.example/", "https://token.example/"));
        assert!(may("http://localhost:5000/", "http://localhost:5001/"));
        assert!(may("http://localhost:5000/", "https://token.example/"));
        assert!(!may("https://a.example/", "http://token.example/"));
        assert!(!may("http://localhost:5000/", "file:///etc/passwd"));
    }

    #[test]
    fn challenges_are_read_in_all_their_forms() {
        let read = |text: &str| {
            let challenge = parse(&HeaderValue::from_str(text).unwrap())?;
            let mut parameters: Vec<_> = challenge.parameters.into_iter().collect();
            parameters.sort();
            Some((
                challenge.scheme,
                parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            ))
        };
        let expected = |scheme: &str, parameters: &[&str]| {
            Some((scheme.to_owned(), parameters.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()))
        };
        assert_eq!(read("Basic"), expected("basic", &[]));
        assert_eq!(read(r#"BASIC Realm="a b""#), expected("basic", &["realm=a b"]));
        assert_eq!(
            read(r#"Bearer realm="https://a/t",service=s , scope="repository:x:pull,push""#),
            expected("bearer", &["realm=https://a/t", "scope=repository:x:pull,push", "service=s"])
        );
        assert_eq!(read(r#"Bearer realm="a\"b""#), expected("bearer", &[r#"realm=a"b"#]));
        assert_eq!(read(r#"Bearer realm="open"#), None);
    }
    #[test]
    fn registry_challenges() {
        let seeds = [&b"Basic"[..], br#"Bearer realm="https://a/t",service=s , scope="repository:x:pull""#];
        fuzz!("registry_challenges", seeds.map(<[u8]>::to_vec).to_vec(), |bytes| {
            let Some(challenge) = HeaderValue::from_bytes(bytes).ok().as_ref().and_then(parse) else { return false };
            // Nothing is made up: all that was read was in the header.
            let read = challenge.parameters.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            assert!(challenge.scheme.len() + read <= bytes.len() && bytes.len() <= CHALLENGE_BYTES_MAX);
            true
        });
    }
}
