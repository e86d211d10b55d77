;; Answers what it finds of its surroundings: number of arguments, number of environment entries (u32 each), and what
;; opening a file, asking for a preopened folder and accepting a connection say (errno, u32 each).
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $preopen (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\14\00\00\00")
  (data (i32.const 100) "etc/passwd")
  (func (export "_start")
    (drop (call $args (i32.const 32) (i32.const 64)))
    (drop (call $env (i32.const 36) (i32.const 64)))
    (i32.store (i32.const 40)
      (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 10) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 64)))
    (i32.store (i32.const 44) (call $preopen (i32.const 3) (i32.const 64)))
    (i32.store (i32.const 48) (call $accept (i32.const 3) (i32.const 0) (i32.const 64)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
