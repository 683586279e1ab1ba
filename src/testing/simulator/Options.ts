import type * as Duration from "effect/Duration"
import type { Faults } from "./Fault.js"
import type { ChatSeen } from "./Wire.js"

/** How the simulated service behaves. Everything has a default. */
export interface Options {
  /** Port to listen on; 0, the default, takes any that is free. */
  readonly port?: number | undefined
  /** Address to listen on; 127.0.0.1, so that only this machine can reach it. */
  readonly host?: string | undefined
  /** What the answers follow from, 0 by default. */
  readonly seed?: number | undefined
  /** The only key that is accepted; left out, any key is. */
  readonly apiKey?: string | undefined
  /** The models that exist; OpenAI's and Anthropic's common ones by default. Any other is answered with 404. */
  readonly models?: ReadonlyArray<string> | undefined
  /** From the headers to the first token; 0. */
  readonly firstToken?: Duration.DurationInput | undefined
  /** From each token to the next; 0. */
  readonly perToken?: Duration.DurationInput | undefined
  /** Limits of each model; a request costs the tokens of its prompt and of its answer. None by default. */
  readonly rateLimit?:
    | {
        readonly requestsPerMinute?: number | undefined
        readonly tokensPerMinute?: number | undefined
      }
    | undefined
  /** The longest prompt in tokens, 128,000; a longer one gets 400 `context_length_exceeded`. */
  readonly contextTokens?: number | undefined
  /** What goes wrong with which request; nothing by default. */
  readonly faults?: Faults | undefined
  /** The text of the answers, instead of sentences made from the seed. */
  readonly answer?: ((request: ChatSeen) => string) | undefined
  /** Sends each event by itself, not together with all that are due; false. For tests that need the borders. */
  readonly flushEach?: boolean | undefined
}
