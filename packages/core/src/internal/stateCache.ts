import * as Context from "effect/Context"
import type { Instance } from "./instance.ts"

/** How many idle instances of an aggregate keep their state. Set by `StateCache.layer`. */
export const Capacity: Context.Reference<number> = Context.Reference<number>("@varve/core/StateCache/Capacity", {
  defaultValue: () => 0
})

/** Instances that nobody is at work on and that keep their state, in the order of their use. */
export class StateCache {
  readonly capacity: number
  private readonly idle = new Map<string, Instance>()

  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** Takes an instance out: somebody goes to work on it. */
  take(key: string): Instance | undefined {
    const instance = this.idle.get(key)
    if (instance !== undefined) this.idle.delete(key)
    return instance
  }

  /** Finds an instance, which counts as a use of it. */
  find(key: string): Instance | undefined {
    const instance = this.take(key)
    if (instance !== undefined) this.idle.set(key, instance)
    return instance
  }

  /** Keeps an idle instance, in place of the one used least recently when there are as many as may be. */
  keep(instance: Instance): void {
    // Of a stream without events there is nothing to spare.
    if (this.capacity === 0 || instance.known === undefined || instance.known.version === 0) return
    this.idle.delete(instance.key)
    if (this.idle.size >= this.capacity) {
      for (const oldest of this.idle.keys()) {
        this.idle.delete(oldest)
        break
      }
    }
    this.idle.set(instance.key, instance)
  }
}
