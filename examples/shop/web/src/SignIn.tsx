import { useState } from "preact/hooks"
import { ofToken, type Person, tokenOf } from "../../src/domain/Person.ts"
import type { CustomerId } from "../../src/domain/Values.ts"
import { Mark } from "./Mark.tsx"

const people = [
  { id: "ada", isStaff: false, what: "buys" },
  { id: "bob", isStaff: false, what: "buys" },
  { id: "grace", isStaff: true, what: "packs parcels" }
]

/** A demonstration's: a name is all that is asked for. */
export const SignIn = ({ onSignIn }: { readonly onSignIn: (person: Person) => void }) => {
  const [name, setName] = useState("")
  const [isStaff, setStaff] = useState(false)
  const [isWrong, setWrong] = useState(false)
  const enter = (id: string, isStaff: boolean) => {
    // Checked by what comes of it: a token of no name is nobody's.
    const person = ofToken(tokenOf({ id: id as typeof CustomerId.Type, isStaff }))
    setWrong(person === undefined)
    if (person !== undefined) onSignIn(person)
  }
  return (
    <main class="sign-in">
      <h1>
        <Mark /> Strata
      </h1>
      <p class="lead">Things for people who look at stones.</p>
      <p>
        This is a demonstration: a name is enough, and each window can be somebody else. Open a second one.
      </p>
      <ul class="people">
        {people.map(({ id, isStaff, what }) => (
          <li key={id}>
            <button type="button" onClick={() => enter(id, isStaff)}>
              <strong>{id[0]!.toUpperCase() + id.slice(1)}</strong> <span>{what}</span>
            </button>
          </li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          enter(name.trim().toLowerCase(), isStaff)
        }}
      >
        <label>
          Somebody else
          <input
            name="name"
            value={name}
            autocomplete="off"
            aria-invalid={isWrong}
            aria-describedby="name-hint"
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={isStaff} onChange={({ currentTarget }) => setStaff(currentTarget.checked)} />
          {" "}
          works in the shop
        </label>
        <button type="submit" class="main">Come in</button>
        <p id="name-hint" class={isWrong ? "wrong" : "hint"} role={isWrong ? "alert" : undefined}>
          Small letters, digits and hyphens.
        </p>
      </form>
    </main>
  )
}
