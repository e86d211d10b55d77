//! What an artifact is, decided from its bytes before anything is compiled.
//!
//! Three shapes are run: a component that exports `run` of world `vouch:program/command`, a component that exports
//! `wasi:cli/run`, and a core module with `_start` over WASI preview 1. Of components, only flat ones are taken: composed
//! components exchange strings through engine code that fuel does not measure, and resources of a program's own grow
//! tables of the host; either would let a small amount of fuel buy unbounded work.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentTypeRef, ExternalKind, Parser, Payload, TypeRef,
};

/// How a program is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `export run: func(payload: list<u8>) -> result<list<u8>, string>`.
    CommandWorld,
    /// `wasi:cli/run`: payload on stdin, answer on stdout.
    CliComponent,
    /// `_start` over `wasi_snapshot_preview1`: payload on stdin, answer on stdout.
    CliModule,
}

/// What the bytes say about a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// How it is entered.
    pub shape: Shape,
    /// Bytes of memory that it has before its first instruction.
    pub initial_memory_bytes: u64,
}

/// Core WebAssembly pages.
const PAGE_BYTES: u64 = 65_536;

/// Reads the artifact; the error says what it is not.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, String> {
    if Parser::is_component(bytes) {
        ComponentScan::default().scan(bytes)
    } else if Parser::is_core_wasm(bytes) {
        inspect_module(bytes)
    } else {
        Err("it is neither a WebAssembly component nor a core module (binary format expected)".into())
    }
}

fn malformed(error: wasmparser::BinaryReaderError) -> String {
    format!("malformed WebAssembly: {error}")
}

fn inspect_module(bytes: &[u8]) -> Result<Inspected, String> {
    let (mut start, mut memory, mut initial_memory_bytes) = (false, false, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    check_module_import(import.map_err(malformed)?)?;
                }
            }
            Payload::MemorySection(section) => initial_memory_bytes = memories_bytes(section)?,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    start |= export.name == "_start" && export.kind == ExternalKind::Func;
                    memory |= export.name == "memory" && export.kind == ExternalKind::Memory;
                }
            }
            _ => {}
        }
    }
    match (start, memory) {
        (true, true) => Ok(Inspected { shape: Shape::CliModule, initial_memory_bytes }),
        (false, _) => Err("the core module exports no function `_start`; build it as a WASI preview 1 command".into()),
        (true, false) => Err("the core module exports no memory named `memory`".into()),
    }
}

fn check_module_import(import: wasmparser::Import<'_>) -> Result<(), String> {
    let name = format!("`{}` `{}`", import.module, import.name);
    match import.ty {
        TypeRef::Func(_) if import.module == super::preview1::MODULE => Ok(()),
        TypeRef::Func(_) => Err(format!("it imports {name}; only `{}` is offered", super::preview1::MODULE)),
        _ => Err(format!("it imports {name}, which is not a function; threads and shared memories are not offered")),
    }
}

fn memories_bytes(section: wasmparser::MemorySectionReader<'_>) -> Result<u64, String> {
    section.into_iter().try_fold(0_u64, |total, memory| {
        let memory = memory.map_err(malformed)?;
        Ok(total.saturating_add(memory.initial.saturating_mul(PAGE_BYTES)))
    })
}

/// Follows where component functions come from, so that only imported ones are lowered.
#[derive(Default)]
struct ComponentScan {
    depth: usize,
    /// Of each function of the outermost component, whether it is imported.
    functions_imported: Vec<bool>,
    /// Of each instance of the outermost component, whether it is imported.
    instances_imported: Vec<bool>,
    command: bool,
    cli: bool,
    initial_memory_bytes: u64,
}

/// Functions or instances a component may have.
const ITEMS_MAX: usize = 100_000;

