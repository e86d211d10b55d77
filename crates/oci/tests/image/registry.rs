//! Fetching from registries: a real one (Debian's `docker-registry`, where it is installed), and pretended ones that lie.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use reqwest::{Client, Url};
use tar::EntryType::Regular as F;
use vouch_oci::image::{
    Blob, Bounds, Digest, Error as ImageError, Layout, closure,
    registry::{Credentials, Error, Reference, Registry},
};

use crate::bench::{Bench, layer};

/// Programs that are the registry of the Go distribution, by the names that packages give them.
const PROGRAMS: [&str; 2] = ["docker-registry", "registry"];
/// Set where these tests must not be passed over.
const REQUIRED: &str = "VOUCH_REQUIRE_REGISTRY";
/// `ana` with the password `secret`.
const USERS: &str = "ana:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";
/// `ana:secret` as logins are written.
const LOGIN: &str = "YW5hOnNlY3JldA==";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn pull(address: &str, digest: Digest, folder: &Path, credentials: Credentials) -> Result<Digest, Error> {
    let reference: Reference = format!("{address}/some/app@{digest}").parse().unwrap();
    block_on(async { Registry::new(Bounds::default(), credentials)?.pull(&reference, folder).await })
}

fn folder(bench: &Bench) -> PathBuf {
    let folder = bench.path("fetched");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A registry's process; it ends with this.
struct Real {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Real {
    /// None where it is not installed, which is said.
    fn start(users: Option<&str>) -> Option<Self> {
        let installed = |name: &&&str| Command::new(**name).arg("--version").stdout(Stdio::null()).status().is_ok();
        let Some(program) = PROGRAMS.iter().find(installed) else {
            assert!(std::env::var_os(REQUIRED).is_none(), "{REQUIRED} is set, but there is no {}", PROGRAMS[0]);
            eprintln!("not run: {} is not installed", PROGRAMS[0]);
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            folder.path().join("data").display()
        );
        if let Some(users) = users {
            let file = folder.path().join("users");
            fs::write(&file, users).unwrap();
            config += &format!("auth:\n  htpasswd:\n    realm: here\n    path: {}\n", file.display());
        }
        let file = folder.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "the registry does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { process, address, _folder: folder })
    }

    /// Publishes an image by its digest and as `some/app:1`.
    fn push(&self, bench: &Bench, digest: Digest) {
        let layout = Layout::open(&bench.path("layout")).unwrap();
        let blobs = closure(&layout, digest, &Bounds::default()).unwrap();
        block_on(async {
            let http = Client::builder().no_proxy().build().unwrap();
            let base = format!("http://{}/v2/some/app", self.address);
            for Blob { digest: blob, .. } in blobs.iter().filter(|blob| blob.digest != digest) {
                let start = http.post(format!("{base}/blobs/uploads/")).basic_auth("ana", Some("secret"));
                let location = start.send().await.unwrap().error_for_status().unwrap();
                let mut url: Url = location.headers()["location"].to_str().unwrap().parse().unwrap();
                url.query_pairs_mut().append_pair("digest", &blob.to_string());
                let bytes = fs::read(bench.blob_path(*blob)).unwrap();
                let put = http.put(url).basic_auth("ana", Some("secret")).body(bytes);
                put.send().await.unwrap().error_for_status().unwrap();
            }
            let put = http.put(format!("{base}/manifests/1")).basic_auth("ana", Some("secret"));
            let put = put.header("content-type", "application/vnd.oci.image.manifest.v1+json");
            let manifest = fs::read(bench.blob_path(digest)).unwrap();
            put.body(manifest).send().await.unwrap().error_for_status().unwrap();
        });
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn published(bench: &Bench) -> Digest {
    bench.image(&[layer(&[(F, "program", "x")]), layer(&[(F, "data", &"y".repeat(100_000))])])
}

#[test]
fn an_image_comes_whole_from_a_real_registry() {
    let Some(registry) = Real::start(None) else { return };
    let bench = Bench::new();
    let digest = published(&bench);
    registry.push(&bench, digest);
    let tagged: Reference = format!("{}/some/app:1", registry.address).parse().unwrap();
    let none = Registry::new(Bounds::default(), Credentials::none());
    assert_eq!(block_on(none.unwrap().resolve(&tagged)).unwrap(), digest, "a tag is a digest");
    let folder = folder(&bench);
    // What a killed process left, and a blob that is there already.
    fs::write(folder.join(format!("{}.partial", digest.to_hex())), "half").unwrap();
    assert_eq!(pull(&registry.address, digest, &folder, Credentials::none()).unwrap(), digest);
    assert_eq!(names(&folder), names(&bench.path("layout/blobs/sha256")));
    let fetched = Layout::blobs(&folder).unwrap();
    assert_eq!(closure(&fetched, digest, &Bounds::default()).unwrap().len(), 4);
    let error = pull(&registry.address, Digest::of(b"no such"), &folder, Credentials::none()).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 404, .. }), "{error}");
    // A whole image needs no registry.
    drop(registry);
    pull("127.0.0.1:1", digest, &folder, Credentials::none()).unwrap();
}

#[test]
fn a_real_registry_is_told_who_asks() {
    let Some(registry) = Real::start(Some(USERS)) else { return };
    let bench = Bench::new();
    let digest = published(&bench);
    registry.push(&bench, digest);
    let folder = folder(&bench);
    let config = |text: String| {
        let path = bench.path("config.json");
        fs::write(&path, text).unwrap();
        Credentials::from_file(&path)
    };
    let wrong = config(format!(r#"{{"auths":{{"{}":{{"auth":"YW5hOndyb25n"}}}}}}"#, registry.address));
    for credentials in [Credentials::none(), wrong] {
        let error = pull(&registry.address, digest, &folder, credentials).unwrap_err();
        assert!(matches!(error, Error::Refused { status: 401, .. }), "{error}");
        assert!(names(&folder).is_empty());
    }
    let right = config(format!(r#"{{"auths":{{"{}":{{"auth":"{LOGIN}"}}}}}}"#, registry.address));
    assert_eq!(pull(&registry.address, digest, &folder, right).unwrap(), digest);
}

/// What a pretended registry answers to a request: its first line and its headers.
type Answer = Box<dyn Fn(&str, &str) -> Vec<u8> + Send>;

/// A pretended registry, on a port of this machine, for as long as the test runs. Returns its address and how often it was
/// asked.
fn pretend(answer: Answer) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let (line, headers) = request(&stream);
            // Who asked may have heard enough.
            let _ = stream.write_all(&answer(&line, &headers));
        }
    });
    (address, asked)
}

fn request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream.take(64 << 10));
    let (mut line, mut headers) = (String::new(), String::new());
    reader.read_line(&mut line).unwrap();
    while !headers.ends_with("\r\n\r\n") && reader.read_line(&mut headers).unwrap() > 2 {}
    (line, headers)
}

