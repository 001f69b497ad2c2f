import type { Commit, CommitId, Instances, Projection } from "@varve/core"
import * as EventStoreError from "@varve/core/EventStoreError"
import * as ProjectionError from "@varve/core/ProjectionError"
import * as Rows from "@varve/core/Rows"
import * as StreamName from "@varve/core/StreamName"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Failed, List, Live, Pending, Row } from "../OptimisticState.ts"
import { type Command, confirm, type Executed, keep, type Part, predict, show, type Tip } from "./pendingCommand.ts"
import { loadingList, loadingRow, type Subject, Watch } from "./watch.ts"

/** Most failures that are shown until they are dismissed. With one more the oldest goes. */
const failuresKept = 100

/** An instance that commands are for. */
export interface Instance {
  readonly key: string
  readonly part: Part
  readonly stream: StreamName.StreamName
  /** Commands without an outcome, oldest first. One at a time is under way. */
  readonly queue: Array<Command>
  /** The last state that the server has told. */
  known: Tip | undefined
  /** The server has decided otherwise than was predicted: its state is asked for before the next command is sent. */
  stale: boolean
  /** Somebody sends what is in the queue. */
  working: boolean
  /** How many attempts were made. */
  attempts: number
}

/** What an engine is made of. */
export interface Parts {
  readonly aggregates: ReadonlyArray<Part>
  readonly projections: ReadonlyArray<Projection.Any>
  readonly running: ReadonlyMap<string, Instances.Running<Part>>
  readonly reading: ReadonlyMap<string, Rows.Reading<unknown>>
  readonly tenant: string
  readonly actor: string | undefined
  readonly statesKept: number
}

/**
 * What an optimistic client knows: commands on their way, states of instances, and rows that are watched. Everything here
 * is done at once; what waits for the server is elsewhere.
 */
export class Engine {
  readonly parts: Parts
  readonly commands: Array<Command> = []
  readonly instances = new Map<string, Instance>()
  readonly watches = new Map<string, Watch>()
  /** Called when something has changed, whatever it is. */
  readonly listeners = new Set<() => void>()
  /** Starts to follow what is watched first. Set by who can. */
  open: (key: string, watch: Watch) => void = () => {}
  /** Asks for rows that are not watched. Set by who can. */
  ask: (watch: Watch, key: string, after: Commit.Receipt | undefined) => void = () => {}
  /** Receipts of the commands that were stored last, by name of a projection that their events go to. */
  readonly lastReceipts = new Map<string, Commit.Receipt>()
  /** Nothing comes any more. */
  closed = false
  private readonly owners = new Map<string, string | undefined>()
  private clock = 0
  private pending: ReadonlyArray<Pending> = []
  private failures: ReadonlyArray<Failed> = []

  constructor(parts: Parts) {
    this.parts = parts
    for (const one of parts.projections) this.owners.set(one.tag, Rows.ownerOf(one, parts.aggregates))
  }

  /** The next moment, in the order of what is sent and received. */
  tick(): number {
    return ++this.clock
  }

  instance(part: Part, stream: StreamName.StreamName): Instance {
    const key = StreamName.format(stream)
    const found = this.instances.get(key)
    if (found !== undefined) {
      this.instances.delete(key)
      this.instances.set(key, found)
      return found
    }
    const made: Instance = {
      key,
      part,
      stream,
      queue: [],
      known: undefined,
      stale: false,
      working: false,
      attempts: 0
    }
    this.instances.set(key, made)
    for (const [other, { queue, working }] of this.instances) {
      if (this.instances.size <= this.parts.statesKept) break
      if (queue.length === 0 && !working && other !== key) this.instances.delete(other)
    }
    return made
  }

  /** Takes the state of an instance that was read while no command of it was under way. */
  learn(instance: Instance, tip: Tip): void {
    const { known, stale } = instance
    if (!stale && known !== undefined && known.version > tip.version) return
    instance.known = tip
    instance.stale = false
    this.predict(instance)
  }

