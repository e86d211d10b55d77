//! Builds a Dockerfile with whichever container engine is here, and takes the image out as an archive of OCI blobs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use vouch_oci::image::{self, Digest, Layout, default_digest};

use crate::failure::{Failure, chain_of};

/// How long an engine may take to say that it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a build, or writing an image, may take.
const BUILD_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// Bytes of an image's id.
const ID_BYTES_MAX: u64 = 256;
const PLATFORM: &str = "linux/amd64";

/// An image that was built.
#[derive(Debug, PartialEq, Eq)]
pub struct Built {
    /// An archive of an OCI layout.
    pub archive: PathBuf,
    pub digest: Digest,
}

/// The engines that can be used, the commonest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Docker,
    Podman,
    Buildah,
}

impl Engine {
    const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Buildah];

    fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// What fails where the engine is installed but does not work: Docker's client is there without a daemon, too.
    fn probe(self) -> &'static [&'static str] {
        match self {
            Self::Docker => &["version", "--format", "{{.Server.Version}}"],
            Self::Podman | Self::Buildah => &["info"],
        }
    }

    /// Writes the image to an archive.
    fn export(self, id: &str, archive: &Path) -> Vec<String> {
        let path = archive.display().to_string();
        match self {
            Self::Docker => ["save", "--output", &path, id].map(str::to_owned).to_vec(),
            Self::Podman => ["save", "--format", "oci-archive", "--output", &path, id].map(str::to_owned).to_vec(),
            Self::Buildah => vec!["push".into(), id.to_owned(), format!("oci-archive:{path}")],
        }
    }
}

/// Builds `dockerfile` with the files of `context`, and writes the image to `folder`, which must exist.
pub async fn build(dockerfile: &Path, context: &Path, folder: &Path) -> Result<Built, Failure> {
    build_in(None, dockerfile, context, folder).await
}

/// Engines are looked for in `path` if it is given, else where this process finds programs.
async fn build_in(path: Option<&Path>, dockerfile: &Path, context: &Path, folder: &Path) -> Result<Built, Failure> {
    if !dockerfile.is_file() {
        let message = format!("{} is no file", dockerfile.display());
        return Err(Failure::input(message, "name the Dockerfile: --dockerfile PATH"));
    }
    let engine = find(path).await?;
    let archive = folder.join("image.tar");
    let id = build_with(engine, path, dockerfile, context, folder).await?;
    // An archive that is there already may be added to.
    let _absent = std::fs::remove_file(&archive);
    let mut export = command(engine, path);
    run(engine, export.args(engine.export(&id, &archive))).await?;
    let digest =
        Layout::open(&archive).and_then(|layout| default_digest(&layout)).map_err(|error| refused(engine, &error))?;
    Ok(Built { archive, digest })
}

/// The first engine that works.
async fn find(path: Option<&Path>) -> Result<Engine, Failure> {
    let mut reasons = Vec::new();
    for engine in Engine::ALL {
        match probe(engine, path).await {
            Ok(()) => return Ok(engine),
            Err(reason) => reasons.push(format!("{}: {reason}", engine.program())),
        }
    }
    Err(Failure::host(
        format!("no container engine works here ({})", reasons.join("; ")),
        "install or start Docker, Podman or Buildah; or make the image without one: vouch image pack --help",
    ))
}

async fn probe(engine: Engine, path: Option<&Path>) -> Result<(), String> {
    let mut command = command(engine, path);
    command.args(engine.probe()).stdout(Stdio::null()).stderr(Stdio::null());
    match tokio::time::timeout(ANSWER_TIMEOUT, command.status()).await {
        Err(_) => Err(format!("it did not answer within {} s", ANSWER_TIMEOUT.as_secs())),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Err("it is not installed".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(_)) => Err("it is installed, but does not work; is its daemon running?".into()),
    }
}

/// Builds; returns the image's id.
async fn build_with(
    engine: Engine,
    path: Option<&Path>,
    dockerfile: &Path,
    context: &Path,
    folder: &Path,
) -> Result<String, Failure> {
    let id_file = folder.join("image.id");
    let mut build = command(engine, path);
    build.args(["build", "--platform", PLATFORM, "--iidfile"]).arg(&id_file).arg("--file").arg(dockerfile).arg(context);
    run(engine, &mut build).await?;
    let unreadable = |error: std::io::Error| {
        Failure::host(format!("{} says not what it built: {error}", engine.program()), "check its version")
    };
    let mut id = String::new();
    let file = tokio::fs::File::open(&id_file).await.map_err(unreadable)?;
    file.take(ID_BYTES_MAX).read_to_string(&mut id).await.map_err(unreadable)?;
    Ok(id.trim().to_owned())
}

/// What an engine prints is shown as talk.
async fn run(engine: Engine, command: &mut Command) -> Result<(), Failure> {
    command.stdout(std::io::stderr());
    let failed = |reason: String| {
        let words: Vec<_> = command_words(engine, command);
        (format!("`{}` {reason}", words.join(" ")), "mend what it says above, then run the command again")
    };
    let ended = failed("failed".into());
    let slow = failed(format!("was not done after {} minutes", BUILD_TIMEOUT.as_secs() / 60));
    match tokio::time::timeout(BUILD_TIMEOUT, command.status()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(_)) => Err(Failure::input(ended.0, ended.1)),
        Ok(Err(error)) => Err(Failure::host(format!("{}: {error}", ended.0), ended.1)),
        Err(_) => Err(Failure::host(slow.0, slow.1)),
    }
}

