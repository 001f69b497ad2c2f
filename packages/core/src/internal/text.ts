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
