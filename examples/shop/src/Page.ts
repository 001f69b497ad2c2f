/**
 * The page of the shop: built by Vite when the server starts, kept in memory, and served from there.
 */
import { Effect, type Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { join } from "node:path"
import { build, type Rolldown } from "vite"
import { Failed } from "./Failed.ts"

export interface File {
  readonly path: string
  readonly body: string | Uint8Array
}

const types: { readonly [ending: string]: string } = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml"
}

// #region build
/** Longest time that the build may take, in seconds. It takes two or three. */
const buildSeconds = 60

export const files: Effect.Effect<ReadonlyArray<File>, Failed> = Effect.tryPromise({
  try: () =>
    build({
      root: join(import.meta.dirname, "../web"),
      configFile: false,
      logLevel: "silent",
      build: { write: false, target: "es2024", modulePreload: { polyfill: false } },
      oxc: { jsx: { runtime: "automatic", importSource: "preact" } }
    }),
  catch: (error) => new Failed({ message: `The page could not be built: ${String(error)}` })
}).pipe(
  Effect.timeoutOrElse({
    duration: `${buildSeconds} seconds`,
    orElse: () => Effect.fail(new Failed({ message: `The page was not built within ${buildSeconds} s` }))
  }),
  // One build that is not watched is what comes of these options.
  Effect.map((built) =>
    (built as Rolldown.RolldownOutput).output.map((made) => ({
      path: `/${made.fileName}`,
      body: made.type === "chunk" ? made.code : made.source
    }))
  )
)
// #endregion

/** The page has what it needs from this server, and shows pictures that came with the catalogue. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

const answer = ({ body, path }: File): HttpServerResponse.HttpServerResponse => {
  const options = {
    contentType: types[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    headers: {
      // The names of the others say what is in them.
      "cache-control": path === "/index.html" ? "no-cache" : "public, max-age=31536000, immutable",
      "content-security-policy": contentSecurityPolicy,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff"
    }
  }
  return typeof body === "string"
    ? HttpServerResponse.text(body, options)
    : HttpServerResponse.uint8Array(body, options)
}

// #region layer
/** Adds the files of the page to the router. */
export const layer = (files: ReadonlyArray<File>): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.addAll(files.flatMap((file) => {
    const response = answer(file)
    // A name that Vite has made begins with a slash, here.
    const path = file.path as `/${string}`
    return (path === "/index.html" ? ["/", path] as const : [path]).map((path) =>
      HttpRouter.route("GET", path, response)
    )
  }))
// #endregion
