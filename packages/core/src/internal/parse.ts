import type * as Schema from "effect/Schema"

/** A text of JSON, and how far it is read. The text was written by `JSON.stringify`, or checked by a database. */
class Reader {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  value(): Schema.Json {
    this.space()
    switch (this.text[this.at]) {
      case "{":
        return Object.fromEntries(this.list("}", () => {
          const key = this.string()
          this.space()
          this.at++
          return [key, this.value()] as const
        }))
      case "[":
        return this.list("]", () => this.value())
      case "\"":
        return this.string()
      default:
        return this.scalar(/[^,\]}\s]+/y)
    }
  }

  private space(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++
  }

  private list<A>(end: string, item: () => A): Array<A> {
    const items: Array<A> = []
    this.at++
    this.space()
    while (this.text[this.at] !== end) {
      if (this.at >= this.text.length) throw new SyntaxError("JSON that ends too early")
      items.push(item())
      this.space()
      if (this.text[this.at] === ",") this.at++
      this.space()
    }
    this.at++
    return items
  }

  private string(): string {
    this.space()
    // A text by itself is not looked up among the keys of other objects, so the engine reads it right.
    return this.scalar(/"(?:[^"\\]|\\.)*"/y) as string
  }

  private scalar(pattern: RegExp): string | number | boolean | null {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found === null) throw new SyntaxError(`JSON that cannot be read at ${this.at}`)
    this.at = pattern.lastIndex
    return JSON.parse(found[0])
  }
}

const hasEscapedKey = (text: string): boolean => {
  for (const [, string, colon] of text.matchAll(/"((?:[^"\\]|\\.)*)"(\s*:)?/g)) {
    if (colon !== undefined && string!.includes("\\")) return true
  }
  return false
}

/**
 * `JSON.parse`, also for keys with an escape in them: some releases of V8, that of Node 24.21 among them, take such a
 * key for one that an object of the same shape had before (nodejs/node issue 63785).
 */
export const parse = (text: string): Schema.Json =>
  text.includes("\\") && hasEscapedKey(text) ? new Reader(text).value() : JSON.parse(text)
