use std::path::Path;

use super::*;

fn describe(text: &str) -> Result<Description, Error> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.wasm"), b"bytes").unwrap();
    let path = folder.path().join("vouch.toml");
    std::fs::write(&path, text).unwrap();
    Description::read(&path)
}

fn refused(text: &str) -> String {
    let error = describe(text).unwrap_err();
    match &error {
        Error::Syntax { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[test]
fn a_minimal_description_gets_the_defaults() {
    let description = describe("artifact = \"a.wasm\"").unwrap();
    assert_eq!(description.program, Program::command(artifact::digest(b"bytes")));
    assert_eq!(description.program.limits.fuel, 10_000_000_000);
}

#[test]
fn every_value_out_of_bounds_is_named() {
    for (text, needle) in [
        ("", "artifact"),
        ("artifact = \"none.wasm\"", "none.wasm"),
        ("artifact = \"a.wasm\"\nartefact = 1", "artefact"),
        ("artifact = \"a.wasm\"\ninterface = \"stdin\"", "stdin"),
        ("artifact = \"a.wasm\"\n[limits]\nfuel = 0", "limits.fuel"),
        ("artifact = \"a.wasm\"\n[limits]\nmemory-bytes = 1", "limits.memory-bytes"),
        ("artifact = \"a.wasm\"\n[limits]\nwall-millis = 1000", "limits.wall-millis"),
        ("artifact = \"a.wasm\"\n[limits]\noutput-bytes = 99999999999", "limits.output-bytes"),
        ("artifact = \"a.wasm\"\n[limits]\nfule = 1", "fule"),
        ("artifact = \"a.wasm\"\n[env]\n\"A=B\" = \"c\"", "env"),
        ("artifact = \"a.wasm\"\nargs = [\"a\\u0000b\"]", "args"),
        ("artifact = \"a.wasm\"\nruntime = \"\"", "runtime"),
    ] {
        let error = refused(text);
        assert!(error.contains(needle), "{text:?} gave {error}");
    }
}

#[test]
fn too_many_or_too_long_arguments_are_refused() {
    let mut program = Program::command(B256::ZERO);
    program.args = vec![String::new(); ENTRIES_MAX + 1];
    assert!(program.validate().is_err());
    program.args = vec!["x".repeat(ENTRY_BYTES_MAX + 1)];
    assert!(program.validate().is_err());
    program.args = vec!["x".repeat(ENTRY_BYTES_MAX)];
    program.validate().unwrap();
}

#[test]
fn arguments_and_environment_enter_the_identity() {
    let mut program = Program::command(B256::ZERO);
    assert_eq!((program.args_hash(), program.env_hash()), (B256::ZERO, B256::ZERO));
    program.args = vec!["ab".into(), "c".into()];
    program.env.insert("A".into(), "b".into());
    let joined = Program { args: vec!["a".into(), "bc".into()], ..program.clone() };
    assert_ne!(program.args_hash(), joined.args_hash());
    assert_ne!(program.env_hash(), B256::ZERO);
}

#[test]
fn the_signed_record_names_everything_that_runs() {
    let program = Program::command(B256::repeat_byte(1));
    let signed = program.signed();
    assert_eq!((signed.runtime.as_str(), signed.interface_name.as_str()), (WASM_RUNTIME, "command"));
    assert_eq!((signed.limits.fuel, signed.limits.cpu_millis), (program.limits.fuel, 0));
    let changed = Program { args: vec!["x".into()], ..program };
    assert_ne!(changed.signed().id(), signed.id());
}

fn layout(folder: &Path) -> B256 {
    let process = vouch_oci::image::Process {
        entrypoint: vec!["/p".into()],
        cmd: Vec::new(),
        env: Vec::new(),
        cwd: "/".into(),
        user: String::new(),
    };
    let source = vouch_oci::image::pack::Source { from: folder.join("vouch.toml"), to: "/p".into() };
    B256::new(vouch_oci::image::pack::pack(&[source], &process, &folder.join("image")).unwrap().bytes())
}

#[test]
fn an_image_runs_in_a_container_by_the_digest_of_its_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouch.toml");
    std::fs::write(&path, "image = \"image\"\n[limits]\npids = 9").unwrap();
    let digest = layout(folder.path());
    let description = Description::read(&path).unwrap();
    assert_eq!(
        (description.program.runtime.as_str(), description.program.artifact_digest),
        (CONTAINER_RUNTIME, digest)
    );
    let signed = description.program.signed().limits;
    assert_eq!((signed.fuel, signed.cpu_millis, signed.pids), (0, 1_000, 9));
}

#[test]
fn an_image_of_a_registry_is_named_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouch.toml");
    let reference = format!("example.org/app@sha256:{}", "07".repeat(32));
    std::fs::write(&path, format!("image = \"{reference}\"")).unwrap();
    let description = Description::read(&path).unwrap();
    assert_eq!(description.program.artifact_digest, B256::repeat_byte(7));
    assert_eq!(description.reference, Some(reference));
    std::fs::write(&path, "image = \"example.org/app@sha256:07\"").unwrap();
    assert!(Description::read(&path).unwrap_err().to_string().contains("64 lower-case"));
}

#[test]
fn a_limit_that_means_nothing_to_a_kind_of_program_is_refused() {
    let wasm = Limits::of(Kind::Wasm);
    let container = Limits::of(Kind::Container);
    wasm.validate(Kind::Wasm).unwrap();
    container.validate(Kind::Container).unwrap();
    for (limits, kind) in [
        (Limits { pids: 1, ..wasm }, Kind::Wasm),
        (Limits { cpu_millis: 100, ..wasm }, Kind::Wasm),
        (Limits { fuel: 1, ..container }, Kind::Container),
        (Limits { cpu_millis: 0, ..container }, Kind::Container),
        (Limits { pids: 1, ..container }, Kind::Container),
        (Limits { memory_bytes: 1 << 20, ..container }, Kind::Container),
    ] {
        limits.validate(kind).unwrap_err();
    }
}

#[test]
fn a_description_names_one_artifact_and_a_runtime_that_runs_it() {
    let both = refused("artifact = \"a.wasm\"\nimage = \"image\"");
    assert!(both.contains("only one"), "{both}");
    assert!(refused("interface = \"command\"").contains("`image`"));
    let wrong = refused(&format!("artifact = \"a.wasm\"\nruntime = \"{}\"", CONTAINER_RUNTIME));
    assert!(wrong.contains("does not run what is named"), "{wrong}");
}
