import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { defect } from "../../internal/definition.ts"
import type { Kind, Options } from "./faultsModel.ts"

/** What one call meets on its way, drawn when it begins. */
export interface Fate {
  /** Milliseconds that it waits before it is sent, and that its answer waits; 0 for not at all. */
  readonly before: number
  readonly after: number
  /** Turns of the scheduler that are let pass before it is sent, and before its answer comes. */
  readonly turnsBefore: number
  readonly turnsAfter: number
  readonly conflict: boolean
  readonly fault: Exclude<Kind, "conflict" | "delay" | "crash"> | undefined
  /** Milliseconds after which a late request arrives. */
  readonly late: number
}

export const noFate: Fate = {
  before: 0,
  after: 0,
  turnsBefore: 0,
  turnsAfter: 0,
  conflict: false,
  fault: undefined,
  late: 0
}

/** A generator of its own. */
export const randomOf = (seed: string | number, salt: string): Effect.Effect<Random.Random> =>
  Random.withSeed(Effect.service(Random.Random), `${seed}/${salt}`)

const checkChance = (name: string, chance: number): void => {
  if (!(chance >= 0 && chance <= 1)) throw defect(`EventStoreFaults: ${name}: expected 0 to 1, got ${chance}`)
}

/** The faults that exclude each other, and how likely each is. */
const scaleOf = (options: Options) => {
  const { conflict, delay, failBefore = 0, failRead = 0, lateRequest, lostAcknowledgement = 0, lostRequest = 0 } =
    options
  const appends = [
    ["failBefore", failBefore],
    ["lostRequest", lostRequest],
    ["lateRequest", lateRequest?.chance ?? 0],
    ["lostAcknowledgement", lostAcknowledgement]
  ] as const
  const reads = [["failRead", failRead]] as const
  for (const [name, chance] of [...appends, ...reads]) checkChance(name, chance)
  checkChance("conflict", conflict?.chance ?? 0)
  checkChance("delay", delay?.chance ?? 0)
  checkChance(appends.map(([name]) => name).join(" + "), appends.reduce((sum, [, chance]) => sum + chance, 0))
  return { appends, reads }
}

/**
 * Draws the fates of calls. Every call takes as many numbers from its generator as every other, and reads take them
 * from another one than appends: one fault more or less leaves those to come as they are.
 */
export const drawing = (options: Options, of: "append" | "read"): Effect.Effect<() => Fate> =>
  Effect.map(randomOf(options.seed, of), (random) => {
    const { conflict, delay, lateRequest, yields = 0 } = options
    const scale = scaleOf(options)[of === "append" ? "appends" : "reads"]
    const delayMillis = delay === undefined ? 0 : Duration.toMillis(delay.atMost)
    const lateMillis = lateRequest === undefined ? 0 : Duration.toMillis(lateRequest.atMost)
    const draw = () => random.nextDoubleUnsafe()
    const wait = () => {
      const [met, part] = [draw() < (delay?.chance ?? 0), draw()]
      return met ? Math.ceil(part * delayMillis) : 0
    }
    const turns = () => Math.floor(draw() * (yields + 1))
    const pick = () => {
      let left = draw()
      return scale.find(([, chance]) => (left -= chance) < 0)?.[0]
    }
    return () => ({
      before: wait(),
      after: wait(),
      turnsBefore: turns(),
      turnsAfter: turns(),
      conflict: draw() < (of === "append" ? conflict?.chance ?? 0 : 0),
      fault: pick(),
      late: Math.ceil(draw() * lateMillis)
    })
  })
