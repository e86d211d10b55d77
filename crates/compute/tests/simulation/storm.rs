//! What goes wrong: partitions, bad weather, crashes, power losses in the middle of a write, replaced stores, chains and
//! endpoints that stand still. All drawn from the seed.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use crate::network::{CALM, DELAY_MAX, GATEWAY, NODES, Weather};
use crate::scheduler::WORLD;
use crate::world::World;

/// When things begin to go wrong: operators and lane are on chain by then.
const BEGINS: Duration = Duration::from_secs(9);
/// When nothing more goes wrong.
pub const ENDS: Duration = Duration::from_secs(45);

/// Blows until it is over, then puts everything right again.
pub async fn run(world: Arc<World>) {
    world.scheduler.sleep_until(BEGINS).await;
    // Old stores are to be found that have forgotten much.
    (0..=GATEWAY).filter(|_| world.scheduler.chance(0.5)).for_each(|node| world.back_up(node));
    while world.scheduler.elapsed() < ENDS {
        strike(&world).await;
        world.scheduler.sleep(world.scheduler.millis(100..4_000)).await;
    }
    settle(&world).await;
    world.note("the storm is over");
}

/// Everybody up, connected and with a chain that moves.
pub async fn settle(world: &Arc<World>) {
    world.network.set_weather(|weather| *weather = CALM);
    world.chain.calm();
    for node in 0..=GATEWAY {
        world.nodes[node].disk.disarm();
        world.freeze(node, Duration::ZERO);
        if !world.is_up(node) {
            world.kill(node, false);
            world.start(node);
        }
    }
    world.scheduler.sleep(2 * DELAY_MAX).await;
}

async fn strike(world: &Arc<World>) {
    let node = if world.scheduler.chance(0.3) { GATEWAY } else { world.scheduler.range(0..GATEWAY as u64) as usize };
    let seconds = |range| Duration::from_secs(world.scheduler.range(range));
    match world.scheduler.range(0..20) {
        // Only a gateway that lies makes the memory of executors matter.
        0 if world.plan.gateway_lies => replace(world, node),
        0..=2 => bad_weather(world),
        3..=5 => cut(world, seconds(1..9)),
        6..=8 => restart(world, node, world.scheduler.chance(0.5)),
        9..=11 => {
            let (syncs, after) = (world.scheduler.range(0..6), world.scheduler.chance(0.5));
            world.note(&format!("node {node} will lose power at its next writes ({syncs}, {after})"));
            world.nodes[node].disk.lose_power_at(syncs, after);
            let (world, up_after) = (Arc::clone(world), seconds(1..8));
            world.scheduler.clone().spawn(WORLD, async move {
                world.scheduler.sleep(up_after).await;
                world.nodes[node].disk.disarm();
                if !world.is_up(node) {
                    world.kill(node, true);
                    world.start(node);
                }
            });
        }
        12 => {
            world.note(&format!("node {node}'s endpoint stands still"));
            world.freeze(node, seconds(3..15));
        }
        13 => {
            world.note("finality stalls");
            world.chain.stall(seconds(3..12));
        }
        14..=15 => world.back_up(node),
        16 => everybody(world),
        17 => replace_silently(world, node).await,
        _ => replace(world, node),
    }
}

fn bad_weather(world: &World) {
    let weather = world.scheduler.random(|random| Weather {
        loss: random.gen_range(0.0..0.25),
        repeat: random.gen_range(0.0..0.3),
        slow: random.gen_range(0.0..0.2),
        sides: 0,
    });
    world.note(&format!("{weather:?}"));
    world.network.set_weather(|now| *now = Weather { sides: now.sides, ..weather });
}

fn cut(world: &Arc<World>, duration: Duration) {
    let sides = world.scheduler.range(0..1 << NODES) as u32;
    world.note(&format!("sides {sides:06b}"));
    world.network.set_weather(|weather| weather.sides = sides);
    let world = Arc::clone(world);
    world.scheduler.clone().spawn(WORLD, async move {
        world.scheduler.sleep(duration).await;
        world.network.set_weather(|weather| weather.sides = if weather.sides == sides { 0 } else { weather.sides });
    });
}

/// Down, and up again a little later.
fn restart(world: &Arc<World>, node: usize, power: bool) {
    world.kill(node, power);
    let down = world.scheduler.millis(0..5_000);
    let world = Arc::clone(world);
    world.scheduler.clone().spawn(WORLD, async move {
        world.scheduler.sleep(down).await;
        if !world.is_up(node) {
            world.start(node);
        }
    });
}

/// All of them at once, some of them with older stores; their operators say so.
fn everybody(world: &Arc<World>) {
    let (power, older) = (world.scheduler.chance(0.7), world.scheduler.chance(0.4));
    for node in 0..=GATEWAY {
        world.kill(node, power);
        if older && world.has_backup(node) {
            world.replace(node, false, true);
        }
        restart(world, node, power);
    }
}

/// A store is replaced by an older one or deleted, and the operator says so; or it is deleted, and the chain tells.
fn replace(world: &Arc<World>, node: usize) {
    let deleted = !world.has_backup(node) || world.scheduler.chance(0.4);
    let word = !deleted || world.scheduler.chance(0.5);
    world.kill(node, false);
    world.replace(node, deleted, word);
    restart(world, node, false);
}

/// A store is replaced by an older one and nobody says so: the peers tell, if they can be asked and do not lie. So this
/// happens only where they can (see docs/simulation.md).
async fn replace_silently(world: &Arc<World>, node: usize) {
    if world.plan.gateway_lies || world.plan.lying() > 0 || !world.has_backup(node) {
        return;
    }
    settle(world).await;
    world.kill(node, false);
    world.replace(node, false, false);
    world.start(node);
    world.scheduler.sleep(Duration::from_secs(6)).await;
}
