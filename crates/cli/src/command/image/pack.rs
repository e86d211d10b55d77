use std::path::{Path, PathBuf};

use serde::Serialize;
use vouch_oci::image::pack::{self, Source};
use vouch_oci::image::{Digest, Process};

use super::failure;
use crate::failure::Failure;
use crate::output::{Output, shell_word};

pub const EXAMPLE: &str = "Example:
  cc -static -o hello hello.c
  vouch image pack --out hello-image --file hello:/hello
  vouch image inspect hello-image
Then `image = \"hello-image\"` in vouch.toml makes an app of it.";

#[derive(clap::Args)]
pub struct Arguments {
    /// Where to write the image: a new folder, or a new archive if the name ends in .tar
    #[arg(long, value_name = "DIR|FILE.tar")]
    out: PathBuf,
    /// A file and its path in the image; programs must be static, or bring their libraries
    #[arg(long, value_name = "HOST:INSIDE")]
    file: Vec<String>,
    /// A folder, with all that is in it, and its path in the image
    #[arg(long, value_name = "HOST:INSIDE")]
    folder: Vec<String>,
    /// The program and its first arguments, one at a time; the only file if there is just one
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    entrypoint: Vec<String>,
    /// Arguments that a release may replace, one at a time
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    cmd: Vec<String>,
    /// A variable of the environment
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// The user: NAME or ID, and a group after a colon (default: root of the container, who has no rights outside)
    #[arg(long)]
    user: Option<String>,
    /// The working directory
    #[arg(long, value_name = "INSIDE", default_value = "/")]
    workdir: String,
}

#[derive(Serialize)]
struct Packed {
    digest: String,
    path: String,
}

pub fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let out = arguments.out.clone();
    if out.symlink_metadata().is_ok() {
        return Err(Failure::input(format!("{} exists", out.display()), "remove it, or name another path"));
    }
    let (sources, process) = arguments.read()?;
    let digest = write(&sources, &process, &out)?;
    let packed = Packed { digest: digest.to_string(), path: shell_word(&out) };
    output.data(&packed, |packed| packed.digest.clone());
    Ok(())
}

fn write(sources: &[Source], process: &Process, out: &Path) -> Result<Digest, Failure> {
    let failed = |error| failure(out, &error);
    if out.extension().is_none_or(|extension| extension != "tar") {
        return pack::pack(sources, process, out).map_err(failed);
    }
    let parent = out.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let folder = tempfile::tempdir_in(parent).map_err(|error| {
        Failure::input(format!("{}: {error}", parent.display()), "name a folder that can be written")
    })?;
    let layout = folder.path().join("layout");
    let digest = pack::pack(sources, process, &layout).map_err(failed)?;
    pack::archive(&layout, out).map_err(failed)?;
    Ok(digest)
}

impl Arguments {
    fn read(self) -> Result<(Vec<Source>, Process), Failure> {
        let files = self.file.iter().map(|text| source(text, false)).collect::<Result<Vec<_>, _>>()?;
        let folders = self.folder.iter().map(|text| source(text, true)).collect::<Result<Vec<_>, _>>()?;
        let entrypoint = match &files[..] {
            [only] if self.entrypoint.is_empty() => vec![only.to.display().to_string()],
            _ => self.entrypoint,
        };
        if entrypoint.is_empty() && self.cmd.is_empty() {
            return Err(Failure::input(
                "nothing says which program runs",
                "add --entrypoint PATH, its path in the image",
            ));
        }
        let env = self.env.iter().map(|text| variable(text)).collect::<Result<Vec<_>, _>>()?;
        if !self.workdir.starts_with('/') {
            let message = format!("the working directory `{}` is no absolute path", self.workdir);
            return Err(Failure::input(message, "start it with `/`"));
        }
        let process =
            Process { entrypoint, cmd: self.cmd, env, cwd: self.workdir, user: self.user.unwrap_or_default() };
        Ok((files.into_iter().chain(folders).collect(), process))
    }
}

