;; The frame of a component of world vouch:program/command. The line in capitals becomes the body of
;; `run(payload pointer, payload bytes) -> pointer to the result`; the result lies at 16: tag, pointer, bytes.
(component
  (core module $program
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $free))
      (global.set $free (i32.add (global.get $free) (local.get 3)))
      (loop $again
        (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 65536)))
          (then
            (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
            (br $again))))
      (local.get $at))
    (func $answer (param $tag i32) (param $at i32) (param $bytes i32) (result i32)
      (i32.store8 (i32.const 16) (local.get $tag))
      (i32.store (i32.const 20) (local.get $at))
      (i32.store (i32.const 24) (local.get $bytes))
      (i32.const 16))
    (func $deeper (param $n i64) (result i64)
      (i64.add (local.get $n) (call $deeper (i64.mul (local.get $n) (i64.const 3)))))
    (func (export "run") (param $at i32) (param $bytes i32) (result i32)
      BODY))
  (core instance $program (instantiate $program))
  (func $run (param "payload" (list u8)) (result (result (list u8) (error string)))
    (canon lift (core func $program "run") (memory (core memory $program "memory")) (realloc (core func $program "realloc"))))
  (export "run" (func $run)))
