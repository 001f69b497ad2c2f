import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as shortDigest from "./shortDigest.ts"

const encoder = new TextEncoder()

/** SHA-256 of a text. A runtime without Web Crypto is a defect where the text is long: there is no id without it. */
export const sha256 = (text: string): Effect.Effect<Uint8Array> =>
  Effect.suspend(() => {
    const digest = shortDigest.sha256(text)
    if (digest !== undefined) return Effect.succeed(digest)
    const bytes = encoder.encode(text)
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
