// Writes contracts/abi/<Name>.json from what `forge build` left in contracts/out, so that `cargo build` needs no Node.
//
//   node tools/export-abi.mjs            write every file
//   node tools/export-abi.mjs --check    write nothing; fail with the names of the files that are stale
//   node tools/export-abi.mjs Name...    only these
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "contracts");
const outputFolder = join(root, "out");
const abiFolder = join(root, "abi");

/** What is deployed. A contract that nobody deploys or calls from outside has no place here. */
const contracts = [
  "AdjudicatedProfile",
  "AllocationManager",
  "AppController",
  "BN254CertificateVerifier",
  "BackingEigen",
  "BatchRegistry",
  "ClaimRegistry",
  "ClaimSlasher",
  "CommitteeTables",
  "DelegationManager",
  "DemoToken",
  "Eigen",
  "EigenStrategy",
  "Endpoints",
  "EquivocationSlasher",
  "Escrow",
  "EvidenceChecker",
  "ExposureLedger",
  "ForcedInbox",
  "FeeVault",
  "ForkParameters",
  "GatewayBonds",
  "KeyRegistrar",
  "OpenRegistrar",
  "PauserRegistry",
  "PermissionController",
  "Profile",
  "ProfileFactory",
  "QuorumVerifier",
  "ReleaseManager",
  "Settlement",
  "SlashRouter",
  "SlashVault",
  "SlashVaultFactory",
  "StrategyBase",
  "StrategyFactory",
  "StrategyManager",
  "Wager",
];

/** What the Rust crates bind to. */
const interfaces = [
  "IAllocationManager",
  "IAppController",
  "IBN254CertificateVerifier",
  "IBatchRegistry",
  "IDelegationManager",
  "IEigen",
  "IEndpoints",
  "IEquivocationSlasher",
  "IEscrow",
  "IForcedInbox",
  "IFeeVault",
  "IForkParameters",
  "IGatewayBonds",
  "IKeyRegistrar",
  "IPermissionController",
  "IProfile",
  "IReleaseManager",
  "ISlashRouter",
  "ISlashVault",
  "ISlashVaultFactory",
  "IStrategy",
  "IStrategyFactory",
  "IStrategyManager",
  "IWager",
];

const names = [...contracts, ...interfaces];

/** Where the compiler put a contract: a source file may hold several. */
function artifactPath(name) {
  const found = existsSync(outputFolder)
    ? readdirSync(outputFolder)
        .map((source) => join(outputFolder, source, `${name}.json`))
        .filter(existsSync)
    : [];
  if (found.length === 1) return found[0];
  const problem = found.length === 0 ? "is not compiled" : `is there ${found.length} times`;
  throw new Error(`${name} ${problem} in ${outputFolder}: run \`forge build --force\` in contracts/`);
}

/** The file's content for one contract, or an Error that says what is missing. */
function render(name) {
  const artifact = JSON.parse(readFileSync(artifactPath(name), "utf8"));
  const bytecode = artifact.bytecode?.object ?? "0x";
  if (!/^0x[0-9a-f]*$/.test(bytecode)) throw new Error(`${name} needs linking, which nothing here does`);
  return JSON.stringify({ contractName: name, abi: artifact.abi, bytecode }, null, 1) + "\n";
}

function current(name) {
  const path = join(abiFolder, `${name}.json`);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** Files in contracts/abi that no contract of the list explains. */
function strangers() {
  return readdirSync(abiFolder).filter((file) => file.endsWith(".json") && !names.includes(file.slice(0, -5)));
}

function check(chosen) {
  const stale = chosen.filter((name) => render(name) !== current(name)).map((name) => `${name}.json`);
  const wrong = [...stale, ...strangers()];
  for (const file of wrong) console.error(`contracts/abi/${file} is stale: run \`make abi\``);
  return wrong.length === 0;
}

function write(chosen) {
  mkdirSync(abiFolder, { recursive: true });
  for (const name of chosen) {
    const content = render(name);
    if (content !== current(name)) {
      writeFileSync(join(abiFolder, `${name}.json`), content);
      console.log(`wrote contracts/abi/${name}.json`);
    }
  }
  return true;
}

function main(argv) {
  const unknown = argv.filter((word) => word !== "--check" && !names.includes(word));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(" ")}; one of --check ${names.join(" ")}`);
    return false;
  }
  const chosen = argv.filter((word) => word !== "--check");
  const list = chosen.length > 0 ? chosen : names;
  try {
    return argv.includes("--check") ? check(list) : write(list);
  } catch (error) {
    console.error(error.message);
    return false;
  }
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1;