  /** Decides the commands of an instance anew, each on what those before it have left. */
  predict(instance: Instance): Tip | undefined {
    return instance.queue.reduce(
      (tip, command) => predict(command, tip, this.parts.projections),
      instance.known
    )
  }

  add(instance: Instance, command: Command): void {
    this.commands.push(command)
    instance.queue.push(command)
    this.predict(instance)
    this.changed()
  }

  /** Takes back a command. Those behind it are decided anew. */
  remove(instance: Instance, command: Command): void {
    drop(instance.queue, command)
    drop(this.commands, command)
    this.predict(instance)
    this.changed()
  }

  /** The command has come to something: its events, as the server tells them, stay on the rows until those have come. */
  confirm(instance: Instance, command: Command, executed: Executed): void {
    const { projections } = this.parts
    drop(instance.queue, command)
    confirm(command, executed, projections)
    const { known } = instance
    const { state, version } = executed
    if (known === undefined || version >= known.version) instance.known = { state, version }
    const { receipt, touched } = command
    if (receipt === undefined) drop(this.commands, command)
    else {
      for (const tag of touched.keys()) {
        if ((this.lastReceipts.get(tag)?.last ?? 0) < receipt.last) this.lastReceipts.set(tag, receipt)
      }
    }
    this.predict(instance)
    this.changed()
  }

  /** The command has come to nothing: what it did to the rows is undone. */
  fail(instance: Instance, command: Command, error: unknown): void {
    this.failures = [...this.failures, { ...show(command), error }].slice(-failuresKept)
    instance.stale = true
    this.remove(instance, command)
  }

  dismiss(commitId: CommitId.CommitId): void {
    this.failures = this.failures.filter((failed) => failed.commitId !== commitId)
    this.changed()
  }

  /** Rows are not waited for any longer. */
  release(command: Command): void {
    if (drop(this.commands, command)) this.changed()
  }

  receive(watch: Watch, change: Projection.Change<unknown>): void {
    watch.receive(change, this.tick())
    watch.error = Option.none()
    this.changed()
  }

  /** A query has no rows. */
  complete(watch: Watch): void {
    watch.complete(this.tick())
    this.changed()
  }

  /** Takes a row that was asked for; `undefined` when none came. */
  lend(watch: Watch, key: string, found: { readonly row: unknown; readonly seen: number } | undefined): void {
    watch.lend(key, found && { ...found, came: this.tick() })
    this.changed()
  }

  /** Takes rows that were asked for although they are watched, as they are at a position or behind it. */
  agree(watch: Watch, keys: Iterable<string>, rows: ReadonlyMap<string, unknown>, seen: number): void {
    const came = this.tick()
    for (const key of keys) watch.agree(key, rows.get(key), seen, came)
    this.changed()
  }

  /** Brings everything together, and tells who listens. */
  changed(): void {
    for (const watch of this.watches.values()) watch.settle(this.commands)
    for (const command of this.commands.filter(({ receipt }) => receipt !== undefined)) {
      if (!this.isAwaited(command)) drop(this.commands, command)
    }
    for (const watch of this.watches.values()) {
      watch.settle(this.commands)
      for (const key of watch.wanted(this.commands)) {
        const after = this.lastReceipts.get(watch.subject.projection.tag)
        watch.ask(key, after?.last ?? 0)
        this.ask(watch, key, after)
      }
    }
    this.pending = keep(this.pending, this.commands.map(show))
    for (const watch of this.watches.values()) {
      for (const listener of watch.listeners) call(listener)
    }
    for (const listener of this.listeners) call(listener)
  }

  /** Whether rows that a command goes to are being asked for. Once it is sent nobody can tell whether it is in them. */
  isAsking(command: Command): boolean {
    return Array.from(this.watches.values()).some((watch) => watch.isAsking(command))
  }

  private isAwaited(command: Command): boolean {
    for (const watch of this.watches.values()) {
      if (watch.awaited(command).length > 0) return true
    }
    return false
  }

