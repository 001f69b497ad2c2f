/**
 * A process of its own (`programs/agent.ts`) that has a store open.
 */
import * as Agents from "../support/Agent.ts"
import type { Calls, Note } from "./Protocol.ts"
import type { Target } from "./Target.ts"

const program = new URL("./programs/agent.ts", import.meta.url)

export class Agent extends Agents.Agent<Calls, Note> {
  constructor(target: Target) {
    super({ program, hello: target })
  }
}
