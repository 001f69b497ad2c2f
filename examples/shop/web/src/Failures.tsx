import { useConnection, useLive } from "./hooks.ts"
import { sentenceOf, whyOf } from "./words.ts"

/** What was shown, and is taken back, with the reason. */
export const Failures = () => {
  const { optimistic } = useConnection()
  const failed = useLive(optimistic.failed)
  return (
    <div class="failures" role="alert" aria-live="assertive">
      {failed.map(({ command, commitId, error }) => (
        <div class="failure" key={commitId} data-testid="failure">
          <p>
            <strong>{sentenceOf(command)}: taken back.</strong> {whyOf(error)}
          </p>
          <button type="button" class="quiet" onClick={() => optimistic.dismiss(commitId)}>Understood</button>
        </div>
      ))}
    </div>
  )
}