fn command_words(engine: Engine, command: &Command) -> Vec<String> {
    let arguments = command.as_std().get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(engine.program().to_owned()).chain(arguments).collect()
}

fn command(engine: Engine, path: Option<&Path>) -> Command {
    let program = path.map_or_else(|| PathBuf::from(engine.program()), |path| path.join(engine.program()));
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn refused(engine: Engine, error: &image::Error) -> Failure {
    let message = format!("the image that {} wrote cannot be used: {}", engine.program(), chain_of(error));
    Failure::host(message, "use Docker 25 or newer, Podman or Buildah")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use vouch_oci::image::{Process, pack};

    /// A pretended engine: it writes an image's id as it was told, and copies an archive that was made before.
    const PRETENDED: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$(basename "$0") $*" >> "$here/calls"
case $1 in
  version | info) exit "$(cat "$here/$(basename "$0").works")" ;;
  build)
    while [ $# -gt 0 ]; do [ "$1" = --iidfile ] && printf 'sha256:abc\n' > "$2"; shift; done ;;
  save)
    while [ $# -gt 0 ]; do [ "$1" = --output ] && cp "$here/archive" "$2"; shift; done ;;
  push) cp "$here/archive" "${3#oci-archive:}" ;;
esac
"#;

    struct Bench {
        folder: tempfile::TempDir,
        digest: Digest,
    }

    impl Bench {
        /// With these engines, and whether each works.
        fn new(engines: &[(&str, bool)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            for (name, works) in engines {
                std::fs::write(path(name), PRETENDED).unwrap();
                std::fs::set_permissions(path(name), PermissionsExt::from_mode(0o755)).unwrap();
                std::fs::write(path(&format!("{name}.works")), if *works { "0" } else { "1" }).unwrap();
            }
            std::fs::write(path("Dockerfile"), "FROM scratch\n").unwrap();
            let process = Process {
                entrypoint: vec!["/a".into()],
                cmd: vec![],
                env: vec![],
                cwd: "/".into(),
                user: String::new(),
            };
            let digest = pack::pack(&[], &process, &path("layout")).unwrap();
            pack::archive(&path("layout"), &path("archive")).unwrap();
            std::fs::create_dir(path("out")).unwrap();
            Self { folder, digest }
        }

        fn build(&self) -> Result<Built, Failure> {
            let path = self.folder.path();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(build_in(Some(path), &path.join("Dockerfile"), path, &path.join("out")))
        }

        fn calls(&self) -> String {
            std::fs::read_to_string(self.folder.path().join("calls")).unwrap()
        }
    }

    #[test]
    fn the_first_pretended_engine_that_works_is_used() {
        for (engines, used) in [
            (&[("docker", true), ("podman", true)][..], "docker save --output "),
            (&[("docker", false), ("podman", true)], "podman save --format oci-archive --output "),
            (&[("buildah", true)], "buildah push sha256:abc oci-archive:"),
        ] {
            let bench = Bench::new(engines);
            let built = bench.build().unwrap();
            assert_eq!((built.digest, built.archive.exists()), (bench.digest, true));
            assert!(bench.calls().contains(used), "{}", bench.calls());
            assert!(bench.calls().contains("build --platform linux/amd64 --iidfile "), "{}", bench.calls());
            bench.build().unwrap();
        }
    }

    /// Run by `make interop`, because it leaves layers in the engine's own store.
    #[test]
    fn a_real_engine_builds() {
        if std::env::var_os("VOUCH_CONTAINER_ENGINE").is_none() {
            eprintln!("skipped: VOUCH_CONTAINER_ENGINE is not set; `make interop` sets it");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("Dockerfile"), "FROM scratch\nCOPY data /data\nENTRYPOINT [\"/data\"]\n").unwrap();
        std::fs::write(path("data"), "not run").unwrap();
        std::fs::create_dir(path("out")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let built = runtime
            .block_on(build_in(None, &path("Dockerfile"), folder.path(), &path("out")))
            .expect("an engine works here");
        let layout = Layout::open(&built.archive).unwrap();
        assert_eq!(default_digest(&layout).unwrap(), built.digest);
    }

    #[test]
    fn without_an_engine_it_says_why() {
        let message = |engines: &[(&str, bool)]| Bench::new(engines).build().unwrap_err().message().to_owned();
        let text = message(&[("docker", false)]);
        assert!(
            text.contains("docker: it is installed, but") && text.contains("podman: it is not installed"),
            "{text}"
        );
        let bench = Bench::new(&[("docker", true)]);
        std::fs::write(bench.folder.path().join("archive"), "").unwrap();
        assert!(bench.build().unwrap_err().message().contains("cannot be used"));
        std::fs::remove_file(bench.folder.path().join("Dockerfile")).unwrap();
        assert!(bench.build().unwrap_err().message().contains("is no file"));
    }
}
