use std::{
    collections::HashMap,
    env, fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Error;

const FILE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a helper's answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
const HELPER_TIMEOUT: Duration = Duration::from_secs(20);
/// What stands for a user name where the secret is a token for tokens.
const TOKEN_USER: &str = "<token>";

/// Where a registry's user is looked up: the file that `docker login` writes, and the programs that it names.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    config: Option<PathBuf>,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum User {
    Password {
        name: String,
        password: String,
    },
    /// A token by which others are got.
    Identity(String),
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(..)")
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    auths: HashMap<String, Login>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    #[serde(rename = "credHelpers")]
    helpers: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Login {
    auth: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

impl Credentials {
    /// As Docker's own client: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    pub fn from_environment() -> Self {
        let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".docker")));
        Self { config: folder.map(|folder| folder.join("config.json")) }
    }

    /// Of this file; there need not be one.
    pub fn from_file(path: &Path) -> Self {
        Self { config: Some(path.to_owned()) }
    }

    /// Nobody's.
    pub fn none() -> Self {
        Self::default()
    }

    pub(super) async fn of(&self, registry: &str) -> Result<Option<User>, Error> {
        let Some(path) = &self.config else { return Ok(None) };
        let config = read(path)?;
        let matching = |key: &&String| host_of(key) == login_host(registry);
        if let Some(helper) = config.helpers.keys().find(matching).map(|key| (key, &config.helpers[key])) {
            return ask(helper.1, helper.0).await;
        }
        let key = config.auths.keys().find(matching);
        let login = key.map(|key| &config.auths[key]);
        let wrong = |reason: &str| Error::Credentials { path: path.display().to_string(), reason: reason.to_owned() };
        match login.map(|login| login.user()).transpose().map_err(wrong)?.flatten() {
            Some(user) => Ok(Some(user)),
            None => match config.store {
                Some(store) => ask(&store, key.map_or(login_key(registry), String::as_str)).await,
                None => Ok(None),
            },
        }
    }
}

impl Login {
    /// None where the file says only that somebody is logged in, and a helper knows who.
    fn user(&self) -> Result<Option<User>, &'static str> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(User::Identity(token.clone())));
        }
        let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) else { return Ok(None) };
        let text = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or("an entry's `auth` is not base64 of text")?;
        let (name, password) = text.split_once(':').ok_or("an entry's `auth` is not USER:PASSWORD")?;
        Ok(Some(User::Password { name: name.to_owned(), password: password.trim_end_matches('\0').to_owned() }))
    }
}

fn read(path: &Path) -> Result<Config, Error> {
    let wrong = |reason: String| Error::Credentials { path: path.display().to_string(), reason };
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(error) => return Err(wrong(error.to_string())),
        Ok(_) if bytes.len() as u64 > FILE_BYTES_MAX => return Err(wrong("it is too large".into())),
        Ok(_) => {}
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(format!("line {}: it is not as expected", error.line())))
}

/// Keys are hosts, or addresses of older registries, as `https://index.docker.io/v1/`.
fn host_of(key: &str) -> &str {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest);
    bare.split('/').next().unwrap_or(bare)
}

fn login_host(registry: &str) -> &str {
    if registry == "docker.io" { "index.docker.io" } else { registry }
}

fn login_key(registry: &str) -> &str {
    if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry }
}

/// Asks `docker-credential-HELPER` for a registry's user.
async fn ask(helper: &str, registry: &str) -> Result<Option<User>, Error> {
    let program = format!("docker-credential-{helper}");
    let wrong = |reason: String| Error::Credentials { path: program.clone(), reason };
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(wrong("that is no name of a helper".into()));
    }
    let (succeeded, output) = tokio::time::timeout(HELPER_TIMEOUT, run(&program, registry))
        .await
        .map_err(|_| wrong(format!("it did not answer within {} s", HELPER_TIMEOUT.as_secs())))?
        .map_err(|error| wrong(error.to_string()))?;
    if !succeeded {
        let is_unknown = String::from_utf8_lossy(&output).contains("credentials not found");
        // What else it says may hold secrets.
        return if is_unknown { Ok(None) } else { Err(wrong("it failed".into())) };
    }
    Ok(Some(user_of(&output).ok_or_else(|| wrong("its answer is not Username and Secret".into()))?))
}

