//! The one Vouch binary: runs a cloud or a part of it, deploys and calls apps, and verifies what they answered.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod command;
mod context;
mod dockerfile;
mod failure;
#[cfg(test)]
#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;
mod local;
mod output;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::failure::Failure;
use crate::output::Output;

/// Run containers and WebAssembly off-chain; let smart contracts trust the answers.
#[derive(Parser)]
#[command(name = "vouch", version, arg_required_else_help = true, disable_help_subcommand = true, max_term_width = 100)]
struct Arguments {
    /// Print machine-readable JSON to stdout
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a whole local cloud: chain, contracts, four operators and a gateway
    Up(command::up::Arguments),
    /// Show the health of a cloud at a glance: nodes, lanes, tables, operators, and what is wrong
    Status(command::status::Arguments),
    /// Tell what became of an id: who accepted it, ran it, signed it and posted it, or why it was refused
    Explain(command::explain::Arguments),
    /// Check that this machine can run Vouch; one line and one command for each missing thing
    Doctor(command::doctor::Arguments),
    /// Write, run, deploy, call and inspect apps
    #[command(subcommand)]
    App(command::app::Command),
    /// Make, fetch and inspect container images
    #[command(subcommand)]
    Image(command::image::Command),
    /// Become an operator, bind stake to sets, and decide which programs you answer for
    #[command(subcommand)]
    Operator(command::operator::Command),
    /// Put tokens behind an operator, and take them out again
    #[command(subcommand)]
    Stake(command::stake::Command),
    /// Turn bEIGEN into EIGEN and back, and see what you have of both
    #[command(subcommand)]
    Token(command::token::Command),
    /// Make an AVS by hand: its operator sets, the stake that they take, and who slashes
    #[command(subcommand)]
    Avs(command::avs::Command),
    /// Say who may act for an account, function by function, or in everything
    #[command(subcommand)]
    Admin(command::admin::Command),
    /// See who serves an app's lanes, and change it
    #[command(subcommand)]
    Lane(command::lane::Command),
    /// Put down, take back and show a gateway's bond
    #[command(subcommand)]
    Gateway(command::gateway::Command),
    /// Pay for calls, and be paid for them
    #[command(subcommand)]
    Fee(command::fee::Command),
    /// Show a receipt, verify it against the chain alone, or bring it to a contract
    #[command(subcommand)]
    Receipt(command::receipt::Command),
    /// Set up a cloud on any chain, and join machines to it
    #[command(subcommand)]
    Network(command::network::Command),
    /// Look at a node's index of stake, compare it with the chain, make it anew
    #[command(subcommand)]
    Index(command::index::Command),
    /// Run roles of a node from a configuration file
    Node(command::node::Arguments),
    #[command(subcommand)]
    Srs(command::srs::Command),
    /// Check this build against a folder of golden vectors
    Vectors(command::vectors::Arguments),
    /// Print the OpenAPI document of the node's HTTP API
    Openapi(command::generated::OpenapiArguments),
    /// Print the metrics of a node as Markdown
    Metrics(command::generated::MetricsArguments),
    /// Print this reference as Markdown
    Reference(command::generated::ReferenceArguments),
    /// Entry points for the binary's own child processes
    #[command(subcommand, hide = true)]
    Internal(command::internal::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Child processes of the binary run before any thread or TLS provider exists.
    if let Command::Internal(command) = arguments.command {
        return command::internal::run(command);
    }
    let output = Output::new(arguments.json);
    match run(arguments.command, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(command: Command, output: &Output) -> Result<(), Failure> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| Failure::bug("a TLS provider was installed twice"))?;
    if !matches!(command, Command::Node(_)) {
        command::node::log_to_stderr("warn");
    }
    match command {
        Command::Doctor(arguments) => command::doctor::run(arguments, output),
        Command::Srs(command) => command::srs::run(&command, output),
        Command::Vectors(arguments) => command::vectors::run(arguments, output),
        Command::Openapi(arguments) => command::generated::openapi(arguments),
        Command::Metrics(arguments) => command::generated::metrics(arguments),
        Command::Reference(arguments) => command::generated::reference(arguments, &Arguments::command()),
        Command::Status(arguments) => block_on(command::status::run(&arguments, output)),
        Command::Explain(arguments) => block_on(command::explain::run(&arguments, output)),
        Command::Up(arguments) => block_on(command::up::run(arguments, output)),
        Command::App(command) => block_on(command::app::run(command, output)),
        Command::Image(command) => block_on(command::image::run(command, output)),
        Command::Operator(command) => block_on(command::operator::run(command, output)),
        Command::Stake(command) => block_on(command::stake::run(command, output)),
        Command::Token(command) => block_on(command::token::run(command, output)),
        Command::Avs(command) => block_on(command::avs::run(command, output)),
        Command::Admin(command) => block_on(command::admin::run(command, output)),
        Command::Lane(command) => block_on(command::lane::run(command, output)),
        Command::Gateway(command) => block_on(command::gateway::run(command, output)),
        Command::Fee(command) => block_on(command::fee::run(command, output)),
        Command::Receipt(command) => block_on(command::receipt::run(command, output)),
        Command::Network(command) => block_on(command::network::run(command, output)),
        Command::Index(command) => block_on(command::index::run(command, output)),
        Command::Node(arguments) => block_on(command::node::run(arguments)),
        Command::Internal(_) => Err(Failure::bug("internal commands are dispatched first")),
    }
}

fn block_on(future: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| {
        Failure::host(
            format!("the async runtime did not start: {source}"),
            "check this machine's limits with `vouch doctor`",
        )
    })?;
    let result = runtime.block_on(future);
    // Blocking work (a program that is still running) must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    result
}
