/** Who may do what: commands, in the moment they are decided. */
import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId, Decision, Domain, EventStore, Metadata, Policy, StreamName, Upcaster } from "@varve/core"
import { Effect, Exit, Fiber, Layer, Option, Random, Stream } from "effect"
import { Account, active, AlreadyOpened, Close, contract, Deposit, Id, Open, Withdraw } from "./Account.ts"
import * as ControlledStore from "./ControlledStore.ts"
import { Access, asAda, asBob, asTeller, Bank, below, forbidden, layer, logs, quiet, rules } from "./PolicyWorld.ts"

const { Control } = ControlledStore

const ada = Id.make("ada")
const bob = Id.make("bob")
const anonymous = Policy.as({ id: "", roles: [] })

const open = (id = ada) => asTeller(Account.execute(id, Open.make({ owner: id })))
const deposit = (cents: number, id = ada) => Account.execute(id, Deposit.make({ cents }))
const withdraw = (cents: number, options?: Aggregate.ExecuteOptions) =>
  Account.execute(ada, Withdraw.make({ cents }), options)
const filled = (cents: number, id = ada) => Effect.andThen(open(id), asTeller(deposit(cents, id)))

const eventsOf = (id: string) => Stream.runCollect(EventStore.read(StreamName.make("Account", id)))
const head = EventStore.EventStore.use((store) => store.head)

describe("an actor", () => {
  it.effect("is stamped on every event, unless anonymous", () =>
    Effect.gen(function*() {
      yield* filled(100)
      yield* asBob(deposit(1))
      yield* Effect.asVoid(asAda(anonymous(deposit(2))))
      yield* asAda(deposit(3)).pipe(asBob)
      const actors = (yield* eventsOf("ada")).map(({ metadata }) => metadata.actor)
      assert.deepStrictEqual(actors, ["tess", "tess", "bob", undefined, "ada"])
    }).pipe(Effect.provide(layer)))

  it.effect("is anonymous unless somebody", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Policy.CurrentActor, { id: "", roles: [] })
      const who = { id: "ada", roles: ["customer"] }
      assert.strictEqual(yield* Policy.CurrentActor.pipe(Policy.as(who)), who)
    }))

  it("passes rules by role, or all of them, or none", () => {
    const actor = { id: "ada", roles: ["a", "b"] }
    assert.isTrue(Policy.everyone())
    assert.isFalse(Policy.nobody())
    assert.deepStrictEqual(["a", "b", "ada", "c"].map((role) => Policy.hasRole(role)({ actor })), [
      true,
      true,
      false,
      false
    ])
  })
})

