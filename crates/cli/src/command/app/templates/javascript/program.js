// Answers "hello, " and the payload. Bytes in, bytes out; what is thrown here is certified as a trap,
// and `vouch app run` says why if it is a string.
export function run(payload) {
  const hello = [...'hello, '].map((letter) => letter.charCodeAt(0));
  return Uint8Array.from([...hello, ...payload]);
}
