use std::path::{Path, PathBuf};

use serde_json::json;

use super::build::build;
use crate::failure::Failure;
use crate::output::{Output, shell_word};

#[derive(clap::Args)]
pub struct Arguments {
    /// The folder to write; new or empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What the program is written in
    #[arg(long, value_enum, default_value_t = Template::Wat)]
    template: Template,
}

/// What an app can start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Template {
    /// WebAssembly text: needs no other tool
    Wat,
    /// JavaScript, built with Node.js and componentize-js
    Javascript,
}

impl Template {
    /// Paths and contents, relative to the app's folder.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Wat => &[
                ("vouch.toml", include_str!("templates/wat/vouch.toml")),
                ("program.wat", include_str!("templates/wat/program.wat")),
                (".gitignore", "build/\n"),
            ],
            Self::Javascript => &[
                ("vouch.toml", include_str!("templates/javascript/vouch.toml")),
                ("package.json", include_str!("templates/javascript/package.json.txt")),
                ("build.mjs", include_str!("templates/javascript/build.mjs")),
                ("src/program.js", include_str!("templates/javascript/program.js")),
                ("wit/program.wit", include_str!("../../../../../wit/program.wit")),
                (".gitignore", "build/\nnode_modules/\n"),
            ],
        }
    }

    fn next(self, folder: &Path) -> Vec<String> {
        let folder = shell_word(folder);
        let mut steps = match self {
            Self::Wat => Vec::new(),
            Self::Javascript => vec![format!("(cd {folder} && npm install && npm run build)")],
        };
        steps.push(format!("vouch app deploy {folder}"));
        steps.push(format!("vouch app call {folder} --payload hello"));
        steps
    }
}

pub fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let folder = &arguments.folder;
    require_empty(folder)?;
    for (name, content) in arguments.template.files() {
        write(&folder.join(name), content)?;
    }
    if arguments.template == Template::Wat {
        build(folder)?;
    }
    let names: Vec<_> = arguments.template.files().iter().map(|(name, _)| *name).collect();
    let next = arguments.template.next(folder);
    let made = json!({ "folder": folder, "files": names, "next": next });
    output.data(&made, |_| format!("{} has {}\nnext:\n  {}", folder.display(), names.join(", "), next.join("\n  ")));
    Ok(())
}

/// Nobody's files are overwritten.
fn require_empty(folder: &Path) -> Result<(), Failure> {
    let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || folder.is_file() {
        let message = format!("{} exists and is not empty", folder.display());
        return Err(Failure::input(message, "name a new folder"));
    }
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(path, content));
    written.map_err(|error| {
        Failure::host(format!("{} cannot be written: {error}", path.display()), "check the folder's permissions")
    })
}

#[cfg(test)]
mod tests {
    use super::super::project::Project;
    use super::*;

    fn init(folder: &Path, template: Template) -> Result<(), Failure> {
        run(&Arguments { folder: folder.to_owned(), template }, &Output::new(true))
    }

    #[test]
    fn a_text_app_can_be_deployed_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), Template::Wat).unwrap();
        let project = Project::open(folder.path()).unwrap();
        let bytes = std::fs::read(&project.description.artifact).unwrap();
        assert_eq!(project.description.program.artifact_digest, vouch_compute::artifact::digest(&bytes));
    }

    #[test]
    fn a_javascript_app_wants_its_build_first() {
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), Template::Javascript).unwrap();
        assert!(folder.path().join("wit/program.wit").is_file());
        let Err(failure) = Project::open(folder.path()) else { panic!("there is no artifact yet") };
        assert!(failure.next().contains("build"), "{}", failure.next());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("vouch.toml");
        std::fs::write(&precious, "mine").unwrap();
        assert!(init(folder.path(), Template::Wat).is_err());
        assert_eq!(std::fs::read_to_string(precious).unwrap(), "mine");
    }
}
