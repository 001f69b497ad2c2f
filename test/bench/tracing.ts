/**
 * What tracing costs: appends and commands at 64 callers with a tracer that keeps every span beside none; and without one,
 * what is left of it, the question whether there is one.
 */
import { Upcaster } from "@varve/core"
import { BankAccount } from "@varve/example-bank/BankAccount"
import { Effect, Layer, ManagedRuntime, Tracer } from "effect"
import * as spans from "../../packages/core/src/internal/span.ts"
import * as bank from "./frame/bank.ts"
import type { Bench, Settings } from "./frame/Bench.ts"
import { interleave, median, type Series } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"
import * as server from "./frame/server.ts"
import * as store from "./frame/store.ts"

const callers = 64
/** With a tracer, at least this much of the rate without one. */
const tracedTarget = 0.75
/** Without a tracer, at most this part of the time of a call. */
const untracedTarget = 0.03

/** What a call of `execute` asks for: whether a span is to be made, twice a command, and which one it is in. */
const guardsPerCommand = 3
const guardCalls = 20_000

let kept = 0

/** Makes and ends every span, and forgets it: what sends them anywhere is not ours. */
const tracer = Tracer.make({
  span: (options) => {
    kept++
    return new Tracer.NativeSpan(options)
  }
})

/** Nanoseconds that one question costs, beside an effect that asks none. */
const guardNanos = async (): Promise<number> => {
  const nothing = Effect.succeed(1)
  const guarded = spans.span("bench", {})(nothing)
  const time = async (effect: Effect.Effect<number>) => {
    const from = performance.now()
    await Effect.runPromise(Effect.gen(function*() {
      for (let i = 0; i < guardCalls; i++) yield* effect
    }))
    return (performance.now() - from) * 1e6 / guardCalls
  }
  return Math.max(0, await time(guarded) - await time(nothing))
}

const onServer = async (url: string, settings: Settings, report: Report): Promise<void> => {
  const { rounds = 7, seconds = 1 } = settings
  report.condition(
    `${rounds} rounds in turn of ${seconds} s, medians; ${callers} callers; PostgreSQL over TCP with fsync on`
  )
  const services = Layer.provideMerge(Upcaster.layer(), store.layer(url))
  const layer = Layer.provideMerge(BankAccount.layer, services)
  const plain = ManagedRuntime.make(layer)
  const traced = ManagedRuntime.make(Layer.provideMerge(layer, Layer.succeed(Tracer.Tracer, tracer)))
  try {
    const results = await interleave([
      {
        name: "append",
        unit: "commits/s",
        round: () => plain.runPromise(store.append({ callers, seconds }))
      },
      {
        name: "append with a tracer",
        unit: "commits/s",
        round: () => traced.runPromise(store.append({ callers, seconds }))
      },
      { name: "execute", unit: "commands/s", round: () => plain.runPromise(bank.execute(callers, seconds)) },
      {
        name: "execute with a tracer",
        unit: "commands/s",
        round: () => traced.runPromise(bank.execute(callers, seconds))
      },
      {
        name: "asking whether there is a tracer",
        unit: "ns",
        round: async () => median([await guardNanos(), await guardNanos(), await guardNanos()])
      }
    ], { rounds, onRound: report.onRound(rounds) })
    if (kept === 0) throw new Error("no span was made")
    for (const series of Object.values(results)) report.measure(`${callers} callers`, series)
    report.ratio("append with a tracer to none", results["append with a tracer"], results.append, {
      atLeast: tracedTarget
    })
    report.ratio("execute with a tracer to none", results["execute with a tracer"], results.execute)
    const guard = results["asking whether there is a tracer"]
    // Calls wait most of their time; what counts is the time that one keeps the process busy, which is all calls' together.
    const part = (series: Series, questions: number) =>
      guard.samples.map(({ value }, round) => questions * value * series.samples[round]!.value / 1e9)
    report.quotients("no tracer: part of an append that asks for one", guard.name, "append", part(results.append, 1), {
      atMost: untracedTarget
    })
    report.quotients(
      "no tracer: part of an execute that asks for one",
      guard.name,
      "execute",
      part(results.execute, guardsPerCommand),
      {
        atMost: untracedTarget
      }
    )
  } finally {
    await plain.dispose()
    await traced.dispose()
  }
}

export const bench: Bench = {
  about: "appends and commands with a tracer that keeps every span, to none",
  run: (settings, report) => server.withDatabase(report, (url) => onServer(url, settings, report))
}
