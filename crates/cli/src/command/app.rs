use crate::failure::Failure;
use crate::output::Output;

mod build;
mod call;
mod check;
mod deploy;
mod force;
mod init;
mod list;
mod project;
mod run;
mod upload;

/// Write, run, deploy, call and inspect apps
#[derive(clap::Subcommand)]
pub enum Command {
    /// Start an app: a folder with vouch.toml and a program that works
    Init(init::Arguments),
    /// Turn an app's WebAssembly text into its artifact; other languages have their own build
    Build(build::Arguments),
    /// Run an app here, as an operator would; says why it traps and what fuel it takes
    Run(run::Arguments),
    /// Find out whether a program would answer the same on every host, and for years; says what it depends on
    Check(check::Arguments),
    /// Deploy an app and wait until it can be called; goes on where an earlier try ended
    Deploy(deploy::Arguments),
    /// Call an app; prints what its operators certified
    Call(call::Arguments),
    /// Put a request on chain that a lane must answer, and wait for the answer; for those whom a gateway ignores
    Force(force::Arguments),
    /// List the apps of the cloud
    List(list::ListArguments),
    /// Show an app: who runs it and what its answers rest on
    Info(list::InfoArguments),
    /// List an app's releases
    Releases(list::InfoArguments),
}

pub async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init::run(&arguments, output),
        Command::Build(arguments) => build::run(&arguments, output),
        Command::Run(arguments) => run::run(&arguments, output),
        Command::Check(arguments) => check::run(&arguments, output),
        Command::Deploy(arguments) => deploy::run(&arguments, output).await,
        Command::Call(arguments) => call::run(&arguments, output).await,
        Command::Force(arguments) => force::run(&arguments, output).await,
        Command::List(arguments) => list::list(&arguments, output).await,
        Command::Info(arguments) => list::info(&arguments, output).await,
        Command::Releases(arguments) => list::releases(&arguments, output).await,
    }
}