describe("a command that is denied", () => {
  it.effect("is Forbidden, and names aggregate, instance, command and actor", () =>
    Effect.gen(function*() {
      const error = yield* asBob(Effect.flip(Account.execute(ada, Open.make({ owner: "Ada" }))))
      assert.deepStrictEqual(yield* forbidden(Effect.fail(error)), ["Forbidden", "Open", "bob", "Account", "ada"])
      assert.strictEqual(error.message, "Account \"ada\": Open: expected an actor who may, got \"bob\"")
      const nobody = yield* Effect.flip(Account.execute(ada, Open.make({ owner: "Ada" })))
      assert.strictEqual(nobody.message, "Account \"ada\": Open: expected an actor who may, got an anonymous one")
    }).pipe(Effect.provide(layer)))

  it.effect("is not decided, writes nothing and takes no commit id", () =>
    Effect.gen(function*() {
      let decided = 0
      class Counting extends contract.decider({
        initial: Account.initial,
        decide: {
          Open: (command, state, context) => (decided++, Account.decide(command, state, context)),
          Deposit: () => Decision.ignore,
          Withdraw: () => Decision.ignore,
          Close: () => Decision.ignore
        },
        evolve: { Opened: () => active(0), Deposited: (s) => s, Withdrawn: (s) => s, Closed: (s) => s }
      }) {}
      const Counters = Domain.make("Counters", { aggregates: [Counting], projections: [] })
      const access = Policy.make(Counters, { Account: rules.Account })
      yield* Effect.gen(function*() {
        const commitId = yield* CommitId.derive("open")
        const run = Counting.execute(ada, Open.make({ owner: "Ada" }), { commitId })
        assert.deepStrictEqual((yield* asBob(forbidden(run)))[0], "Forbidden")
        assert.deepStrictEqual([decided, yield* head], [0, 0])
        const { receipt, version } = yield* asTeller(run)
        assert.deepStrictEqual([decided, version, Option.map(receipt, ({ replayed }) => replayed)], [
          1,
          1,
          Option.some(false)
        ])
      }).pipe(Effect.provide(Counters.layer()), Effect.provide(Policy.layer(access)))
    }).pipe(Effect.provide(layer)))

  it.effect("is logged with who asked for what, and nothing of what was in it", () =>
    Effect.gen(function*() {
      const lines = yield* logs(asBob(forbidden(Account.execute(ada, Open.make({ owner: "Secret" })))))
      assert.deepStrictEqual(lines, [["Warn", "Forbidden: Open", {
        "varve.actor": "bob",
        "varve.aggregate": "Account",
        "varve.id": "ada",
        "varve.rule": "Open"
      }]])
    }).pipe(Effect.provide(layer)))

  it.effect("is denied by a rule that throws, or says neither yes nor no; that is logged as an error", () =>
    Effect.gen(function*() {
      const wrong = (rule: () => unknown) =>
        Policy.layer(Policy.make(Bank, {
          ...rules,
          // A program without types gives whatever it likes.
          Account: { ...rules.Account, commands: { ...rules.Account.commands, Deposit: rule as () => boolean } }
        }))
      yield* open()
      const before = yield* head
      const throwing = () => {
        throw new Error("boom")
      }
      for (const rule of [throwing, () => Promise.resolve(true), () => 1, () => undefined, () => "yes"]) {
        const run = forbidden(asTeller(deposit(1))).pipe(Effect.provide(wrong(rule)))
        assert.deepStrictEqual(yield* run, ["Forbidden", "Deposit", "tess", "Account", "ada"])
        const levels = (yield* logs(run)).map(([level, message]) => [level, message])
        assert.deepStrictEqual(levels, [
          ["Error", "The rule of Deposit is wrong, and denies"],
          ["Warn", "Forbidden: Deposit"]
        ])
      }
      assert.strictEqual(yield* head, before)
      assert.strictEqual((yield* deposit(1)).version, 2)
    }).pipe(Effect.provide(layer)))
})

describe("the rule of a command", () => {
  it.effect("sees the state that is decided on", () =>
    Effect.gen(function*() {
      yield* filled(100)
      assert.deepStrictEqual((yield* asAda(withdraw(50))).state, active(50))
      assert.strictEqual((yield* asAda(forbidden(withdraw(26))))[0], "Forbidden")
      assert.deepStrictEqual((yield* asAda(withdraw(25))).state, active(25))
      assert.strictEqual((yield* asBob(forbidden(withdraw(1))))[0], "Forbidden")
      assert.deepStrictEqual((yield* asTeller(withdraw(25))).state, active(0))
    }).pipe(Effect.provide(layer)))

  it.effect("comes before what the business says, and what the caller has seen", () =>
    Effect.gen(function*() {
      yield* filled(100)
      assert.strictEqual((yield* asBob(forbidden(Account.execute(ada, Open.make({ owner: "Ada" })))))[0], "Forbidden")
      assert.strictEqual((yield* asBob(forbidden(withdraw(1, { expected: 7 }))))[0], "Forbidden")
      assert.deepStrictEqual(yield* Effect.flip(open()), new AlreadyOpened())
    }).pipe(Effect.provide(layer)))

  it.effect("is judged on the commands before it, in one commit; one that is denied denies all", () =>
    Effect.gen(function*() {
      yield* open()
      yield* open(bob)
      const both = (cents: number) =>
        Aggregate.executeAll([
          Aggregate.to(Account, bob, Deposit.make({ cents: 1 })),
          Aggregate.to(Account, ada, Deposit.make({ cents: 10 })),
          Aggregate.to(Account, ada, Withdraw.make({ cents }))
        ])
      const before = yield* head
      const lines = yield* logs(Effect.gen(function*() {
        assert.deepStrictEqual(yield* asAda(forbidden(both(6))), ["Forbidden", "Withdraw", "ada", "Account", "ada"])
      }))
      assert.deepStrictEqual(lines.map(([, , { "varve.id": id }]) => id), ["ada"])
      assert.strictEqual(yield* head, before)
      const [, , last] = yield* asAda(both(5))
      assert.deepStrictEqual(last.state, active(5))
    }).pipe(Effect.provide(layer)))
})