/// `HOST:INSIDE`; links on the host's side are followed, those within a folder are kept.
fn source(text: &str, is_folder: bool) -> Result<Source, Failure> {
    let kind = if is_folder { "folder" } else { "file" };
    let example = format!("write --{kind} HOST:INSIDE, as --{kind} build/app:/app");
    let invalid = |reason: String| Failure::input(format!("--{kind} {text}: {reason}"), example.clone());
    let (from, to) = text.rsplit_once(':').ok_or_else(|| invalid("there is no `:`".into()))?;
    let to = PathBuf::from(to);
    let is_plain = to.is_absolute() && to.components().all(|part| part != std::path::Component::ParentDir);
    if !is_plain || (!is_folder && to.file_name().is_none()) {
        return Err(invalid("the path in the image must start with `/` and have no `..`".into()));
    }
    let from = Path::new(from).canonicalize().map_err(|error| invalid(format!("{from}: {error}")))?;
    if from.is_dir() != is_folder {
        return Err(invalid(format!("{} is no {kind}", from.display())));
    }
    Ok(Source { from, to })
}

fn variable(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::input(format!("--env {text} is not NAME=VALUE"), "write --env NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use vouch_oci::image::{Bounds, Layout, default_digest, inspect};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn pack(folder: &Path, out: &str, more: &[&str]) -> Result<PathBuf, Failure> {
        let out = folder.join(out);
        let out_text = out.to_str().unwrap().to_owned();
        let words = ["pack", "--out", &out_text].into_iter().chain(more.iter().copied());
        run(Line::parse_from(words).arguments, &Output::new(true)).map(|()| out)
    }

    #[test]
    fn folders_and_archives_hold_the_same_image() {
        let folder = tempfile::tempdir().unwrap();
        let (program, data) = (folder.path().join("program"), folder.path().join("data"));
        std::fs::write(&program, "x").unwrap();
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("a"), "a").unwrap();
        let (file, data) = (format!("{}:/bin/program", program.display()), format!("{}:/data", data.display()));
        let more =
            ["--file", &file, "--folder", &data, "--cmd", "-v", "--env", "A=b=c", "--user", "7", "--workdir", "/data"];
        let layout = Layout::open(&pack(folder.path(), "layout", &more).unwrap()).unwrap();
        let archive = Layout::open(&pack(folder.path(), "image.tar", &more).unwrap()).unwrap();
        let digest = default_digest(&layout).unwrap();
        assert_eq!(digest, default_digest(&archive).unwrap());
        let process = inspect(&archive, digest, &Bounds::default()).unwrap();
        assert_eq!(process.args(), ["/bin/program", "-v"]);
        assert_eq!(
            (process.env, process.user, process.cwd),
            (vec![("A".into(), "b=c".into())], "7".into(), "/data".into())
        );
        let one = std::fs::read(folder.path().join("image.tar")).unwrap();
        let again = pack(folder.path(), "again.tar", &more).unwrap();
        assert_eq!(one, std::fs::read(again).unwrap(), "the same bytes every time");
        assert!(pack(folder.path(), "layout", &more).unwrap_err().message().contains("exists"));
    }

    #[test]
    fn what_would_not_work_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("program"), "x").unwrap();
        let host = folder.path().join("program").display().to_string();
        let [relative, up, root] = ["bin", "/a/../b", "/"].map(|to| format!("{host}:{to}"));
        let good = format!("{host}:/a");
        for more in [
            &["--file", &host][..],
            &["--file", &relative],
            &["--file", &up],
            &["--file", &root],
            &["--folder", &good],
            &["--file", "/no/such/file:/a"],
            &["--file", &good, "--env", "=x"],
            &["--file", &good, "--workdir", "a"],
            &[],
        ] {
            assert!(pack(folder.path(), "out", more).is_err(), "{more:?}");
            assert!(!folder.path().join("out").exists(), "{more:?}");
        }
    }
}
