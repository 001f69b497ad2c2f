/** The bank as its user sees it: a process, its output, its exit code. */
import { assert, describe, it } from "@effect/vitest"
import { Embedded } from "@varve/postgres"
import { Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import * as PreparedDirectory from "../support/PreparedDirectory.ts"

const main = join(import.meta.dirname, "../../examples/bank/src/main.ts")

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-bank-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bank = (...args: ReadonlyArray<string>) => bankAs(undefined, ...args)

/** As another user, where a test is about what that user may do. */
const bankAs = (uid: number | undefined, ...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing" },
    timeout: 60_000,
    ...(uid !== undefined && { uid, gid: uid })
  })
  return { status, stderr, stdout }
}

/** A data directory that takes no time to make. */
const prepared = async (name: string): Promise<string> => {
  const directory = join(folder, name)
  await Effect.runPromise(PreparedDirectory.makeAt(directory))
  return directory
}

/** One line, no stack. */
const refused = (result: ReturnType<typeof bank>, wanted: RegExp) => {
  assert.match(result.stderr, wanted)
  assert.strictEqual(result.stderr.trimEnd().split("\n").length, 1, result.stderr)
  assert.strictEqual(result.stdout, "")
  assert.strictEqual(result.status, 1)
}

const contains = (text: string, ...lines: ReadonlyArray<string>) => {
  let from = 0
  for (const line of lines) {
    const at = text.indexOf(line, from)
    assert.isAtLeast(at, 0, `expected ${JSON.stringify(line)} further down in\n${text}`)
    from = at
  }
}

describe("the tour", () => {
  it("is told, and goes on when it is run again", () => {
    const first = bank()
    assert.strictEqual(first.stderr, "")
    assert.strictEqual(first.status, 0)
    contains(
      first.stdout,
      join(folder, ".varve/bank"),
      "It holds no events: this is the first run.",
      "AccountOpened stored at position 1",
      "MoneyDeposited stored at position 3, balance 50.00 EUR",
      "rejected, InsufficientFunds: 50.00 there, 80.00 asked for",
      "position 3 · BankAccount/ada version 2 · MoneyDeposited revision 2 · {\"cents\":5000,\"currency\":\"EUR\"}",
      "position 4 · BankAccount/bob version 2 · MoneyDeposited revision 1 · {\"euros\":12.34}",
      "1234 cents, EUR: bob has 12.34 EUR",
      "stored at position 5, balance 55.00 EUR",
      "was stored before, at position 5, balance 55.00 EUR",
      "stored at positions 6 and 7",
      "ada 35.00 EUR, bob 32.34 EUR",
      "ada 55.00 EUR, after 3 events",
      "ada 35.00 EUR, after 4 events",
      "Balances.get(\"ada\")          { owner: Ada, balance: 45.00 EUR }",
      "in 65.00 EUR, out 20.00 EUR",
      "{ owner: Cleo, balance: 100.00 EUR }",
      "now                          { owner: Cleo, balance: 60.00 EUR }",
      "Activity, revision 1         4 deposits, 0 withdrawals",
      "3 rows, 2 differ;",
      "Activity, revision 2         3 deposits, 1 withdrawal",
      "The store now holds 11 events. Run me again"
    )
    // No colours: this is no terminal.
    assert.notInclude(first.stdout, "\u001B")

    const second = bank()
    assert.strictEqual(second.stderr, "")
    assert.strictEqual(second.status, 0)
    contains(
      second.stdout,
      "It holds 11 events.",
      "this is run 2.",
      "5 events, balance 45.00 EUR",
      "rejected, AlreadyOpened",
      "was stored before, at position 5",
      "MoneyDeposited stored at position 12, balance 75.00 EUR",
      "position 4 · BankAccount/bob version 2 · MoneyDeposited revision 1 · {\"euros\":12.34}",
      "ada 60.00 EUR, bob 52.34 EUR",
      "ada 45.00 EUR, after 5 events",
      "Activity, revision 1         8 deposits, 0 withdrawals",
      "Activity, revision 2         6 deposits, 2 withdrawals",
      "The store now holds 16 events."
    )
  }, 120_000)
})