describe("where others write", () => {
  const controlled = Bank.layer().pipe(Layer.provideMerge(Layer.mergeAll(
    ControlledStore.layer({ type: "Withdrawn", revision: 1, payload: { cents: 60 } }),
    Upcaster.layer(),
    Policy.layer(Access),
    quiet
  )))

  it.effect("what was allowed is judged again when it is decided again", () =>
    Effect.gen(function*() {
      const { faults, sent } = yield* Control
      yield* filled(100)
      const before = yield* sent
      // On 100 she may take 50; another writer leaves 40.
      yield* faults("foreign")
      assert.strictEqual((yield* asAda(forbidden(withdraw(50))))[0], "Forbidden")
      assert.strictEqual(yield* sent, before + 1)
      assert.deepStrictEqual((yield* asAda(withdraw(20))).state, active(20))
    }).pipe(Effect.provide(controlled)))

  it.effect("what was denied on a state at hand is judged on the one that is stored", () =>
    Effect.gen(function*() {
      const { hold, release, waiting } = yield* Control
      yield* filled(100)
      yield* hold
      const first = yield* Effect.forkChild(asTeller(withdraw(90)))
      yield* waiting(1)
      // 10 are left, if that is stored. Until then nobody is told no.
      const second = yield* Effect.forkChild(asAda(forbidden(withdraw(20))))
      yield* Effect.replicateEffect(Effect.yieldNow, 50)
      assert.isUndefined(second.pollUnsafe())
      yield* release(1)
      yield* Fiber.join(first)
      assert.strictEqual((yield* Fiber.join(second))[0], "Forbidden")
    }).pipe(Effect.provide(controlled)))

  it.effect("what was denied on a state that never came to be is not denied", () =>
    Effect.gen(function*() {
      const { faults, hold, open, waiting } = yield* Control
      yield* filled(100)
      yield* hold
      yield* faults("unavailable")
      const first = yield* Effect.forkChild(asTeller(Effect.flip(withdraw(90))))
      yield* waiting(1)
      const second = yield* Effect.forkChild(asAda(withdraw(20)))
      yield* Effect.replicateEffect(Effect.yieldNow, 50)
      yield* open
      yield* Fiber.join(first)
      assert.deepStrictEqual((yield* Fiber.join(second)).state, active(80))
    }).pipe(Effect.provide(controlled)))
})

describe("a commit id that was used", () => {
  const replayed = ({ receipt }: Aggregate.Executed<unknown, unknown>) =>
    Option.map(receipt, ({ replayed }) => replayed)

  it.effect("gives its outcome to who could do the same now, and to nobody else", () =>
    Effect.gen(function*() {
      yield* filled(100)
      const commitId = yield* CommitId.derive("withdraw")
      const run = withdraw(40, { commitId })
      yield* asAda(run)
      const before = yield* head
      assert.strictEqual((yield* asBob(forbidden(run)))[0], "Forbidden")
      assert.strictEqual((yield* anonymous(forbidden(run)))[0], "Forbidden")
      assert.strictEqual((yield* asBob(forbidden(withdraw(40, { commitId, expected: 1 }))))[0], "Forbidden")
      assert.deepStrictEqual(replayed(yield* asTeller(run)), Option.some(true))
      assert.strictEqual(yield* head, before)
    }).pipe(Effect.provide(layer)))

  it.effect("gives its outcome to its own actor, though the rule would say no by now", () =>
    Effect.gen(function*() {
      yield* filled(100)
      const commitId = yield* CommitId.derive("withdraw")
      assert.deepStrictEqual((yield* asAda(withdraw(50, { commitId }))).state, active(50))
      assert.strictEqual((yield* asAda(forbidden(withdraw(50))))[0], "Forbidden")
      const again = yield* asAda(withdraw(50, { commitId }))
      assert.deepStrictEqual([again.state, replayed(again)], [active(50), Option.some(true)])
    }).pipe(Effect.provide(layer)))

  it.effect("is not told to whom it is not", () =>
    Effect.gen(function*() {
      yield* filled(100)
      const commitId = yield* CommitId.derive("withdraw")
      yield* asAda(withdraw(1, { commitId }))
      // Other content is Refused to who may, and Forbidden to who may not.
      assert.strictEqual((yield* asTeller(Effect.flip(withdraw(2, { commitId }))))._tag, "ExecutionError")
      assert.strictEqual((yield* asTeller(forbidden(withdraw(2, { commitId }))))[0], "Refused")
      assert.strictEqual((yield* asBob(forbidden(withdraw(2, { commitId }))))[0], "Forbidden")
    }).pipe(Effect.provide(layer)))

  it.effect("gives nothing of several commands to who may not do all of them, whichever ends first", () =>
    Effect.gen(function*() {
      yield* filled(100)
      const commitId = yield* CommitId.derive("both")
      // Sent again, the first is rejected before the second would be decided.
      const run = Aggregate.executeAll([
        Aggregate.to(Account, bob, Open.make({ owner: "Bob" })),
        Aggregate.to(Account, ada, Withdraw.make({ cents: 1 }))
      ], { commitId })
      yield* asTeller(run)
      const opener = Policy.make(Bank, {
        ...rules,
        Account: { ...rules.Account, commands: { ...rules.Account.commands, Open: Policy.everyone } }
      })
      assert.deepStrictEqual(yield* asBob(forbidden(run)).pipe(Effect.provide(Policy.layer(opener))), [
        "Forbidden",
        "Withdraw",
        "bob",
        "Account",
        "ada"
      ])
      assert.lengthOf(yield* asTeller(run), 2)
    }).pipe(Effect.provide(layer)))

  it.effect.each([undefined, ""])(
    "made by somebody anonymous (%s) is not everybody's who is",
    (actor) =>
      Effect.gen(function*() {
        yield* filled(100)
        const commitId = yield* CommitId.derive("withdraw")
        const free = Policy.make(Bank, {
          ...rules,
          Account: { ...rules.Account, commands: { ...rules.Account.commands, Withdraw: Policy.everyone } }
        })
        yield* withdraw(1, { commitId }).pipe(
          Metadata.provide({ actor }),
          anonymous,
          Effect.provide(Policy.layer(free))
        )
        assert.strictEqual((yield* anonymous(forbidden(withdraw(1, { commitId }))))[0], "Forbidden")
      }).pipe(Effect.provide(layer))
  )
})

