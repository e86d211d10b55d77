use std::process::ExitCode;

/// Entry points for the binary's own child processes
#[derive(clap::Subcommand)]
pub enum Command {
    /// Compile a WebAssembly artifact in a process of its own
    #[command(disable_help_flag = true)]
    CompileWasm {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Watch over one container
    #[command(disable_help_flag = true)]
    Container,
}

pub fn run(command: Command) -> ExitCode {
    match command {
        Command::CompileWasm { .. } => vouch_compute::wasm::compile_child_main(),
        Command::Container => vouch_compute::oci::supervisor_child_main(),
    }
}
