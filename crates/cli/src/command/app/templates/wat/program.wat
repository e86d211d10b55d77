;; Answers "hello, " and the payload. The payload comes on standard input, the answer goes to standard output.
;; A trap is certified like an answer: here, when a host function reports an error.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  ;; At 0 a buffer's place and length, at 8 how many bytes were moved.
  (data (i32.const 16) "hello, ")

  (func $print (param $at i32) (param $bytes i32)
    (loop $again
      (if (i32.eqz (local.get $bytes)) (then return))
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $bytes))
      (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (local.set $bytes (i32.sub (local.get $bytes) (i32.load (i32.const 8))))
      (br $again)))

  (func (export "_start")
    (call $print (i32.const 16) (i32.const 7))
    (loop $again
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 65536))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (if (i32.load (i32.const 8))
        (then
          (call $print (i32.const 1024) (i32.load (i32.const 8)))
          (br $again))))))
