import { type Comment, type Expression, parseSync, Visitor } from "oxc-parser"

/** What a `// => value` comment can speak of: a statement that has a value. */
interface Candidate {
  readonly start: number
  readonly expression: Expression
  /** Whether code behind the statement may wait for a promise. */
  readonly awaits: boolean
}

export interface Instrumented {
  readonly text: string
  readonly checks: number
  /** Each begins with its line. */
  readonly problems: ReadonlyArray<string>
}

const isExpression = (text: string): boolean => parseSync("value.ts", `(${text}\n)`).errors.length === 0

/**
 * Turns `expression // => value` into a comparison at run time, and lets each statement of the block wait for its
 * promise, so that the next one sees its effects. Lines stay where they are.
 */
export const instrument = (text: string): Instrumented => {
  const { comments, errors, program } = parseSync("block.ts", text)
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length
  const problems: Array<string> = errors.map((error) => `${lineOf(error.labels[0]?.start ?? 0)}: ${error.message}`)
  if (problems.length > 0) return { text, checks: 0, problems }

  const candidates: Array<Candidate> = []
  // Whether the function around can await; at the top of a module, everything can.
  const functions: Array<boolean> = [true]
  const enter = (node: { readonly async: boolean; readonly generator?: boolean }) => void functions.push(node.async)
  const leave = () => void functions.pop()
  const candidate = (start: number, expression: Expression | null | undefined, awaits: boolean) => {
    if (expression) candidates.push({ start, expression, awaits })
  }
  new Visitor({
    FunctionDeclaration: enter,
    "FunctionDeclaration:exit": leave,
    FunctionExpression: enter,
    "FunctionExpression:exit": leave,
    ArrowFunctionExpression: enter,
    "ArrowFunctionExpression:exit": leave,
    ExpressionStatement: (node) => candidate(node.start, node.expression, functions.at(-1)!),
    VariableDeclaration: (node) => candidate(node.start, node.declarations.at(-1)?.init, functions.at(-1)!),
    ReturnStatement: (node) => candidate(node.start, node.argument, false)
  }).visit(program)

  const insertions: Array<readonly [offset: number, text: string]> = []
  /** Line of the comment by the start of its statement. */
  const compared = new Map<number, number>()

  /** The value of a comment: its own text, and the comments below as long as an expression is not complete. */
  const valueOf = (index: number): string => {
    let value = comments[index]!.value.replace(/^\s*=>/, "").trim()
    for (let i = index + 1; i < comments.length && !isExpression(value); i++) {
      const between = text.slice(comments[i - 1]!.end, comments[i]!.start)
      if (comments[i]!.type !== "Line" || !/^\n[^\S\n]*$/.test(between)) break
      value += ` ${comments[i]!.value.trim()}`
    }
    return value
  }

  const isRightBefore = (end: number, comment: Comment): boolean =>
    end <= comment.start && /^;?[^\S\n]*\n?[^\S\n]*$/.test(text.slice(end, comment.start))

  /**
   * The outermost statement that ends right before the comment: on its line, or on the line above. A statement without
   * a semicolon may be given one by the next line, so its end is the end of its expression.
   */
  const subjectOf = (comment: Comment): Candidate | undefined =>
    candidates
      .filter(({ expression }) => isRightBefore(expression.end, comment))
      .toSorted((a, b) => a.start - b.start)[0]

  for (const [index, comment] of comments.entries()) {
    if (comment.type !== "Line" || !/^\s*=>/.test(comment.value)) continue
    const line = lineOf(comment.start)
    const subject = subjectOf(comment)
    const value = valueOf(index)
    if (subject === undefined) problems.push(`${line}: no statement ends before \`// => ${value}\``)
    else if (!isExpression(value)) problems.push(`${line}: \`${value}\` is not a value`)
    else {
      compared.set(subject.start, line)
      const { end, start } = subject.expression
      insertions.push([start, "__docs.check(("], [end, `), () => (${value}), ${line})`])
      if (subject.awaits) insertions.push([end, ";await __docs.settled()"])
    }
  }
  for (const node of program.body) {
    if (node.type === "ExpressionStatement" && !compared.has(node.start)) {
      insertions.push([node.expression.start, "await ("], [node.expression.end, ")"])
    }
  }

  // Stable, so what is inserted at one place stays in the order in which it was added.
  let result = text
  for (const [offset, inserted] of insertions.toSorted((a, b) => a[0] - b[0]).toReversed()) {
    result = result.slice(0, offset) + inserted + result.slice(offset)
  }
  return {
    text: `${result}\n;__docs.expect(${JSON.stringify([...compared.values()])})\n`,
    checks: compared.size,
    problems
  }
}