  /** The stored commands that rows of a watch are not known to have seen. */
  unseen(watch: Watch): ReadonlyArray<Command> {
    return this.commands.filter((command) => command.receipt !== undefined && watch.awaited(command).length > 0)
  }

  /** Waits until something holds. */
  until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const look = () => {
        if (!holds()) return
        this.listeners.delete(look)
        resume(Effect.void)
      }
      this.listeners.add(look)
      look()
      return Effect.sync(() => this.listeners.delete(look))
    })
  }

  readonly pendingCommands: Live<ReadonlyArray<Pending>> = this.live(() => this.pending)
  readonly failedCommands: Live<ReadonlyArray<Failed>> = this.live(() => this.failures)

  private live<A>(getSnapshot: () => A): Live<A> {
    return {
      getSnapshot,
      subscribe: (listener) => subscribe(this.listeners, listener, getSnapshot)
    }
  }

  /** What can be watched, or why not. */
  subject(
    projection: Projection.Any,
    of: string | Rows.Query,
    tenant: string
  ): Result.Result<Subject, ProjectionError.ProjectionError> {
    const order = typeof of === "string" ? undefined : Rows.orderOf(projection, of)
    if (order !== undefined && Result.isFailure(order)) {
      return Result.fail(new ProjectionError.ProjectionError({ target: projection.tag, reason: order.failure }))
    }
    const owner = this.owners.get(projection.tag)
    return Result.succeed({ projection, tenant, of, order: order?.success, owner })
  }

  /** The watch of a subject, opened when there is none. */
  watch(subject: Subject): Watch {
    const key = keyOf(subject)
    const found = this.watches.get(key)
    if (found !== undefined) return found
    const watch = new Watch(subject)
    this.watches.set(key, watch)
    watch.settle(this.commands)
    this.open(key, watch)
    return watch
  }

  /** One row, or the rows of a query, alive while somebody listens. */
  watched(projection: Projection.Any, of: string | Rows.Query): Live<Row<unknown> | List<unknown>> {
    const subject = this.subject(projection, of, this.parts.tenant)
    if (Result.isFailure(subject)) {
      const wrong = { ...(typeof of === "string" ? loadingRow : loadingList), error: Option.some(subject.failure) }
      return { getSnapshot: () => wrong, subscribe: () => () => {} }
    }
    const key = keyOf(subject.success)
    const loading = subject.success.order === undefined ? loadingRow : loadingList
    const getSnapshot = () => this.watches.get(key)?.current(this.commands) ?? loading
    return {
      getSnapshot,
      subscribe: (listener) => subscribe(this.watch(subject.success).listeners, listener, getSnapshot)
    }
  }
}

/** Two subjects of one key are the same. */
export const keyOf = ({ of, projection, tenant }: Subject): string =>
  JSON.stringify([projection.tag, tenant, typeof of === "string" ? of : [of.index, of.where, of.from, of.to]])

const drop = (list: Array<Command>, command: Command): boolean => {
  const at = list.indexOf(command)
  if (at >= 0) list.splice(at, 1)
  return at >= 0
}

/** A listener that throws is its own affair: it is reported as what nobody has caught, and the others are called. */
const call = (listener: () => void): void => {
  try {
    listener()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** Calls a listener when the snapshot is another one. */
const subscribe = <A>(listeners: Set<() => void>, listener: () => void, getSnapshot: () => A): () => void => {
  let last = getSnapshot()
  const look = () => {
    const now = getSnapshot()
    if (now === last) return
    last = now
    listener()
  }
  listeners.add(look)
  return () => {
    listeners.delete(look)
  }
}

/** Whether two commands are the same, so that one id may stand for both. */
export const isSame = (command: Command, other: Pick<Command, "stream" | "command">): boolean =>
  Equal.equals([command.stream, command.command], [other.stream, other.command])

/** More commands than a client keeps. */
export const tooMany = (limit: number): EventStoreError.Unavailable =>
  new EventStoreError.Unavailable({
    what: "commands that wait for the server",
    expected: `at most ${limit}`,
    actual: `${limit} already`
  })
