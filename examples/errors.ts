// Every failure has a tag. A retryable one may go away; a terminal one stays however often the call is repeated.
// npx tsx examples/errors.ts
import { Console, Duration, Effect, Option } from "effect"
import { LlmClient, LlmError } from "effect-llm"
import { Fault } from "effect-llm/testing"
import * as Support from "./support.js"

const ask = LlmClient.complete("Hello").pipe(Effect.map((completion) => completion.text))

// One tag: the compiler knows its fields, and that it is gone behind this line.
const patient = ask.pipe(
  Effect.catchTag("RateLimited", (error) =>
    Effect.succeed(`busy, try again in ${Duration.format(error.retryAfter ?? Duration.zero)}`)
  )
)

// A whole union: what is retryable is handled, what is terminal goes on.
const degraded = ask.pipe(
  Effect.catchIf(LlmError.isRetryable, (error) => Effect.succeed(`later, because of ${error._tag}`))
)

// Anything: as words.
const explained = ask.pipe(
  Effect.catchAll((error) => {
    const wait = Option.getOrElse(LlmError.retryAfter(error), () => Duration.zero)
    return Effect.succeed(
      `${error._tag}: ${error.message} (status ${error.status}, wait ${Duration.toSeconds(wait)} s)`
    )
  })
)

const program = Effect.forEach([patient, degraded, explained], Effect.flatMap(Console.log))
// -> busy, try again in 20s
// -> later, because of Overloaded
// -> AuthenticationFailed: … (status 401, wait 0 s)

const faults = [Fault.status(429, { headers: { "retry-after": "20" } }), Fault.status(503), Fault.status(401)]
await Effect.runPromise(Effect.provide(program, Support.layer({ faults })))
