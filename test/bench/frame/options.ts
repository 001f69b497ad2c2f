/**
 * What the command line of the benches says.
 */
import type { Settings } from "./Bench.ts"
import type { Allowance } from "./Report.ts"

export interface Options extends Settings, Allowance {
  readonly names: ReadonlyArray<string>
  readonly json: boolean
  readonly help: boolean
}

const maxRounds = 10_000
const maxSeconds = 600
const maxSlack = 10

const numbers = {
  "--rounds": (value: number) =>
    Number.isInteger(value) && value >= 1 && value <= maxRounds
      ? undefined
      : `a whole number from 1 to ${maxRounds}`,
  "--seconds": (value: number) =>
    value > 0 && value <= maxSeconds
      ? undefined
      : `a number above 0, at most ${maxSeconds}`,
  "--slack": (value: number) => value >= 1 && value <= maxSlack ? undefined : `a number from 1 to ${maxSlack}`,
  "--floor": (value: number) => value > 0 && Number.isFinite(value) ? undefined : "a number above 0"
}

type Name = keyof typeof numbers

const isNumber = (name: string): name is Name => Object.hasOwn(numbers, name)

/** Reads the arguments, or says in one line what is wrong with them. */
export const parse = (args: ReadonlyArray<string>, known: ReadonlyArray<string>): Options | string => {
  const names: Array<string> = []
  const found: { [name in Name]?: number } = {}
  const flags = new Set<string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (isNumber(arg)) {
      const text = args[++i]
      const wrong = text === undefined || text.trim() === "" ? "a number" : numbers[arg](Number(text))
      if (wrong !== undefined) return `${arg}: expected ${wrong}, got ${text ?? "nothing"}`
      found[arg] = Number(text)
    } else if (["--json", "--no-peers", "--help"].includes(arg)) {
      flags.add(arg)
    } else if (arg.startsWith("-")) {
      const all = [...Object.keys(numbers), "--no-peers", "--json", "--help"]
      return `there is no option ${arg}. There are: ${all.join(", ")}`
    } else if (!known.includes(arg)) {
      return `there is no benchmark ${arg}. There are: ${known.join(", ")}`
    } else names.push(arg)
  }
  return {
    names: names.length === 0 ? known : names,
    rounds: found["--rounds"],
    seconds: found["--seconds"],
    slack: found["--slack"] ?? 1,
    floor: found["--floor"],
    peers: !flags.has("--no-peers"),
    json: flags.has("--json"),
    help: flags.has("--help")
  }
}
