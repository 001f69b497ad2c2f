/**
 * Changes that no test can notice, each with the reason. `id` finds the change; what it is stands beside it for people.
 */
export interface Survivor {
  readonly id: string
  readonly file: string
  readonly what: string
  readonly reason: string
}

const inCore = (file: string, ...list: ReadonlyArray<readonly [id: string, what: string, reason: string]>) =>
  list.map(([id, what, reason]): Survivor => ({ id, file: `packages/core/src/${file}`, what, reason }))

export const survivors: ReadonlyArray<Survivor> = [
  ...inCore(
    "Event.ts",
    ["cd1cad5d", "made: false, of the first revision", "no upcast leads to the first revision: nobody asks"],
    ["b1cd7b99", "oldest >= 1", "the first revision has no downcast: the rest of the condition ends there"]
  ),
  ...inCore(
    "internal/eventCodec.ts",
    ["67a4d48f", "never a copy", "a struct is decoded to a new object; it is looked at for the day that it is not"],
    ["38ad3451", "lifted !== payload", "what is copied once more is the same, slower"]
  ),
  ...inCore(
    "internal/memoryAdmin.ts",
    ["d39a88b6", "commits.findLast", "which of several commits that are there is named does not matter"]
  ),
  ...inCore("internal/remake.ts", [
    "45c2358f",
    "drop: continue",
    "a field that may be missing then goes through make, which leaves it out: slower, and the same"
  ], [
    "59ee9a2b",
    "return true -> return false",
    "a number or a text then goes through make, which returns it as it is: slower, and the same"
  ], [
    "5085dfc2",
    "ast.context?.constructorDefault === undefined",
    "no value is kept then but those that are there and have a default: slower, and the same"
  ], [
    "4da46931",
    "previous ?? {} -> {}",
    "no value is kept then: slower, and the same"
  ], [
    "4b546644",
    "typeParameters.every(mayDefault)",
    "the declared types of effect add no defaults to what they hold; it is looked at for those that might"
  ]),
  ...inCore("internal/changeSteps.ts", [
    "73f0f3a4",
    "!Object.hasOwn(payload, name)",
    "the rest is a shortcut past it: slower, and the same"
  ], [
    "e3fdb086",
    "without join &&",
    "a change without a way back has no downcast: nobody asks"
  ], [
    "a72e00e5",
    "without down &&",
    "a change without a way back has no downcast: nobody asks"
  ]),
  ...inCore(
    "internal/chain.ts",
    ["f3cc83bc", "step === undefined", "what was looked through is looked through again: slower, and the same"],
    ["6eb27cb6", "drop: done.add(type)", "what was looked through is looked through again: slower, and the same"]
  ),
  ...inCore("internal/writing.ts", [
    "75f022c5",
    "revision >= event.revision",
    "the newest revision can be written: it does not come here"
  ], [
    "d9fca190",
    "chain.nameToday(steps, type) !== event.tag",
    "an event that is read is nothing else today: the rest is a shortcut past the look-up"
  ]),
  ...inCore("Commit.ts", [
    "4de8b2e5",
    "size * 3 < Limits.commitBytes",
    "the count is a shortcut: at equality the bytes are counted, and are not above the limit"
  ], [
    "ea77d7e6",
    "size * 4 <= Limits.commitBytes",
    "the count is a shortcut, which is taken less often"
  ], [
    "a2aee9db",
    "? 1 :",
    "where nothing is counted, only the limit is looked at, and neither is above it"
  ], [
    "9a3ecbb2",
    "-2",
    "whatever is below 0 fits no number of events"
  ], [
    "f77ae346",
    "without occurredAt !== null",
    "null compares as 0, a time of 1970, which is within the limits"
  ]),
  ...inCore(
    "internal/json.ts",
    ["14ada825", "seen = 1", "values at the limit of their number are longer than the limit of bytes"],
    ["ac909567", "text.length * 4 <= limitBytes", "the count is a shortcut, which is taken less often"],
    ["9e538114", "text.length * 3 < limitBytes", "the count is a shortcut: what is at the limit is not above it"],
    ["b739da1c", "? 1 :", "where nothing is counted, only the limit is looked at, and neither is above it"],
    ["aa248dfb", "++seen >= Limits.payloadBytes", "values at the limit of their number are longer than that of bytes"],
    ["1b4a5613", "let plain = false, of an object", "the exact writer writes the same text of everything else, slower"],
    ["40130d80", "let plain = false, of an array", "the exact writer writes the same text of everything else, slower"]
  ),
  ...inCore(
    "Restored.ts",
    ["0b739f06", "count = 1", "the first event of a commit sets it before it is read"],
    ["c3c7c332", "without this.metadata = metadata", "the same object is a shortcut: its text is equal, too"]
  ),
  ...inCore(
    "internal/memoryStore.ts",
    ["e97d8832", "PubSub.sliding<void>(2)", "a hint says as much as two"]
  ),
  ...inCore(
    "internal/memorySnapshots.ts",
    ["8cf088cd", "version ?? 1", "versions of snapshots begin at 1, and are above no other then"],
    ["5b70d6d0", "without ?? 0", "undefined is above nothing, as 0 is"],
    ["42366851", "without ?? Infinity", "nothing is at or above undefined, as nothing is at Infinity"]
  ),
  ...inCore(
    "internal/snapshots.ts",
    [
      "931264cd",
      "drop: work.closeUnsafe()",
      "the fiber then looks again and again for what waits: slower, and the same"
    ],
    ["277cf10f", "Latch.makeUnsafe(true)", "one look in vain at the beginning"]
  ),
  ...inCore(
    "internal/check.ts",
    ["f7fc5e9b", "value.length * 3 < Limits.idBytes", "the count is a shortcut, and 512 is no multiple of 3"],
    ["279b3e2a", "value.length * 4 <= Limits.idBytes", "the count is a shortcut, which is taken less often"]
  ),
  ...inCore(
    "internal/instance.ts",
    ["204f9f8e", "epoch = 1", "epochs are compared with each other only"]
  ),
  ...inCore("internal/turn.ts", [
    "b7eeefdf",
    "targets.findLast",
    "targets of one instance have one aggregate and one id"
  ], [
    "822a7501",
    "the instances in the other order",
    "any order keeps works from waiting for each other, as long as it is one for all"
  ], [
    "c3cb0b0d",
    "reasons.some",
    "several reasons come only of a store that fails while it is interrupted, which ours do not; nobody knows what was"
    + " stored then"
  ]),
  ...inCore("internal/outcome.ts", [
    "632c6e02",
    "without version <= mine.to",
    "what lies behind the commit does not count, so no version is above its last"
  ], [
    "8f45dcc3",
    "receipt.streams.findLast",
    "a receipt has one entry for each stream"
  ]),
  ...[
    [
      "a4d236bc",
      "without TG_OP = 'UPDATE'",
      "a DELETE has no new row, so the comparison is null, and it is refused below"
    ],
    [
      "18e99bc9",
      "exists on what is there before the batch",
      "what the shortcut does not see the loop does: the same, slower"
    ],
    ["29f458f0", "coalesce(bad, true)", "a batch without conditions takes the loop, which comes to the same, slower"],
    [
      "45ac9db7",
      "without UNIQUE of the stream",
      "a second belt: versions are counted under the lock, which other mutants take away"
    ]
  ].map(([id, what, reason]): Survivor => ({
    id: id!,
    file: "packages/postgres/src/migrations/0001.ts",
    what: what!,
    reason: reason!
  }))
]
