/** Runs `varve doctor` on a store that a test has filled. */
import type { Project } from "@varve/cli"
import { EventStore, StreamName } from "@varve/core"
import { Effect, type Scope } from "effect"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cli from "../../support/Cli.ts"
import { hold } from "./Held.ts"

/** A folder with a configuration of its own, so that the state of its doctor is its own as well. */
export const project = (
  config = join(import.meta.dirname, "varve.config.ts"),
  name = "default"
): Effect.Effect<Folder, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "varve-doctor-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      writeFileSync(join(folder, "varve.config.ts"), `export { ${name} as default } from ${JSON.stringify(config)}\n`)
      return new Folder(folder)
    }
  )

export class Folder {
  readonly state: string
  private readonly config: string

  constructor(folder: string) {
    this.config = join(folder, "varve.config.ts")
    this.state = join(folder, ".varve", "doctor.json")
  }

  get isInterrupted(): boolean {
    return existsSync(this.state)
  }

  doctor(...flags: ReadonlyArray<string>): Effect.Effect<Cli.Ran, never, Project.Services> {
    return Effect.contextWith((context) => {
      hold(context)
      return Cli.run(["doctor", ...flags, "--config", this.config])
    })
  }

  json(...flags: ReadonlyArray<string>): Effect.Effect<Report, never, Project.Services> {
    return Effect.map(this.doctor("--json", ...flags), ({ code, stderr, stdout }) => {
      if (code === 2) throw new Error(stderr)
      const report = { ...JSON.parse(stdout), code }
      return report
    })
  }
}

/** As much as tests look at of what a doctor answers to programs. */
export interface Report {
  readonly code: number
  readonly well: boolean
  readonly inventory: ReadonlyArray<
    { readonly type: string; readonly revision: number; readonly reading: object; readonly readable: boolean }
  >
  readonly decoded: {
    readonly events: number
    readonly erased: number
    readonly unreadable: number
    readonly resumed: boolean
  }
  readonly unreadable: ReadonlyArray<{
    readonly position: number
    readonly category: string
    readonly id: string
    readonly version: number
    readonly type: string
    readonly revision: number
    readonly why: string
    readonly reason: string
  }>
  readonly findings: ReadonlyArray<{ readonly what: string }>
  readonly hints: ReadonlyArray<string>
}

export interface Fact {
  readonly type: string
  readonly revision?: number
  readonly payload?: Record<string, string | number | null>
  readonly category?: string
  readonly id?: string
}

/** Writes events, a commit each. */
export const write = Effect.fnUntraced(function*(facts: ReadonlyArray<Fact>) {
  const store = yield* EventStore.EventStore
  for (const { category = "Purchase", id = "1", payload = {}, revision = 1, type } of facts) {
    const stream = StreamName.make(category, id)
    yield* store.append({ writes: [{ stream, expected: "any", events: [{ type, revision, payload }] }] })
  }
})
