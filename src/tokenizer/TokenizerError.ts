/** What a tokenizer may fail with. */
import * as Schema from "effect/Schema"

/**
 * - `Unavailable`: the data of the encoding, or the tokenizer of an engine, could not be loaded
 * - `UnknownToken`: an id that the encoding does not have
 * - `NoIds`: this tokenizer counts, but has no ids
 */
export class TokenizerError extends Schema.TaggedError<TokenizerError>()("TokenizerError", {
  reason: Schema.Literal("Unavailable", "UnknownToken", "NoIds"),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}
