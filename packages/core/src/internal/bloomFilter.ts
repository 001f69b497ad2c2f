/** Bits of a filter: half a megabyte. With 400,000 texts one of a hundred others is taken for one of them. */
const bits = 2 ** 22
const hashes = 4

/** A set of texts of which none is ever missing, in the same room for many as for few: it may have some that nobody added. */
export class BloomFilter {
  private readonly words = new Uint32Array(bits / 32)

  add(text: string): void {
    this.visit(text, (word, bit) => {
      this.words[word]! |= bit
      return true
    })
  }

  has(text: string): boolean {
    return this.visit(text, (word, bit) => (this.words[word]! & bit) !== 0)
  }

  /** The places of a text, from two hashes of it, until one of them will not do. */
  private visit(text: string, each: (word: number, bit: number) => boolean): boolean {
    let [first, second] = [0x811c9dc5, 0x9747b28c]
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      first = Math.imul(first ^ unit, 0x01000193)
      second = Math.imul(second ^ unit, 0x5bd1e995)
    }
    first ^= first >>> 15
    second ^= second >>> 13
    for (let i = 0; i < hashes; i++) {
      const place = (first + Math.imul(i, second | 1)) & (bits - 1)
      if (!each(place >>> 5, 1 << (place & 31))) return false
    }
    return true
  }
}
