;; Fills its memory of 256 MiB, four times over: a gigabyte in four instructions.
(module
  (memory (export "memory") 4096)
  (func (export "_start")
    (local $i i32)
    (loop $again
      (memory.fill (i32.const 0) (local.get $i) (i32.const 268435456))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))))
