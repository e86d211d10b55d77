;; The answer of `observe.wat` from a component, through WASI 0.2.
(component
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
    (type $datetime' (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $datetime')))
    (export "now" (func (result $datetime)))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $monotonic (export "now" (func (result u64)))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $allocator
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 512)))
  (core instance $allocator (instantiate $allocator))
  (core func $wall_now (canon lower (func $wall "now") (memory (core memory $allocator "memory"))))
  (core func $monotonic_now (canon lower (func $monotonic "now")))
  (core func $bytes (canon lower (func $random "get-random-bytes") (memory (core memory $allocator "memory")) (realloc (core func $allocator "realloc"))))
  (core module $program
    (import "host" "memory" (memory 1))
    (import "host" "wall" (func $wall (param i32)))
    (import "host" "monotonic" (func $monotonic (result i64)))
    (import "host" "random" (func $random (param i64 i32)))
    (func (export "run") (param i32 i32) (result i32)
      (call $wall (i32.const 64))
      (call $random (i64.const 16) (i32.const 48))
      (i64.store (i32.const 72) (i64.load (i32.load (i32.const 48))))
      (i64.store (i32.const 80) (i64.load offset=8 (i32.load (i32.const 48))))
      (i64.store (i32.const 88) (call $monotonic))
      (i32.store (i32.const 20) (i32.const 64))
      (i32.store (i32.const 24) (i32.const 32))
      (i32.const 16)))
  (core instance $program (instantiate $program (with "host" (instance
    (export "memory" (memory $allocator "memory"))
    (export "wall" (func $wall_now))
    (export "monotonic" (func $monotonic_now))
    (export "random" (func $bytes))))))
  (func $run (param "payload" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $program "run") (memory (core memory $allocator "memory")) (realloc (core func $allocator "realloc"))))
  (export "run" (func $run)))
