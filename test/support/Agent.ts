/**
 * A process of its own, and how to ask it for something: a line of JSON each way. `serve.ts` is the other end.
 */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** Half of what it takes to start a process is compiling what the one before has compiled. */
const compileCache = fileURLToPath(new URL("../node_modules/.cache/varve-verify", import.meta.url))

/** How much of what it writes to its standard error is kept, in characters. */
const errorsKept = 4_000

/** The longest that anything asked of an agent may take, unless told. */
const answerSecondsDefault = 60

/** What can be asked of an agent, and what it answers. */
export type Protocol<Calls> = {
  readonly [N in keyof Calls]: { readonly request: unknown; readonly answer: unknown }
}

export interface Request {
  readonly id: number
  readonly name: string
  readonly request: unknown
}

/** An answer, an error, or a note on the way. The very first line of an agent is `{ id: 0, answer: null }`. */
export interface Reply<Note> {
  readonly id: number
  readonly answer?: unknown
  readonly error?: string
  readonly note?: Note
}

export interface Options {
  /** Its TypeScript file. */
  readonly program: URL
  /** Its first line, in JSON: not an argument, since everybody on the machine can read those. */
  readonly hello: unknown
  readonly answerSeconds?: number | undefined
  /** For Node, before the file. */
  readonly flags?: ReadonlyArray<string> | undefined
}

type Settle<Note> = (reply: Reply<Note>) => void

export class Agent<Calls extends Protocol<Calls>, Note> {
  private readonly child: ChildProcess
  private readonly open = new Map<number, Settle<Note>>()
  private readonly listeners = new Set<(note: Note) => void>()
  private readonly gone: Promise<void>
  private errors = ""
  private ids = 0
  private frozen = false
  /** Whether its process is still there. */
  alive = true

  private readonly answerSeconds: number

  constructor({ answerSeconds = answerSecondsDefault, flags = [], hello, program }: Options) {
    this.answerSeconds = answerSeconds
    this.child = spawn(process.execPath, ["--no-warnings", ...flags, fileURLToPath(program)], {
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
      stdio: ["pipe", "pipe", "pipe"]
    })
    this.child.stdin!.on("error", () => {})
    this.child.stderr!.on("data", (chunk) => {
      this.errors = `${this.errors}${chunk}`.slice(-errorsKept)
    })
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
    this.child.stdin!.write(`${JSON.stringify(hello)}\n`)
  }

  get pid(): number {
    return this.child.pid!
  }

  private hear(reply: Reply<Note>): void {
    if (reply.note !== undefined) {
      for (const listener of this.listeners) listener(reply.note)
      return
    }
    this.open.get(reply.id)?.(reply)
  }

  private reply(id: number): Effect.Effect<Reply<Note>> {
    return Effect.callback<Reply<Note>>((resume) => {
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
      Effect.timeout(`${this.answerSeconds} seconds`),
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
  call<N extends keyof Calls & string>(name: N, request: Calls[N]["request"]): Effect.Effect<Calls[N]["answer"]> {
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