fn ok(body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", body].concat()
}

fn status(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n").into_bytes()
}

/// Serves the bench's image, as `change` alters it.
fn serve(bench: &Bench, change: impl Fn(&str, Vec<u8>) -> Vec<u8> + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let blobs = bench.path("layout/blobs/sha256");
    pretend(Box::new(move |line, _| {
        let digits = line.split("sha256:").nth(1).and_then(|rest| rest.get(..64)).unwrap_or_default();
        match fs::read(blobs.join(digits)) {
            Ok(bytes) => ok(&change(line, bytes)),
            Err(_) => status("404 Not Found", ""),
        }
    }))
}

/// What becomes of an answer to a request's first line.
type Lie = fn(&str, Vec<u8>) -> Vec<u8>;

#[test]
fn what_a_registry_sends_is_not_believed() {
    let lies: [(&str, Lie); 5] = [
        ("another manifest", |line, bytes| if line.contains("/manifests/") { b"{}".to_vec() } else { bytes }),
        ("an endless manifest", |line, bytes| if line.contains("/manifests/") { vec![b' '; 5 << 20] } else { bytes }),
        ("a longer blob", |line, bytes| if line.contains("/blobs/") { [&bytes[..], b"!"].concat() } else { bytes }),
        ("a shorter blob", |line, bytes| if line.contains("/blobs/") { bytes[1..].to_vec() } else { bytes }),
        ("another blob", |line, bytes| if line.contains("/blobs/") { vec![b'x'; bytes.len()] } else { bytes }),
    ];
    for (name, lie) in lies {
        let bench = Bench::new();
        let digest = published(&bench);
        let (address, _) = serve(&bench, lie);
        let error = pull(&address, digest, &folder(&bench), Credentials::none()).unwrap_err();
        let is_expected = matches!(
            error,
            Error::Image(ImageError::Content { .. } | ImageError::Size { .. } | ImageError::TooLarge { .. })
        );
        assert!(is_expected, "{name}: {error}");
        let manifest = if name.ends_with("blob") { vec![digest.to_hex()] } else { vec![] };
        assert_eq!(names(&folder(&bench)), manifest, "{name}: what is wrong leaves nothing, what is right stays");
    }
}