impl ComponentScan {
    fn scan(mut self, bytes: &[u8]) -> Result<Inspected, String> {
        // Nested parsers are flattened; `ends` tells where each module or component ends.
        let mut in_module = false;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(malformed)? {
                Payload::ModuleSection { .. } => {
                    in_module = true;
                    if self.depth > 0 {
                        return Err(COMPOSED.into());
                    }
                }
                Payload::ComponentSection { .. } => self.depth += 1,
                Payload::End(_) if in_module => in_module = false,
                Payload::End(_) => self.depth = self.depth.saturating_sub(1),
                Payload::MemorySection(section) => {
                    let bytes = memories_bytes(section)?;
                    self.initial_memory_bytes = self.initial_memory_bytes.saturating_add(bytes);
                }
                payload => self.section(payload)?,
            }
        }
        let shape = match (self.command, self.cli) {
            (true, _) => Shape::CommandWorld,
            (false, true) => Shape::CliComponent,
            (false, false) => {
                return Err(
                    "the component exports neither `run` of world vouch:program/command nor wasi:cli/run".into()
                );
            }
        };
        Ok(Inspected { shape, initial_memory_bytes: self.initial_memory_bytes })
    }

    fn section(&mut self, payload: Payload<'_>) -> Result<(), String> {
        match payload {
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    self.canonical(function.map_err(malformed)?)?;
                }
            }
            // What nested components do with names and types is free of code and of no interest.
            _ if self.depth > 0 => {}
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import.map_err(malformed)?;
                    check_component_import(import.name.name, &import.ty)?;
                    self.item(external_kind(&import.ty), true)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    instance.map_err(malformed)?;
                    self.item(Some(ComponentExternalKind::Instance), false)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    if let ComponentAlias::InstanceExport { kind, instance_index, .. } = alias.map_err(malformed)? {
                        let imported = self.instances_imported.get(instance_index as usize).copied().unwrap_or(false);
                        self.item(Some(kind), imported)?;
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.export(export.map_err(malformed)?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn canonical(&mut self, function: CanonicalFunction) -> Result<(), String> {
        match function {
            _ if self.depth > 0 => Err(COMPOSED.into()),
            CanonicalFunction::Lift { .. } => self.item(Some(ComponentExternalKind::Func), false),
            CanonicalFunction::Lower { func_index, .. } => match self.functions_imported.get(func_index as usize) {
                Some(true) => Ok(()),
                _ => Err(COMPOSED.into()),
            },
            CanonicalFunction::ResourceDrop { .. } => Ok(()),
            other => Err(format!("it uses a component feature that is not offered: {}", feature_name(&other))),
        }
    }

    fn export(&mut self, export: wasmparser::ComponentExport<'_>) -> Result<(), String> {
        let name = export.name.name;
        self.command |= name == "run" && export.kind == ComponentExternalKind::Func;
        self.cli |= is_cli_run(name) && export.kind == ComponentExternalKind::Instance;
        let index = export.index as usize;
        let imported = match export.kind {
            ComponentExternalKind::Func => self.functions_imported.get(index).copied(),
            ComponentExternalKind::Instance => self.instances_imported.get(index).copied(),
            _ => None,
        };
        self.item(Some(export.kind), imported.unwrap_or(false))
    }

    /// Enters an item into its index space.
    fn item(&mut self, kind: Option<ComponentExternalKind>, imported: bool) -> Result<(), String> {
        let space = match kind {
            Some(ComponentExternalKind::Func) => &mut self.functions_imported,
            Some(ComponentExternalKind::Instance) => &mut self.instances_imported,
            _ => return Ok(()),
        };
        space.push(imported);
        if space.len() > ITEMS_MAX {
            Err(format!("it has more than {ITEMS_MAX} functions or instances"))
        } else {
            Ok(())
        }
    }
}

const COMPOSED: &str = "it is composed of several components; only a single component is offered";

/// Whether a name is that of `wasi:cli/run` in any 0.2 version.
pub fn is_cli_run(name: &str) -> bool {
    name.starts_with("wasi:cli/run@0.2.")
}

fn check_component_import(name: &str, ty: &ComponentTypeRef) -> Result<(), String> {
    match ty {
        ComponentTypeRef::Instance(_) if name.starts_with("wasi:") => Ok(()),
        ComponentTypeRef::Type(_) => Ok(()),
        _ => Err(format!("it imports `{name}`; only WASI 0.2 interfaces are offered")),
    }
}

fn external_kind(ty: &ComponentTypeRef) -> Option<ComponentExternalKind> {
    match ty {
        ComponentTypeRef::Func(_) => Some(ComponentExternalKind::Func),
        ComponentTypeRef::Instance(_) => Some(ComponentExternalKind::Instance),
        _ => None,
    }
}

fn feature_name(function: &CanonicalFunction) -> String {
    let text = format!("{function:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn component() -> Vec<u8> {
        wat::parse_str(include_str!("../../tests/programs/cli.wat")).unwrap()
    }

    #[test]
    fn shapes_are_told_apart() {
        assert_eq!(inspect(&component()).unwrap().shape, Shape::CliComponent);
        let module = wat::parse_str(include_str!("../../tests/programs/fill.wat")).unwrap();
        let expected = Inspected { shape: Shape::CliModule, initial_memory_bytes: 256 << 20 };
        assert_eq!(inspect(&module), Ok(expected));
    }

    #[test]
    fn a_component_without_its_export_is_refused() {
        let component = component();
        // What follows the export, which comes last, is names for debuggers.
        for length in 0..component.len() / 2 {
            assert!(inspect(&component[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_never_a_panic(at in 0_usize..2_300, byte: u8, tail in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = component();
            bytes[at] = byte;
            bytes.extend(tail);
            let _ = inspect(&bytes);
        }
    }
}
