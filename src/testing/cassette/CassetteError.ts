import * as Schema from "effect/Schema"

/**
 * A tape that cannot be used.
 *
 * - `missing`: there is no such file
 * - `unreadable`, `unwritable`: the file system says no
 * - `corrupt`: no JSON, no tape, or one with something wrong in it
 * - `version`: a tape of another version of the format
 * - `busy`: another test is recording to the same file just now
 * - `unused`: not all of it was asked for, and all should have been
 */
export class CassetteError extends Schema.TaggedError<CassetteError>("effect-llm/testing/CassetteError")(
  "CassetteError",
  {
    file: Schema.String,
    reason: Schema.Literal("missing", "unreadable", "unwritable", "corrupt", "version", "busy", "unused"),
    /** The place in the file: a line and a column, or a path such as `interactions[0].response.status`. */
    at: Schema.optional(Schema.String),
    message: Schema.String
  }
) {}

/**
 * A request that is not on the tape, or not so often. It is the `cause` of the client's `RequestError`, whose reason is
 * `Encode`: repeating the request cannot help, so nothing must take it for a broken connection.
 */
export class NotOnTape extends Schema.TaggedError<NotOnTape>("effect-llm/testing/NotOnTape")("NotOnTape", {
  file: Schema.String,
  message: Schema.String
}) {}