describe("a policy", () => {
  const bare = Bank.layer().pipe(Layer.provideMerge(below))

  it.effect("that nobody has put in force forbids nothing", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Account.execute(ada, Open.make({ owner: "Ada" }))).version, 1)
      assert.isUndefined(yield* Policy.Current)
    }).pipe(Effect.provide(bare)))

  it.effect("that only the layers were given is in force for who calls them; one around the program counts first", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* Policy.Current)
      assert.strictEqual((yield* asBob(forbidden(Account.execute(ada, Open.make({ owner: "Ada" })))))[0], "Forbidden")
      assert.strictEqual((yield* asBob(forbidden(Account.load(ada))))[1], "read")
      const all = Aggregate.executeAll([Aggregate.to(Account, ada, Open.make({ owner: "Ada" }))])
      assert.strictEqual((yield* asBob(forbidden(all)))[0], "Forbidden")
      const free = Policy.make(Bank, {
        ...rules,
        Account: { ...rules.Account, commands: { ...rules.Account.commands, Open: Policy.everyone } }
      })
      assert.strictEqual((yield* asBob(all).pipe(Effect.provide(Policy.layer(free))))[0].version, 1)
    }).pipe(Effect.provide(
      Bank.layer().pipe(
        Layer.provide(Policy.layer(Access)),
        Layer.provideMerge(below)
      )
    )))

  it.effect("forbids what it has no rules for; several are put in force together", () =>
    Effect.gen(function*() {
      const Empty = Domain.make("Empty", { aggregates: [], projections: [] })
      const none = Policy.make(Empty, {})
      const run = asTeller(Account.execute(ada, Open.make({ owner: "Ada" })))
      assert.strictEqual((yield* forbidden(run).pipe(Effect.provide(Policy.layer(none))))[0], "Forbidden")
      const lines = yield* logs(forbidden(run).pipe(Effect.provide(Policy.layer(none))))
      assert.deepStrictEqual(lines.map(([level]) => level), ["Error", "Warn"])
      assert.strictEqual((yield* run.pipe(Effect.provide(Policy.layer(none, Access)))).version, 1)
      assert.throws(() => Policy.layer(Access, none, Access), /two with rules for one of them/)
    }).pipe(Effect.provide(bare)))

  it("has the rules of its domain, and no others, also where no types look", () => {
    const made = (given: unknown) => () => Policy.make(Bank, given as typeof rules)
    const { Account: account, Balances: balances } = rules
    const { Close: _, ...commands } = account.commands
    assert.throws(made(undefined), "Policy of Bank: expected fields Account, Balances, got undefined")
    assert.throws(made({ Account: account }), "Policy of Bank: expected fields Account, Balances, got no Balances")
    assert.throws(made({ ...rules, Cards: {} }), "Policy of Bank: expected fields Account, Balances, got Cards")
    assert.throws(
      made({ ...rules, Account: { ...account, commands } }),
      "Policy of Bank, Account, commands: expected rules Open, Deposit, Withdraw, Close, got no Close"
    )
    assert.throws(
      made({ ...rules, Account: { ...account, commands: { ...commands, Close: true } } }),
      "Policy of Bank, Account, commands: expected rules Open, Deposit, Withdraw, Close, got boolean as Close"
    )
    assert.throws(
      made({ ...rules, Account: { ...account, read: "ada" } }),
      "Policy of Bank, Account: expected rules read, got string as read"
    )
    assert.throws(
      made({ ...rules, Balances: { ...balances, count: Policy.everyone } }),
      "Policy of Bank, Balances: expected rules get, list, got count"
    )
    assert.throws(made({ ...rules, Balances: { get: null, list: Policy.everyone } }), "got object as get")
  })
})

