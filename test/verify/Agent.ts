/**
 * A process of its own (`programs/agent.ts`), and how to ask it for something.
 */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Calls, Name, Note, Reply, Request } from "./Protocol.ts"
import type { Target } from "./Target.ts"

const program = fileURLToPath(new URL("./programs/agent.ts", import.meta.url))

/** Half of what it takes to start a process is compiling what the one before has compiled. */
const compileCache = fileURLToPath(new URL("../node_modules/.cache/varve-verify", import.meta.url))

/** The longest that anything asked of an agent may take. */
const answerSeconds = 60

type Settle = (reply: Reply) => void

export class Agent {
  private readonly child: ChildProcess
  private readonly open = new Map<number, Settle>()
  private readonly listeners = new Set<(note: Note) => void>()
  private readonly gone: Promise<void>
  private errors = ""
  private ids = 0
  private frozen = false
  /** Whether its process is still there. */
  alive = true

  constructor(target: Target) {
    this.child = spawn(process.execPath, ["--no-warnings", program], {
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
      stdio: ["pipe", "pipe", "pipe"]
    })
    this.child.stdin!.on("error", () => {})
    this.child.stderr!.on("data", (chunk) => this.errors += chunk)
    createInterface({ input: this.child.stdout! }).on("line", (line) => this.hear(JSON.parse(line)))
    this.gone = new Promise((resolve) => {
      const end = () => {
        this.alive = false
        for (const [id, settle] of this.open) settle({ id, error: `the process ended. ${this.errors}` })
        resolve()
      }
      this.child.once("error", end)
      // Not `exit`: what it has said is to be heard first.
      this.child.once("close", end)
    })
    this.child.stdin!.write(`${JSON.stringify(target)}\n`)
  }

  get pid(): number {
    return this.child.pid!
  }

  private hear(reply: Reply): void {
    if (reply.note !== undefined) {
      for (const listener of this.listeners) listener(reply.note)
      return
    }
    this.open.get(reply.id)?.(reply)
  }

  private reply(id: number): Effect.Effect<Reply> {
    return Effect.callback<Reply>((resume) => {
      if (!this.alive) return resume(Effect.succeed({ id, error: `the process ended. ${this.errors}` }))
      this.open.set(id, (reply) => {
        this.open.delete(id)
        resume(Effect.succeed(reply))
      })
      return Effect.sync(() => this.open.delete(id))
    })
  }

  private answer(id: number, what: string): Effect.Effect<unknown> {
    return this.reply(id).pipe(
      Effect.timeout(`${answerSeconds} seconds`),
      Effect.orDie,
      Effect.flatMap(({ answer, error }) =>
        error === undefined ? Effect.succeed(answer) : Effect.die(new Error(`${what} in another process: ${error}`))
      )
    )
  }

  /** Waits until it has opened the store. */
  get ready(): Effect.Effect<void> {
    return Effect.asVoid(this.answer(0, "opening the store"))
  }

  /** Asks for something. Dies when the process does. */
  call<N extends Name>(name: N, request: Calls[N]["request"]): Effect.Effect<Calls[N]["answer"]> {
    return Effect.suspend(() => {
      const id = ++this.ids
      const line: Request = { id, name, request }
      this.child.stdin!.write(`${JSON.stringify(line)}\n`)
      // The type of the line is that of `Calls`: both ends are of one release.
      return this.answer(id, name) as Effect.Effect<Calls[N]["answer"]>
    })
  }

  /** Hears every note until the scope closes. */
  listen(listener: (note: Note) => void): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => void this.listeners.add(listener)),
      () => Effect.sync(() => void this.listeners.delete(listener))
    )
  }

  /** Stops the process where it is, as a machine does that has no time for it. */
  readonly freeze: Effect.Effect<void> = Effect.sync(() => {
    this.frozen = this.child.kill("SIGSTOP")
  })

  readonly thaw: Effect.Effect<void> = Effect.sync(() => {
    if (this.frozen) this.child.kill("SIGCONT")
    this.frozen = false
  })

  /** Lets it go, and kills it when it does not. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.child.stdin!.end()
    return Effect.timeoutOrElse(Effect.andThen(this.thaw, Effect.promise(() => this.gone)), {
      duration: "5 seconds",
      orElse: () => this.kill
    })
  })

  /** `kill -9`, and waits until it is gone and everything that it has said was heard. */
  readonly kill: Effect.Effect<void> = Effect.promise(() => {
    this.child.kill("SIGKILL")
    return this.gone
  })
}
