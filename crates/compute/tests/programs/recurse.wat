;; Calls itself without end; the sum keeps the calls from becoming a loop.
(module
  (memory (export "memory") 1)
  (func $deeper (param $n i64) (result i64)
    (i64.add (local.get $n) (call $deeper (i64.mul (local.get $n) (i64.const 3)))))
  (func (export "_start") (drop (call $deeper (i64.const 1)))))
