/**
 * Conversations that outlive the process: each is one entry of a `KeyValueStore`, as JSON that is checked when it is read.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import { Completion } from "../Completion.js"
import { LlmClient } from "../LlmClient.js"
import { type Conversation, firstHistory, makeKept, type Options } from "./ConversationTurns.js"
import * as History from "./History.js"

/**
 * - `Corrupt`: what is stored is no conversation of this version
 * - `Conflict`: somebody else has written to it since it was read: `reload`, and send again
 * - `Store`: the store failed
 *
 * `completion` is the answer of the turn that could not be saved: it was paid for, and is in no history.
 */
export class ConversationError extends Schema.TaggedError<ConversationError>("effect-llm/ConversationError")(
  "ConversationError",
  {
    reason: Schema.Literal("Corrupt", "Conflict", "Store"),
    id: Schema.String,
    message: Schema.String,
    completion: Schema.optional(Completion),
    cause: Schema.optional(Schema.Defect)
  }
) {}

/**
 * - `id`: which conversation; its key in the store is `conversation/` and the id
 * - `onCorrupt`: whether an entry that cannot be read is an error, or is put aside under the key
 *   `conversation/ID/corrupt-MILLISECONDS` with a warning in the log, for a fresh start. Default: `fail`
 * - `system`: goes before the one that is stored; `history`: what a new conversation begins with
 */
export interface PersistedOptions<E = never> extends Options<E> {
  readonly id: string
  readonly onCorrupt?: "fail" | "fresh" | undefined
}

/**
 * A conversation that is saved after each whole turn. A turn that cannot be saved is not kept, like any that fails. While
 * it is saved it also stands under `conversation-next/ID`: a process that is killed there, over a store that does not write
 * in one go, such as files, loses no conversation.
 *
 * Two processes cannot both go on from the same point: before a turn is paid for, and before it is saved, the store must
 * have what this process has read or written last. Between the last look and the write there is a moment in which a store
 * without transactions lets the last writer win.
 */
export interface Persisted<E = never> extends Conversation<E | ConversationError> {
  readonly id: string
  /** Takes what is stored now, after the turns that were started before. */
  readonly reload: Effect.Effect<void, ConversationError>
}

const Stored = Schema.parseJson(
  Schema.Struct({ version: Schema.Literal(1), revision: Schema.NonNegativeInt, history: History.History })
)

interface Entry {
  readonly revision: number
  readonly history: Option.Option<History.History>
}

const nothing: Entry = { revision: 0, history: Option.none() }

/** A conversation from the store, or a new one. Writes nothing before the first turn is whole. */
export const makePersisted = <E = never>(
  options: PersistedOptions<E>
): Effect.Effect<Persisted<E>, ConversationError, LlmClient | KeyValueStore.KeyValueStore> =>
  Effect.gen(function* () {
    const { id, onCorrupt = "fail" } = options
    const client = yield* LlmClient
    const store = yield* KeyValueStore.KeyValueStore
    const key = `conversation/${id}`
    const next = `conversation-next/${id}`

    const failed = (reason: ConversationError["reason"], message: string, cause?: unknown): ConversationError =>
      new ConversationError({ reason, id, message, ...(cause === undefined ? {} : { cause }) })
    const stored = <A>(effect: Effect.Effect<A, PlatformError>): Effect.Effect<A, ConversationError> =>
      Effect.mapError(effect, (error) =>
        failed("Store", `the store of conversation ${id} failed: ${error.message}`, error)
      )

    const entryOf = (text: string): Effect.Effect<Entry, ParseError> =>
      Effect.map(Schema.decode(Stored)(text), ({ history, revision }) => ({ revision, history: Option.some(history) }))

    /** What a process was saving that ended while it wrote the entry itself. */
    const unfinished: Effect.Effect<Option.Option<Entry>, ConversationError> = Effect.flatMap(
      stored(store.get(next)),
      (text) => (Option.isNone(text) ? Effect.succeedNone : Effect.option(entryOf(text.value)))
    )

    const read: Effect.Effect<Entry, ConversationError> = Effect.flatMap(stored(store.get(key)), (text) =>
      Option.isNone(text)
        ? Effect.succeed(nothing)
        : Effect.catchAll(entryOf(text.value), (error) =>
            Effect.flatMap(unfinished, (entry) => {
              if (Option.isSome(entry)) return Effect.succeed(entry.value)
              const message = `${key} is no conversation of version 1`
              if (onCorrupt === "fail") {
                return Effect.fail(
                  failed("Corrupt", `${message}; onCorrupt: "fresh" puts it aside and starts anew: ${error.message}`)
                )
              }
              return Effect.gen(function* () {
                const aside = `${key}/corrupt-${yield* Clock.currentTimeMillis}`
                yield* stored(store.set(aside, text.value))
                yield* stored(store.remove(key))
                yield* Effect.logWarning(`${message}: it was put aside as ${aside}, and the conversation starts anew`)
                return nothing
              })
            })
          )
    )

    /** Twice: where the process ends in the middle of writing one, the other is whole. */
    const write = (text: string): Effect.Effect<void, ConversationError> =>
      Effect.zipRight(
        stored(Effect.zipRight(store.set(next, text), store.set(key, text))),
        Effect.ignore(store.remove(next))
      )

    const begin = (entry: Entry): History.History =>
      firstHistory({ ...options, ...(Option.isSome(entry.history) ? { history: entry.history.value } : {}) })

    const entry = yield* read
    const revision = yield* Ref.make(entry.revision)

    const check: Effect.Effect<void, ConversationError> = Effect.gen(function* () {
      const known = yield* revision
      const { revision: found } = yield* read
      if (found !== known) {
        return yield* failed("Conflict", `${key} was written by another: it is at revision ${found}, read was ${known}`)
      }
    })

    const { conversation, replace } = yield* makeKept<E | ConversationError>(
      client,
      options,
      {
        check,
        save: (history, completion) =>
          Effect.gen(function* () {
            yield* check
            const following = (yield* revision) + 1
            yield* write(yield* encode({ version: 1, revision: following, history }))
            yield* Ref.set(revision, following)
          }).pipe(Effect.mapError((error) => withAnswer(error, completion)))
      },
      begin(entry)
    )
    return {
      ...conversation,
      id,
      reload: replace(() => Effect.flatMap(read, (found) => Effect.as(Ref.set(revision, found.revision), begin(found))))
    }
  })

const encode = (entry: Schema.Schema.Type<typeof Stored>): Effect.Effect<string> =>
  Effect.orDie(Schema.encode(Stored)(entry))

const withAnswer = (error: ConversationError, completion: Option.Option<Completion>): ConversationError => {
  if (Option.isNone(completion)) return error
  const { cause, id, message, reason } = error
  return new ConversationError({
    reason,
    id,
    message,
    completion: completion.value,
    ...(cause === undefined ? {} : { cause })
  })
}
