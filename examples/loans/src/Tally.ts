/**
 * Counts what the log counts of itself.
 */
import type { Activity, Lifecycle } from "./LogLine.ts"

export class Tally {
  cases = 0
  events = 0
  private readonly counts = new Map<Activity | Lifecycle, number>()

  /** Counts an event, or several that are alike. The first of a case is the case's. */
  add({ activity, lifecycle }: { readonly activity: Activity; readonly lifecycle: Lifecycle }, seq: number, count = 1) {
    if (seq === 1) this.cases++
    this.events += count
    this.counts.set(activity, this.of(activity) + count)
    this.counts.set(lifecycle, this.of(lifecycle) + count)
  }

  /** How many events are of an activity, or of a lifecycle. */
  of(name: Activity | Lifecycle): number {
    return this.counts.get(name) ?? 0
  }
}
