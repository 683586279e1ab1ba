/**
 * What a configuration may say about calls, by the names that TinyTroupe's `config.ini` has in its section `[OpenAI]`.
 *
 * A name counts in upper or lower case. A name that has no effect is a warning, a value that cannot be used is a
 * `ConfigError` which says what it must be. Neither shows a value: it might be a key in the wrong place.
 */
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { ReasoningEffort } from "../ChatRequest.js"
import { isName } from "../provider/Settings.js"
import { nearest } from "./Nearest.js"
import * as Section from "./Section.js"

// -----------------------------------------------------------------------------
// The names
// -----------------------------------------------------------------------------

const allowed = <A>(sentence: string, schema: Schema.Schema<A, string>): Schema.optional<Schema.Schema<A, string>> =>
  Schema.optional(schema.annotations({ message: () => ({ message: `must be ${sentence}`, override: true }) }))

const number = Schema.Trim.pipe(Schema.nonEmptyString(), Schema.compose(Schema.NumberFromString), Schema.finite())

const positiveInteger = number.pipe(Schema.int(), Schema.positive())

const text = Schema.Trim.pipe(Schema.nonEmptyString())

const name = text.pipe(Schema.filter(isName))

const lowerCase = Schema.compose(Schema.Trim, Schema.Lowercase)

const yes = ["true", "yes", "on", "1"] as const

const no = ["false", "no", "off", "0"] as const

const boolean = Schema.transform(Schema.compose(lowerCase, Schema.Literal(...yes, ...no)), Schema.Boolean, {
  decode: (word) => yes.some((each) => each === word),
  encode: (value) => (value ? "true" : "false")
})

/** A bare number is seconds. */
const durationOf = (input: string): Option.Option<Duration.Duration> => {
  const bare = Number(input)
  if (Number.isNaN(bare)) return Duration.decodeUnknown(input)
  return bare >= 0 ? Option.some(Duration.seconds(bare)) : Option.none()
}

const seconds = Schema.transformOrFail(text, Schema.DurationFromSelf, {
  decode: (input, _, ast) => Either.fromOption(durationOf(input), () => new ParseResult.Type(ast, input)),
  encode: (duration) => Either.right(String(Duration.toSeconds(duration)))
})

const longerThanNothing = seconds.pipe(Schema.greaterThanDuration(Duration.zero))

/** A limit, or 0 or `none` for none. */
const limit = Schema.transform(lowerCase, Schema.Union(positiveInteger, Schema.Literal("none")), {
  decode: (input) => (/^0+$/.test(input) ? "none" : input),
  encode: (input) => input
})

const Names = Schema.Struct({
  API_TYPE: allowed("the name of a provider", text),
  MODEL: allowed("the name of a model", name),
  EMBEDDING_MODEL: allowed("the name of a model", name),
  AZURE_API_VERSION: allowed("a version such as 2024-10-21", name),
  MAX_TOKENS: allowed("a whole number above 0", positiveInteger),
  MAX_COMPLETION_TOKENS: allowed("a whole number above 0", positiveInteger),
  TEMPERATURE: allowed("a number of at least 0", number.pipe(Schema.nonNegative())),
  TOP_P: allowed("a number above 0 and at most 1", number.pipe(Schema.positive(), Schema.lessThanOrEqualTo(1))),
  FREQ_PENALTY: allowed("a number", number),
  PRESENCE_PENALTY: allowed("a number", number),
  REASONING_EFFORT: allowed(
    `one of ${ReasoningEffort.literals.join(", ")}`,
    Schema.compose(lowerCase, ReasoningEffort)
  ),
  TIMEOUT: allowed("a time above 0, in seconds", longerThanNothing),
  MAX_ATTEMPTS: allowed("a whole number above 0", positiveInteger),
  WAITING_TIME: allowed("a time of 0 or more, in seconds", seconds),
  EXPONENTIAL_BACKOFF_FACTOR: allowed("a number of at least 1", number.pipe(Schema.greaterThanOrEqualTo(1))),
  MAX_CONCURRENT_MODEL_CALLS: allowed("a whole number above 0, or 0 or none for no limit", limit),
  CACHE_API_CALLS: allowed(`one of ${[...yes, ...no].join(", ")}`, boolean),
  CACHE_FILE_NAME: allowed("the name of a file", text)
})

