/**
 * Configuration from an INI, JSON or TOML file. Whatever reads a `Config` finds in it what the environment does not say.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as IniText from "./IniText.js"
import * as JsonText from "./JsonText.js"
import type { TextFault } from "./TextFault.js"

export const Format = Schema.Literal("ini", "json", "toml")

export type Format = typeof Format.Type

/** - `format`: default: what the file's name ends in */
export interface Options {
  readonly format?: Format | undefined
}

/**
 * The file is not there, cannot be read or is not what its format says; then `line` and `column` say where, counted from 1.
 * It shows nothing of what is in the file.
 */
export class ConfigFileError extends Schema.TaggedError<ConfigFileError>("effect-llm/ConfigFileError")(
  "ConfigFileError",
  {
    path: Schema.String,
    message: Schema.String,
    line: Schema.optional(Schema.Number),
    column: Schema.optional(Schema.Number)
  }
) {}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * Puts a file under the configuration that is there, usually the environment: that stands before the file. For what is
 * built below it, as in `Layer.provide(Llm, ConfigFile.layer("config.ini"))`.
 */
export const layer = (path: string, options?: Options): Layer.Layer<never, ConfigFileError, FileSystem.FileSystem> =>
  under(read(path, options))

/** The same from a text, where there is no file. */
export const layerText = (text: string, format: Format): Layer.Layer<never, ConfigFileError> =>
  under(parse(text, format))

const under = <R>(
  file: Effect.Effect<ConfigProvider.ConfigProvider, ConfigFileError, R>
): Layer.Layer<never, ConfigFileError, R> =>
  Layer.unwrapEffect(
    Effect.flatMap(file, (provider) =>
      Effect.configProviderWith((current) =>
        Effect.succeed(Layer.setConfigProvider(ConfigProvider.orElse(current, () => provider)))
      )
    )
  )

/** What a file says, alone, for `Effect.withConfigProvider`, `Layer.setConfigProvider` and `ConfigProvider.orElse`. */
export const read = (
  path: string,
  { format = endingOf(path) }: Options = {}
): Effect.Effect<ConfigProvider.ConfigProvider, ConfigFileError, FileSystem.FileSystem> =>
  format === undefined
    ? Effect.fail(
        new ConfigFileError({ path, message: `${path} ends in none of .ini, .json and .toml: say which format it is` })
      )
    : FileSystem.FileSystem.pipe(
        Effect.flatMap((files) => files.readFileString(path)),
        Effect.mapError(({ message }) => new ConfigFileError({ path, message: `${path} cannot be read: ${message}` })),
        Effect.flatMap((text) => parse(text, format, path))
      )

const endingOf = (path: string): Format | undefined => {
  const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase()
  return Schema.is(Format)(ending) ? ending : undefined
}

/** What a text says. `path` is its name in errors. */
export const parse = (
  text: string,
  format: Format,
  path: string = `the ${format} text`
): Effect.Effect<ConfigProvider.ConfigProvider, ConfigFileError> =>
  Effect.mapError(
    // Windows' editors begin a file with it.
    readers[format](text.replace(/^\uFEFF/, "")),
    ({ column, line, message }) =>
      new ConfigFileError({ path, line, column, message: `${path}:${line}:${column}: ${message}` })
  )

// -----------------------------------------------------------------------------
// Formats
// -----------------------------------------------------------------------------

type Reader = (text: string) => Effect.Effect<ConfigProvider.ConfigProvider, TextFault>

const readers: Readonly<Record<Format, Reader>> = {
  ini: (text) => Either.map(IniText.parse(text), (entries) => fromEntries(entries)),
  json: (text) => Either.flatMap(JsonText.parse(text), fromTree),
  toml: (text) =>
    Effect.flatMap(
      // Loaded when it is needed: an import of effect-llm alone does not pay for it.
      Effect.promise(() => import("smol-toml")),
      ({ parse, TomlError }) =>
        Effect.flatMap(
          Effect.try({
            try: (): unknown => parse(text),
            catch: (error): TextFault =>
              error instanceof TomlError
                ? { line: error.line, column: error.column, message: `this is not TOML: ${reasonOf(error.message)}` }
                : { line: 1, column: 1, message: "this is not TOML" }
          }),
          fromTree
        )
    )
}

/** Its first line. The others quote the text. */
const reasonOf = (message: string): string => message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? ""

/** Between the names of a path: stands in no name. */
const delimiter = "\u0000"

const fromEntries = (entries: ReadonlyArray<IniText.Entry>): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromMap(new Map(entries.map(([path, value]) => [path.join(delimiter), value])), {
    pathDelim: delimiter,
    seqDelim: ","
  })

const fromTree = (tree: unknown): Either.Either<ConfigProvider.ConfigProvider, TextFault> =>
  typeof tree === "object" && tree !== null && !Array.isArray(tree)
    ? Either.right(ConfigProvider.fromJson(withTexts(tree)))
    : Either.left({ line: 1, column: 1, message: "the file must hold an object" })

/** TOML's dates as they are written. */
const withTexts = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(withTexts)
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withTexts(inner)]))
    : value
}
