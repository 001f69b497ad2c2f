#!/usr/bin/env node
import "effect/schema/SchemaJITCompiler/enable"

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Stdio from "effect/Stdio"
import * as Progress from "./internal/progress.ts"
import { run } from "./Varve.ts"

/** Ends the process with a code. Its user was told already. */
class Ended extends Error {
  override readonly [Runtime.errorReported] = false
  override readonly [Runtime.errorExitCode]: number
  constructor(code: number) {
    super()
    this[Runtime.errorExitCode] = code
  }
}

const { env, stderr, stdout } = process
const drawing = stderr.isTTY && env["TERM"] !== "dumb"

/** As of a program that a signal ends because nobody reads what it prints. */
const brokenPipe = 128 + 13

const brokenOr = (error: NodeJS.ErrnoException) =>
  error.code === "EPIPE" ? Effect.succeed(brokenPipe) : Effect.die(error)

/**
 * Whoever reads the output may have seen enough, such as `head`. That is no error of ours; what is open is closed, and
 * nothing more is said.
 */
const unread = Effect.callback<number>((resume) => {
  stdout.on("error", (error: NodeJS.ErrnoException) => resume(brokenOr(error)))
  // Nobody to tell.
  stderr.on("error", () => {})
})

/** Waits until what was printed is out: a process that ends with a code takes the rest with it. */
const flushed = (code: number) =>
  Effect.callback<number>((resume) => {
    stdout.write("", (error) => resume(error == null ? Effect.succeed(code) : brokenOr(error)))
  })

Effect.gen(function*() {
  const args = yield* (yield* Stdio.Stdio).args
  const code = yield* Effect.raceFirst(Effect.flatMap(run(args), flushed), unread)
  if (code !== 0) return yield* Effect.fail(new Ended(code))
}).pipe(
  drawing
    ? Effect.provideService(Progress.Display, Progress.onTerminal((text) => void stderr.write(text)))
    : (program) => program,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
