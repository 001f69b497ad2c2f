/**
 * The shop as a program: `npm run shop` opens it and prints its address.
 */
import "effect/schema/SchemaJITCompiler/enable"

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Option, Runtime } from "effect"
import { CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"
import * as Server from "./Server.ts"

const shop = Command.make(
  "shop",
  {
    port: Flag.Int("port").pipe(
      Flag.withDescription("Port to listen on; 0 is any that is free"),
      Flag.withDefault(4321)
    ),
    host: Flag.String("host").pipe(
      Flag.withDescription("Address to listen on"),
      Flag.withDefault("127.0.0.1")
    ),
    data: Flag.String("data").pipe(
      Flag.withMetavar("dir"),
      Flag.withDescription(
        "Directory of the database, made when it is missing (default: none, everything is in memory)"
      ),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ data, host, port }) {
    const dataDir = Option.getOrUndefined(data)
    yield* Console.log("The shop opens: a database is made and the page is built ...")
    const address = yield* Server.start({ host, port, dataDir })
    yield* Console.log(`The shop is open: ${address}`)
    yield* Console.log(
      dataDir === undefined ? "Its events are in memory, and gone with it." : `Its events are in ${dataDir}.`
    )
    yield* Console.log("Open it in two windows, sign in as two people, and close it with Ctrl+C.")
    return yield* Effect.never
  }, Effect.scoped)
).pipe(
  Command.withDescription("A shop for people who look at stones, in the browser"),
  Command.withExamples([
    { command: "npm run shop", description: "Open the shop, and print its address" },
    { command: "npm run shop -- --data .varve/shop", description: "Keep what happens for the next time" }
  ])
)

/** An error that its user was told of already. */
class Told extends Error {
  override readonly [Runtime.errorReported] = false
}

shop.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.catch((error) =>
    Effect.andThen(CliError.isCliError(error) ? Effect.void : Console.error(error.message), Effect.fail(new Told()))
  ),
  Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
