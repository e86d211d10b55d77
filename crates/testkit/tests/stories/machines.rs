//! A cloud whose roles share nothing but a network: each runs in a network namespace of its own, is set up with
//! `vouch network`, and is found and believed by what stands on chain.

use std::time::{Duration, SystemTime};

use vouch_testkit::faults::{GATEWAY, OPERATORS, Schedule};

use crate::network::{Net, PORT};
use crate::world::wait_for;

/// How long things are broken.
const SECONDS: u64 = 25;

#[tokio::test]
async fn machines_that_share_a_network_alone_find_and_believe_each_other_by_the_chain() {
    let Some(mut net) = Net::start().await else { return };
    net.run_with_kills(&["network", "deploy"]).await;
    // Addresses follow from the deployer's nonces: had anything been deployed twice, all that follows would stand elsewhere.
    let deployed = net.json(&["network", "deploy"]);
    assert_eq!(deployed["firstNonce"], 0, "a deployment that was cut off began again");
    assert_eq!(deployed, net.json(&["network", "deploy"]));
    net.add("gateway", GATEWAY).await;
    for operator in OPERATORS {
        net.add("operator", operator).await;
    }
    net.start_nodes();
    net.wait_until_all_answer().await;
    net.deploy();
    net.call("anybody");

    // A machine that the network lost is not missed, and takes part again when it is back.
    net.machines.cut("operator-2").unwrap();
    net.call("without operator-2");
    assert!(net.trouble("operator-2").is_some());
    net.machines.heal("operator-2").unwrap();
    net.machines.cut("operator-3").unwrap();
    net.call("without operator-3");
    net.machines.heal("operator-3").unwrap();
    net.wait_until_all_answer().await;

    a_stolen_address_is_not_believed(&mut net).await;
    a_key_changes_while_the_machine_is_called(&mut net).await;
    a_machine_moves(&mut net).await;
}

/// A node with another key at an operator's address and port: nobody talks to it.
async fn a_stolen_address_is_not_believed(net: &mut Net) {
    let key = net.folder.path().join("operator-3/transport-key.pem");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    // It makes a key of its own when it finds none.
    net.restart("operator-3");
    wait_for("the impostor", async || net.trouble("operator-3").is_some_and(|said| !said.contains("refused"))).await;
    net.call("without the impostor");
    std::fs::write(&key, kept).unwrap();
    net.restart("operator-3");
    net.wait_until_all_answer().await;
}

async fn a_key_changes_while_the_machine_is_called(net: &mut Net) {
    let folder = net.folder.path().join("operator-1");
    let begun = net.json(&["network", "rotate", "operator-1"]);
    net.wait_until_all_answer().await;
    net.call("with the old key");
    std::fs::copy(folder.join("transport-key-next.pem"), folder.join("transport-key.pem")).unwrap();
    net.restart("operator-1");
    net.wait_until_all_answer().await;
    let finished = net.json(&["network", "rotate", "operator-1", "--finish"]);
    assert_eq!(begun["transportKey"], finished["transportKey"]);
    net.wait_until_all_answer().await;
    // Only with operator-1 is there a quorum.
    net.machines.cut("operator-3").unwrap();
    net.call("with the new key alone");
    net.machines.heal("operator-3").unwrap();
}

async fn a_machine_moves(net: &mut Net) {
    let (old, new) = (format!(":{PORT}"), format!(":{}", PORT + 1));
    let file = net.folder.path().join("operator-2/node.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(&old, &new)).unwrap();
    net.restart("operator-2");
    let url = net.url("operator-2", PORT + 1);
    net.json(&["network", "add", "operator", "operator-2", "--url", &url, "--private-peers"]);
    net.wait_until_all_answer().await;
    net.machines.cut("operator-3").unwrap();
    net.call("at its new place");
}

/// What must hold is what `vouch_testkit::faults` asks of a cloud on one machine. `VOUCH_FAULTS_SECONDS` says for how long, and
/// `VOUCH_FAULTS_SEED` which faults; without it they differ every time.
#[tokio::test]
async fn through_pulled_cables_kills_and_pauses_every_answer_holds_on_all_machines() {
    let Some(mut net) = Net::start().await else { return };
    net.json(&["network", "deploy"]);
    net.add_at_once("gateway", GATEWAY);
    OPERATORS.iter().for_each(|operator| net.add_at_once("operator", operator));
    net.start_nodes();
    net.wait_until_all_answer().await;
    net.deploy();
    net.call("before");

    let time = Duration::from_secs(number("VOUCH_FAULTS_SECONDS").unwrap_or(SECONDS));
    let seed = number("VOUCH_FAULTS_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ clock_nanos());
    let schedule = Schedule::new(seed, time, false);
    println!("{schedule}");
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let load = net.load(stopped);
    let faults = async {
        net.break_things(&schedule).await;
        net.wait_until_all_answer().await;
        stop.send(()).unwrap();
    };
    let (verdict, ()) = tokio::join!(load, faults);
    println!("{verdict:#?}");
    net.call("after");
    net.require_all_alive();
    verdict.require().unwrap_or_else(|wrong| panic!("{wrong}\n{schedule}"));
    assert!(verdict.answered * 4 > verdict.calls, "too few answers: {verdict:#?}\n{schedule}");
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}

fn clock_nanos() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}