describe("whatever interleaves", () => {
  const seeds = Array.from({ length: 30 }, (_, i) => `policy ${i}`)
  const controlled = Bank.layer().pipe(Layer.provideMerge(Layer.mergeAll(
    ControlledStore.layer({ type: "Deposited", revision: 2, payload: { cents: 1 } }),
    Upcaster.layer(),
    Policy.layer(Access),
    quiet
  )))
  const kinds = ["pass", "pass", "pass", "foreign", "unavailable"] as const

  /** 20 commands at once, of those who may and those who may not, on one account and a store that fails now and then. */
  const run = (seed: string) =>
    Effect.gen(function*() {
      yield* filled(1_000)
      const { behind, faults } = yield* Control
      const plan = yield* Effect.all(Array.from({ length: 20 }, () =>
        Effect.gen(function*() {
          const cents = yield* Random.nextIntBetween(1, 400)
          const who = yield* Random.nextIntBetween(0, 3)
          const turns = yield* Random.nextIntBetween(0, 6)
          return { cents, who, turns }
        })))
      const script = yield* Effect.all(
        Array.from({ length: 20 }, () => Effect.map(Random.nextIntBetween(0, kinds.length - 1), (kind) => kinds[kind]!))
      )
      yield* faults(...script)
      const actors = [asAda, asBob, asTeller, asBob]
      const exits = yield* Effect.forEach(plan, ({ cents, turns, who }, i) =>
        Effect.exit(
          actors[who]!(Effect.gen(function*() {
            yield* Effect.replicateEffect(Effect.yieldNow, turns)
            return yield* i % 5 === 4 ? Account.execute(ada, Close.make({})) : withdraw(cents)
          }))
        ), { concurrency: "unbounded" })
      const events = yield* Stream.runCollect(EventStore.read(StreamName.make("Account", "ada")))
      const about = `seed "${seed}"`
      // Bob may do nothing, whatever the account has in it; who may leaves exactly one event.
      let denied = 0
      const versions: Array<number> = []
      exits.forEach((exit, i) => {
        const reason = Exit.isFailure(exit)
          ? exit.cause.reasons.map((one) => one._tag === "Fail" ? one.error : one).map((error) =>
            error instanceof Aggregate.ExecutionError ? error.reason._tag : String(error)
          ).join()
          : "done"
        if (reason === "Forbidden") denied++
        if (actors[plan[i]!.who] === asBob) assert.strictEqual(reason, "Forbidden", `${about}, command ${i}`)
        if (Exit.isSuccess(exit)) versions.push(exit.value.version)
      })
      const written = events.slice(2).filter(({ metadata }) => metadata.actor !== undefined)
      assert.deepStrictEqual(written.map(({ version }) => version), versions.toSorted((a, b) => a - b), about)
      assert.notInclude(written.map(({ metadata }) => metadata.actor), "bob", about)
      // Who is no teller has never taken more than half of what was there.
      let balance = 0
      for (
        const { metadata, payload, type } of yield* Effect.map(behind.readPage({ after: 0 }), ({ events }) => events)
      ) {
        const { cents = 0 } = payload as { readonly cents?: number }
        if (type === "Withdrawn" && metadata.actor === "ada") assert.isAtMost(cents * 2, balance, about)
        balance += type === "Withdrawn" ? -cents : cents
      }
      return { denied, done: versions.length }
    }).pipe(Effect.provide(controlled), Random.withSeed(seed))

  it.live("a denied command leaves no trace, and harms none that is allowed", () =>
    Effect.gen(function*() {
      let [denied, done] = [0, 0]
      for (const seed of seeds) {
        const one = yield* run(seed)
        denied += one.denied
        done += one.done
      }
      console.log(`seeds "${seeds[0]}" to "${seeds.at(-1)}": ${done} done, ${denied} denied`)
      assert.isAbove(done, 100)
      assert.isAbove(denied, 200)
    }))
})
