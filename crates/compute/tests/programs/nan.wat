;; Answers the bits of NaNs that hardware makes in different ways.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\10\00\00\00")
  (func $nan (param $x f64) (param $y f64) (result f64) (f64.div (local.get $x) (local.get $y)))
  (func (export "_start")
    (f64.store (i32.const 32) (call $nan (f64.const 0) (f64.const 0)))
    (f64.store (i32.const 40) (f64.add (f64.const -nan:0x4000000000001) (f64.const 1)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
