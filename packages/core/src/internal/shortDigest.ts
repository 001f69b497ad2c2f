/** SHA-256 (FIPS 180-4) of short texts, without waiting. */

/** The first 32 bits of the fractional part of a root of a prime. */
const fraction = (root: number): number => (root - Math.floor(root)) * 2 ** 32 | 0

const primes: Array<number> = []
for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)

const rounds = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)))
const start = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))

const turned = (word: number, bits: number): number => word >>> bits | word << 32 - bits

/** Words of the block at work: nothing yields between one and the next. */
const words = new Int32Array(64)

/** Up to this many bytes a digest is made here: to ask Web Crypto for it, and to wait, takes several times as long. */
const bytesAtOnce = 1_024

/** The bytes at work, with room for what is behind them: a buffer each would take as long as the digest of it. */
const bytes = new Uint8Array(bytesAtOnce + 64)
const room = bytes.subarray(0, bytesAtOnce)

const encoder = new TextEncoder()

/** Takes the block at an offset into a state. */
const mix = (state: Int32Array, offset: number): void => {
  for (let i = 0, at = offset; i < 16; i++, at += 4) {
    words[i] = bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!
  }
  for (let i = 16; i < 64; i++) {
    const far = words[i - 15]!
    const near = words[i - 2]!
    const low = turned(far, 7) ^ turned(far, 18) ^ far >>> 3
    const high = turned(near, 17) ^ turned(near, 19) ^ near >>> 10
    words[i] = words[i - 16]! + low + words[i - 7]! + high
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
  for (let i = 0; i < 64; i++) {
    const choice = e & f ^ ~e & g
    const majority = a & b ^ a & c ^ b & c
    const first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + rounds[i]! + words[i]! | 0
    const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority | 0
    h = g
    g = f
    f = e
    e = d + first | 0
    d = c
    c = b
    b = a
    a = first + second | 0
  }
  state[0]! += a
  state[1]! += b
  state[2]! += c
  state[3]! += d
  state[4]! += e
  state[5]! += f
  state[6]! += g
  state[7]! += h
}

/** The digest of a text; `undefined` where it has more than 1,024 bytes. */
export const sha256 = (text: string): Uint8Array | undefined => {
  const { read, written } = encoder.encodeInto(text, room)
  if (read < text.length) return undefined
  // Behind the bytes are a bit, and, at the end of a block, their number in bits: so few that 16 bits say it.
  const length = Math.ceil((written + 9) / 64) * 64
  bytes.fill(0, written, length)
  bytes[written] = 0x80
  bytes[length - 2] = written >>> 5
  bytes[length - 1] = written << 3
  const state = start.slice()
  for (let offset = 0; offset < length; offset += 64) mix(state, offset)
  const digest = new Uint8Array(32)
  for (let i = 0; i < 32; i++) digest[i] = state[i >> 2]! >>> (24 - 8 * (i & 3))
  return digest
}