/// The user that a helper names.
fn user_of(answer: &[u8]) -> Option<User> {
    let answer: HelperAnswer = serde_json::from_slice(answer).ok()?;
    Some(match answer.username.as_str() {
        TOKEN_USER => User::Identity(answer.secret),
        _ => User::Password { name: answer.username, password: answer.secret },
    })
}

async fn run(program: &str, input: &str) -> io::Result<(bool, Vec<u8>)> {
    let mut command = tokio::process::Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    if let Some(mut stdin) = stdin {
        stdin.write_all(input.as_bytes()).await?;
    }
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?.success(), output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;
    use serde_json::json;

    fn of(config: &str, registry: &str) -> Result<Option<User>, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        let credentials = Credentials::from_file(file.path());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(credentials.of(registry))
    }

    fn ana() -> Option<User> {
        Some(User::Password { name: "ana".into(), password: "p:w".into() })
    }

    #[test]
    fn users_are_found_as_docker_finds_them() {
        let auth = STANDARD.encode("ana:p:w");
        let config = format!(
            r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}},"b.c:5":{{"auth":"{auth}"}},
            "t.u":{{"identitytoken":"refresh"}},"empty.x":{{}}}}}}"#
        );
        assert_eq!(of(&config, "docker.io").unwrap(), ana());
        assert_eq!(of(&config, "b.c:5").unwrap(), ana());
        assert_eq!(of(&config, "b.c").unwrap(), None, "another port is another registry");
        assert_eq!(of(&config, "t.u").unwrap(), Some(User::Identity("refresh".into())));
        assert_eq!(of(&config, "empty.x").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for config in [
            "{",
            r#"{"auths":{"b.c":{"auth":"!"}}}"#,
            r#"{"auths":{"b.c":{"auth":"YW5h"}}}"#,
            r#"{"credHelpers":{"b.c":"../../bin/sh"}}"#,
            r#"{"credsStore":"no-such-helper-is-installed"}"#,
        ] {
            assert!(matches!(of(config, "b.c"), Err(Error::Credentials { .. })), "{config}");
        }
    }

    #[test]
    fn docker_credentials() {
        let auth = STANDARD.encode("ana:p:w");
        let hosts = json!({ "https://b.c/v1/": { "auth": auth }, "t.u": { "identitytoken": "refresh" }, "e.x": {} });
        let helped = json!({ "auths": { "b.c": { "auth": auth } }, "credHelpers": { "h.x": "none-is-installed" } });
        let seeds = [json!({ "auths": hosts }), helped].map(|config| config.to_string().into_bytes());
        let file = tempfile::NamedTempFile::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        fuzz!("docker_credentials", seeds.to_vec(), |bytes| {
            std::fs::write(file.path(), bytes).unwrap();
            let credentials = Credentials::from_file(file.path());
            let found = ["b.c", "t.u"].map(|host| (host, runtime.block_on(credentials.of(host))));
            let config = serde_json::from_slice::<Config>(bytes).unwrap_or_default();
            for (host, user) in &found {
                // Whoever is found is one of the file's users of this very registry.
                let Ok(Some(user)) = user else { continue };
                let mut own = config.auths.iter().filter(|(key, _)| host_of(key) == *host).map(|(_, login)| login);
                assert!(own.any(|login| is_of(user, login)), "{host}");
            }
            found.iter().any(|(_, user)| matches!(user, Ok(Some(_))))
        });
    }

    fn is_of(user: &User, login: &Login) -> bool {
        match user {
            User::Identity(token) => login.identitytoken.as_ref() == Some(token),
            User::Password { name, password } => {
                let said = login.auth.as_ref().and_then(|auth| STANDARD.decode(auth).ok()).unwrap_or_default();
                said.starts_with(format!("{name}:{password}").as_bytes())
            }
        }
    }

    #[test]
    fn credential_helpers() {
        let seeds = [json!({ "Username": "ana", "Secret": "word" }), json!({ "Username": TOKEN_USER, "Secret": "t" })];
        fuzz!("credential_helpers", seeds.map(|answer| answer.to_string().into_bytes()).to_vec(), |bytes| {
            let Some(user) = user_of(bytes) else { return false };
            let (name, secret) = match &user {
                User::Identity(secret) => (TOKEN_USER, secret),
                User::Password { name, password } => (name.as_str(), password),
            };
            let again = json!({ "Username": name, "Secret": secret }).to_string();
            assert_eq!(user_of(again.as_bytes()), Some(user));
            true
        });
    }
}
