import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"

const encoder = new TextEncoder()

/** SHA-256 of a text. A runtime without Web Crypto is a defect: there is no id without it. */
export const sha256 = (text: string): Effect.Effect<Uint8Array> =>
  Effect.flatMap(
    WebCrypto.WebCrypto,
    (crypto) => Effect.promise(async () => new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))))
  )

/** Bytes as hexadecimal digits in lower case. */
export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