export interface NamedSettings extends Schema.Schema.Type<typeof Names> {}

const known = Object.keys(Names.fields)

/** Of these, the variables are the provider's own, such as `OPENAI_MODEL`, or that of the choice, `LLM_PROVIDER`. */
const ofProviders: ReadonlySet<string> = new Set(["API_TYPE", "MODEL", "EMBEDDING_MODEL", "AZURE_API_VERSION"])

// -----------------------------------------------------------------------------
// Reading them
// -----------------------------------------------------------------------------

/** What is said, and where: for errors about what only its reader can judge. */
export interface Said {
  readonly settings: NamedSettings
  readonly pathOf: (name: keyof NamedSettings) => ReadonlyArray<string>
}

/**
 * What stands in the section, or at the top, if there is no such section and the top has `API_TYPE`. A section `""` is the
 * top. `OPENAI_TIMEOUT` in the environment stands before `TIMEOUT` of the section `OpenAI`.
 */
export const read = (section: ReadonlyArray<string>): Effect.Effect<Said, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const [list] = yield* Section.lists(section)
    if (list !== undefined) {
      const message = "must be a section, with MODEL and the other names in it, and not a list"
      return yield* Effect.fail(ConfigError.InvalidData([...list], message))
    }
    const { holders, values: inSection } = yield* Section.content(section)
    const holder = holders.find((path) => known.includes((path.at(-1) ?? "").toUpperCase()))
    if (holder !== undefined) {
      const message = "must be one value, not a list or a section of its own"
      return yield* Effect.fail(ConfigError.InvalidData([...holder], message))
    }
    if (inSection.length > 0) {
      yield* warnOfUnknown(inSection)
      return yield* decode([...inSection, ...(yield* variablesOf(section))])
    }
    yield* warnOfMisspelled(section)
    const atTop = yield* Section.valuesAt(known.flatMap((name) => [[name.toLowerCase()], [name]]))
    return yield* decode(section.length === 0 || atTop.some(({ name }) => name === "API_TYPE") ? atTop : [])
  })

const variablesOf = (section: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Section.Value>> => {
  const prefix = section
    .join("_")
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "_")
  const names = known.filter((name) => !ofProviders.has(name))
  return Effect.map(Section.valuesAt(names.map((name) => [`${prefix}_${name}`])), (values) =>
    values.map((value) => ({ ...value, name: value.name.slice(prefix.length + 1) }))
  )
}

/** Where a name stands twice, the last counts. */
const decode = (values: ReadonlyArray<Section.Value>): Effect.Effect<Said, ConfigError.ConfigError> => {
  const paths = new Map(values.map(({ name, path }) => [name, path]))
  const pathOf = (name: string): ReadonlyArray<string> => paths.get(name) ?? [name]
  return Either.mapBoth(
    Schema.decodeUnknownEither(Names)(Object.fromEntries(values.map(({ name, text }) => [name, text]))),
    {
      onRight: (settings) => ({ settings, pathOf }),
      onLeft: (error) => {
        const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
        return ConfigError.InvalidData([...pathOf(String(issue?.path[0]))], issue?.message ?? "cannot be used")
      }
    }
  )
}

const warnOfMisspelled = (section: ReadonlyArray<string>): Effect.Effect<void> => {
  const own = section.at(-1)?.toUpperCase() ?? ""
  const isLike = (name: string): boolean => nearest(name.toUpperCase(), [own]) !== undefined
  return Effect.flatMap(own === "" ? Effect.succeed([]) : Section.siblings(section, isLike), ([path]) =>
    path === undefined
      ? Effect.void
      : Effect.logWarning(`the section ${path.join(".")} has no effect: did you mean ${section.join(".")}?`)
  )
}

const warnOfUnknown = (values: ReadonlyArray<Section.Value>): Effect.Effect<void> =>
  Effect.forEach(
    values.filter(({ name }) => !known.includes(name)),
    ({ name, path }) => {
      const meant = nearest(name, known)
      const advice = meant === undefined ? `the names are ${known.join(", ")}` : `did you mean ${meant}?`
      return Effect.logWarning(`${path.join(".")} has no effect: ${advice}`)
    },
    { discard: true }
  )
