/**
 * Runs the `varve` command in this process, and hears what it says.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { type Project, Varve } from "@varve/cli"
import { EventStore, type RowStore, type StoreAdmin } from "@varve/core"
import { Console, Effect, Layer, Sink, Stdio, Stream } from "effect"
import type { Context } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Place from "./Place.ts"

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const encoder = new TextEncoder()

/** Runs a command on a store. */
export const varve = (
  services: Context.Context<Project.Services>,
  config: "plain" | "merging" | "wrong" | "post",
  args: ReadonlyArray<string>,
  stdin: string | Uint8Array = ""
): Effect.Effect<Ran> =>
  Effect.suspend(() => {
    Place.set(Layer.succeedContext(services))
    const out: Array<string> = []
    const err: Array<string> = []
    const hear = (lines: Array<string>) => (...words: ReadonlyArray<unknown>) => void lines.push(`${words.join(" ")}\n`)
    const console: Console.Console = Object.assign(Object.create(globalThis.console), {
      log: hear(out),
      error: hear(err)
    })
    const bytes = typeof stdin === "string" ? encoder.encode(stdin) : stdin
    const stdio = Stdio.layerTest({
      stdout: () =>
        Sink.forEach((text: string | Uint8Array) =>
          Effect.sync(() => void out.push(typeof text === "string" ? text : new TextDecoder().decode(text)))
        ),
      // In odd pieces.
      stdin: Stream.fromIterable(
        Array.from({ length: Math.ceil(bytes.length / 1_013) }, (_, i) => bytes.subarray(i * 1_013, (i + 1) * 1_013))
      ),
      stdinIsTerminal: Effect.succeed(false)
    })
    const file = new URL(`./${config}.config.ts`, import.meta.url).pathname
    return Varve.run(["--config", file, ...args]).pipe(
      Effect.map((code): Ran => ({ code, out: out.join(""), err: err.join("") })),
      Effect.provideService(Console.Console, console),
      Effect.provide(Layer.merge(NodeServices.layer, stdio))
    )
  })

/** A new store in memory. */
export const memory: Effect.Effect<
  Context.Context<EventStore.EventStore | StoreAdmin.StoreAdmin | RowStore.RowStore | Project.Services>
> = Effect.scoped(Layer.build(EventStore.layerMemory))

/** A directory that is gone with the process. */
export const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), "varve-copying-"))
  process.once("exit", () => rmSync(path, { recursive: true, force: true }))
  return path
}
