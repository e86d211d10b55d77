//! Programs that wait for time to pass end at once, and see that it passed.

use std::time::Duration;

use crate::harness::{PLAN, Program, command, run};
use crate::reads::KINDS;

/// Runs the waits of one kind twice in both kinds of program and compares what they print.
fn check(what: &str, expected: &str) {
    for kind in KINDS {
        let program = Program::build("waits", kind);
        for _ in 0..2 {
            let run = run(PLAN, program.command(&[what]));
            assert!(run.took < Duration::from_secs(20), "{run:?}");
            assert_eq!(run.expect(), expected);
        }
    }
}

#[test]
fn sleeps() {
    check(
        "sleeps",
        "nanosleep: 0, 3600.000000000 s\n\
         nanosleep, 1 ns: 0, 0.000000001 s\n\
         nanosleep, invalid: -1 EINVAL, 0.000000000 s\n\
         clock_nanosleep to a wall time: 0, 100.000000000 s\n\
         clock_nanosleep to a past time: 0, 0.000000000 s\n\
         clock_nanosleep, no such clock: -22 EINVAL, 0.000000000 s\n",
    );
}

#[test]
fn polls() {
    check(
        "polls",
        "poll: 0, 60.000000000 s\n\
         revents 0\n\
         poll, no wait: 0, 0.000000000 s\n\
         ppoll: 0, 2.000000000 s\n\
         select: 0, 3.000000000 s\n\
         still set 0\n\
         pselect: 0, 2.000000000 s\n\
         still set 0\n\
         epoll_wait: 0, 4.000000000 s\n\
         epoll_pwait2: 0, 2.000000000 s\n\
         poll, ready: 1, 0.000000000 s\n\
         epoll_wait, ready: 1, 0.000000000 s\n",
    );
}

#[test]
fn locks() {
    check(
        "locks",
        "sem_timedwait: -1 ETIMEDOUT, 5.000000000 s\n\
         pthread_cond_timedwait, wall: 110, 6.000000000 s\n\
         pthread_cond_timedwait, monotonic: 110, 7.000000000 s\n\
         pthread_mutex_timedlock: 110, 8.000000000 s\n\
         futex: -1 ETIMEDOUT, 9.000000000 s\n\
         futex, changed: -1 EAGAIN, 0.000000000 s\n\
         sigtimedwait: -1 EAGAIN, 9.000000000 s\n\
         semtimedop: -1 EAGAIN, 9.000000000 s\n",
    );
}

#[test]
fn timers() {
    check(
        "timers",
        "alarm before: 10\n\
         pause: -1 EINTR, 20.000000000 s\n\
         nanosleep, interrupted: -1 EINTR, 5.000000000 s\n\
         left 3595.000000000, alarms 2\n\
         three ticks: 0, 5.500000000 s\n\
         rest 2.000000 each 2, alarms 5\n\
         cpu timer: -1 ENOSYS, 0.000000000 s\n\
         timer: 8, 30.000000000 s\n\
         count 1, was 30\n\
         timer at a wall time: 1, 40.000000000 s\n\
         timer, three times: 0, 15.000000000 s\n\
         poll, timer closed: 0, 30.000000000 s\n",
    );
}

#[test]
fn children() {
    check(
        "children",
        "poll for a child: 1, 5.000000000 s\n\
         wait4 for a child: 1, 5.000000000 s\n\
         status 3, used 0.000000, 0\n",
    );
}

#[test]
fn a_loop_on_the_clock_ends() {
    let first = run(PLAN, Program::build("waits", &["-static"]).command(&["loops"])).expect();
    assert!(first.contains("loop on the clock: 0, 1.0"), "{first}");
    assert!(first.contains("loop on the system call: 0, 0.02"), "{first}");
    assert_eq!(first, run(PLAN, Program::build("waits", &["-static"]).command(&["loops"])).expect());
}

#[test]
fn a_wait_that_others_hold_up_ends_after_its_patience() {
    assert_eq!(run(PLAN, Program::build("waits", &[]).command(&["spin"])).expect(), "done\n");
}

#[test]
fn sleepers_wake_in_the_order_of_their_times() {
    let script = "for i in 5 3 9 1 7; do (sleep $i; echo $i; date +%s) & done; wait";
    let shown = run(PLAN, command("sh", &["-c", script])).expect();
    let expected: String = [1, 3, 5, 7, 9].iter().map(|i| format!("{i}\n{}\n", 2_000_000_000_u64 + i)).collect();
    assert_eq!(shown, expected);
}

#[test]
fn computing_takes_no_time_and_a_sleeper_waits_for_it() {
    let script = "(sleep 60; echo woke; date +%s) & i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; date +%s; wait";
    let shown = run(PLAN, command("sh", &["-c", script])).expect();
    assert_eq!(shown, "2000000000\nwoke\n2000000060\n");
}

#[test]
fn a_sleeper_can_be_killed() {
    let script =
        "exec 2>/dev/null; sleep 100000 & kill -9 $!; wait $!; echo $?; sleep 10 & kill $!; wait $!; echo $?; date +%s";
    assert_eq!(run(PLAN, command("bash", &["-c", script])).expect(), "137\n143\n2000000000\n");
}

#[test]
fn a_handled_signal_ends_a_sleep() {
    let script = "trap 'echo told; date +%s' TERM; (sleep 7; kill -TERM $$) & sleep 1000 & wait; kill $!";
    assert_eq!(run(PLAN, command("bash", &["-c", script])).expect(), "told\n2000000007\n");
}

#[test]
fn timeout_kills_what_takes_too_long() {
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do timeout 30 sleep 3600; echo $?; done; date +%s";
    let expected = format!("{}2000000300\n", "124\n".repeat(10));
    for _ in 0..5 {
        assert_eq!(run(PLAN, command("sh", &["-c", script])).expect(), expected);
    }
}

#[test]
fn signals_change_neither_bytes_nor_sleeps() {
    let program = Program::build("signals", &["-static"]);
    let calm = run(PLAN, program.command(&[]));
    assert!(calm.output.ends_with(" 1\n"), "{calm:?}");
    let flooded = run(PLAN, program.command(&["flood"]));
    assert_eq!((flooded.output, flooded.errors.as_str()), (calm.output, "\n"));
}

#[test]
fn threads_that_start_to_wait_at_once_each_wait_their_time() {
    let expected: String = (1..=16).map(|i| format!("{i}.000000000 s\n")).collect();
    let program = Program::build("waits", &[]);
    for _ in 0..10 {
        assert_eq!(run(PLAN, program.command(&["crowd"])).expect(), expected);
    }
}
