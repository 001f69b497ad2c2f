/** Bytes of a well-formed string in UTF-8, without encoding it. */
export const utf8Bytes = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) continue
    // A surrogate is half of a character of four bytes, so it counts for two.
    bytes += code < 0x800 || (code >= 0xD800 && code <= 0xDFFF) ? 1 : 2
  }
  return bytes
}

/** Where a UTF-16 unit stands in the order of UTF-8: surrogates, which are parts of the highest characters, come last. */
const rank = (unit: number): number => unit < 0xD800 ? unit : unit < 0xE000 ? unit + 0x2000 : unit - 0x800

/** Compares as the bytes of UTF-8 do, which is how a database compares keys. `<` compares UTF-16 units. */
export const compare = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}