describe("the program", () => {
  const list = [
    "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account",
    "1;7;930101;PRIJEM;VKLAD;5.00;5.00;;;",
    "2;7;930103;VYDAJ;VYBER;0.10;4.90;;;"
  ]

  it("imports a list, and shows an account as of a day", async () => {
    const data = await prepared("import")
    writeFileSync(join(folder, "list.csv"), list.join("\n"))
    const first = bank("--data", data, "import", "list.csv")
    assert.deepStrictEqual(first, {
      status: 0,
      stderr: "",
      stdout: "2 lines: 2 added, 0 already there, 0 bad lines\n2 of 2 balances equal the bank's\n"
    })
    writeFileSync(join(folder, "more.csv"), [...list, "3;7;930104;PRIJEM;VKLAD;x;5.00;;;"].join("\n"))
    const second = bank("import", "more.csv", "--data", data)
    assert.strictEqual(second.status, 1)
    contains(second.stdout, "3 lines: 0 added, 2 already there, 1 bad line\n2 of 2 balances equal the bank's\n")
    contains(second.stderr, "line 4: amount: expected an amount above 0", "more.csv: expected no bad lines, got 1 of 3")

    const then = bank("--data", data, "show", "7", "--at", "1993-01-02")
    assert.strictEqual(then.status, 0)
    contains(then.stdout, "AccountOpened", "MoneyDeposited", "Account 7, as of the end of 1993-01-02: 5.00 CZK")
    contains(bank("--data", data, "show", "7").stdout, "MoneyWithdrawn", "Account 7: 4.90 CZK")
    refused(bank("--data", data, "show", "8"), /^account "8": expected an account with events, got none$/m)
    refused(
      bank("--data", data, "show", "7", "--at", "1992-01-01"),
      /^account "7", as of the end of 1992-01-01: expected/
    )
  }, 120_000)

  it("says in one line what is wrong with a file", async () => {
    writeFileSync(join(folder, "empty.csv"), "")
    refused(bank("import", "missing.csv"), /^missing\.csv: expected a file, got nothing: there is no such file$/m)
    refused(bank("import", "."), /^\.: expected a file, got a directory$/m)
    refused(
      bank("--data", await prepared("empty"), "import", "empty.csv"),
      /^empty\.csv: line 1: expected the header .* got an empty file$/m
    )
  }, 60_000)

  it("says in one line what is wrong with a directory", () => {
    const other = join(folder, "other")
    mkdirSync(other)
    writeFileSync(join(other, "letter.txt"), "")
    refused(
      bank("--data", other),
      /^data directory .*other: expected an empty directory, or one of an embedded store, got a directory with other files/
    )
    refused(
      bank("--data", join(other, "letter.txt")),
      /^data directory .*letter\.txt: expected a directory, got a file/
    )
  }, 60_000)

  it("says so when it has no permission", () => {
    // Root has every permission, so where that is who runs the tests, nobody does.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined
    chmodSync(folder, 0o755)
    const locked = join(folder, "locked")
    mkdirSync(locked, { mode: 0o555 })
    writeFileSync(join(folder, "secret.csv"), list.join("\n"), { mode: 0 })
    refused(bankAs(uid, "--data", join(locked, "bank")), /^data directory .*bank: expected .*, got permission denied$/m)
    refused(
      bankAs(uid, "import", "secret.csv"),
      /^secret\.csv: expected a file that this user may read, got permission denied$/m
    )
  }, 60_000)

  it.live("says so when another process has the directory", () =>
    Effect.gen(function*() {
      const dataDir = yield* Effect.promise(() => prepared("busy"))
      yield* Effect.provide(
        Effect.sync(() =>
          refused(bank("--data", dataDir), /^data directory .*busy: expected .*, got it is open in process \d+$/m)
        ),
        Layer.orDie(Embedded.layer({ dataDir }))
      )
    }), 60_000)

  it("explains itself", () => {
    const help = bank("--help")
    assert.strictEqual(help.status, 0)
    contains(help.stdout, "guided tour", "--data dir", "import", "show")
    for (const wrong of [["import"], ["frobnicate"], ["show", "7", "--at", "yesterday"]]) {
      const result = bank(...wrong)
      assert.strictEqual(result.status, 1)
      contains(result.stdout + result.stderr, "USAGE")
      assert.notMatch(result.stdout + result.stderr, /\n\s+at /)
    }
  }, 60_000)
})