#[test]
fn a_registry_that_fails_is_asked_again_and_only_for_the_rest() {
    let bench = Bench::new();
    let digest = published(&bench);
    let blobs = bench.path("layout/blobs/sha256");
    let failures = AtomicUsize::new(0);
    let (address, asked) = pretend(Box::new(move |line, _| {
        if line.contains("/blobs/") && failures.fetch_add(1, Ordering::SeqCst) < 2 {
            return status("503 Service Unavailable", "");
        }
        let digits = line.split("sha256:").nth(1).and_then(|rest| rest.get(..64)).unwrap_or_default();
        ok(&fs::read(blobs.join(digits)).unwrap())
    }));
    pull(&address, digest, &folder(&bench), Credentials::none()).unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 4 + 2);
    let (address, asked) = pretend(Box::new(|_, _| status("500 Internal Server Error", "")));
    let error = pull(&address, Digest::of(b"x"), &folder(&bench), Credentials::none()).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 500, .. }), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 3, "not for ever");
}

/// The token's server and the registry are one here; the password goes to the former, the token to the latter.
#[test]
fn tokens_are_got_and_shown() {
    let bench = Bench::new();
    let digest = published(&bench);
    let blobs = bench.path("layout/blobs/sha256");
    let (address, _) = pretend(Box::new(move |line, headers| {
        let headers = headers.to_ascii_lowercase();
        if line.starts_with("GET /token?") {
            let is_asked = line.contains("scope=repository%3Asome%2Fapp%3Apull") && line.contains("service=s");
            let is_known = headers.contains(&format!("authorization: basic {}", LOGIN.to_ascii_lowercase()));
            return if is_asked && is_known { ok(br#"{"token":"t0k"}"#) } else { status("401 Unauthorized", "") };
        }
        if !headers.contains("authorization: bearer t0k") {
            let host = headers.lines().find_map(|header| header.strip_prefix("host: ")).unwrap();
            let challenge = format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"s\"\r\n");
            return status("401 Unauthorized", &challenge);
        }
        let digits = line.split("sha256:").nth(1).and_then(|rest| rest.get(..64)).unwrap_or_default();
        ok(&fs::read(blobs.join(digits)).unwrap())
    }));
    let config = bench.path("config.json");
    fs::write(&config, format!(r#"{{"auths":{{"{address}":{{"auth":"{LOGIN}"}}}}}}"#)).unwrap();
    pull(&address, digest, &folder(&bench), Credentials::from_file(&config)).unwrap();
    let error = pull(&address, Digest::of(b"x"), &bench.path("fetched"), Credentials::none()).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 401, .. }), "{error}");
}

#[test]
fn a_registry_that_leads_in_circles_is_left() {
    let (address, asked) = pretend(Box::new(|_, _| status("307 Temporary Redirect", "location: /again\r\n")));
    let bench = Bench::new();
    let error = pull(&address, Digest::of(b"x"), &folder(&bench), Credentials::none()).unwrap_err();
    assert!(error.to_string().contains("leads on more than 5 times"), "{error}");
    assert!(asked.load(Ordering::SeqCst) <= 3 * 6, "{asked:?}");
}
