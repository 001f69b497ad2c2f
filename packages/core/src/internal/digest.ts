import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as shortDigest from "./shortDigest.ts"

const encoder = new TextEncoder()

/** Up to this many bytes a digest is made here: to ask Web Crypto for it, and to wait, takes several times as long. */
const bytesAtOnce = 1_024

/** SHA-256 of a text. A runtime without Web Crypto is a defect where the text is long: there is no id without it. */
export const sha256 = (text: string): Effect.Effect<Uint8Array> =>
  Effect.suspend(() => {
    const bytes = encoder.encode(text)
    if (bytes.length <= bytesAtOnce) return Effect.succeed(shortDigest.sha256(bytes))
    return Effect.flatMap(
      WebCrypto.WebCrypto,
      (crypto) => Effect.promise(async () => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)))
    )
  })

/** Bytes as hexadecimal digits in lower case. */
export const hex = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += digits[byte]!
  return text
}

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))
