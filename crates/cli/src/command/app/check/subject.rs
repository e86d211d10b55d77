//! The ways in which a program can be run here: as operators do, and as on other hosts.

use std::sync::Arc;

use vouch_compute::driver::{Driver, LoadError, Loaded};
use vouch_compute::oci::{Files, OciDriver, Variation, VariedImage};
use vouch_compute::program::Program;
use vouch_compute::wasm::WasmDriver;

use super::examine::{Dimension, Subject, USUAL, Way};
use crate::command::app::project::Project;

/// By how many seconds files seem to be modified earlier, or later: a year.
const SHIFT_SECONDS: i64 = 31_536_000;
/// Numbers of processors, of which the first two are tried that are not the usual one.
const CPUS: [u32; 3] = [1, 2, 8];

/// A WebAssembly program. `fresh` must have an empty cache, so that it compiles anew.
pub fn wasm(project: &Project, usual: &WasmDriver, fresh: &WasmDriver) -> Result<Subject<'static>, LoadError> {
    let load = |driver: &WasmDriver| driver.load(&project.description.program, &project.description.artifact);
    let (usual, fresh) = (load(usual)?, load(fresh)?);
    let compiled =
        Dimension { name: "compilation", is_fixed: false, reference: None, ways: vec![loaded("compiled anew", fresh)] };
    Ok(Subject { usual: loaded(USUAL, usual), dimensions: vec![compiled] })
}

fn loaded(label: &str, program: Arc<dyn Loaded>) -> Way<'static> {
    Way { label: label.into(), run: Box::new(move |input| program.run(input).map(Into::into)) }
}

/// A program in a container.
pub fn container(project: &Project, driver: &OciDriver) -> Result<Subject<'static>, LoadError> {
    let program = &project.description.program;
    let image = Arc::new(driver.load_varied(program, &project.description.artifact)?);
    let usual = varied(&image, USUAL, Variation::default());
    Ok(Subject { usual, dimensions: dimensions(&image, program) })
}

fn varied(image: &Arc<VariedImage>, label: impl Into<String>, variation: Variation) -> Way<'static> {
    let image = image.clone();
    Way { label: label.into(), run: Box::new(move |input| image.run(input, &variation).map(Into::into)) }
}

fn dimensions(image: &Arc<VariedImage>, program: &Program) -> Vec<Dimension<'static>> {
    let usual_cpus = program.limits.cpu_millis.div_ceil(1_000);
    let other_cpus = CPUS.into_iter().filter(|cpus| u64::from(*cpus) != usual_cpus).take(2);
    let way = |label: String, variation| varied(image, label, variation);
    let host_name = |name: &str| Variation { host_name: Some(name.into()), ..Variation::default() };
    let cpus = |cpus| Variation { cpus: Some(cpus), ..Variation::default() };
    let processor = |processor| Variation { processor: Some(processor), ..Variation::default() };
    let files =
        |reversed, shift_seconds| Variation { files: Some(Files { reversed, shift_seconds }), ..Variation::default() };
    let copied = || Some(way("files copied in order".into(), files(false, 0)));
    let dimension = |name, is_fixed, ways| Dimension { name, is_fixed, reference: None, ways };
    let random = Variation { random_addresses: true, ..Variation::default() };
    let reversed = Variation { reversed_environment: true, ..Variation::default() };
    vec![
        dimension("host name", true, vec![way("host name another-host".into(), host_name("another-host"))]),
        dimension("cpu count", true, other_cpus.map(|count| way(format!("{count} cpus"), cpus(count))).collect()),
        dimension("environment order", true, vec![way("environment reversed".into(), reversed)]),
        dimension(
            "address layout",
            true,
            ["one", "another"].map(|which| way(format!("{which} random layout"), random.clone())).into(),
        ),
        dimension(
            "processor",
            false,
            [0, 1].map(|number| way(format!("on processor {number} only"), processor(number))).into(),
        ),
        dimension("file system", false, vec![way("files on another file system".into(), files(false, 0))]),
        Dimension {
            reference: copied(),
            ..dimension("file order", false, vec![way("files copied in reverse".into(), files(true, 0))])
        },
        Dimension {
            reference: copied(),
            ..dimension(
                "file times",
                true,
                [("later", SHIFT_SECONDS), ("earlier", -SHIFT_SECONDS)]
                    .map(|(label, shift)| way(format!("files a year {label}"), files(false, shift)))
                    .into(),
            )
        },
    ]
}
