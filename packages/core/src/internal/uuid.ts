import * as SecureRandom from "effect/crypto/SecureRandom"

/** Random bytes are taken by the block: to ask for those of one id at a time costs as much as an append. */
const blockBytes = 4_096

let block: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0))
let used = 0

const random32 = (): number => {
  if (used === block.byteLength) {
    block = new DataView(SecureRandom.randomBytesUnsafe(blockBytes).buffer)
    used = 0
  }
  used += 4
  return block.getUint32(used - 4)
}

/** Ids of a millisecond are told apart, and ordered, by a counter of 42 bits: 12 in the third group, 30 in the next. */
const high = 2 ** 30
const counters = 2 ** 42

let time = 0
let counter = 0

/** Half of the range at the most, so that there is room to count. */
const firstCounter = (): number => (random32() & 0x7FF) * high + random32() % high

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** Four digits of 16 bits. */
const digits = (value: number): string => hex[value >>> 8]! + hex[value & 0xFF]!

let millis = ""

/** A time is the same for all ids of a millisecond, and so are its digits. */
const setTime = (now: number): void => {
  time = now
  counter = firstCounter()
  const text = now.toString(16).padStart(12, "0")
  millis = `${text.slice(0, 8)}-${text.slice(8)}`
}

/**
 * A UUID of version 7 in lower case that sorts after those made before it here (RFC 9562, 6.2, method 1). Where the clock
 * has gone back, or there are more of a millisecond than can be counted, it is ahead of the clock.
 */
export const v7 = (): string => {
  const now = Date.now()
  if (now > time) setTime(now)
  else if (++counter === counters) setTime(time + 1)
  const low = counter % high
  const random = random32()
  // Before the counter: which version it is, and which variant, in two bits.
  const version = digits(0x7000 | Math.floor(counter / high))
  const variant = digits(0x8000 | low >>> 16)
  return `${millis}-${version}-${variant}-${digits(low & 0xFFFF)}${digits(random >>> 16)}${digits(random & 0xFFFF)}`
}
